#include "t.h"
#include <fenv.h>
#include <immintrin.h>

/* vector and x87 registers across system calls, handlers that clobber them, and switches between threads */
static volatile int hits;
static void handler(int s) {
    (void)s, hits++;
    asm volatile("pxor %%xmm0, %%xmm0; pxor %%xmm5, %%xmm5; pxor %%xmm15, %%xmm15; fninit; fldpi" ::: "xmm0", "xmm5", "xmm15");
    unsigned bad = 0x1f80 | 0x6000; /* another rounding mode */
    asm volatile("ldmxcsr %0" :: "m"(bad));
}
static __attribute__((noinline)) int sse(int seed, void (*between)(void)) {
    double in[4] = {seed + 0.5, seed + 1.25, seed * 3.0, -seed}, out[4];
    asm volatile("movsd %0, %%xmm0; movsd %1, %%xmm5; movsd %2, %%xmm10; movsd %3, %%xmm15" :: "m"(in[0]), "m"(in[1]), "m"(in[2]), "m"(in[3])
                 : "xmm0", "xmm5", "xmm10", "xmm15");
    if (between) asm volatile("call *%0" :: "r"(between) : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    asm volatile("movsd %%xmm0, %0; movsd %%xmm5, %1; movsd %%xmm10, %2; movsd %%xmm15, %3" : "=m"(out[0]), "=m"(out[1]), "=m"(out[2]), "=m"(out[3]));
    return !memcmp(in, out, sizeof in);
}
static __attribute__((naked)) void do_getpid(void) { asm("mov $39, %eax; syscall; ret"); }
static __attribute__((naked)) void do_yield(void) { asm("mov $24, %eax; syscall; ret"); }
static int own_pid __attribute__((used)), own_tid __attribute__((used));
static __attribute__((naked)) void do_signal(void) {
    asm("mov own_pid(%rip), %edi; mov own_tid(%rip), %esi; mov $10, %edx; mov $234, %eax; syscall; ret");
}
__attribute__((target("avx"))) static int avx(int seed) {
    float in[8], out[8];
    for (int i = 0; i < 8; i++) in[i] = (float)(seed * 10 + i);
    asm volatile("vmovups %0, %%ymm3; mov $24, %%eax; syscall" :: "m"(in) : "xmm3", "rax", "rcx", "r11", "memory");
    for (volatile int i = 0; i < 2000; i++) {}
    asm volatile("vmovups %%ymm3, %0" : "=m"(out));
    return !memcmp(in, out, sizeof in);
}
static void *run(void *arg) {
    int seed = (int)(long)arg, ok = 0;
    long double x = seed;
    for (int i = 0; i < 100; i++) {
        ok += sse(seed, do_yield);
        x = x * 1.000001L + 1;
        if (__builtin_cpu_supports("avx")) ok += avx(seed) - 1;
    }
    long double y = seed;
    for (int i = 0; i < 100; i++) y = y * 1.000001L + 1;
    return (void *)(long)(ok + 1000 * (x == y));
}

int main(void) {
    pthread_t t[4];
    void *r;
    own_pid = getpid(), own_tid = tid_();
    signal(SIGUSR1, handler);
    SHOW(sse(1, NULL)), SHOW(sse(2, do_getpid)), SHOW(sse(3, do_signal)), SHOW(hits);
    unsigned mxcsr;
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    printf("%x\n", mxcsr & 0xffc0);
    volatile long double third = 1.0L / 3;
    YES(third * 3 == 1.0L); /* x87 still at full precision */
    for (long i = 0; i < 4; i++) MUST(pthread_create(&t[i], NULL, run, (void *)(i + 1)));
    for (int i = 0; i < 4; i++) MUST(pthread_join(t[i], &r)), SHOW((long)r);
    /* each thread its own rounding mode, inherited at creation */
    fesetround(FE_UPWARD);
    volatile double one = 1, ten = 10;
    volatile double up = one / ten;
    fesetround(FE_DOWNWARD);
    volatile double down = one / ten;
    YES(up > down);
    raise(SIGUSR1);
    SHOW(fegetround() == FE_DOWNWARD); /* the handler's change is undone */
    fesetround(FE_TONEAREST);
}
