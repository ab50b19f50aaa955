#include "t.h"
#include <linux/futex.h>

#define FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM \
               | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
static int ran, same_pid, other_tid;
static volatile int child_tid;
static int parent_tid, fd_seen, main_pid;

static int child(void *arg) {
    (void)arg;
    same_pid = (int)syscall(SYS_getpid) == main_pid;
    other_tid = (int)syscall(SYS_gettid);
    fd_seen = (int)syscall(SYS_dup2, 1, 77);
    ran++;
    return 0;
}

int main(void) {
    char *stack = MUST(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    child_tid = 12345, main_pid = getpid();
    int tid = MUST(clone(child, stack + 16 * PAGE, FLAGS, NULL, &parent_tid, NULL, (int *)&child_tid));
    YES(tid == parent_tid);
    while (child_tid) syscall(SYS_futex, &child_tid, FUTEX_WAIT, 12345, NULL); /* cleared and woken at its exit */
    SHOW(child_tid);
    SHOW(ran);
    YES(same_pid && other_tid == tid);
    SHOW(fd_seen);
    SHOW(fcntl(77, F_GETFD)); /* files are shared */
    /* flag combinations that are refused */
    SHOW(syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, 0));
    SHOW(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, NULL, NULL, NULL, 0));
    SHOW(syscall(SYS_clone, CLONE_SIGHAND, NULL, NULL, NULL, 0));
    SHOW(syscall(SYS_clone3, NULL, 8));
    SHOW(syscall(SYS_clone3, NULL, 64));
    int own = 5;
    YES(syscall(SYS_set_tid_address, &own) == getpid());
}
