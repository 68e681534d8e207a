// An fsync(2) that lies: preloaded, it is a program's build without the sync of files (-DSKIPPED=S_IFREG) or of
// directories (-DSKIPPED=S_IFDIR). The programs themselves have no switch for that, so what is run is what ships.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_skipped(int file) {
    struct stat status;
    return fstat(file, &status) == 0 && (status.st_mode & S_IFMT) == SKIPPED;
}

int fsync(int file) {
    return is_skipped(file) ? 0 : (int)syscall(SYS_fsync, file);
}

// sync_file_range(2) too: what only begins to write comes early enough on most days, and would hide the fault.
long syscall(long what, ...) {
    va_list list;
    va_start(list, what);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    if (what == SYS_sync_file_range && is_skipped((int)a)) return 0;
    return ((__typeof__(&syscall))dlsym(RTLD_NEXT, "syscall"))(what, a, b, c, d, e, f);
}
