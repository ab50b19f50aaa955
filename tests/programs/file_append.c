#include "t.h"

int main(void) {
    in_tmp();
    int a = MUST(open("f", O_RDWR | O_CREAT | O_APPEND, 0644)), b = MUST(open("f", O_WRONLY | O_APPEND));
    char c;
    SHOW(write(a, "one ", 4));
    SHOW(write(b, "two ", 4));
    SHOW(lseek(a, 0, SEEK_CUR));
    SHOW(write(a, "three ", 6));
    SHOW(lseek(a, 0, SEEK_CUR));
    SHOW(lseek(a, 1, SEEK_SET));
    SHOW(read(a, &c, 1));
    SHOW(c);
    SHOW(write(a, "four ", 5)); /* at the end all the same */
    STR(get("f"));
    SHOW(pwrite(a, "XX", 2, 0)); /* Linux: O_APPEND wins over the offset */
    STR(get("f"));
    SHOW((fcntl(a, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == (O_RDWR | O_APPEND));
    SHOW(fcntl(a, F_SETFL, 0));
    SHOW(pwrite(a, "YY", 2, 0));
    STR(get("f"));
    SHOW(fcntl(a, F_SETFL, O_APPEND));
    SHOW(ftruncate(b, 3));
    SHOW(write(a, "end", 3));
    STR(get("f"));
}
