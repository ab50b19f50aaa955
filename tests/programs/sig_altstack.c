#include "t.h"

static char alt[32768];
static volatile int on_alt, flags_inside, nested_on_alt;
static void inner(int s) { char here; (void)s, nested_on_alt = &here >= alt && &here < alt + sizeof alt; }
static void handler(int s) {
    char here;
    stack_t ss, other = {.ss_sp = alt, .ss_size = sizeof alt};
    on_alt = &here >= alt && &here < alt + sizeof alt;
    sigaltstack(NULL, &ss);
    flags_inside = ss.ss_flags;
    if (s == SIGUSR1) {
        SHOW(sigaltstack(&other, NULL)); /* in use */
        raise(SIGUSR2);
    }
}

int main(void) {
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt}, old;
    SHOW(sigaltstack(NULL, &old));
    SHOW(old.ss_flags == SS_DISABLE);
    SHOW(sigaltstack(&ss, NULL));
    SHOW(sigaltstack(NULL, &old));
    YES(old.ss_sp == alt && old.ss_size == sizeof alt && old.ss_flags == 0);
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    MUST(sigaction(SIGUSR1, &sa, NULL));
    sa.sa_handler = inner;
    MUST(sigaction(SIGUSR2, &sa, NULL));
    raise(SIGUSR1);
    SHOW(on_alt);
    SHOW(flags_inside == SS_ONSTACK);
    SHOW(nested_on_alt);
    sa.sa_handler = handler, sa.sa_flags = 0;
    MUST(sigaction(SIGTERM, &sa, NULL));
    raise(SIGTERM); /* without SA_ONSTACK */
    SHOW(on_alt);
    SHOW(flags_inside);
    ss.ss_size = 100;
    SHOW(sigaltstack(&ss, NULL));
    ss.ss_size = sizeof alt, ss.ss_flags = 64;
    SHOW(sigaltstack(&ss, NULL));
    ss.ss_flags = SS_DISABLE;
    SHOW(sigaltstack(&ss, NULL));
    SHOW(sigaltstack(NULL, &old));
    SHOW(old.ss_flags == SS_DISABLE);
    raise(SIGUSR2);
    SHOW(nested_on_alt);
    ss.ss_flags = (int)(1U << 31); /* SS_AUTODISARM */
    SHOW(sigaltstack(&ss, NULL));
    sa.sa_flags = SA_ONSTACK;
    MUST(sigaction(SIGTERM, &sa, NULL));
    raise(SIGTERM);
    SHOW(on_alt);
    SHOW(flags_inside == SS_DISABLE);
}
