#!/usr/bin/env python3
"""Upload one file in parts with requests and http-message-signatures, over connections that break, and judge the receipt.

Like upload.py, whose checks it uses, it must succeed from docs/protocol.md alone. The first part comes whole, the second is cut
off by us; then the file is announced again, as a client would that lost its memory, and goes on where the receiver says.
"""

import base64
import hashlib
import io
import sys
from urllib.parse import quote

import requests
from cryptography import x509
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

from upload import REQUEST_COMPONENTS, Failure, Identity, arguments, check, check_accepted, check_receipt, check_signature, connect


class Cut(Exception):
    """We are the broken connection."""


class CutBody(io.BytesIO):
    """Breaks off in its middle."""

    def read(self, size=-1):
        if self.tell() >= len(self.getvalue()) // 2:
            raise Cut
        return super().read(min(size, len(self.getvalue()) // 2 - self.tell()) if size >= 0 else size)


class Client:
    def __init__(self, identity, url):
        self.identity, self.url = identity, url
        self.session, self.adapter = connect(identity)

    def send(self, method, path, fields, body=b"", cut=False):
        request = self.session.prepare_request(requests.Request(method, self.url + path, headers=fields, data=body))
        keys = MappingKeyResolver(public_keys={}, private_keys={self.identity.name: self.identity.hmac_key})
        covered = [name.lower() for name in fields if name.startswith(("Upload-", "Repr-"))]
        HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=keys).sign(
            request,
            key_id=self.identity.name,
            label="sig",
            tag="secure-upload",
            covered_component_ids=[*REQUEST_COMPONENTS, *covered],
            body=body,
        )
        if cut:
            request.body = CutBody(body)
        return self.session.send(request, timeout=60, allow_redirects=False)

    def announce(self, path, body):
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        fields = {"Upload-Complete": "?0", "Upload-Length": str(len(body)), "Repr-Digest": f"sha-256=:{digest}:"}
        return self.send("POST", f"/v1/files/{path}", fields)

    def part(self, location, body, start, end, cut=False):
        fields = {
            "Content-Type": "application/partial-upload",
            "Upload-Offset": str(start),
            "Upload-Complete": "?1" if end == len(body) else "?0",
        }
        return self.send("PATCH", location, fields, body[start:end], cut)


def check_begun(response, offset, what):
    check(response.status_code == 201, f"{what} is answered 201", response.status_code)
    check(response.headers.get("Upload-Complete") == "?0", "and is not complete", response.headers.get("Upload-Complete"))
    found = int(response.headers.get("Upload-Offset", "-1"))
    check(found in offset, f"and goes on at {found}", found)
    check("max-age=" in response.headers.get("Upload-Limit", ""), "and says how long it is kept")
    return response.headers["Location"], found


def upload_in_parts(client, path, remote_path, body):
    third = len(body) // 3
    location, _ = check_begun(client.announce(path, body), range(1), "a new file")
    identifier = hashlib.sha256(
        "".join(
            f"{line}\n" for line in (client.identity.name, remote_path, hashlib.sha256(body).hexdigest(), len(body))
        ).encode()
    ).hexdigest()
    check(location == f"/v1/uploads/{identifier}", "its id is the SHA-256 of what it is", location)

    response = client.part(location, body, 0, third)
    check(response.status_code == 204, "a part is taken", f"{response.status_code} {response.text}")
    check(response.headers.get("Upload-Offset") == str(third), f"the offset is {third}", response.headers.get("Upload-Offset"))
    try:
        client.part(location, body, third, 2 * third, cut=True)
        raise Failure("the cut part was answered")
    except Cut:
        client.session.close()
        check(True, "another part is cut off")

    state = client.send("HEAD", location, {})
    check(state.status_code == 204, "the receiver says how far it got", state.status_code)
    check(state.headers.get("Cache-Control") == "no-store", "which is not to be cached", state.headers.get("Cache-Control"))
    check(state.headers.get("Upload-Length") == str(len(body)), "and of how much", state.headers.get("Upload-Length"))
    again, offset = check_begun(client.announce(path, body), range(third, 2 * third), "the same announcement")
    check(again == location, "its name is the same", again)
    check(state.headers.get("Upload-Offset") == str(offset), "and so is its offset", state.headers.get("Upload-Offset"))

    wrong = client.part(location, body, offset + 1, len(body))
    check((wrong.status_code, wrong.json().get("code")) == (409, "upload-offset-mismatch"), "a wrong offset is refused", wrong.text)
    check(wrong.headers.get("Upload-Offset") == str(offset), "with the right one", wrong.headers.get("Upload-Offset"))

    response = client.part(location, body, offset, len(body))
    check_accepted(response)
    check(response.headers.get("Upload-Complete") == "?1", "it is complete", response.headers.get("Upload-Complete"))
    check_signature(response, client.adapter.certificate)
    check_receipt(response, client.identity, remote_path, body)

    response = client.announce(path, body)
    check(response.status_code == 200, "announced once more, it is acknowledged", response.status_code)
    check_signature(response, client.adapter.certificate)
    check_receipt(response, client.identity, remote_path, body)
    gone = client.part(location, body, 0, len(body))
    check((gone.status_code, gone.json().get("code")) == (409, "upload-completed"), "another part is refused", gone.text)


def main():
    options = arguments()
    try:
        identity = Identity(options.identity)
        path = "/".join(quote(segment, safe="") for segment in options.remote_path.split("/"))
        client = Client(identity, options.url.rstrip("/"))
        upload_in_parts(client, path, options.remote_path, options.file.read_bytes())
    except Failure as failure:
        sys.exit(f"failed: {failure}")
    except requests.exceptions.RequestException as error:
        sys.exit(f"failed: no answer from {options.url}: {error}")
    except (OSError, ValueError, KeyError, x509.ExtensionNotFound) as error:
        sys.exit(f"failed: {error!r}")


if __name__ == "__main__":
    main()
