#include "t.h"
#include <sys/sendfile.h>
#include <sys/socket.h>

int main(void) {
    in_tmp();
    put("in", "0123456789abcdef");
    int in = MUST(open("in", O_RDONLY)), out = MUST(open("out", O_RDWR | O_CREAT, 0644)), s[2], p[2];
    off_t off = 10;
    char b[64] = {0};
    SHOW(sendfile(out, in, &off, 100));
    SHOW(off);
    SHOW(lseek(in, 0, SEEK_CUR));
    STR(get("out"));
    SHOW(sendfile(out, in, NULL, 4));
    SHOW(lseek(in, 0, SEEK_CUR));
    STR(get("out"));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), MUST(pipe(p));
    off = 0;
    SHOW(sendfile(s[0], in, &off, 8));
    SHOW(read(s[1], b, sizeof b));
    STR(b);
    SHOW(sendfile(p[1], in, NULL, 100));
    memset(b, 0, sizeof b);
    SHOW(read(p[0], b, sizeof b));
    STR(b);
    SHOW(sendfile(p[1], in, NULL, 100)); /* at the end */
    off = 100;
    SHOW(sendfile(out, in, &off, 5));
    off = -1;
    SHOW(sendfile(out, in, &off, 5));
    SHOW(sendfile(out, p[0], NULL, 5));
    SHOW(sendfile(in, out, NULL, 5));
    SHOW(sendfile(999, in, NULL, 5));
    SHOW(sendfile(out, 999, NULL, 5));
    SHOW(sendfile(out, in, (off_t *)8, 5));
    /* copy_file_range */
    off_t a = 2, c = 1;
    ftruncate(out, 0);
    SHOW(copy_file_range(in, &a, out, &c, 5, 0));
    printf("%lld %lld\n", (long long)a, (long long)c);
    SHOW(pread(out, b, 8, 0));
    printf("%02x%.5s\n", b[0], b + 1);
    lseek(in, 14, SEEK_SET), lseek(out, 0, SEEK_SET);
    SHOW(copy_file_range(in, NULL, out, NULL, 100, 0));
    SHOW(lseek(out, 0, SEEK_CUR));
    STR(get("out"));
    SHOW(copy_file_range(in, NULL, out, NULL, 5, 1));
    SHOW(copy_file_range(in, NULL, p[1], NULL, 5, 0));
    a = 0, c = 2;
    SHOW(copy_file_range(out, &a, out, &c, 4, 0)); /* overlapping */
    SHOW(copy_file_range(out, NULL, in, NULL, 5, 0));
}
