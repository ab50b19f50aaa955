#include "t.h"

int main(void) {
    in_tmp();
    char n[300], path[5000];
    memset(n, 'n', 299), n[299] = 0;
    n[255] = 0;
    OK(open(n, O_RDWR | O_CREAT, 0644));
    OK(open(n, O_RDONLY));
    n[255] = 'n', n[256] = 0;
    OK(open(n, O_RDWR | O_CREAT, 0644));
    OK(open(n, O_RDONLY));
    SHOW(mkdir(n, 0755));
    memset(path, '/', 4999), path[4095] = 0;
    OK(open(path, O_RDONLY));
    path[4095] = '/', path[4096] = 0;
    OK(open(path, O_RDONLY));
    for (int i = 0; i < 4094; i += 2) path[i] = '.', path[i + 1] = '/';
    path[4094] = 0;
    OK(open(path, O_RDONLY));
    /* any byte but / and NUL */
    const char *odd[] = {" ", "-", "a b", "\n", "\xff\xfe", "\xc3\xa9", "...", ".hidden", "*", "a\\b"};
    for (size_t i = 0; i < COUNT(odd); i++) put(odd[i], odd[i]);
    for (size_t i = 0; i < COUNT(odd); i++) printf("%d", !strcmp(get(odd[i]), odd[i]));
    puts("");
    put("Case", "upper"), put("case", "lower");
    STR(get("Case")), STR(get("case"));
    MUST(mkdir("d", 0755)), put("d/f", "found");
    STR(get("./d/f")), STR(get("d//f")), STR(get("d/./f")), STR(get("d/../d/f")), STR(get("d/f/"));
    STR(get("d/f/.")), STR(get("d/f/..")), STR(get("none/../d/f"));
    chdir("d");
    STR(get("../d/f")), STR(get("../../../../../../../../../../dev/null"));
    SHOW(pathconf(".", _PC_NAME_MAX));
    SHOW(pathconf(".", _PC_PATH_MAX));
}
