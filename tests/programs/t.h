/* Shared helpers of the comparison programs: each prints one deterministic transcript on stdout (no pids, addresses
 * or times), which must be byte-equal on Linux and on Pith. SHOW prints a value, OK only success or the errno name,
 * YES a condition, FAULT the signal a statement raises. Neighbours: net.h (loopback sockets), list.tsv (the table). */
#ifndef T_H
#define T_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define PAGE 4096UL
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static UNUSED const char *ename(int e) {
    switch (e) {
#define E(x) case x: return #x;
        E(EPERM) E(ENOENT) E(ESRCH) E(EINTR) E(EIO) E(ENXIO) E(E2BIG) E(ENOEXEC) E(EBADF) E(ECHILD) E(EAGAIN)
        E(ENOMEM) E(EACCES) E(EFAULT) E(ENOTBLK) E(EBUSY) E(EEXIST) E(EXDEV) E(ENODEV) E(ENOTDIR) E(EISDIR) E(EINVAL)
        E(ENFILE) E(EMFILE) E(ENOTTY) E(ETXTBSY) E(EFBIG) E(ENOSPC) E(ESPIPE) E(EROFS) E(EMLINK) E(EPIPE) E(EDOM)
        E(ERANGE) E(EDEADLK) E(ENAMETOOLONG) E(ENOLCK) E(ENOSYS) E(ENOTEMPTY) E(ELOOP) E(ENODATA) E(EPROTO)
        E(EBADMSG) E(EOVERFLOW) E(EILSEQ) E(ENOTSOCK) E(EDESTADDRREQ) E(EMSGSIZE) E(EPROTOTYPE) E(ENOPROTOOPT)
        E(EPROTONOSUPPORT) E(ESOCKTNOSUPPORT) E(EOPNOTSUPP) E(EAFNOSUPPORT) E(EADDRINUSE) E(EADDRNOTAVAIL)
        E(ENETDOWN) E(ENETUNREACH) E(ECONNABORTED) E(ECONNRESET) E(ENOBUFS) E(EISCONN) E(ENOTCONN) E(ESHUTDOWN)
        E(ETIMEDOUT) E(ECONNREFUSED) E(EHOSTUNREACH) E(EALREADY) E(EINPROGRESS) E(ECANCELED) E(EOWNERDEAD)
        E(ENOTRECOVERABLE)
#undef E
    case 0: return "0";
    default: return "E?";
    }
}

static UNUSED const char *sname(int s) {
    switch (s) {
#define S(x) case x: return #x;
        S(SIGHUP) S(SIGINT) S(SIGQUIT) S(SIGILL) S(SIGTRAP) S(SIGABRT) S(SIGBUS) S(SIGFPE) S(SIGKILL) S(SIGUSR1)
        S(SIGSEGV) S(SIGUSR2) S(SIGPIPE) S(SIGALRM) S(SIGTERM) S(SIGCHLD) S(SIGCONT) S(SIGSTOP) S(SIGURG)
        S(SIGXCPU) S(SIGXFSZ) S(SIGVTALRM) S(SIGPROF) S(SIGWINCH) S(SIGIO) S(SIGSYS)
#undef S
    case 0: return "none";
    default: return s >= SIGRTMIN ? "SIGRT" : "SIG?";
    }
}

static UNUSED void show_(const char *what, long long value) {
    if (value == -1) printf("%s = -1 %s\n", what, ename(errno));
    else printf("%s = %lld\n", what, value);
}

static UNUSED void ok_(const char *what, long long value) {
    printf("%s: %s\n", what, value == -1 ? ename(errno) : "ok");
}

/* the value, or -1 and the errno name */
#define SHOW(expr) (errno = 0, show_(#expr, (long long)(expr)))
/* success or the errno name, for results that may differ between runs (descriptors, addresses) */
#define OK(expr) (errno = 0, ok_(#expr, (long long)(expr)))
/* pthread style: the error is the result */
#define ERR(expr) ((void)printf("%s: %s\n", #expr, ename(expr)))
#define YES(cond) ((void)printf("%s: %s\n", #cond, (cond) ? "yes" : "no"))
#define STR(s) ((void)printf("%s = \"%s\"\n", #s, (s)))
/* preparation that has to work; its result is no part of the transcript */
#define MUST(expr) ({ errno = 0; __typeof__(expr) m_ = (expr); if ((long long)m_ == -1) { \
        printf("line %d: %s failed: %s\n", __LINE__, #expr, ename(errno)); exit(99); } m_; })

static UNUSED sigjmp_buf fault_jump;
static UNUSED volatile int fault_signal, fault_code;
static UNUSED void *volatile fault_address;

static UNUSED void on_fault(int sig, siginfo_t *info, void *context) {
    (void)context;
    fault_signal = sig, fault_code = info->si_code, fault_address = info->si_addr;
    siglongjmp(fault_jump, 1);
}

static UNUSED void catch_faults(void) {
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < COUNT(sigs); i++) MUST(sigaction(sigs[i], &sa, NULL));
}

#define FAULT(stmt) do { fault_signal = 0; if (!sigsetjmp(fault_jump, 1)) { stmt; } \
        if (fault_signal) printf("%s: %s code %d\n", #stmt, sname(fault_signal), fault_code); \
        else printf("%s: no fault\n", #stmt); } while (0)

static UNUSED long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static UNUSED void msleep(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t) == -1 && errno == EINTR) {}
}

static UNUSED pid_t tid_(void) { return (pid_t)syscall(SYS_gettid); }

static char tmp_path[64];
static UNUSED int rm_(const char *p, const struct stat *s, int f, struct FTW *w) {
    (void)s, (void)f, (void)w;
    return remove(p);
}
static UNUSED void tidy_(void) { nftw(tmp_path, rm_, 8, FTW_DEPTH | FTW_PHYS); }

/* makes a fresh directory the working directory; it goes away at exit */
static UNUSED void in_tmp(void) {
    strcpy(tmp_path, "/tmp/t-XXXXXX");
    if (!mkdtemp(tmp_path)) { printf("mkdtemp: %s\n", ename(errno)); exit(99); }
    MUST(chdir(tmp_path));
    atexit(tidy_);
}

/* writes a whole file, or reads one (up to 4095 bytes, cut at NUL) */
static UNUSED void put(const char *path, const char *text) {
    int fd = MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    MUST(write(fd, text, strlen(text)));
    close(fd);
}
static UNUSED const char *get(const char *path) {
    static char text[4096];
    int fd = open(path, O_RDONLY);
    if (fd < 0) { snprintf(text, sizeof text, "(%s)", ename(errno)); return text; }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

/* lines leave at once, so a console and a pipe see the same, and nothing is lost to a signal */
static __attribute__((constructor)) void start_(void) {
    static char buffer[8192];
    setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
    umask(022);
}
#endif
