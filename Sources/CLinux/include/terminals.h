#pragma once
#include <asm/ioctls.h>
#include <stdint.h>
#include <sys/ioctl.h>

static inline int swl_terminal_unlock(int master) {
    int locked = 0;
    return ioctl(master, TIOCSPTLCK, &locked);
}
// The other end of a pseudo-terminal, by descriptor and not by a path in somebody's /dev.
static inline int swl_terminal_peer(int master, int flags) { return ioctl(master, TIOCGPTPEER, flags); }
static inline int swl_terminal_set_size(int fd, uint16_t columns, uint16_t rows) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(fd, TIOCSWINSZ, &size);
}
static inline int swl_terminal_size(int fd, uint16_t *columns, uint16_t *rows) {
    struct winsize size;
    int result = ioctl(fd, TIOCGWINSZ, &size);
    if (result == 0) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
    return result;
}
static inline int swl_terminal_control(int fd) { return ioctl(fd, TIOCSCTTY, 0); }
static inline int swl_bytes_readable(int fd, int *count) { return ioctl(fd, FIONREAD, count); }
