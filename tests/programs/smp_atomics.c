#include "t.h"
#include <stdatomic.h>

/* read-modify-write from all sides loses nothing, and what is published is seen whole */
enum { THREADS = 6, ROUNDS = 20000 };
static atomic_ulong sum, swaps;
static atomic_flag gate = ATOMIC_FLAG_INIT;
static unsigned long guarded[8];
static struct { atomic_ulong sequence; atomic_ulong word[6]; } published;
static atomic_ulong torn;

static void *adder(void *arg) {
    unsigned long me = (unsigned long)arg;
    for (unsigned long i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&sum, me + 1);
        unsigned long seen = atomic_load(&swaps);
        while (!atomic_compare_exchange_weak(&swaps, &seen, seen + 1)) {}
        while (atomic_flag_test_and_set_explicit(&gate, memory_order_acquire)) sched_yield();
        for (size_t k = 0; k < COUNT(guarded); k++) guarded[k] += k + 1;
        atomic_flag_clear_explicit(&gate, memory_order_release);
    }
    return NULL;
}

static atomic_int done;
static void *reader(void *arg) {
    (void)arg;
    while (!atomic_load(&done)) {
        unsigned long before = atomic_load_explicit(&published.sequence, memory_order_acquire), word[6];
        for (size_t k = 0; k < COUNT(word); k++) word[k] = atomic_load_explicit(&published.word[k], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 || atomic_load_explicit(&published.sequence, memory_order_relaxed) != before) continue;
        for (size_t k = 1; k < COUNT(word); k++) if (word[k] != word[0] + k) atomic_fetch_add(&torn, 1);
    }
    return NULL;
}

int main(void) {
    pthread_t t[THREADS], readers[2];
    for (size_t k = 0; k < 6; k++) atomic_store(&published.word[k], k);
    for (int i = 0; i < 2; i++) MUST(pthread_create(&readers[i], NULL, reader, NULL));
    for (long i = 0; i < THREADS; i++) MUST(pthread_create(&t[i], NULL, adder, (void *)i));
    for (unsigned long i = 1; i < ROUNDS; i++) {
        atomic_fetch_add(&published.sequence, 1);
        for (size_t k = 0; k < 6; k++) atomic_store_explicit(&published.word[k], i + k, memory_order_relaxed);
        atomic_fetch_add(&published.sequence, 1);
    }
    atomic_store(&done, 1);
    for (int i = 0; i < 2; i++) MUST(pthread_join(readers[i], NULL));
    for (int i = 0; i < THREADS; i++) MUST(pthread_join(t[i], NULL));
    SHOW(sum);
    SHOW(swaps);
    for (size_t k = 0; k < COUNT(guarded); k++) SHOW(guarded[k]);
    SHOW(torn);
}
