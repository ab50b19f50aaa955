#include "t.h"

extern char **environ;

int main(int argc, char **argv) {
    SHOW(argc);
    for (int i = 1; i < argc; i++) printf("[%s]\n", argv[i]);
    YES(argv[argc] == NULL);
    SHOW(strcmp(program_invocation_short_name, "misc_args"));
    YES(getenv("PITH_TEST_UNSET") == NULL);
    SHOW(setenv("PITH_TEST", "value one", 1)), STR(getenv("PITH_TEST"));
    SHOW(setenv("PITH_TEST", "two", 0)), STR(getenv("PITH_TEST"));
    SHOW(putenv("PITH_PUT=x=y")), STR(getenv("PITH_PUT"));
    SHOW(unsetenv("PITH_TEST")), YES(getenv("PITH_TEST") == NULL);
    SHOW(setenv("a=b", "x", 1)), SHOW(setenv("", "x", 1));
    int bad = 0;
    for (char **e = environ; *e; e++) bad += !strchr(*e, '=');
    SHOW(bad);
    SHOW(clearenv()), YES(getenv("PATH") == NULL);
}
