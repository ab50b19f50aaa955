#include "t.h"

static jmp_buf env;
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int depth(int n) {
    if (n == 0) longjmp(env, 42);
    return depth(n - 1) + 1;
}
static ucontext_t main_c, a_c, b_c;
static char log_[64];
static void a(int x, int y) {
    for (int i = 0; i < 3; i++) snprintf(log_ + strlen(log_), 8, "a%d ", x + y * i), swapcontext(&a_c, &b_c);
}
static void b(void) {
    for (int i = 0; i < 3; i++) strcat(log_, "b "), swapcontext(&b_c, &a_c);
}

int main(void) {
    volatile int v = 1;
    int r = setjmp(env);
    if (!r) {
        v = 2;
        depth(20);
    }
    SHOW(r), SHOW(v);
    r = setjmp(env);
    if (!r) longjmp(env, 0);
    SHOW(r); /* never zero */
    static char sa[32768], sb[32768];
    SHOW(getcontext(&a_c)), SHOW(getcontext(&b_c));
    a_c.uc_stack.ss_sp = sa, a_c.uc_stack.ss_size = sizeof sa, a_c.uc_link = &main_c;
    b_c.uc_stack.ss_sp = sb, b_c.uc_stack.ss_size = sizeof sb, b_c.uc_link = &main_c;
    makecontext(&a_c, (void (*)(void))a, 2, 5, 10);
    makecontext(&b_c, b, 0);
    SHOW(swapcontext(&main_c, &a_c)); /* back when a returns */
    STR(log_);
    volatile int times = 0;
    ucontext_t c;
    getcontext(&c);
    if (times++ < 3) setcontext(&c);
    SHOW(times);
}
