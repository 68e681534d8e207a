// An fsync(2) that lies: preloaded, it is a receiver's build without the sync of files (-DSKIPPED=S_IFREG) or of
// directories (-DSKIPPED=S_IFDIR). The receiver itself has no switch for that, so what is run is the program that ships.
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int file) {
    struct stat status;
    if (fstat(file, &status) == 0 && (status.st_mode & S_IFMT) == SKIPPED) return 0;
    return (int)syscall(SYS_fsync, file);
}
