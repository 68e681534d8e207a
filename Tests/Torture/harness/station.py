"""A Pi's folders and its real sender: what was written there, and what becomes of it."""

import atexit
import hashlib
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .part import Failed, expect
from .store import Store, Unsound

PATIENCE = 300
LONG_AGO = 3600
# What the sender keeps in sent_files for itself: the time of the last receipt, and receivers' certificates.
KEPT = (".last-receipt", ".receiver")
# secure-sender: everything sent; could not be reached; some files wait for the next run.
EXPECTED = (0, 69, 75)


@dataclass
class Outcome:
    code: int
    said: str


class Sender:
    """A run of secure-sender."""

    def __init__(self, command, log, environment):
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=os.environ | {"SWIFT_BACKTRACE": "enable=no", "NO_COLOR": "1"} | environment)
        self.pid = self.process.pid
        # However the part ends, nothing of it goes on.
        atexit.register(self.process.kill)

    def said(self):
        return self.log.read_text(errors="replace")

    def is_alive(self):
        return self.process.poll() is None

    def wait(self, patience=PATIENCE):
        try:
            return Outcome(self.process.wait(patience), self.said())
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"secure-sender has not ended after {patience} s; it said:\n{self.said()[-2000:]}") from None

    def stop(self, patience=PATIENCE):
        """As a service manager does."""
        self.process.terminate()
        return self.wait(patience)

    def kill(self):
        """Whether it was still alive."""
        was_alive = self.is_alive()
        self.process.kill()
        return self.process.wait() == -signal.SIGKILL and was_alive

    def freeze(self):
        """SIGSTOP, and back when every thread stands still; false if it has ended."""
        if self.is_alive():
            self.process.send_signal(signal.SIGSTOP)
        return self.wait_for_stop()

    def wait_for_stop(self, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while self.is_alive():
            if "T" == self.state():
                return True
            expect(time.monotonic() < deadline, "secure-sender neither stops nor ends")
            time.sleep(0.001)
        return False

    def state(self):
        # proc(5): behind the name. All threads count: one may still be in a system call.
        try:
            states = {(task / "stat").read_text().rpartition(") ")[2][0] for task in Path(f"/proc/{self.pid}/task").iterdir()}
        except (FileNotFoundError, ProcessLookupError):
            return "R"  # one has just ended
        return "T" if states == {"T"} else "R"

    def memory(self, what):
        """VmRSS or VmHWM in MiB; `None` if it has ended."""
        try:
            match = re.search(rf"^{what}:\s*(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        except (OSError, ProcessLookupError):
            return None
        return int(match[1]) / 1024 if match else None


@dataclass
class Found:
    """Where the files are: by digest, and none has the content of another."""

    waiting: Counter = field(default_factory=Counter)
    sent: dict = field(default_factory=dict)  # digest → path below the folder for sent files
    twice: list = field(default_factory=list)
    without_receipt: list = field(default_factory=list)
    lone_receipts: list = field(default_factory=list)
    remains: list = field(default_factory=list)  # hidden names that a run left


class Station:
    def __init__(self, lab, identity, folder, sent=None):
        """`sent`: where sent files go, if not beside; of another file system a file cannot be in one place at every moment."""
        self.lab, self.identity, self.folder = lab, identity, folder
        self.outbox, self.sent, self.may_be_in_both = folder / "data_logs", sent or folder / "sent_files", sent is not None
        self.outbox.mkdir(parents=True)
        self.logs = lab.folder / f"sender-{identity.name}"
        self.logs.mkdir()
        self.written = {}  # digest → path
        self.outgrown = {}  # the same of what a program has gone on to write to since; the store may have it
        self.stored = set()  # digests that were seen in the store
        self.runs = 0
        self.known = {}  # what `once` was told
        self.receipts = Store(self.sent, lab.folder / "certs" / "receiver")
        self.store = Store(lab.store, lab.folder / "certs" / "receiver")

    # MARK: Files

    def write(self, name, content, is_durable=False, age=LONG_AGO):
        """A whole file, written a while ago."""
        path = self.outbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
            if is_durable:
                file.flush()
                os.fsync(file.fileno())
        when = time.time() - age
        os.utime(path, (when, when))
        if is_durable:
            sync_folders(path.parent, self.folder)
        self.written[hashlib.sha256(content).hexdigest()] = str(name)

    def open_waiting(self):
        """Writers of all files that wait, as programs that go on with them."""
        return [LateWriter(self, path) for path in self.outbox.rglob("*") if path.is_file() and not path.name.startswith(".")]

    def is_waiting(self, name):
        return (self.outbox / name).exists()

    def waiting(self):
        return sum(1 for path in self.outbox.rglob("*") if path.is_file())

    # MARK: Runs

    def start(self, *options, wrapper=(), environment=None, port=None, address="127.0.0.1"):
        self.runs += 1
        return Sender(
            [*wrapper, self.lab.programs / "secure-sender", address, self.outbox, "--port", str(port or self.lab.port),
             "--identity", self.identity.folder, "--sent-dir", self.sent, *options],
            self.logs / f"{self.runs % 50}.log", environment or {})

    def run(self, *options, patience=PATIENCE, **how):
        return self.start(*options, **how).wait(patience)

    def run_until_empty(self, *options, runs=20, seconds=PATIENCE, **how):
        """How many runs it took."""
        deadline = time.monotonic() + seconds
        for number in range(1, runs + 1):
            outcome = self.run(*options, patience=deadline - time.monotonic(), **how)
            expect(outcome.code in EXPECTED, f"secure-sender ended with {outcome.code}:\n{outcome.said[-2000:]}")
            if not self.waiting():
                return number
            if time.monotonic() > deadline:
                break
        raise Failed(f"after {number} runs {self.waiting()} files still wait; the last one said:\n{outcome.said[-1000:]}")

    # MARK: Judgement

    def once(self, judge, path, *beside):
        """What `judge` says of a file, which it says again only if the file, or one beside it, is another by now."""
        key = (judge, path, *map(identity, (path, *beside)))
        if key not in self.known:
            self.known[key] = judge(path)
        return self.known[key]

    def find(self):
        found = Found()
        for path in self.outbox.rglob("*"):
            if path.is_file():
                found.waiting[self.once(content_digest, path)] += 1
        for path in self.sent.rglob("*") if self.sent.exists() else ():
            name = str(path.relative_to(self.sent))
            if path.is_dir():
                continue
            if path.name.startswith("."):
                # What it keeps: when the last receipt came, and the certificates that receipts were signed with.
                found.remains += [name] if path.name != ".last-receipt" and not path.name.startswith(".receiver-") else []
            elif path.suffix == ".sha256":
                found.lone_receipts += [name] if not path.with_suffix("").exists() else []
            else:
                self.find_sent(path, name, found)
        return found

    def find_sent(self, path, name, found):
        digest = self.once(content_digest, path)
        try:
            told = self.once(self.receipts.receipt, path, path.with_name(path.name + ".sha256"))
            expect(told["sha256"] == digest and told["pi"] == self.identity.name, f"{name}: its receipt is of another file: {told}")
            expect(told["path"] == self.path_of(digest), f"{name}: its receipt is for {told['path']}, and it was {self.path_of(digest)}")
        except (Unsound, OSError, Failed) as error:
            found.without_receipt.append(f"{name}: {error}")
        if digest in found.sent:
            found.twice.append(f"{name} and {found.sent[digest]}")
        found.sent[digest] = name

    def expect_sound(self):
        """What has to hold at every moment at which no sender runs."""
        found = self.find()
        faults = [f"sent without a valid receipt: {name}" for name in found.without_receipt]
        faults += [f"sent twice: {name}" for name in found.twice]
        if not self.may_be_in_both:
            faults += [f"in both places: {self.written.get(digest)}" for digest in found.sent if found.waiting[digest]]
        faults += [f"lost: {name}" for digest, name in self.written.items() if digest not in found.sent and not found.waiting[digest]]
        faults += [f"nobody wrote that: {name}" for digest, name in found.sent.items() if not self.may_be_sent(digest)]
        faults += [f"not whole: {digest[:8]} in {self.outbox}" for digest in found.waiting if digest not in self.written]
        faults += [f"sent, and not in the store: {found.sent[digest]}" for digest in found.sent if not self.is_stored(digest)]
        return faults, found

    def path_of(self, digest):
        return self.written.get(digest) or self.outgrown.get(digest)

    def may_be_sent(self, digest):
        # A copy is not written on with its original.
        return digest in self.written or self.may_be_in_both and digest in self.outgrown

    def is_stored(self, digest):
        if digest not in self.stored and (name := self.path_of(digest)):
            own = self.lab.store / self.identity.name
            for path in (own / name, own / ".versions" / name / digest):
                try:
                    if self.store.examine(path) == digest:
                        self.stored.add(digest)
                except (Unsound, OSError):
                    pass  # not under this name
        return digest in self.stored

    def expect_all_arrived_once(self):
        """At the end: everything sent, everything stored, and each once."""
        faults, found = self.expect_sound()
        faults += [f"still waits: {self.written.get(digest)}" for digest in found.waiting]
        faults += [f"a receipt without a file: {name}" for name in found.lone_receipts]
        stored, torn, lone = self.store.files(self.identity.name)
        faults += torn
        begin = len(self.identity.name) + 1
        held = Counter()
        for name, digest in stored.items():
            path = name[begin:]
            held[path.removeprefix(".versions/").removesuffix(f"/{digest}") if path.startswith(".versions/") else path, digest] += 1
        wanted = Counter((name, digest) for digest, name in self.written.items())
        faults += [f"stored and never written: {name} {digest[:8]}" for name, digest in held - wanted if self.outgrown.get(digest) != name]
        faults += [f"not stored: {name} {digest[:8]}" for name, digest in wanted - held]
        faults += [f"{lone} receipts in the store without a file"] if lone else []
        expect(not faults, f"{len(faults)} faults: {sorted(faults)[:20]}")
        return found


class LateWriter:
    """Has a file of a station open, wherever the sender puts it."""

    def __init__(self, station, path):
        self.station, self.path, self.name = station, path, str(path.relative_to(station.outbox))
        self.file = os.open(path, os.O_RDWR | os.O_APPEND)

    def has_moved(self):
        return Path(os.readlink(f"/proc/self/fd/{self.file}")) != self.path

    def finish(self, is_durable=False):
        """Appends and closes; nobody wants what it was before."""
        before = self.digest()
        os.write(self.file, b" and more")
        when = time.time() - LONG_AGO
        os.utime(self.file, (when, when))
        if is_durable:
            os.fsync(self.file)
        del self.station.written[before]
        self.station.outgrown[before] = self.name
        self.station.written[self.digest()] = self.name
        os.close(self.file)

    def digest(self):
        return hashlib.sha256(os.pread(self.file, os.fstat(self.file).st_size, 0)).hexdigest()


def is_hidden(name):
    return any(piece.startswith(".") for piece in name.split("/"))


def identity(path):
    """What tells that a file is still the same; `None` if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def content_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folders(folder, above):
    while True:
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        if folder == above:
            return
        folder = folder.parent


def some_content(seed):
    """What a station might write: mostly small, all different."""
    chance = random.Random(seed)
    return chance.randbytes(chance.choice((1, 10, 200, 2000, 2000, 3000, 40_000))) + f" {seed}".encode()
