#include "t.h"

int main(void) {
    catch_faults();
    in_tmp();
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0600));
    MUST(ftruncate(fd, PAGE + 10));
    volatile char *p = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char got = 0;
    FAULT(got = p[PAGE + 9]);
    FAULT(got = p[2 * PAGE - 1]); /* within the last page */
    FAULT(got = p[2 * PAGE]);
    YES(fault_address == p + 2 * PAGE);
    FAULT(p[3 * PAGE + 5] = 1);
    YES(fault_address == p + 3 * PAGE + 5);
    SHOW(ftruncate(fd, 4 * PAGE)); /* growing makes it valid */
    FAULT(p[3 * PAGE + 5] = 1);
    SHOW(ftruncate(fd, 0)); /* shrinking takes even touched pages away */
    FAULT(got = p[3 * PAGE + 5]);
    FAULT(got = p[0]);
    SHOW(ftruncate(fd, PAGE));
    FAULT(got = p[5]);
    SHOW(got);
    /* the kernel's own access gets EFAULT, not a signal */
    int z = MUST(open("/dev/zero", O_RDONLY));
    SHOW(read(z, (void *)(p + PAGE), 1));
    /* private mappings too */
    volatile char *q = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    FAULT(q[0] = 1);
    FAULT(q[PAGE] = 1);
}
