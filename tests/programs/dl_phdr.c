#include "t.h"
#include <link.h>

static int first(struct dl_phdr_info *i, size_t size, void *data) {
    (void)size;
    int *n = data;
    if ((*n)++ == 0) {
        int load = 0, dynamic = 0, tls = 0;
        uintptr_t at = (uintptr_t)first, inside = 0;
        for (int k = 0; k < i->dlpi_phnum; k++) {
            load += i->dlpi_phdr[k].p_type == PT_LOAD, dynamic += i->dlpi_phdr[k].p_type == PT_DYNAMIC, tls += i->dlpi_phdr[k].p_type == PT_TLS;
            uintptr_t from = i->dlpi_addr + i->dlpi_phdr[k].p_vaddr;
            if (i->dlpi_phdr[k].p_type == PT_LOAD && at >= from && at < from + i->dlpi_phdr[k].p_memsz) inside++;
        }
        YES(load >= 2), SHOW(inside), YES(dynamic <= 1), YES(tls <= 1);
    }
    return 0;
}
static int stop(struct dl_phdr_info *i, size_t size, void *data) { (void)i, (void)size, (void)data; return 77; }

int main(void) {
    int n = 0;
    SHOW(dl_iterate_phdr(first, &n));
    YES(n >= 1);
    SHOW(dl_iterate_phdr(stop, NULL));
}
