#!/usr/bin/env python3
"""Show the receiver client certificates, and the sender receiver certificates, that must all be refused.

  certificate_matrix.py --lab DIR --port PORT --sender PROGRAM

DIR is where `provision` ran, a receiver of it listens on loopback at PORT. Each certificate differs in one point from a good
one, which is tried first in both directions. Exits 0 only if every one is refused, with a TLS alert at the receiver, and with
exit code 77 and no file moved at the sender.
"""

import argparse
import ctypes
import datetime
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PATIENCE = 60
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


class Failure(Exception):
    """A certificate that was accepted, or refused in a wrong way, as a sentence."""


class Authority:
    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    @classmethod
    def read(cls, lab):
        return cls(
            x509.load_pem_x509_certificate((lab / "certs/ca.pem").read_bytes()),
            serialization.load_pem_private_key((lab / "certs/ca.key").read_bytes(), None),
        )

    @property
    def domain(self):
        names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.UniformResourceIdentifier)[0]


def leaf(authority, names, usages, *, key=None, start=NOW - DAY, end=NOW + DAY, ca=False, issuer=None):
    """A certificate and its key. `usages` None: no extended key usage. `issuer` "self": signed by its own key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "matrix")])
    signer = Authority(None, key) if issuer == "self" else issuer or authority
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject if signer.certificate else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=ca, crl_sign=False, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
            ), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    if usages is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), key


def version1(lab, folder, name):
    """openssl makes version 1 where no extension is asked for."""
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "v1.key").write_bytes(pem(key))
    request = subprocess.run(
        ["openssl", "req", "-new", "-key", folder / "v1.key", "-subj", f"/CN={name}"], capture_output=True, check=True)
    signed = subprocess.run(
        ["openssl", "x509", "-req", "-CA", lab / "certs/ca.pem", "-CAkey", lab / "certs/ca.key", "-days", "1", "-CAserial",
         folder / "serial", "-CAcreateserial"], input=request.stdout, capture_output=True, check=True)
    if x509.load_pem_x509_certificate(signed.stdout).version != x509.Version.v1:
        raise Failure("openssl made no certificate of version 1")
    return signed.stdout, key


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def matrix(lab, folder, good_names, usage, other_usage, second_name, foreign_names):
    """Name of the case -> certificate and key. The first one is good."""
    authority = Authority.read(lab)
    foreign = Authority(*foreign_authority(authority))
    return {
        "good": leaf(authority, good_names, [usage]),
        "expired": leaf(authority, good_names, [usage], start=NOW - 3 * DAY, end=NOW - DAY),
        "not yet valid": leaf(authority, good_names, [usage], start=NOW + DAY, end=NOW + 3 * DAY),
        "of another authority": leaf(authority, good_names, [usage], issuer=foreign),
        "self-signed": leaf(authority, good_names, [usage], issuer="self"),
        "for the other side": leaf(authority, good_names, [other_usage]),
        "for both sides": leaf(authority, good_names, [usage, other_usage]),
        "without an extended key usage": leaf(authority, good_names, None),
        "for any usage": leaf(authority, good_names, [ANY]),
        "an authority itself": leaf(authority, good_names, [usage], ca=True),
        "of version 1": version1(lab, folder, "matrix"),
        "with another name": leaf(authority, foreign_names, [usage]),
        "of RSA 1024": leaf(authority, good_names, [usage], key=rsa.generate_private_key(65537, 1024)),
        "of RSA 2048": leaf(authority, good_names, [usage], key=rsa.generate_private_key(65537, 2048)),
        "of P-521": leaf(authority, good_names, [usage], key=ec.generate_private_key(ec.SECP521R1())),
        **({"with two names": leaf(authority, good_names + second_name, [usage])} if second_name else {}),
    }


def foreign_authority(like):
    key = ec.generate_private_key(ec.SECP256R1())
    names = like.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    text, _ = leaf(Authority(None, key), list(names), None, key=key, ca=True, issuer="self")
    return x509.load_pem_x509_certificate(text), key


def context(protocol, folder, certificate, key):
    made = ssl.SSLContext(protocol)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.set_ciphers("DEFAULT@SECLEVEL=0")  # or our own side would refuse to present the weak ones
    path = folder / "presented.pem"
    path.write_bytes(certificate + pem(key))
    made.load_cert_chain(path)
    return made


def show_receiver(lab, folder, port, certificate, key):
    """What the receiver answers to GET /; "" and the alert if it refuses."""
    client = context(ssl.PROTOCOL_TLS_CLIENT, folder, certificate, key)
    client.load_verify_locations(lab / "certs/ca.pem")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw:
        try:
            with client.wrap_socket(raw, server_hostname="secure-receiver") as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                return connection.recv(4096).decode(), None
        except ssl.SSLError as error:
            return "", error


def show_sender(lab, folder, sender, certificate, key):
    """The exit code of secure-sender, whether its file was moved, and what it said."""
    server = context(ssl.PROTOCOL_TLS_SERVER, folder, certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        try:
            raw, _ = listener.accept()
            raw.settimeout(PATIENCE)
            with server.wrap_socket(raw, server_side=True) as connection:
                while connection.recv(65536):
                    connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except OSError:
            pass  # the sender refused, as it should

    thread = threading.Thread(target=serve)
    thread.start()
    with tempfile.TemporaryDirectory() as station:
        data = Path(station) / "data"
        data.mkdir()
        (data / "file").write_text("x")
        outcome = subprocess.run(
            [sender, "127.0.0.1", data, "--port", str(listener.getsockname()[1]), "--identity", lab / "pis/pi-01"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        moved = not (data / "file").exists()
    listener.close()
    thread.join(PATIENCE)
    return outcome.returncode, moved, outcome.stderr


def clock_is_synchronised():
    """As the sender asks the kernel (adjtimex(2)): the status is at byte 40 of struct timex, STA_UNSYNC is 0x40."""
    query = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None).adjtimex(query)
    return state != 5 and not int.from_bytes(query[40:44], sys.byteorder) & 0x40


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--lab", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sender", required=True)
    options = parser.parse_args()
    lab, count = options.lab, 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        uri = x509.UniformResourceIdentifier
        domain = Authority.read(lab).domain
        clients = matrix(
            lab, folder, [uri(f"{domain}/pi/pi-01")], CLIENT, SERVER, [uri(f"{domain}/pi/pi-02")],
            [uri("spiffe://elsewhere/pi/pi-01")])
        for name, (certificate, key) in clients.items():
            answer, alert = show_receiver(lab, folder, options.port, certificate, key)
            if name == "good":
                if " 200 " not in answer:
                    raise Failure(f"the receiver refuses a good certificate: {alert}")
                continue
            if answer or alert is None or "alert" not in str(alert).lower():
                raise Failure(f"a client certificate {name} was not refused by an alert: {answer or alert}")
            count += 1
        servers = matrix(
            lab, folder, [x509.DNSName("secure-receiver")], SERVER, CLIENT, [], [x509.DNSName("secure-receiver.example")])
        if not clock_is_synchronised():
            # Without a clock to trust a sender knows only that it is not earlier than it was: the future may be now.
            del servers["not yet valid"]
            print("skipped: a receiver certificate not yet valid (this computer's clock is not synchronised)")
        for name, (certificate, key) in servers.items():
            code, moved, said = show_sender(lab, folder, options.sender, certificate, key)
            if name == "good":
                if code in (0, 77) or moved:
                    raise Failure(f"the sender refuses a good certificate ({code}): {said}")
                continue
            if code != 77 or moved or not said.startswith("Authentication failed"):
                raise Failure(f"a receiver certificate {name}: the sender ended with {code}: {said}")
            count += 1
    print(f"ok: all {count} certificates are refused")


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"certificate_matrix.py: {error}")
