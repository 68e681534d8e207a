// Makes the n-th system call of one kind fail, counted over all threads (strace(1) counts each thread by itself), and only
// where it touches one part of the store. Preloaded into the receiver; steered through a file that both map (struct plan).
//
// A close(2) is carried out all the same: on Linux the descriptor is gone whatever it returns. Where the disk is asked to write
// and `drops` is set, the last page that came is gone: the kernel calls it written, and its bytes are lost.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call {
    NONE, OPEN, READ, WRITE, PWRITE, FSYNC, SYNC_FILE_RANGE, FTRUNCATE, FUTIMENS, FSTATAT, FSTATVFS,
    LINK, RENAME, CLOSE, MKDIR, UNLINK
};

struct plan {
    uint32_t call, error, at;  // the at-th from now on, 1 being the next; 0 for none
    uint32_t seen, injected;
    uint32_t lacks;  // an old kernel or another file system: neither O_TMPFILE nor openat2
    uint32_t drops;
    char part[PATH_MAX];  // of the store: a path's beginning
};

static struct plan *plan;
static long (*call_system)(long, ...);

__attribute__((constructor)) static void begin(void) {
    call_system = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    int file = (int)call_system(SYS_openat, AT_FDCWD, getenv("TORTURE_PLAN"), O_RDWR | O_CLOEXEC, 0);
    void *map = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || map == MAP_FAILED) abort();
    call_system(SYS_close, file);
    plan = map;
}

static int is_in_part(int file) {
    char link[32], path[PATH_MAX + 1];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, plan->part, strlen(plan->part)) == 0;
}

// Sets errno if this call is the one. `file`: a descriptor that it works on.
static int strikes(enum call call, int file) {
    if (plan == NULL || plan->call != call || !is_in_part(file)) return 0;
    if (__atomic_add_fetch(&plan->seen, 1, __ATOMIC_SEQ_CST) != plan->at) return 0;
    plan->injected = 1;
    errno = (int)plan->error;
    return 1;
}

static void drop_last_page(int file) {
    static const char zeros[4096];
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < 2 * (off_t)sizeof zeros) return;
    off_t last = (status.st_size - (off_t)sizeof zeros) / (off_t)sizeof zeros * (off_t)sizeof zeros;
    call_system(SYS_pwrite64, file, zeros, sizeof zeros, last);
}

// The same for a call that asks the disk to write.
static int strikes_writeback(enum call call, int file) {
    if (!strikes(call, file)) return 0;
    int error = errno;
    if (plan->drops) drop_last_page(file);
    errno = error;
    return 1;
}

#define FORWARD(...) (call_system ? call_system : (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall"))(__VA_ARGS__)

int openat(int directory, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (plan && plan->lacks && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (strikes(OPEN, directory)) return -1;
    return (int)FORWARD(SYS_openat, directory, path, flags, mode);
}

ssize_t read(int file, void *bytes, size_t count) {
    if (strikes(READ, file)) return -1;
    return FORWARD(SYS_read, file, bytes, count);
}

ssize_t write(int file, const void *bytes, size_t count) {
    if (strikes(WRITE, file)) return -1;
    return FORWARD(SYS_write, file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    if (strikes(PWRITE, file)) return -1;
    return FORWARD(SYS_pwrite64, file, bytes, count, offset);
}

int fsync(int file) {
    if (strikes_writeback(FSYNC, file)) return -1;
    return (int)FORWARD(SYS_fsync, file);
}

int ftruncate(int file, off_t size) {
    if (strikes(FTRUNCATE, file)) return -1;
    return (int)FORWARD(SYS_ftruncate, file, size);
}

int futimens(int file, const struct timespec times[2]) {
    if (strikes(FUTIMENS, file)) return -1;
    return (int)FORWARD(SYS_utimensat, file, NULL, times, 0);
}

int fstatat(int directory, const char *path, struct stat *status, int flags) {
    if (strikes(FSTATAT, directory)) return -1;
    return (int)FORWARD(SYS_newfstatat, directory, path, status, flags);
}

int fstatvfs(int file, struct statvfs *system) {
    if (strikes(FSTATVFS, file)) return -1;
    return ((int (*)(int, struct statvfs *))dlsym(RTLD_NEXT, "fstatvfs"))(file, system);
}

int linkat(int from, const char *path, int to, const char *name, int flags) {
    if (strikes(LINK, to)) return -1;
    return (int)FORWARD(SYS_linkat, from, path, to, name, flags);
}

int renameat(int from, const char *path, int to, const char *name) {
    if (strikes(RENAME, to)) return -1;
    return (int)FORWARD(SYS_renameat, from, path, to, name);
}

int close(int file) {
    int is_struck = strikes(CLOSE, file), error = errno;
    int result = (int)FORWARD(SYS_close, file);
    if (!is_struck) return result;
    errno = error;
    return -1;
}

int mkdirat(int directory, const char *path, mode_t mode) {
    if (strikes(MKDIR, directory)) return -1;
    return (int)FORWARD(SYS_mkdirat, directory, path, mode);
}

int unlinkat(int directory, const char *path, int flags) {
    if (strikes(UNLINK, directory)) return -1;
    return (int)FORWARD(SYS_unlinkat, directory, path, flags);
}

// openat2(2) has no function of its own in glibc; sync_file_range(2) is called this way too.
long syscall(long number, ...) {
    long a[6];
    va_list more;
    va_start(more, number);
    for (int index = 0; index < 6; index++) a[index] = va_arg(more, long);
    va_end(more);
    if (number == SYS_openat2) {
        if (plan && plan->lacks) {
            errno = ENOSYS;
            return -1;
        }
        if (strikes(OPEN, (int)a[0])) return -1;
    }
    if (number == SYS_sync_file_range && strikes_writeback(SYNC_FILE_RANGE, (int)a[0])) return -1;
    return FORWARD(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
