#include "t.h"

static int deep(int n) {
    volatile char frame[64 * 1024];
    frame[0] = (char)n, frame[sizeof frame - 1] = (char)n;
    int r = n ? deep(n - 1) + 1 : 0;
    return r + (frame[0] != (char)n);
}

static volatile int depth;
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int forever(int n) {
    volatile char frame[4000];
    frame[0] = (char)n, depth = n;
    return forever(n + 1) + frame[0];
}

int main(void) {
    char alt[32 * 1024];
    struct rlimit limit;
    MUST(getrlimit(RLIMIT_STACK, &limit));
    YES(limit.rlim_cur >= 1 << 20);
    SHOW(deep(90)); /* some 6 MB */
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
    SHOW(sigaltstack(&ss, NULL));
    catch_faults();
    FAULT(forever(0));
    YES(depth > 200);
    YES((char *)fault_address < alt);
    FAULT(forever(0)); /* and again */
}
