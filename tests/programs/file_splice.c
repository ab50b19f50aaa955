#include "t.h"

int main(void) {
    in_tmp();
    put("in", "0123456789abcdef");
    int in = MUST(open("in", O_RDONLY)), out = MUST(open("out", O_RDWR | O_CREAT, 0644)), p[2], q[2];
    char b[32] = {0};
    loff_t off = 4;
    MUST(pipe(p)), MUST(pipe(q));
    SHOW(splice(in, &off, p[1], NULL, 6, 0));
    SHOW(off);
    SHOW(tee(p[0], q[1], 100, 0));
    SHOW(splice(p[0], NULL, out, NULL, 100, 0));
    STR(get("out"));
    SHOW(read(q[0], b, sizeof b));
    STR(b);
    SHOW(splice(p[0], NULL, out, NULL, 5, SPLICE_F_NONBLOCK));
    SHOW(splice(in, NULL, out, NULL, 5, 0)); /* one side must be a pipe */
    SHOW(splice(p[0], &off, out, NULL, 5, 0));
    SHOW(splice(p[0], NULL, p[1], NULL, 5, 0));
    SHOW(tee(p[0], p[1], 5, 0));
    SHOW(tee(in, p[1], 5, 0));
    SHOW(splice(999, NULL, p[1], NULL, 5, 0));
    SHOW(splice(in, NULL, p[1], NULL, 0, 0));
    struct iovec v = {"user", 4};
    SHOW(vmsplice(p[1], &v, 1, 0));
    memset(b, 0, sizeof b);
    SHOW(read(p[0], b, sizeof b));
    STR(b);
    SHOW(vmsplice(in, &v, 1, 0));
}
