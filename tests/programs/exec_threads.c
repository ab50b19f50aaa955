#include "t.h"
#include <dirent.h>
#include <sys/time.h>

/* execve from a thread that is not the first, while the others spin, sleep, wait and hold a lock: one thread is left, with the process's id */
static int tasks(void) {
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}
static void handler(int s) { (void)s; }
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static int idle[2], first_pid;
static volatile int busy;
static void *spin(void *arg) { for (;;) __sync_fetch_and_add(&busy, 1); return arg; }
static void *sleeper(void *arg) { for (;;) msleep(1000); return arg; }
static void *reader(void *arg) { char c; read(idle[0], &c, 1); return arg; }
static void *locker(void *arg) { pthread_mutex_lock(&held); return arg; }
static void *execer(void *arg) {
    char round[16], pid[16], fd[16], kept[16];
    while (!busy) sched_yield();
    msleep(20);
    snprintf(round, sizeof round, "%d", *(int *)arg + 1), snprintf(pid, sizeof pid, "%d", first_pid);
    snprintf(fd, sizeof fd, "%d", MUST(open("/dev/null", O_RDONLY | O_CLOEXEC)));
    snprintf(kept, sizeof kept, "%d", MUST(open("/dev/null", O_RDONLY)));
    char *argv[] = {"again", round, pid, fd, kept, NULL}, *envp[] = {"NEW=env", NULL};
    execve("/proc/thread-self/exe", argv, envp);
    perror("execve");
    return arg;
}

int main(int argc, char **argv) {
    int round = argc > 1 ? atoi(argv[1]) : 0;
    printf("round %d\n", round);
    first_pid = getpid();
    SHOW(tasks());
    if (round) {
        sigset_t set, pending;
        struct sigaction now;
        struct itimerval t;
        SHOW(getpid() == atoi(argv[2]));
        SHOW(tid_() == getpid());
        STR(argv[0]);
        STR(getenv("NEW"));
        SHOW(fcntl(atoi(argv[3]), F_GETFD));
        SHOW(fcntl(atoi(argv[4]), F_GETFD));
        /* the mask and what is pending stay, handlers go, what is ignored is ignored on */
        sigprocmask(SIG_SETMASK, NULL, &set);
        SHOW(sigismember(&set, SIGUSR1)), SHOW(sigismember(&set, SIGUSR2));
        sigpending(&pending);
        SHOW(sigismember(&pending, SIGUSR1));
        MUST(sigaction(SIGHUP, NULL, &now)), SHOW(now.sa_handler == SIG_DFL);
        MUST(sigaction(SIGPIPE, NULL, &now)), SHOW(now.sa_handler == SIG_IGN);
        MUST(getitimer(ITIMER_REAL, &t)), SHOW(t.it_value.tv_sec > 100);
        stack_t ss;
        sigaltstack(NULL, &ss), SHOW(ss.ss_flags == SS_DISABLE);
        if (round == 3) return 7;
        MUST(close(atoi(argv[4])));
    }
    static char alt[16384];
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
    struct sigaction sa = {.sa_handler = handler};
    struct itimerval t = {{0, 0}, {1000, 0}};
    sigset_t block;
    sigaltstack(&ss, NULL), sigaction(SIGHUP, &sa, NULL), signal(SIGPIPE, SIG_IGN);
    setitimer(ITIMER_REAL, &t, NULL);
    sigemptyset(&block), sigaddset(&block, SIGUSR1), sigprocmask(SIG_BLOCK, &block, NULL);
    MUST(kill(getpid(), SIGUSR1));
    MUST(pipe2(idle, O_CLOEXEC));
    pthread_mutex_lock(&held);
    void *(*others[])(void *) = {spin, sleeper, reader, locker, spin};
    pthread_t p;
    for (size_t i = 0; i < COUNT(others); i++) MUST(pthread_create(&p, NULL, others[i], NULL));
    SHOW(tasks());
    fflush(stdout);
    MUST(pthread_create(&p, NULL, execer, &round));
    if (round == 1) syscall(SYS_exit, 3); /* also when the first thread is gone */
    pthread_join(p, NULL);
}
