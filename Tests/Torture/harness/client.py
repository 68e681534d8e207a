"""A client of the tests' own, written from docs/protocol.md: pipelines signed uploads and verifies each receipt."""

import base64
import functools
import hashlib
import hmac
import json
import re
import socket
import time
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from .part import Failed

AUTHORITY = "127.0.0.1"
COMPONENTS = ("@method", "@authority", "@path", "content-digest")
RECEIPT = re.compile(
    r'receipt=(\("@status" "content-type" "content-digest" "@method";req "@authority";req "@path";req '
    r'"content-digest";req\);created=\d+;keyid="([0-9a-f]{64})";alg="ecdsa-p256-sha256";tag="secure-receipt")')


def digest_field(digest):
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


@dataclass(frozen=True)
class Upload:
    """A file, which is also the request that sends it whole. `path`: of characters that need no escape."""

    path: str
    body: bytes = field(repr=False)
    fields: dict = field(default_factory=dict)  # beyond those of every request; the signature covers them

    method = "PUT"

    @property
    def upload(self):
        return self

    @functools.cached_property
    def digest(self):
        return hashlib.sha256(self.body).digest()

    @property
    def content_digest(self):
        return digest_field(self.digest)

    @property
    def target(self):
        return f"/v1/files/{self.path}"


@dataclass(frozen=True)
class Request:
    """Another one, about a file."""

    upload: Upload
    method: str
    target: str
    fields: dict
    body: bytes = field(default=b"", repr=False)

    @property
    def content_digest(self):
        return digest_field(hashlib.sha256(self.body).digest())


@dataclass(frozen=True)
class Answer:
    request: Upload | Request
    status: int
    fields: dict
    body: bytes

    @property
    def code(self):
        """`stored`, `begun` for an upload in parts, the problem's code, or else the status."""
        if self.status == 201 and self.request.method == "POST":
            return "begun"
        return "stored" if self.status in (200, 201) else json.loads(self.body or b"{}").get("code", str(self.status))


def certificate_key(der):
    certificate = x509.load_der_x509_certificate(der)
    return certificate.fingerprint(SHA256()).hex(), certificate.public_key()


def is_signed(base, raw, key):
    """`raw`: r and s, 32 bytes each."""
    try:
        signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(signature, base, ec.ECDSA(SHA256()))
        return len(raw) == 64
    except InvalidSignature:
        return False


class Connection:
    def __init__(self, identity, port, timeout=30, source=None, buffer=None):
        """`buffer`: bytes that the kernel may hold unread."""
        self.identity = identity
        plain = socket.socket()
        try:
            if buffer:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            plain.settimeout(timeout)
            if source:
                plain.bind((source, 0))
            plain.connect(("127.0.0.1", port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = identity.tls.wrap_socket(plain, server_hostname="secure-receiver")
        except BaseException:
            plain.close()
            raise
        self.fingerprint, self.key = certificate_key(self.socket.getpeercert(binary_form=True))
        self.received = b""

    def close(self):
        self.socket.close()

    def head(self, request):
        covered = " ".join(f'"{name}"' for name in (*COMPONENTS, *request.fields))
        parameters = f'({covered});created={int(time.time())};keyid="{self.identity.name}";alg="hmac-sha256";tag="secure-upload"'
        values = zip(COMPONENTS, (request.method, AUTHORITY, request.target, request.content_digest))
        base = "".join(f'"{name}": {value}\n' for name, value in (*values, *request.fields.items()))
        mac = base64.b64encode(hmac.digest(self.identity.key, f'{base}"@signature-params": {parameters}'.encode(), "sha256")).decode()
        more = "".join(f"{name}: {value}\r\n" for name, value in request.fields.items())
        return (f"{request.method} {request.target} HTTP/1.1\r\nHost: {AUTHORITY}\r\nContent-Length: {len(request.body)}\r\n"
                f"Content-Digest: {request.content_digest}\r\n{more}Signature-Input: sig={parameters}\r\n"
                f"Signature: sig=:{mac}:\r\n\r\n").encode()

    def send(self, *requests):
        self.socket.sendall(b"".join(self.head(request) + request.body for request in requests))

    def put(self, request):
        self.send(request)
        return self.answer(request)

    def answer(self, request):
        """The next one, which must be that of `request`. Throws EOFError at the end of the connection."""
        while b"\r\n\r\n" not in self.received:
            self.receive()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = 0 if request.method == "HEAD" else int(fields.get("content-length", 0))
        while len(self.received) < length:
            self.receive()
        body, self.received = self.received[:length], self.received[length:]
        answer = Answer(request, int(status.split()[1]), fields, body)
        if answer.code == "stored":
            self.verify(answer)
        return answer

    def receive(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError("the receiver closed the connection")
        self.received += piece

    def verify(self, answer):
        """All that docs/protocol.md asks of a client before it gives a file up."""
        request, upload = answer.request, answer.request.upload
        match = RECEIPT.fullmatch(answer.fields["signature-input"])
        digest = digest_field(hashlib.sha256(answer.body).digest())
        base = (f'"@status": {answer.status}\n"content-type": {answer.fields["content-type"]}\n'
                f'"content-digest": {digest}\n"@method";req: {request.method}\n"@authority";req: {AUTHORITY}\n'
                f'"@path";req: {request.target}\n"content-digest";req: {request.content_digest}\n'
                f'"@signature-params": {match and match[1]}')
        raw = base64.b64decode(answer.fields["signature"].removeprefix("receipt=:").removesuffix(":"))
        told = json.loads(answer.body)
        is_ours = (told["pi"], told["path"], told["size"], told["sha256"]) == (
            self.identity.name, upload.path, len(upload.body), upload.digest.hex())
        if not (match and match[2] == self.fingerprint and is_ours and is_signed(base.encode(), raw, self.key)):
            raise Failed(f"a wrong receipt for {upload.path}: {answer}")
