"""What everybody does while nothing goes on, for a person to read: a slow disk and a stall look alike from outside."""

import sys
import time
import traceback
from pathlib import Path

LOOK, LOOKS = 0.02, 50


def is_working(receiver):
    """Whether any of its threads runs, wants to, or waits for the disk (proc(5), stat: R, D), seen over a second."""
    for _ in range(LOOKS):
        if any(receiver.state(task) in "RD" for task in tasks(receiver)):
            return True
        time.sleep(LOOK)
    return False


def describe(receiver, uploaders):
    lines = ["the receiver's threads (state, where in the kernel):"]
    lines += [f"  {receiver.state(task)} {read(task / 'wchan')} {read(task / 'comm')}" for task in tasks(receiver)]
    lines += ["its last words:"] + [f"  {line}" for line in receiver.said().splitlines()[-10:]]
    lines += ["its sockets (local, remote, state, queues for sending and receiving):"]
    lines += [f"  {' '.join(line.split()[1:5])}" for line in read("/proc/net/tcp").splitlines() if f":{receiver.lab.port:04X} " in line]
    frames = sys._current_frames()
    for uploader in uploaders:
        at = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_stack(frames.get(uploader.ident))][-6:]
        lines.append(f"a sender, {len(uploader.waiting)} unanswered: {'ended' if not uploader.is_alive() else ' '.join(at)}")
    lines += [f"{what} pressure: {read(f'/proc/pressure/{what}').splitlines()[0]}" for what in ("cpu", "io", "memory") if read(f"/proc/pressure/{what}")]
    return "\n".join(lines)


def tasks(receiver):
    return list(Path(f"/proc/{receiver.pid}/task").iterdir())


def read(file):
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""
