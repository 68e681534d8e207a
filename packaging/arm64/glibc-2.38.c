// Debian 13's static Swift library was built with glibc 2.38, which renamed some functions for C23 and added others;
// Debian 12 has 2.36. These stand in for them, and give way to the C library's own where it has them. C23's binary
// numbers (0b1), all that the renamed ones add, are nothing that the library asks for.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAND_IN __attribute__((weak))

STAND_IN long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
STAND_IN unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
STAND_IN long long __isoc23_strtoll(const char *text, char **end, int base) { return strtoll(text, end, base); }

STAND_IN int __isoc23_sscanf(const char *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vsscanf(text, format, arguments);
    va_end(arguments);
    return count;
}

// string.3 of glibc 2.38, and OpenBSD before it.
STAND_IN size_t strlcpy(char *target, const char *source, size_t size) {
    size_t length = strlen(source);
    if (size > 0) {
        size_t count = length < size ? length : size - 1;
        memcpy(target, source, count);
        target[count] = 0;
    }
    return length;
}

STAND_IN size_t strlcat(char *target, const char *source, size_t size) {
    size_t used = strnlen(target, size);
    return used + strlcpy(target + used, source, size - used);
}
