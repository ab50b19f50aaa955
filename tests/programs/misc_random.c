#include "t.h"
#include <sys/random.h>

int main(void) {
    unsigned char a[256], b[256], big[5000];
    SHOW(getrandom(a, 256, 0)), SHOW(getrandom(b, 256, GRND_NONBLOCK));
    YES(memcmp(a, b, 256) != 0);
    int seen[256] = {0}, kinds = 0;
    SHOW(getrandom(big, sizeof big, 0));
    for (size_t i = 0; i < sizeof big; i++) kinds += !seen[big[i]]++;
    SHOW(kinds);
    SHOW(getrandom(a, 0, 0)), SHOW(getrandom(a, 1, 0x80)), SHOW(getrandom((void *)8, 8, 0));
    SHOW(getrandom(a, 16, GRND_RANDOM)), SHOW(getrandom(a, 16, GRND_INSECURE)), SHOW(getrandom(a, 1, GRND_RANDOM | GRND_INSECURE));
    SHOW(getentropy(a, 256)), SHOW(getentropy(a, 257));
}
