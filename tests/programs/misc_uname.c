#include "t.h"
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int main(void) {
    struct utsname u;
    SHOW(uname(&u));
    STR(u.sysname), STR(u.machine);
    YES(u.nodename[0] && u.release[0] && u.version[0]);
    int a = 0, b = 0;
    YES(sscanf(u.release, "%d.%d", &a, &b) == 2 && a >= 4);
    SHOW(uname((void *)8));
    struct sysinfo s;
    SHOW(sysinfo(&s));
    YES(s.uptime >= 0 && s.totalram > 0 && s.freeram <= s.totalram && s.procs >= 1 && s.mem_unit > 0);
    SHOW(sysinfo((void *)8));
    YES(sysconf(_SC_PAGESIZE) == 4096), YES(sysconf(_SC_NPROCESSORS_ONLN) >= 1), YES(sysconf(_SC_PHYS_PAGES) > 0);
    SHOW(sysconf(_SC_CLK_TCK));
    YES(get_nprocs() >= 1);
}
