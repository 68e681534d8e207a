// Linux calls and constants that Swift's Glibc module leaves out because they stand behind _GNU_SOURCE or in headers
// outside of it. `static inline`, because a system library target holds no .c file; each returns -1 and sets errno.
// _GNU_SOURCE itself must not be defined here: glibc's structs would then differ from those of the Glibc module.
#pragma once

// First of all: what of glibc both modules define is then Glibc's for every Swift file, whichever of them it imports first.
#pragma clang module import SwiftGlibc

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/xattr.h>
#include <unistd.h>

// O_TMPFILE (open(2)), without _GNU_SOURCE; glibc gives its value, by architecture, under another name.
#ifndef O_TMPFILE
#define O_TMPFILE __O_TMPFILE
#endif

// A file without a name in that directory: gone if nobody links it.
static inline int linux_open_unnamed(int directory, mode_t mode) {
    return openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

// Gives an unnamed file its name; fails with EEXIST and never overwrites. AT_EMPTY_PATH needs a capability,
// the way through /proc does not (open(2), O_TMPFILE).
static inline int linux_link_unnamed(int file, int directory, const char *name) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}

// openat2(2): opens beneath a directory, follows no link, leaves no mount. glibc has no wrapper.
static inline int linux_open_beneath(int directory, const char *path, int flags, mode_t mode) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (unsigned long long)(flags | O_CLOEXEC);
    how.mode = (flags & O_CREAT) ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

// sync_file_range(2): hands what is written so far to the disk and does not wait. Proves nothing: fsync(2) does.
static inline int linux_start_writing(int file) {
#ifdef SYS_sync_file_range
    return (int)syscall(SYS_sync_file_range, file, 0L, 0L, 2 /* SYNC_FILE_RANGE_WRITE */);
#else
    (void)file;
    return 0;
#endif
}

// As linux_start_writing, and waits until the disk has it all. Fails with ENOSYS where there is no such call.
static inline int linux_finish_writing(int file) {
#ifdef SYS_sync_file_range
    return (int)syscall(SYS_sync_file_range, file, 0L, 0L, 7 /* WAIT_BEFORE, WRITE, WAIT_AFTER */);
#else
    (void)file;
    errno = ENOSYS;
    return -1;
#endif
}

// Whether one journal makes all changes of folders and inodes durable in their order, by the numbers in linux/magic.h: that
// of ext4 (whose elder ext2 has the same and keeps no order at all) and of XFS.
static inline int linux_has_ordered_journal(int file) {
    struct statfs status;
    if (fstatfs(file, &status) != 0) return 0;
    return (unsigned)status.f_type == 0xEF53 || (unsigned)status.f_type == 0x58465342;
}

// syncfs(2): everything that waits for the disk in the file system of that file.
static inline int linux_sync_file_system(int file) {
    return (int)syscall(SYS_syncfs, file);
}

// renameat2(2) that refuses to replace an existing name.
static inline int linux_rename_new(int from_directory, const char *from, int to_directory, const char *to) {
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 1 /* RENAME_NOREPLACE */);
}

// fcntl(2), F_SETLEASE: 0 if nobody has the file open for writing, which is then ours until it is released; else EAGAIN.
// The file has to be open for reading alone.
static inline int linux_take_read_lease(int file) {
    return fcntl(file, 1024 /* F_SETLEASE */, F_RDLCK);
}

static inline int linux_release_lease(int file) {
    return fcntl(file, 1024 /* F_SETLEASE */, F_UNLCK);
}

// Whether another computer may have the file open without this kernel's knowledge: NFS, SMB and AFS, by their numbers in
// linux/magic.h and, of SMB, in the kernel's fs/smb/client.
static inline int linux_is_shared_over_network(int file) {
    struct statfs status;
    if (fstatfs(file, &status) != 0) return 1;
    switch ((unsigned)status.f_type) {
    case 0x6969: case 0x517B: case 0xFF534D42: case 0xFE534D42: case 0x5346414F: case 0x6B414653: return 1;
    default: return 0;
    }
}

// statx(2): whether the file or folder is immutable or only to be appended to (chattr(1)), so that neither it nor, of a
// folder, what is in it can be moved. 0 where that cannot be told.
static inline int linux_is_pinned(int file) {
    struct statx status;
    memset(&status, 0, sizeof status);
    if (syscall(SYS_statx, file, "", 0x1000 /* AT_EMPTY_PATH */, 0, &status) != 0) return 0;
    return (status.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0;
}

// eventfd(2): a descriptor with which one thread wakes another.
static inline int linux_event(void) {
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

// inotify(7): a descriptor that tells of changes in folders.
static inline int linux_watch_open(void) {
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

// Adds a folder, by its descriptor: files that are complete, new names, and the folder's own end.
static inline int linux_watch_add(int watch, int folder) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
    return inotify_add_watch(
        watch, path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
}

// Adds a folder, by its path: names that are taken out of it, and its own move.
static inline int linux_watch_departures(int watch, const char *path) {
    return inotify_add_watch(watch, path, IN_DELETE | IN_MOVED_FROM | IN_MOVE_SELF | IN_ONLYDIR);
}

static int linux_stop_event = -1;

// Calls alone that are safe in a handler (signal-safety(7)).
static inline void linux_take_stop_signal(int number) {
    int error = errno;
    unsigned long long one = 1;
    if (write(linux_stop_event, &one, sizeof one) < 0) linux_stop_event = -1;
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    errno = error;
    (void)number;
}

// A descriptor (eventfd(2)) that is readable from the first SIGTERM or SIGINT on. A second one ends the program, whatever it
// does at that moment.
static inline int linux_stop_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = linux_take_stop_signal;
    action.sa_flags = SA_RESTART;
    sigaddset(&action.sa_mask, SIGTERM);
    sigaddset(&action.sa_mask, SIGINT);
    linux_stop_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (linux_stop_event < 0) return -1;
    if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0) return -1;
    // Who started us may have blocked them (sigprocmask(2)).
    if (sigprocmask(SIG_UNBLOCK, &action.sa_mask, NULL) != 0) return -1;
    return linux_stop_event;
}

// adjtimex(2): whether the kernel holds its clock for synchronised.
static inline int linux_clock_is_synchronised(void) {
    struct timex query;
    memset(&query, 0, sizeof query);
    int state = adjtimex(&query);
    return state != -1 && state != TIME_ERROR && (query.status & STA_UNSYNC) == 0;
}

// Whether the processor has AES instructions (getauxval(3), CPUID). The one of a Pi 4 lacks them.
static inline int linux_processor_has_aes(void) {
#if defined(__aarch64__)
    return (getauxval(AT_HWCAP) & (1 << 3) /* HWCAP_AES */) != 0;
#elif defined(__arm__)
    return (getauxval(AT_HWCAP2) & (1 << 0) /* HWCAP2_AES */) != 0;
#elif defined(__x86_64__)
    // Not <cpuid.h>, whose module takes glibc's structs for its own.
    unsigned int a = 1, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (c & (1u << 25)) != 0;
#else
    return 1;
#endif
}

// Columns of the terminal; 0 if it does not say, or is none (ioctl_tty(2)). Here because Swift finds winsize in Glibc's
// module or in that of its own overlay, depending on which files one compiler process got.
static inline int linux_terminal_width(int terminal) {
    struct winsize size;
    return ioctl(terminal, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
