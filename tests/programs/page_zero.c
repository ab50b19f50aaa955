#include "t.h"

int main(void) {
    catch_faults();
    volatile char *null = NULL;
    volatile char got;
    asm volatile("" : "+r"(null)); /* the compiler must not know */
    FAULT(got = null[0]);
    YES(fault_address == NULL);
    FAULT(null[8] = 1);
    YES(fault_address == (void *)8);
    FAULT(got = null[4095]);
    YES(fault_address == (void *)4095);
    FAULT(((void (*)(void))null)());
    YES(fault_address == NULL);
    (void)got;
    SHOW(write(1, (char *)null, 1));
    SHOW(read(0, (char *)null + 16, 0));
    int fd = MUST(open("/dev/zero", O_RDONLY));
    SHOW(read(fd, (char *)null + 16, 4));
    SHOW(open((char *)null, O_RDONLY));
    /* the kernel half: a fault, never a read */
    volatile char *high = (char *)0xffffffff80000000UL, *bad = (char *)0x800000000000UL;
    asm volatile("" : "+r"(high), "+r"(bad));
    SHOW(read(fd, (char *)high, 4));
    SHOW(write(1, (char *)bad, 4));
    FAULT(got = bad[0]); /* not canonical: a general protection fault, no address */
    YES(fault_address == NULL);
}
