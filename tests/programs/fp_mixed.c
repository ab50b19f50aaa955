#include "t.h"
#include <immintrin.h>

/* Threads that use different parts of the floating-point state hand the processor to each other by system calls: each finds all of its own state again, and
 * nothing of the others'. */
#define YIELD "mov $24, %%eax; syscall; "
#define CALL_CLOBBERS "rax", "rcx", "r11", "memory"
enum { ROUNDS = 200 };

/* all sixteen registers; upper halves and x87 stay as they were: unused */
__attribute__((target("avx"))) static int sse(int seed) {
    float in[16][4], out[16][4], upper[8];
    struct { unsigned control, status, tag, rest[4]; } x87;
    for (int i = 0; i < 64; i++) in[i / 4][i % 4] = (float)(seed * 100 + i);
#define LOAD(n) "movups " #n "*16(%0), %%xmm" #n "; "
#define STORE(n) "movups %%xmm" #n ", " #n "*16(%1); "
#define ALL(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)
    asm volatile("vzeroupper; fninit; " ALL(LOAD) YIELD ALL(STORE) "fnstenv %2; vmovups %%ymm7, %3; vzeroupper"
                 :: "r"(in), "r"(out), "m"(x87), "m"(upper) : CALL_CLOBBERS, "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                    "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    static const float none[4];
    return !memcmp(in, out, sizeof in) && !memcmp(upper + 4, none, sizeof none) && (x87.control & 0xffff) == 0x37f && (x87.tag & 0xffff) == 0xffff;
}

/* one upper half, of the first or of the last register */
__attribute__((target("avx"))) static int avx(int seed) {
    float in[8], first[8], last[8];
    for (int i = 0; i < 8; i++) in[i] = (float)(seed * 10 + i);
    asm volatile("vzeroupper; vmovups %1, %%ymm0; " YIELD "vmovups %%ymm0, %0; vzeroupper" : "=m"(first) : "m"(in) : CALL_CLOBBERS, "xmm0");
    asm volatile("vmovups %1, %%ymm15; " YIELD "vmovups %%ymm15, %0; vzeroupper" : "=m"(last) : "m"(in) : CALL_CLOBBERS, "xmm15");
    return !memcmp(in, first, sizeof in) && !memcmp(in, last, sizeof in);
}

/* MMX: the x87 registers with a status word of 0 */
static int mmx(int seed) {
    uint64_t in[2] = {0x0102030405060708u * (unsigned)seed, ~(uint64_t)seed}, out[2];
    asm volatile("movq %2, %%mm0; movq %3, %%mm7; " YIELD "movq %%mm0, %0; movq %%mm7, %1; emms"
                 : "=m"(out[0]), "=m"(out[1]) : "m"(in[0]), "m"(in[1]) : CALL_CLOBBERS, "mm0", "mm7");
    return !memcmp(in, out, sizeof in);
}

/* an x87 value on the stack, then only a control word of one's own on an empty stack */
static int x87(int seed) {
    long double in = seed * 1.1L, out;
    unsigned short own = 0x27f, found, old;
    asm volatile("fninit; fnstcw %0" : "=m"(old));
    asm volatile("fldt %1; " YIELD "fstpt %0" : "=m"(out) : "m"(in) : CALL_CLOBBERS);
    asm volatile("fninit; fldcw %1; " YIELD "fnstcw %0; fldcw %2" : "=m"(found) : "m"(own), "m"(old) : CALL_CLOBBERS);
    return in == out && found == own;
}

/* a rounding mode of one's own */
static int control(int seed) {
    unsigned own = 0x1f80 | (unsigned)(seed & 3) << 13, found, old;
    asm volatile("stmxcsr %1; ldmxcsr %2; " YIELD "stmxcsr %0; ldmxcsr %1" : "=m"(found), "=m"(old) : "m"(own) : CALL_CLOBBERS);
    return (found & ~0x3fu) == own;
}

static int (*const kinds[])(int) = {sse, avx, mmx, x87, control, sse};
static void *run(void *arg) {
    long n = (long)arg, good = 0;
    for (int i = 0; i < ROUNDS; i++) good += kinds[n]((int)n + i);
    return (void *)good;
}

int main(void) {
    pthread_t t[COUNT(kinds)];
    void *good;
    if (!__builtin_cpu_supports("avx")) return puts("no AVX"), 0;
    for (unsigned long i = 0; i < COUNT(kinds); i++) MUST(pthread_create(&t[i], NULL, run, (void *)i));
    for (unsigned i = 0; i < COUNT(kinds); i++) MUST(pthread_join(t[i], &good)), SHOW((long)good == ROUNDS);
}
