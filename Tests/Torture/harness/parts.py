"""Files that are sent in parts (docs/protocol.md, "Large files, in parts"), over connections that their senders break off."""

import hashlib

from .client import Connection, Request, digest_field
from .ledger import GOES_ON
from .part import Failed
from .uploader import TRY_AGAIN, Stream, Uploader

ABOVE = 64 * 1024  # bytes; a PUT of more that is cut off counts as a part
OPTIONS = ("--resumable-above", str(ABOVE))
MOST_TRIES = 10


class Cut(EOFError):
    """A connection that was broken off here."""


class LargeFiles(Stream):
    """Of a few parts each; seldom one of which some is made durable while it comes."""

    def bytes(self):
        return self.random.randbytes(6 << 20 if self.random.random() < 0.03 else self.random.randrange(300_000))


class InParts:
    """One file on its way. What is told of it goes into the ledger."""

    def __init__(self, identity, upload, ledger):
        self.pi, self.upload, self.ledger, self.size = identity.name, upload, ledger, len(upload.body)
        self.offset = None  # where to go on, as far as is known
        self.is_gone = self.is_stored = False
        lines = "".join(f"{line}\n" for line in (self.pi, upload.path, upload.digest.hex(), self.size))
        self.target = f"/v1/uploads/{hashlib.sha256(lines.encode()).hexdigest()}"

    def announce(self, connection):
        fields = {"upload-complete": "?0", "upload-length": self.size, "repr-digest": digest_field(self.upload.digest)}
        return self.put(connection, Request(self.upload, "POST", self.upload.target, fields | self.upload.fields))

    def ask(self, connection):
        return self.put(connection, Request(self.upload, "HEAD", self.target, {}))

    def part(self, end, begin=None):
        """`begin`: another offset than the right one."""
        begin = self.offset if begin is None else begin
        fields = {
            "content-type": "application/partial-upload", "upload-offset": begin, "upload-complete": "?1" if end == self.size else "?0"}
        return Request(self.upload, "PATCH", self.target, fields, self.upload.body[begin:end])

    def put(self, connection, request):
        return self.take(connection.put(request))

    def put_some(self, connection, request, amount):
        """Sends so many bytes of the body, once the receiver waits for them, and no more; `None` unless it does not want them."""
        waiting = Request(self.upload, request.method, request.target, request.fields | {"expect": "100-continue"}, request.body)
        connection.socket.sendall(connection.head(waiting))
        answer = connection.answer(waiting)
        if answer.status != 100:
            return self.take(answer)
        connection.socket.sendall(request.body[:amount])
        return None

    def take(self, answer):
        self.ledger.answer(self.pi, self.upload, answer)
        self.is_stored = answer.code == "stored"
        offset = answer.fields.get("upload-offset")
        if self.is_stored or answer.fields.get("upload-complete") == "?1" or answer.status in (404, 409) and offset is None:
            # All of it came, or there is nothing of it: the next announcement tells which.
            self.offset, self.is_gone = None, not self.is_stored
        elif offset is not None:
            if self.is_gone:
                self.ledger.tell(self.pi, self.upload, None)
            self.offset, self.is_gone = int(offset), False
            self.ledger.tell(self.pi, self.upload, self.offset)
        return answer


class PartsUploader(Uploader):
    """Sends a stream's files in parts, one after the other. It breaks its own connections, and remembers nothing of how far it
    got."""

    breaks_off = True

    def converse(self, connection):
        while self.next_file():
            file = self.waiting[0]
            file.offset = None
            while not file.is_stored:
                answer = self.step(connection, file)
                if answer.code in TRY_AGAIN:
                    raise EOFError(answer.code)
                if answer.code not in GOES_ON:
                    raise Failed(f"{file.upload.path} of {self.identity.name} was refused: {answer}")
            self.waiting.popleft()

    def next_file(self):
        if not self.waiting and (upload := self.stream.next()):
            self.add(upload)
        return bool(self.waiting)

    def add(self, upload):
        self.ledger.send(self.identity.name, upload)
        self.waiting.append(InParts(self.identity, upload, self.ledger))
        return self.waiting[-1]

    def step(self, connection, file):
        chance = self.stream.random.random()
        if file.offset is None:
            return file.announce(connection) if file.is_gone or self.breaks_off and chance < 0.5 else file.ask(connection)
        part = file.part(min(file.size, file.offset + self.stream.random.randrange(200_000)))
        if not self.breaks_off or not part.body or chance > 0.25:
            return file.put(connection, file.part(file.size) if chance > 0.95 else part)
        if chance < 0.05:
            return file.put(connection, file.part(file.size, begin=file.offset + 1))
        return self.break_off(connection, file, file.upload if chance < 0.1 else part)

    def break_off(self, connection, file, request):
        amount = self.stream.random.randrange(len(request.body))
        if self.stream.random.random() < 0.5:
            connection.socket.sendall(connection.head(request) + request.body[:amount])
        elif answer := file.put_some(connection, request, amount):
            return answer
        if self.stream.random.random() < 0.5:
            # Not closed yet: who asks meanwhile ends it.
            other = Connection(self.identity, self.lab.port)
            try:
                file.ask(other)
            finally:
                other.close()
        raise Cut

    def finish_what_is_left(self):
        """After the fault: what was told must hold, and the rest completes the file."""
        self.breaks_off = False
        self.stream.resting.set()
        for _ in range(MOST_TRIES):
            if self.waiting:
                self.connect()
        if self.waiting:
            raise Failed(f"{self.waiting[0].upload.path} cannot be gone on with: {self.ledger.breaks}")
