#include "t.h"
#include <locale.h>
#include <regex.h>
#include <wchar.h>

static int order(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void) {
    STR(setlocale(LC_ALL, NULL)), STR(setlocale(LC_ALL, "C"));
    YES(setlocale(LC_ALL, "xx_YY.NONE") == NULL);
    int v[200];
    unsigned x = 7;
    for (int i = 0; i < 200; i++) x = x * 1103515245 + 12345, v[i] = (int)(x / 65536 % 1000);
    qsort(v, 200, sizeof *v, order);
    int sorted = 1;
    for (int i = 1; i < 200; i++) sorted &= v[i - 1] <= v[i];
    SHOW(sorted);
    YES(bsearch(&v[77], v, 200, sizeof *v, order) != NULL);
    time_t t = 1700000000;
    struct tm tm;
    char s[100];
    gmtime_r(&t, &tm), strftime(s, sizeof s, "%Y-%m-%d %H:%M:%S %j %a", &tm);
    STR(s), SHOW(timegm(&tm));
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), tzset();
    localtime_r(&t, &tm), strftime(s, sizeof s, "%H:%M %Z", &tm);
    STR(s);
    regex_t re;
    regmatch_t m[2];
    SHOW(regcomp(&re, "([0-9]+)-x", REG_EXTENDED)), SHOW(regexec(&re, "abc 123-x", 2, m, 0)), SHOW(m[1].rm_so);
    regfree(&re);
    srand(1), rand();
    srandom(42), SHOW(random() != random());
    STR(strerror(ENOENT)), STR(strsignal(SIGSEGV));
    SHOW(strtol("0x7fffffffffffffffff", NULL, 0) == LONG_MAX), STR(ename(errno));
    wchar_t w[16];
    SHOW(mbstowcs(w, "plain", 16)), SHOW(wcslen(w));
    char *copy = strdup("a,b,,c"), *save, *part;
    for (part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save)) printf("<%s>", part);
    puts(""), free(copy);
    FILE *p = fmemopen("12 34", 5, "r");
    int a, b;
    SHOW(fscanf(p, "%d %d", &a, &b)), SHOW(a + b);
    fclose(p);
    SHOW(confstr(_CS_PATH, s, sizeof s) > 0);
    SHOW(getpagesize());
}
