#include "t.h"
#include <elf.h>
#include <sys/auxv.h>

int main(int argc, char **argv) {
    SHOW(getauxval(AT_PAGESZ)), SHOW(getauxval(AT_CLKTCK)), SHOW(getauxval(AT_PHENT)), SHOW(getauxval(AT_SECURE)), SHOW(getauxval(AT_FLAGS));
    YES(getauxval(AT_PHNUM) >= 4), YES(getauxval(AT_PHDR) != 0), YES(getauxval(AT_ENTRY) != 0);
    YES(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() && getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
    const unsigned char *random = (void *)getauxval(AT_RANDOM);
    YES(random != NULL);
    int zero = 1;
    for (int i = 0; i < 16; i++) zero &= !random[i];
    SHOW(zero);
    STR((char *)getauxval(AT_PLATFORM));
    const char *exec = (char *)getauxval(AT_EXECFN);
    YES(exec && !strcmp(exec, argv[0]));
    const Elf64_Phdr *p = (void *)getauxval(AT_PHDR);
    int loads = 0, stack = 0;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
        loads += p[i].p_type == PT_LOAD;
        if (p[i].p_type == PT_GNU_STACK) stack = 1 + (p[i].p_flags & PF_X);
    }
    YES(loads >= 2), SHOW(stack);
    YES(getauxval(AT_HWCAP) & 1 << 26); /* SSE2, as CPUID says */
    const Elf64_Ehdr *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
    YES(!vdso || !memcmp(vdso->e_ident, "\177ELF", 4));
    errno = 0;
    SHOW(getauxval(12345)), STR(ename(errno));
    /* the stack at entry: argc, argv, environment, vector */
    YES(((uintptr_t)exec > (uintptr_t)argv[0]) && argc == 1);
    YES(*(long *)((char **)argv - 1) == argc);
}
