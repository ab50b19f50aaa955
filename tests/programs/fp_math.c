#include "t.h"
#include <math.h>

int main(void) {
    volatile double x = 2, y = 0.5, z = 1e300;
    printf("%.17g %.17g %.17g\n", sqrt(x), sin(y), cos(y));
    printf("%.17g %.17g %.17g\n", exp(x), log(x), pow(x, y));
    printf("%.17g %.17g\n", atan2(y, x), fmod(17.5, x + 1));
    printf("%g %g %d\n", z * z, -z * z, isnan(z * z - z * z));
    printf("%a %a\n", x / 3, nextafter(x, 3));
    volatile float f = 16777216.0f;
    YES(f + 1 == f);
    volatile long double l = 1;
    printf("%.20Lg\n", l / 3);
    double sum = 0;
    for (int i = 1; i <= 10000; i++) sum += 1.0 / ((double)i * i);
    printf("%.15f\n", sum);
    printf("%ld %ld %ld\n", lround(2.5), lrint(2.5), (long)floor(-0.5));
    char *end;
    double pi = strtod("3.14159265358979323846rest", &end);
    printf("%.17g %s\n", pi, end);
    printf("%.17g %.17g\n", strtod("0x1.8p3", NULL), strtod("1e-320", NULL));
    __int128 big = (__int128)1 << 100;
    printf("%llx\n", (unsigned long long)(big >> 60));
}
