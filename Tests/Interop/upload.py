#!/usr/bin/env python3
"""Upload one file with requests and http-message-signatures, and judge the receiver's receipt.

Nothing here comes from this project: the signature, the digest and the check of the receipt are the library's. It must
succeed from docs/protocol.md alone. Prints one line for each check; exits 0 only if all of them hold.
"""

import argparse
import hashlib
import re
import ssl
import sys
from pathlib import Path
from urllib.parse import quote

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPMessageSignaturesException,
    MappingKeyResolver,
    algorithms,
)
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

SERVER_NAME = "secure-receiver"
REQUEST_COMPONENTS = ("@method", "@authority", "@path", "content-digest")
RECEIPT_COMPONENTS = (
    "@status",
    "content-type",
    "content-digest",
    '"@method";req',
    '"@authority";req',
    '"@path";req',
    '"content-digest";req',
)


class Failure(Exception):
    """A check that does not hold, as a sentence."""


def check(holds, what, found=None):
    if not holds:
        raise Failure(what if found is None else f"{what}: found {found!r}")
    print(f"ok: {what}")


class Identity:
    """What `provision new-pi` puts into a Pi's folder."""

    def __init__(self, folder):
        self.certificate_and_key = folder / "pi.pem"
        self.roots = folder / "ca.pem"
        certificate = x509.load_pem_x509_certificate(self.certificate_and_key.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        pis = [match[1] for uri in uris if (match := re.fullmatch(r"spiffe://[^/]+/pi/([a-z0-9-]+)", uri))]
        if len(pis) != 1:
            raise Failure(f"{self.certificate_and_key} must hold one URI name spiffe://<domain>/pi/<name>, has {uris}")
        self.name = pis[0]
        secret = re.search(r"^secret='([0-9A-Fa-f]+)'", (folder / "secret.py").read_text(), re.MULTILINE)
        if secret is None:
            raise Failure(f"{folder / 'secret.py'} has no line secret='<hex digits>'")
        # The key is the text of the hex string, not the bytes that it stands for.
        self.hmac_key = secret[1].lower().encode("ascii")


class ReceiverAdapter(HTTPAdapter):
    """TLS 1.3 to a receiver that goes by one name at every address; keeps the certificate of the handshake."""

    certificate = None

    def init_poolmanager(self, *arguments, **options):
        adapter = self

        class Connection(HTTPSConnection):
            def connect(self):
                super().connect()
                adapter.certificate = x509.load_der_x509_certificate(self.sock.getpeercert(binary_form=True))

        class Pool(HTTPSConnectionPool):
            ConnectionCls = Connection

        # Not create_default_context(): that would trust the system's public roots beside ours.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        super().init_poolmanager(
            *arguments, **options, ssl_context=context, server_hostname=SERVER_NAME, assert_hostname=SERVER_NAME
        )
        self.poolmanager.pool_classes_by_scheme = {"https": Pool}


def connect(identity):
    session = requests.Session()
    session.trust_env = False  # neither a proxy nor other roots from the environment
    session.verify = str(identity.roots)
    session.cert = str(identity.certificate_and_key)
    adapter = ReceiverAdapter()
    session.mount("https://", adapter)
    return session, adapter


def upload(session, identity, url, body):
    request = session.prepare_request(requests.Request("PUT", url, data=body))
    keys = MappingKeyResolver(public_keys={}, private_keys={identity.name: identity.hmac_key})
    HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=keys).sign(
        request,
        key_id=identity.name,
        label="sig",
        tag="secure-upload",
        covered_component_ids=REQUEST_COMPONENTS,
        body=body,
    )
    return session.send(request, timeout=60, allow_redirects=False)


def check_accepted(response):
    if response.status_code not in (200, 201):
        raise Failure(f"the receiver answered {response.status_code} {response.reason}: {response.text[:500]}")
    check(True, f"accepted with {response.status_code}")


def check_signature(response, certificate):
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    keys = MappingKeyResolver(public_keys={fingerprint: certificate.public_key()}, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=keys)
    try:
        results = verifier.verify(
            response, expect_tag="secure-receipt", require_components=RECEIPT_COMPONENTS, body=response.content
        )
    except HTTPMessageSignaturesException as error:
        raise Failure(f"http-message-signatures refuses the receipt: {str(error) or 'the signature is wrong'}") from error
    check(len(results) == 1, "one signature with the receipt's tag, good under the handshake's certificate")
    # The verifier looked the key up under this name; said again so that the output shows it.
    check(results[0].parameters["keyid"] == fingerprint, f"keyid is that certificate's fingerprint {fingerprint[:16]}…")
    check(results[0].parameters.get("alg") == "ecdsa-p256-sha256", "the receipt names its algorithm")
    check(results[0].body == response.content, "the answer's Content-Digest is that of its body, and is signed")


def check_receipt(response, identity, remote_path, body):
    media_type = response.headers.get("Content-Type", "")
    check(media_type.split(";")[0].strip() == "application/json", "the receipt is JSON", media_type)
    receipt = response.json()
    expected = {
        "pi": identity.name,
        "path": remote_path,
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    for field, value in expected.items():
        check(receipt.get(field) == value, f"the receipt's {field} is {value}", receipt.get(field))
    results = ("created",) if response.status_code == 201 else ("replaced", "unchanged")
    check(receipt.get("result") in results, f"the receipt's result is {' or '.join(results)}", receipt.get("result"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="the receiver, for example https://127.0.0.1:3500")
    parser.add_argument("--identity", required=True, type=Path, help="folder with pi.pem, ca.pem and secret.py")
    parser.add_argument("file", type=Path)
    parser.add_argument("remote_path", help="where the receiver shall store it, for example 2026/station3.json")
    return parser.parse_args()


def main():
    options = arguments()
    try:
        identity = Identity(options.identity)
        body = options.file.read_bytes()
        path = "/".join(quote(segment, safe="") for segment in options.remote_path.split("/"))
        session, adapter = connect(identity)
        response = upload(session, identity, f"{options.url.rstrip('/')}/v1/files/{path}", body)
        check_accepted(response)
        check_signature(response, adapter.certificate)
        check_receipt(response, identity, options.remote_path, body)
    except Failure as failure:
        sys.exit(f"failed: {failure}")
    except requests.exceptions.SSLError as error:
        sys.exit(f"failed: TLS with {options.url}: {error}")
    except requests.exceptions.RequestException as error:
        sys.exit(f"failed: no answer from {options.url}: {error}")
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        sys.exit(f"failed: {error}")


if __name__ == "__main__":
    main()
