// Preloaded, it is a kernel that holds its clock for synchronised (adjtimex(2)), whatever the time: a time server that is wrong.
#include <string.h>
#include <sys/timex.h>

int adjtimex(struct timex *query) {
    memset(query, 0, sizeof *query);
    return TIME_OK;
}

int ntp_adjtime(struct timex *query) {
    return adjtimex(query);
}
