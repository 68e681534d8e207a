#!/usr/bin/env python3
"""Runs secure-sender on a terminal and judges what it draws there.

    terminal.py [--interrupt] -- COMMAND [ARGUMENT…]

The command is a run that is long enough for its bar; --interrupt sends it SIGINT as soon as the bar is there. Prints one line
that begins with "ok: ".
"""
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios

COLUMNS = 60
BAR = re.compile(rb"\r\[?[#-]*\]? *\d+%  ")


def run(command, interrupt=False):
    """What it wrote to its terminal, and how it ended."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    said = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
        if interrupt and BAR.search(said):
            os.kill(pid, signal.SIGINT)
            interrupt = False
    return said, os.waitpid(pid, 0)[1]


def fail(what, said):
    sys.exit(f"{what}:\n{said!r}")


def main():
    interrupt = "--interrupt" in sys.argv[: sys.argv.index("--")]
    command = sys.argv[sys.argv.index("--") + 1 :]
    said, status = run(command, interrupt)
    drawn = [line for line in re.findall(rb"\r([^\r\n\x1b]+)\x1b\[K", said)]
    if not drawn:
        fail("no bar was drawn", said)
    if any(len(line.decode()) >= COLUMNS for line in drawn):
        fail("a bar is wider than the terminal", said)
    if b"\x1b[?25l" in said or b"\x1b[3" in said:
        fail("the cursor was hidden, or a colour was left", said)
    if interrupt:
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGINT:
            fail(f"SIGINT did not end it, but {status}", said)
        if not said.rstrip(b"^C").endswith(b"\r\x1b[K"):
            fail("the bar was left standing", said)
        print(f"ok: {len(drawn)} bars, and a clean line after SIGINT")
        return
    if status != 0:
        fail(f"it ended with {status}", said)
    last = said.split(b"\r\x1b[K")[-1]
    if b" sent, moved to " not in last or b"%" in last:
        fail("the summary is not on a line of its own", said)
    print(f"ok: {len(drawn)} bars of at most {max(len(line) for line in drawn)} columns, and the summary below")


main()
