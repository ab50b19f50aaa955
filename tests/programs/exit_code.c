#include "t.h"

/* exit_code NUMBER HOW */
static void *thread(void *arg) { exit((int)(long)arg); }
static void at_exit(void) { puts("atexit ran"); }

int main(int argc, char **argv) {
    int code = argc > 1 ? atoi(argv[1]) : 0;
    const char *how = argc > 2 ? argv[2] : "return";
    printf("leaving by %s\n", how);
    atexit(at_exit);
    if (!strcmp(how, "_exit")) _exit(code);
    if (!strcmp(how, "exit")) exit(code);
    if (!strcmp(how, "syscall")) syscall(SYS_exit_group, code);
    if (!strcmp(how, "thread")) {
        pthread_t t;
        pthread_create(&t, NULL, thread, (void *)(long)code);
        pthread_join(t, NULL);
    }
    if (!strcmp(how, "quick")) quick_exit(code);
    return code;
}
