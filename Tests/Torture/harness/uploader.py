"""Senders that send until everything is acknowledged, whatever happens to the receiver."""

import collections
import random
import ssl
import threading
import time

from .client import Connection, Upload
from .part import Failed

# What the protocol says may be sent again; anything else is a fault of one side.
TRY_AGAIN = {"storage-failed", "insufficient-storage", "too-many-requests", "draining", "timeout"}


class Stream:
    """What a station might send: mostly small new files, some again, some with a new content, seldom a large one. Ends
    when it is told to rest."""

    def __init__(self, folder, seed, large=1 << 21, amount=None):
        self.folder, self.random, self.large, self.left = folder, random.Random(seed), large, amount
        self.resting = threading.Event()
        self.recent = collections.deque(maxlen=20)
        self.number = 0

    def next(self):
        if self.resting.is_set() or self.left == 0:
            return None
        if self.left is not None:
            self.left -= 1
        self.number += 1
        what = self.random.random()
        if what < 0.15 and self.recent:
            return self.random.choice(self.recent)
        if what < 0.45:
            upload = Upload(f"{self.folder}/again{self.random.randrange(4)}", self.bytes())
        else:
            upload = Upload(f"{self.folder}/{self.number % 5}/new{self.number}", self.bytes())
        self.recent.append(upload)
        return upload

    def bytes(self):
        size = self.random.choice((0, 10, 2000, 2000, 5000, 40_000))
        if self.random.random() < 0.01:
            size = self.large
        return self.random.randbytes(size)


class Uploader(threading.Thread):
    """Sends a stream, `window` uploads ahead of their answers. Connects again, and sends again what has no answer, until it
    is told to give up."""

    def __init__(self, lab, identity, stream, ledger, window=8, uploads_a_connection=None):
        super().__init__(daemon=True)
        self.lab, self.identity, self.stream, self.ledger, self.window = lab, identity, stream, ledger, window
        self.uploads_a_connection = uploads_a_connection
        self.waiting = collections.deque()  # without an answer
        self.gives_up = threading.Event()
        self.idle = threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.is_done() and not self.gives_up.is_set():
                self.connect()
        except Exception as error:  # told by `join`
            self.failure = error
        self.idle.set()

    def is_done(self):
        return not self.waiting and (self.stream.resting.is_set() or self.stream.left == 0)

    def connect(self):
        try:
            connection = Connection(self.identity, self.lab.port)
        except (OSError, EOFError) as error:
            self.ledger.broke(error)
            time.sleep(random.uniform(0.002, 0.02))
            return
        try:
            self.converse(connection)
        except (OSError, EOFError, ssl.SSLError) as error:
            self.ledger.broke(error)
        finally:
            connection.close()

    def converse(self, connection):
        connection.send(*self.waiting)
        answered = 0
        while True:
            mayGoOn = self.uploads_a_connection is None or answered + len(self.waiting) < self.uploads_a_connection
            if mayGoOn and len(self.waiting) <= self.window // 2:
                self.send_more(connection)
            if not self.waiting:
                return
            upload = self.waiting[0]
            answer = connection.answer(upload)
            answered += 1
            self.ledger.answer(self.identity.name, upload, answer)
            self.waiting.popleft()
            if answer.code in TRY_AGAIN:
                self.waiting.appendleft(upload)
                raise EOFError(answer.code)
            if answer.code != "stored":
                raise Failed(f"{upload.path} of {self.identity.name} was refused: {answer}")

    def send_more(self, connection):
        more = []
        while len(self.waiting) < self.window and (upload := self.stream.next()):
            self.ledger.send(self.identity.name, upload)
            self.waiting.append(upload)
            more.append(upload)
        if more:
            connection.send(*more)

    def finish(self, patience=120):
        """Waits for the end; throws what it ended with."""
        self.join(patience)
        if self.failure:
            raise self.failure
        if self.is_alive():
            raise Failed(f"a sender still waits for {len(self.waiting)} answers after {patience} s")
