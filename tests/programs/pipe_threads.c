#include "t.h"

/* writes of up to PIPE_BUF do not mix; bigger ones block until all is in */
static int p[2];
static void *writer(void *arg) {
    char record[100];
    memset(record, 'a' + (int)(long)arg, sizeof record);
    for (int i = 0; i < 100; i++) MUST(write(p[1], record, sizeof record));
    return NULL;
}
static void *big(void *arg) {
    static char data[300000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * 7);
    return (void *)(long)write(p[1], data, sizeof data);
}

int main(void) {
    pthread_t t[4];
    char r[100];
    int counts[4] = {0}, mixed = 0;
    void *result;
    MUST(pipe(p));
    for (long i = 0; i < 4; i++) MUST(pthread_create(&t[i], NULL, writer, (void *)i));
    for (int i = 0; i < 400; i++) {
        for (size_t got = 0; got < sizeof r;) got += (size_t)MUST(read(p[0], r + got, sizeof r - got));
        for (size_t k = 1; k < sizeof r; k++) mixed += r[k] != r[0];
        counts[r[0] - 'a']++;
    }
    for (int i = 0; i < 4; i++) MUST(pthread_join(t[i], NULL));
    printf("%d %d %d %d mixed %d\n", counts[0], counts[1], counts[2], counts[3], mixed);
    MUST(pthread_create(&t[0], NULL, big, NULL));
    size_t total = 0, wrong = 0;
    while (total < 300000) {
        char b[7000];
        ssize_t n = MUST(read(p[0], b, sizeof b));
        for (ssize_t i = 0; i < n; i++) wrong += b[i] != (char)((total + (size_t)i) * 7);
        total += (size_t)n;
    }
    MUST(pthread_join(t[0], &result));
    SHOW((long)result);
    SHOW(wrong);
}
