"""A receiver of the tests' own, which answers as it is told: honestly, or with what an honest one never says."""

import base64
import hashlib
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

COMPONENTS = ('"@status"', '"content-type"', '"content-digest"', '"@method";req', '"@authority";req', '"@path";req', '"content-digest";req')


def digest_field(content):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


class Signer:
    """A certificate and its key, from one PEM file."""

    def __init__(self, pem):
        self.file, text = pem, pem.read_bytes()
        self.key = load_pem_private_key(text, None)
        self.fingerprint = x509.load_pem_x509_certificate(text).fingerprint(SHA256()).hex()

    def sign(self, base):
        numbers = decode_dss_signature(self.key.sign(base.encode(), ec.ECDSA(SHA256())))
        return b"".join(number.to_bytes(32, "big") for number in numbers)


@dataclass
class Request:
    method: str
    path: str
    fields: dict
    body: bytes


@dataclass
class Receipt:
    """All that goes into one; a test changes a part of it before it is signed, or after."""

    signer: Signer
    fingerprint: str
    status: int
    told: dict
    values: dict  # of the components
    components: tuple = COMPONENTS
    tag: str = "secure-receipt"
    more: str = ""

    def answer(self, change=lambda text: text):
        body = json.dumps(self.told, separators=(",", ":"), sort_keys=True)
        values = {'"content-digest"': digest_field(body.encode()), '"@status"': self.status, '"content-type"': "application/json"} | self.values
        parameters = (f'({" ".join(self.components)});created={int(time.time())};keyid="{self.fingerprint}";'
                      f'alg="ecdsa-p256-sha256";tag="{self.tag}"')
        base = "\n".join([f"{name}: {values[name]}" for name in self.components] + [f'"@signature-params": {parameters}'])
        signature = base64.b64encode(self.signer.sign(base)).decode()
        head = (f"HTTP/1.1 {self.status} x\r\nContent-Type: application/json\r\nContent-Digest: {digest_field(body.encode())}\r\n"
                f"Signature-Input: receipt={parameters}\r\nSignature: receipt=:{signature}:\r\n{self.more}")
        head, _, body = change(f"{head}\r\n{body}").partition("\r\n\r\n")
        return f"{head.rstrip()}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()


class Impostor(threading.Thread):
    """Serves until it is closed. `respond` gets the impostor, a request and what an honest receiver would say, and gives bytes, or
    `None` to close the connection."""

    def __init__(self, signer, pi, respond, holds_all=False):
        """`holds_all`: says of every file that is announced that it is stored already."""
        super().__init__(daemon=True)
        self.signer, self.pi, self.respond, self.holds_all = signer, pi, respond, holds_all
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(signer.file)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests = 0
        self.announced = {}  # upload id → what the JSON will say, and how much came
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self, plain):
        try:
            plain.settimeout(60)
            with self.context.wrap_socket(plain, server_side=True) as connection, connection.makefile("rb") as stream:
                while request := self.read(stream):
                    self.requests += 1
                    answer = self.respond(self, request, self.honest(request))
                    if answer is None:
                        return
                    connection.sendall(answer)
        except (OSError, ValueError):
            pass  # what is asked here is what the other end does

    @staticmethod
    def read(stream):
        start = stream.readline().decode().split()
        if len(start) != 3:
            return None
        fields = {}
        while line := stream.readline().decode().rstrip("\r\n"):
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return Request(start[0], start[1], fields, stream.read(int(fields.get("content-length", 0))))

    def honest(self, request):
        """A receipt, or the bytes of another answer."""
        complete = request.fields.get("upload-complete")
        if request.method == "PUT":
            return self.receipt(request, self.told(unquote(request.path.removeprefix("/v1/files/")), len(request.body), hashlib.sha256(request.body).hexdigest()))
        if request.method == "POST":
            return self.announce(request)
        identifier = request.path.rpartition("/")[2]
        if identifier not in self.announced:
            return b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n"
        told, offset = self.announced[identifier]
        if request.method == "PATCH":
            offset += len(request.body)
            self.announced[identifier] = told, offset
            if complete == "?1":
                return self.receipt(request, told, "Upload-Complete: ?1\r\n")
        return f"HTTP/1.1 204 x\r\nUpload-Offset: {offset}\r\nUpload-Complete: ?0\r\nUpload-Length: {told['size']}\r\n\r\n".encode()

    def announce(self, request):
        path, size = unquote(request.path.removeprefix("/v1/files/")), int(request.fields["upload-length"])
        digest = base64.b64decode(request.fields["repr-digest"].split(":")[1]).hex()
        told = self.told(path, size, digest)
        if self.holds_all:
            receipt = self.receipt(request, told | {"result": "unchanged"}, "Upload-Complete: ?1\r\n")
            receipt.status = 200
            return receipt
        identifier = hashlib.sha256(f"{self.pi}\n{path}\n{digest}\n{size}\n".encode()).hexdigest()
        self.announced[identifier] = told, 0
        return (f"HTTP/1.1 201 x\r\nLocation: /v1/uploads/{identifier}\r\nUpload-Offset: 0\r\nUpload-Complete: ?0\r\n"
                f"Upload-Length: {size}\r\nUpload-Limit: max-age=604800\r\nContent-Length: 0\r\n\r\n").encode()

    def told(self, path, size, digest):
        received = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return {"pi": self.pi, "path": path, "size": size, "sha256": digest, "received": received, "result": "created"}

    def receipt(self, request, told, more=""):
        values = {'"@method";req': request.method, '"@authority";req': request.fields["host"].lower(), '"@path";req': request.path,
                  '"content-digest";req': request.fields["content-digest"]}
        return Receipt(self.signer, self.signer.fingerprint, 201, told, values, more=more)
