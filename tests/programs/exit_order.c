#include "t.h"

static void a(void) { puts("a, registered first"); }
static void late(void) { puts("registered while leaving"); }
static void b(void) { puts("b"), atexit(late); }
static void with(int status, void *arg) { printf("on_exit %d %s\n", status, (char *)arg); }
static __attribute__((constructor(200))) void early(void) { puts("constructor"); }
static __attribute__((destructor)) void last(void) { puts("destructor"); }

int main(void) {
    atexit(a), atexit(b), on_exit(with, "argument");
    printf("no newline at the end, still written");
    return 3;
}
