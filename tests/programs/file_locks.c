#include "t.h"
#include <sys/file.h>

static struct flock lock(short type, off_t start, off_t len) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

int main(void) {
    in_tmp();
    put("f", "0123456789");
    int a = MUST(open("f", O_RDWR)), b = MUST(open("f", O_RDWR)), r = MUST(open("f", O_RDONLY));
    struct flock l = lock(F_WRLCK, 0, 5);
    SHOW(fcntl(a, F_SETLK, &l));
    l = lock(F_WRLCK, 0, 5);
    SHOW(fcntl(b, F_SETLK, &l)); /* the process owns it: no conflict with itself */
    l = lock(F_WRLCK, 0, 0);
    SHOW(fcntl(b, F_GETLK, &l));
    SHOW(l.l_type == F_UNLCK);
    l = lock(F_WRLCK, 0, 5);
    SHOW(fcntl(r, F_SETLK, &l));
    l = lock(F_RDLCK, 0, 5);
    SHOW(fcntl(r, F_SETLKW, &l));
    l = lock(99, 0, 5);
    SHOW(fcntl(a, F_SETLK, &l));
    l = lock(F_RDLCK, -1, 5);
    SHOW(fcntl(a, F_SETLK, &l));
    l = lock(F_UNLCK, 0, 0);
    SHOW(fcntl(a, F_SETLK, &l));
    SHOW(fcntl(999, F_SETLK, &l));
    /* open file description locks do conflict */
    l = lock(F_WRLCK, 0, 5);
    SHOW(fcntl(a, F_OFD_SETLK, &l));
    l = lock(F_WRLCK, 4, 5);
    SHOW(fcntl(b, F_OFD_SETLK, &l));
    l = lock(F_WRLCK, 5, 5);
    SHOW(fcntl(b, F_OFD_SETLK, &l));
    l = lock(F_RDLCK, 0, 0);
    SHOW(fcntl(b, F_OFD_GETLK, &l));
    printf("type %d start %lld len %lld pid %d\n", l.l_type, (long long)l.l_start, (long long)l.l_len, l.l_pid);
    l = lock(F_UNLCK, 1, 2); /* a hole in the middle splits it */
    SHOW(fcntl(a, F_OFD_SETLK, &l));
    l = lock(F_WRLCK, 1, 2);
    SHOW(fcntl(b, F_OFD_SETLK, &l));
    l = lock(F_WRLCK, 3, 1);
    SHOW(fcntl(b, F_OFD_SETLK, &l));
    close(a); /* gone with the description */
    l = lock(F_WRLCK, 0, 0);
    SHOW(fcntl(b, F_OFD_SETLK, &l));
    l = lock(F_WRLCK, 0, 0), l.l_pid = 5;
    SHOW(fcntl(b, F_OFD_SETLK, &l));
    l = lock(F_UNLCK, 0, 0);
    SHOW(fcntl(b, F_OFD_SETLK, &l));
    /* flock */
    a = MUST(open("f", O_RDWR));
    SHOW(flock(a, LOCK_SH));
    SHOW(flock(b, LOCK_SH | LOCK_NB));
    SHOW(flock(b, LOCK_EX | LOCK_NB));
    SHOW(flock(a, LOCK_UN));
    SHOW(flock(b, LOCK_EX | LOCK_NB));
    SHOW(flock(a, LOCK_SH | LOCK_NB));
    int d = MUST(dup(b));
    SHOW(flock(d, LOCK_EX | LOCK_NB)); /* the same description */
    close(b);
    SHOW(flock(a, LOCK_SH | LOCK_NB)); /* the duplicate still holds it */
    close(d);
    SHOW(flock(a, LOCK_EX | LOCK_NB));
    SHOW(flock(a, 0));
    SHOW(flock(999, LOCK_SH));
    SHOW(lockf(a, F_TLOCK, 0));
}
