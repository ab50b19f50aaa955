/* Greets, and says what it was given. */
#include <stdio.h>

#ifdef COUNTDOWN
void count_down(void);
#endif

int main(int argc, char **argv) {
#ifdef COUNTDOWN
    count_down();
#endif
    printf("Hello from %s!\n", argv[0]);
    for (int i = 1; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
    return 0;
}
