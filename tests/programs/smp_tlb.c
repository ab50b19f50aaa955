#include "t.h"
#include <stdatomic.h>

/* what one thread does to the address space holds for the others the moment the call returns, whatever they have cached */
enum { ROUNDS = 120, PAGES = 8 };
static volatile unsigned long *area;
static atomic_int step, answered;
static atomic_ulong stale;

/* reads all pages in a tight loop, so that their translations are in use all the time */
static void *looker(void *arg) {
    (void)arg;
    int last = 0;
    for (;;) {
        int now = atomic_load(&step);
        if (now < 0) return NULL;
        unsigned long seen = 0;
        for (int k = 0; k < PAGES; k++) seen |= area[k * 512];
        if (now == last) continue;
        last = now;
        /* odd: the pages were given up and are zeroes; even: written anew */
        seen = 0;
        for (int k = 0; k < PAGES; k++) seen |= area[k * 512];
        if (now % 2 ? seen != 0 : seen != (unsigned long)now) atomic_fetch_add(&stale, 1);
        atomic_fetch_add(&answered, 1);
    }
}

static void ask(int number, int lookers) {
    atomic_store(&answered, 0);
    atomic_store(&step, number);
    while (atomic_load(&answered) < lookers) sched_yield();
}

static pthread_barrier_t barrier;
static atomic_ulong caught, passed;
static __thread sigjmp_buf jump;
static void on_segv(int sig) {
    (void)sig;
    siglongjmp(jump, 1);
}

/* writes while the page is writable, and must be caught at once when it is not */
static void *writer(void *arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&barrier);
        if (!sigsetjmp(jump, 1)) {
            area[512]++;
            atomic_fetch_add(&passed, 1);
        } else {
            atomic_fetch_add(&caught, 1);
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* maps, fills, checks and unmaps its own pages, so that addresses and frames change hands all the time */
static atomic_ulong bad;
static void *mapper(void *arg) {
    unsigned long me = (unsigned long)arg;
    for (int i = 0; i < ROUNDS; i++) {
        size_t pages = 1 + (me * 7 + (unsigned long)i) % 40;
        unsigned long *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) { atomic_fetch_add(&bad, 1); continue; }
        for (size_t k = 0; k < pages; k++) {
            if (p[k * 512] != 0) atomic_fetch_add(&bad, 1);
            p[k * 512] = me << 32 | k;
        }
        sched_yield();
        for (size_t k = 0; k < pages; k++) if (p[k * 512] != (me << 32 | k)) atomic_fetch_add(&bad, 1);
        /* in two pieces, each once: what was unmapped may be another thread's already */
        if (pages > 1 && munmap(p + 512, (pages - 1) * PAGE)) atomic_fetch_add(&bad, 1);
        if (munmap(p, PAGE)) atomic_fetch_add(&bad, 1);
    }
    return NULL;
}

int main(void) {
    pthread_t t[4];
    area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 3; i++) MUST(pthread_create(&t[i], NULL, looker, NULL));
    for (int i = 1; i <= ROUNDS; i++) {
        if (i % 2) MUST(madvise((void *)area, PAGES * PAGE, MADV_DONTNEED));
        else for (int k = 0; k < PAGES; k++) area[k * 512] = (unsigned long)i;
        ask(i, 3);
    }
    atomic_store(&step, -1);
    for (int i = 0; i < 3; i++) MUST(pthread_join(t[i], NULL));
    SHOW(stale);

    struct sigaction sa = {.sa_handler = on_segv, .sa_flags = SA_NODEFER};
    MUST(sigaction(SIGSEGV, &sa, NULL));
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 3; i++) MUST(pthread_create(&t[i], NULL, writer, NULL));
    for (int i = 0; i < ROUNDS; i++) {
        MUST(mprotect((void *)area, PAGES * PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE));
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
    }
    for (int i = 0; i < 3; i++) MUST(pthread_join(t[i], NULL));
    SHOW(caught);
    SHOW(passed);

    for (long i = 0; i < 4; i++) MUST(pthread_create(&t[i], NULL, mapper, (void *)(i + 1)));
    for (int i = 0; i < 4; i++) MUST(pthread_join(t[i], NULL));
    SHOW(bad);
}
