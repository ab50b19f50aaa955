#include "t.h"

/* mov eax, value; ret */
static void emit(unsigned char *p, int value) { p[0] = 0xb8, memcpy(p + 1, &value, 4), p[5] = 0xc3; }

int main(void) {
    catch_faults();
    unsigned char *p = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    int (*f)(void) = (int (*)(void))p;
    emit(p, 42);
    FAULT(f()); /* not executable */
    YES(fault_address == p);
    SHOW(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
    SHOW(f());
    FAULT(emit(p, 43));
    SHOW(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
    emit(p, 43);
    FAULT(f());
    SHOW(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
    SHOW(f());
    /* two views of one memory: write here, run there */
    int fd = MUST(memfd_create("jit", MFD_CLOEXEC));
    MUST(ftruncate(fd, PAGE));
    unsigned char *w = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    int (*g)(void) = (int (*)(void))MUST(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
    for (int i = 0; i < 3; i++) {
        emit(w, 100 + i);
        SHOW(g());
    }
    FAULT(((int (*)(void))w)());
    int on_stack = 0xc3;
    FAULT(((int (*)(void))&on_stack)());
}
