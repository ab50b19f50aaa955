/* Compiled with CONFIG_APPHELLOWORLD_COUNTDOWN=y. */
#include <stdio.h>

void count_down(void) {
    for (int left = 3; left > 0; left--) printf("%d\n", left);
}
