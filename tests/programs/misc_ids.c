#include "t.h"
#include <grp.h>
#include <sys/times.h>
#include <sys/wait.h>

int main(void) {
    uid_t r, e, s;
    gid_t g[64];
    YES(getpid() > 0), YES(getppid() >= 0), YES(getpid() == tid_());
    YES(getpgrp() == getpgid(0)), YES(getsid(0) >= 0);
    SHOW(getpgid(999999999)), SHOW(getsid(999999999));
    SHOW(getresuid(&r, &e, &s));
    YES(r == getuid() && e == geteuid() && s == e);
    YES(getgroups(64, g) >= 0);
    /* setting what one is already always works */
    SHOW(setuid(getuid())), SHOW(setgid(getgid())), SHOW(seteuid(geteuid())), SHOW(setegid(getegid()));
    SHOW(setreuid((uid_t)-1, (uid_t)-1)), SHOW(setresuid(getuid(), geteuid(), s)), SHOW(setresgid((gid_t)-1, (gid_t)-1, (gid_t)-1));
    SHOW(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1));
    struct tms t;
    YES(times(&t) != -1), YES(t.tms_cutime == 0 && t.tms_cstime == 0);
    SHOW(nice(0) != -1 || errno == 0), SHOW(getpriority(PRIO_PROCESS, 0) == getpriority(PRIO_PROCESS, getpid()));
    SHOW(getpriority(9, 0));
    unsigned cpu, node;
    SHOW(syscall(SYS_getcpu, &cpu, &node, NULL));
    YES(cpu < 4096 && node < 64);
    SHOW(syscall(SYS_getcpu, NULL, NULL, NULL));
    SHOW(wait(NULL)), SHOW(waitpid(-1, NULL, WNOHANG)), SHOW(waitpid(999999999, NULL, 0)), SHOW(waitpid(-1, NULL, 0x40000000));
}
