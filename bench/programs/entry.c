/* Says what time it is on the guest's own clock when main() is entered: "entry N" in nanoseconds since the kernel's clock started. */
#include <stdio.h>
#include <time.h>

int main(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t)) return 1;
    printf("entry %lld\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
    return 0;
}
