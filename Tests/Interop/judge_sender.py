#!/usr/bin/env python3
"""Judge a request of secure-sender with http-message-signatures, a verifier that is not this project's.

  judge_sender.py --certs DIR --identity DIR -- secure-sender COMMAND WITH {port} IN IT

Listens on a free port of loopback with the receiver's certificate, runs the command, reads its first request and verifies
digest and signature with the library. The answer is then 503, so that the sender keeps its file. Exits 0 only if all holds.
"""

import argparse
import hashlib
import base64
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import requests
from http_message_signatures import HTTPMessageSignaturesException, HTTPMessageVerifier, MappingKeyResolver, algorithms
from upload import REQUEST_COMPONENTS, Failure, Identity, check

PATIENCE = 60


def listener(certs):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certs / "server.pem")
    context.load_verify_locations(certs / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    sock = socket.create_server(("127.0.0.1", 0))
    sock.settimeout(PATIENCE)
    return context, sock


def read_request(connection):
    stream = connection.makefile("rb")
    method, target, version = stream.readline().decode("ascii").split()
    fields = {}
    while line := stream.readline().decode("ascii").rstrip("\r\n"):
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    body = stream.read(int(fields["Content-Length"]))
    check(version == "HTTP/1.1" and method == "PUT", "a PUT of HTTP/1.1")
    return requests.Request(method, f"https://{fields['Host']}{target}", headers=fields, data=body).prepare(), body


def judge(request, body, identity):
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
    check(request.headers["Content-Digest"] == f"sha-256=:{digest}:", "Content-Digest is the body's SHA-256")
    keys = MappingKeyResolver(public_keys={identity.name: identity.hmac_key}, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=keys)
    required = REQUEST_COMPONENTS + tuple(name for name in ("last-modified",) if name in request.headers)
    try:
        results = verifier.verify(request, expect_tag="secure-upload", require_components=required, body=body)
    except HTTPMessageSignaturesException as error:
        raise Failure(f"http-message-signatures refuses the request: {str(error) or 'the signature is wrong'}") from error
    check(len(results) == 1, "one signature with the upload's tag, good under the Pi's secret")
    check(results[0].parameters["keyid"] == identity.name, "keyid is the Pi's name")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--certs", type=Path, required=True)
    parser.add_argument("--identity", type=Path, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    context, sock = listener(options.certs)
    port = str(sock.getsockname()[1])
    command = [word.replace("{port}", port) for word in options.command]
    sender = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        raw, _ = sock.accept()
        raw.settimeout(PATIENCE)
        # No more connections: a sender that tries again is told at once that nobody is there.
        sock.close()
        with context.wrap_socket(raw, server_side=True) as connection:
            request, body = read_request(connection)
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        judge(request, body, Identity(options.identity))
        code = sender.wait(timeout=PATIENCE)
        check(code not in (0, 77), "the sender keeps its file for the next run", None if code else code)
    finally:
        if sender.poll() is None:
            sender.kill()
            sender.wait()


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        sys.exit(f"judge_sender.py: {error}")
