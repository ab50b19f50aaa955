#include "t.h"
#include <linux/futex.h>
#include <stdatomic.h>

/* bare futexes: pairs play ping-pong, and many wait for one word; no wake-up may be lost */
enum { PAIRS = 4, ROUNDS = 2500, WAITERS = 6, GENERATIONS = 300 };
static atomic_uint ball[PAIRS * 16];
static atomic_ulong wrong;

static long futex(atomic_uint *word, int op, unsigned value) { return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0); }

static void *player(void *arg) {
    long me = (long)arg;
    atomic_uint *word = &ball[me / 2 * 16];
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned mine = 2 * i + (unsigned)(me % 2), seen;
        while ((seen = atomic_load(word)) != mine) {
            if (futex(word, FUTEX_WAIT, seen) == -1 && errno != EAGAIN && errno != EINTR) atomic_fetch_add(&wrong, 1);
        }
        atomic_store(word, mine + 1);
        futex(word, FUTEX_WAKE, 1);
    }
    return NULL;
}

static atomic_uint generation, arrived;
static void *waiter(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < GENERATIONS; i++) {
        if (atomic_fetch_add(&arrived, 1) + 1 == WAITERS * (i + 1)) futex(&arrived, FUTEX_WAKE, 1);
        while (atomic_load(&generation) == i) futex(&generation, FUTEX_WAIT, i);
    }
    return NULL;
}

int main(void) {
    pthread_t t[2 * PAIRS], w[WAITERS];
    for (long i = 0; i < 2 * PAIRS; i++) MUST(pthread_create(&t[i], NULL, player, (void *)i));
    for (int i = 0; i < 2 * PAIRS; i++) MUST(pthread_join(t[i], NULL));
    for (int i = 0; i < PAIRS; i++) SHOW(ball[i * 16]);
    for (int i = 0; i < WAITERS; i++) MUST(pthread_create(&w[i], NULL, waiter, NULL));
    for (unsigned i = 0; i < GENERATIONS; i++) {
        unsigned seen;
        while ((seen = atomic_load(&arrived)) != WAITERS * (i + 1)) futex(&arrived, FUTEX_WAIT, seen);
        atomic_store(&generation, i + 1);
        futex(&generation, FUTEX_WAKE, INT_MAX);
    }
    for (int i = 0; i < WAITERS; i++) MUST(pthread_join(w[i], NULL));
    SHOW(arrived);
    SHOW(generation);
    SHOW(wrong);
}
