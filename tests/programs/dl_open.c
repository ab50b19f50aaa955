#include "t.h"
#include <dlfcn.h>

int main(void) {
    void *m = dlopen("libm.so.6", RTLD_NOW), *c = dlopen(NULL, RTLD_LAZY);
    YES(m != NULL), YES(c != NULL);
    double (*cosine)(double) = (double (*)(double))dlsym(m, "cos");
    YES(cosine != NULL);
    if (cosine) printf("%.15f\n", cosine(1.0));
    YES(dlsym(m, "no_such_symbol") == NULL);
    YES(strstr(dlerror(), "undefined symbol") != NULL);
    YES(dlopen("libno-such-thing.so", RTLD_NOW) == NULL);
    YES(strstr(dlerror(), "cannot open shared object file") != NULL);
    YES(dlopen("/dev/null", RTLD_NOW) == NULL);
    YES(dlerror() != NULL), YES(dlerror() == NULL);
    Dl_info i;
    SHOW(dladdr((void *)(uintptr_t)cosine, &i) != 0);
    YES(i.dli_fname && strstr(i.dli_fname, "libm.so.6"));
    YES(dlsym(c, "printf") != NULL);
    YES(dlopen("libm.so.6", RTLD_NOW | RTLD_NOLOAD) == m);
    SHOW(dlclose(m)), SHOW(dlclose(m));
}
