// Preloaded, it sends a program STOP_SIGNAL at one of its calls that change folders or make something durable: before
// the n-th if STOP_AT is 2n, behind it if STOP_AT is 2n + 1. At its end the program leaves the number of these calls in
// the file CALLS_TO. Or it is stopped before its STOP_AT_RENAME-th renameat2, and once it goes on it gets THEN_SIGNAL behind the
// call that is THEN_AFTER calls after that one. Between two such calls nothing changes on the disk, so these are all the moments that can differ.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;
static atomic_long renames;
static long stop_at = -1, stop_at_rename = -1, then_after, then_at = -1;
static int stop_signal, then_signal;

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("STOP_AT"), *number = getenv("STOP_SIGNAL");
    if (at && number) stop_at = atol(at), stop_signal = atoi(number);
    const char *rename = getenv("STOP_AT_RENAME"), *then = getenv("THEN_SIGNAL"), *after = getenv("THEN_AFTER");
    if (rename && then && after) stop_at_rename = atol(rename), then_signal = atoi(then), then_after = atol(after);
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("CALLS_TO");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) fprintf(file, "%ld\n", calls), fclose(file);
}

static long before(void) {
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (stop_at == 2 * number) kill(getpid(), stop_signal);
    return number;
}

static void behind(long number) {
    if (stop_at == 2 * number + 1) kill(getpid(), stop_signal);
    if (then_at == number) kill(getpid(), then_signal);
}

static void before_rename(long number) {
    if (atomic_fetch_add(&renames, 1) + 1 != stop_at_rename) return;
    then_at = number + then_after;
    raise(SIGSTOP);  // this thread first: it goes no further
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRAP(type, name, parameters, arguments)      \
    type name parameters {                           \
        long number = before();                      \
        type result = NEXT(name) arguments;          \
        behind(number);                              \
        return result;                               \
    }

WRAP(int, fsync, (int file), (file))
WRAP(int, fdatasync, (int file), (file))
WRAP(int, syncfs, (int file), (file))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
WRAP(int, link, (const char *from, const char *to), (from, to))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
WRAP(int, unlink, (const char *path), (path))
WRAP(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(int, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))
WRAP(int, ftruncate, (int file, off_t size), (file, size))
WRAP(ssize_t, copy_file_range, (int a, off64_t *from, int b, off64_t *to, size_t size, unsigned flags), (a, from, b, to, size, flags))

int openat(int folder, const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, int);
    va_end(list);
    if (!(flags & (O_CREAT | __O_TMPFILE))) return NEXT(openat)(folder, path, flags, mode);
    long number = before();
    int result = NEXT(openat)(folder, path, flags, mode);
    behind(number);
    return result;
}

// Where glibc has no wrapper, or a program does without it.
long syscall(long what, ...) {
    va_list list;
    va_start(list, what);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    if (what != SYS_renameat2) return NEXT(syscall)(what, a, b, c, d, e, f);
    long number = before();
    before_rename(number);
    long result = NEXT(syscall)(what, a, b, c, d, e, f);
    behind(number);
    return result;
}
