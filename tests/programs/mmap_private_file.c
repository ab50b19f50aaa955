#include "t.h"

int main(void) {
    catch_faults();
    in_tmp();
    put("f", "hello, file");
    int fd = MUST(open("f", O_RDONLY));
    char *p = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    STR(p);
    SHOW(p[11] + p[PAGE - 1]); /* the tail of the last page is zero */
    memcpy(p, "HELLO", 5);
    STR(p);
    STR(get("f")); /* never reaches the file */
    char *q = MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    STR(q);
    FAULT(q[0] = 1);
    close(fd);
    STR(p);
    int w = MUST(open("f", O_WRONLY));
    SHOW(pwrite(w, "J", 1, 0));
    STR(q); /* an untouched private page follows the file */
    printf("%.5s\n", p); /* a copied one does not */
    OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, w, 0));
    fd = MUST(open("f", O_RDONLY));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100));
    OK(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    int d = MUST(open(".", O_RDONLY));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, d, 0));
    int pfd[2];
    MUST(pipe(pfd));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pfd[0], 0));
    OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0));
    int z = MUST(open("/dev/zero", O_RDWR));
    char *zp = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, z, 0));
    zp[5] = 5;
    SHOW(zp[0] + zp[5]);
}
