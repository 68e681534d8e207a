// Lets files be read and synced by leave only, in the order in which threads ask: preloaded into the receiver, it makes a disk
// that is slow, or hangs, as the steering file says that both map (struct plan). It also writes down each directory that is synced.
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct line {
    int64_t asked, allowed;  // how many asked until now, and how many of them may go on; below zero for any number
};

struct plan {
    struct line reads, syncs;
    int64_t waiting, most_waiting;  // threads, for either
};

static struct plan *plan;
static int synced;
// A receiver reads stored files in pieces of this size, and nothing else.
static const size_t piece = 256 * 1024;

static int opened(const char *name, int flags) {
    const char *path = getenv(name);
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600) : -1;
    if (file < 0) abort();
    return file;
}

__attribute__((constructor)) static void begin(void) {
    plan = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, opened("FLOOD_PLAN", O_RDWR), 0);
    if (plan == MAP_FAILED) abort();
    synced = opened("FLOOD_SYNCED", O_WRONLY | O_CREAT | O_APPEND);
}

static int may_go_on(struct line *line, int64_t number) {
    int64_t allowed = __atomic_load_n(&line->allowed, __ATOMIC_SEQ_CST);
    return allowed < 0 || number < allowed;
}

static void wait_for(struct line *line) {
    int64_t number = __atomic_fetch_add(&line->asked, 1, __ATOMIC_SEQ_CST);
    if (may_go_on(line, number)) return;
    int64_t waiting = __atomic_add_fetch(&plan->waiting, 1, __ATOMIC_SEQ_CST);
    int64_t most = __atomic_load_n(&plan->most_waiting, __ATOMIC_SEQ_CST);
    while (waiting > most &&
           !__atomic_compare_exchange_n(&plan->most_waiting, &most, waiting, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
    const struct timespec moment = {.tv_nsec = 1000 * 1000};
    while (!may_go_on(line, number)) nanosleep(&moment, NULL);
    __atomic_sub_fetch(&plan->waiting, 1, __ATOMIC_SEQ_CST);
}

ssize_t read(int file, void *bytes, size_t count) {
    struct stat status;
    if (plan && count == piece && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) wait_for(&plan->reads);
    return syscall(SYS_read, file, bytes, count);
}

int fsync(int file) {
    struct stat status;
    if (plan == NULL || fstat(file, &status) != 0) return (int)syscall(SYS_fsync, file);
    if (S_ISREG(status.st_mode)) wait_for(&plan->syncs);
    if (S_ISDIR(status.st_mode)) {
        char link[32], path[PATH_MAX + 1];
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, PATH_MAX);
        if (length > 0) {
            path[length] = '\n';
            (void)!write(synced, path, (size_t)length + 1);
        }
    }
    return (int)syscall(SYS_fsync, file);
}
