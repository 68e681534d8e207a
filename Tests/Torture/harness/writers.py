"""Programs that write a station's files in the ways that programs do, and remember each state that was whole."""

import hashlib
import mmap
import os
import random
import threading
import time
from collections import defaultdict

LONG_AGO = 3600


class Journal:
    """What the writers did. A state is whole from the close of its writer on, until the next one opens the file."""

    def __init__(self):
        self.lock = threading.Lock()
        self.whole = defaultdict(set)  # name → digests of its states
        self.last = {}  # inode → name and digest of its last state
        self.longest_open = 0.0

    def close(self, file, *names):
        """To be called by a writer instead of close(2), with all names under which this state will be seen."""
        content = os.pread(file, os.fstat(file).st_size, 0)
        self.note(os.fstat(file).st_ino, hashlib.sha256(content).hexdigest(), names)
        os.close(file)

    def note(self, inode, digest, names):
        with self.lock:
            for name in names:
                self.whole[name].add(digest)
            self.last[inode] = names[-1], digest

    def replaced(self, inode):
        """By its writer, who does not want it any more."""
        with self.lock:
            self.last.pop(inode, None)

    def renamed(self, path, name):
        """The file that is there has another name now."""
        with self.lock:
            inode = path.stat().st_ino
            _, digest = self.last[inode]
            self.whole[name].add(digest)
            self.last[inode] = name, digest

    def open(self, path, flags):
        begin = time.monotonic()
        file = os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o644)
        with self.lock:
            self.longest_open = max(self.longest_open, time.monotonic() - begin)
        return file


class Writer(threading.Thread):
    """Writes file after file until it is told to rest, and leaves none half written."""

    def __init__(self, kind, folder, journal, seed):
        super().__init__(daemon=True)
        self.kind, self.folder, self.journal, self.prefix = kind, folder, journal, f"{kind.__name__}-{seed}"
        self.chance = random.Random(seed)
        self.resting = threading.Event()
        self.files, self.failure = 0, None

    def run(self):
        try:
            while not self.resting.is_set():
                self.files += 1
                self.kind(self)
        except Exception as error:  # told by `finish`
            self.failure = error

    def finish(self, patience=60):
        self.join(patience)
        if self.failure or self.is_alive():
            raise self.failure or TimeoutError(f"{self.prefix} does not end")

    def path(self, name):
        return self.folder / f"{self.prefix}-{name}"

    def open(self, path, flags=0):
        return self.journal.open(path, flags)

    def piece(self):
        return self.chance.randbytes(self.chance.randrange(1, 3000))

    def pause(self, seconds):
        time.sleep(self.chance.uniform(0.3, 1.7) * seconds)

    def rest(self, seconds):
        """As `pause`, but between two files."""
        self.resting.wait(self.chance.uniform(0.3, 1.7) * seconds)


def appends(writer):
    """A log to which line after line is added; an older one again after a while."""
    path = writer.path(f"{max(1, writer.files - writer.chance.choice((0, 0, 3)))}.csv")
    for _ in range(8):
        file = writer.open(path, os.O_APPEND)
        os.write(file, writer.piece())
        writer.pause(0.01)
        os.write(file, writer.piece())
        writer.journal.close(file, path.name)
        writer.rest(0.2)


def keeps_open(writer):
    path = writer.path(f"{writer.files}.csv")
    file = writer.open(path, os.O_APPEND)
    for _ in range(20):
        os.write(file, writer.piece())
        writer.pause(0.1)
    writer.journal.close(file, path.name)


def is_slow(writer):
    """Pauses for longer than the sender's quiet time, with the file open."""
    path = writer.path(f"{writer.files}.csv")
    file = writer.open(path)
    os.write(file, writer.piece())
    time.sleep(6.5)
    os.write(file, writer.piece())
    writer.journal.close(file, path.name)


def truncates(writer):
    """A few names, written anew each time."""
    path = writer.path(f"{writer.files % 3}.json")
    file = writer.open(path, os.O_TRUNC)
    os.write(file, writer.piece())
    writer.pause(0.2)
    os.write(file, writer.piece())
    writer.journal.close(file, path.name)
    writer.rest(writer.chance.choice((0.1, 6)))


def replaces(writer):
    """Writes beside the file and renames, as an editor does."""
    path, new = writer.path(f"{writer.files % 3}.json"), writer.path(f"{writer.files}.part")
    file = writer.open(new)
    os.write(file, writer.piece())
    writer.pause(0.2)
    os.write(file, writer.piece())
    writer.journal.close(file, path.name, new.name)
    try:
        earlier = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        earlier = None
    try:
        os.rename(new, path)
    except FileNotFoundError:
        pass  # it was sent under this name
    if earlier is not None:
        # Gone, if the sender had not moved it before. While it is open nobody gets its inode.
        if os.fstat(earlier).st_nlink == 0:
            writer.journal.replaced(os.fstat(earlier).st_ino)
        os.close(earlier)
    writer.rest(writer.chance.choice((0.1, 6)))


def renames(writer):
    path = writer.path(f"{writer.files}.json")
    file = writer.open(path)
    os.write(file, writer.piece())
    writer.pause(0.1)
    os.write(file, writer.piece())
    names = [path, *(writer.path(f"{writer.files}-{step}.json") for step in range(4))]
    writer.journal.close(file, *(name.name for name in names))
    for old, new in zip(names, names[1:]):
        writer.rest(0.2)
        try:
            os.rename(old, new)
        except FileNotFoundError:
            break  # it was sent


def maps(writer):
    """Writes through memory, with the file itself closed."""
    path = writer.path(f"{writer.files}.bin")
    file = writer.open(path)
    size = 40_000
    os.ftruncate(file, size)
    memory = mmap.mmap(file, size)
    for offset in range(0, size, 5000):
        memory[offset:offset + 5000] = writer.chance.randbytes(5000)
        writer.pause(0.1)
    inode = os.fstat(file).st_ino
    os.close(file)
    memory[:100] = writer.chance.randbytes(100)
    writer.pause(1)
    memory[-100:] = writer.chance.randbytes(100)
    writer.journal.note(inode, hashlib.sha256(memory).hexdigest(), (path.name,))
    memory.close()


def puts_time_back(writer):
    """Copies with the times of the original, which it sets after each piece."""
    path = writer.path(f"{writer.files % 3}.json")
    file = writer.open(path, os.O_TRUNC)
    for _ in range(5):
        os.write(file, writer.piece())
        os.utime(file, (0, time.time() - LONG_AGO))
        writer.pause(0.2)
    writer.journal.close(file, path.name)
    writer.rest(0.5)


KINDS = (appends, keeps_open, is_slow, is_slow, truncates, replaces, renames, maps, puts_time_back)
