"""What lies in a store, judged from docs/protocol.md ("Receipts on disk") alone."""

import base64
import hashlib
import json
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .client import certificate_key, is_signed

NOTES = (".receiver/tmp", ".receiver/replacing", ".receiver/creating")


class Unsound(Exception):
    """Why a stored file is torn, or cannot be verified."""


class Store:
    def __init__(self, folder, certificates):
        """`certificates`: the folder of those that the receiver kept."""
        self.folder, self.certificates, self.keys = Path(folder), Path(certificates), {}

    def temporaries(self):
        return {f"{notes}/{name.name}" for notes in NOTES for name in (self.folder / notes).iterdir()}

    def partials(self):
        """What is kept of uploads in parts."""
        return {str(path.relative_to(self.folder)) for path in (self.folder / ".receiver/partials").rglob("*") if path.is_file()}

    def files(self, below):
        """All files under a final name in one of the store's folders: relative path → digest. Then what is wrong with
        others, and how many receipts lie there without a file."""
        sound, doubtful, lone = {}, {}, 0
        for path in (self.folder / below).rglob("*"):
            if not path.is_file():
                continue
            if path.suffix == ".sha256":
                lone += not path.with_suffix("").exists()
            else:
                self.judge(path, sound, doubtful)
        if doubtful:
            # A replacement may have been under way: its two names change one after the other.
            time.sleep(0.05)
            for path in list(doubtful):
                self.judge(path, sound, doubtful)
        return sound, [f"{path.relative_to(self.folder)}: {error}" for path, error in doubtful.items()], lone

    def judge(self, path, sound, doubtful):
        try:
            sound[str(path.relative_to(self.folder))] = self.examine(path)
            doubtful.pop(path, None)
        except (Unsound, OSError) as error:
            doubtful[path] = error

    def examine(self, path):
        """The digest of a file whose receipt is good."""
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        sidecar = path.with_name(path.name + ".sha256")
        if not sidecar.exists():
            raise Unsound(f"{len(content)} bytes, and no receipt")
        *lines, last = sidecar.read_text().splitlines() or [""]
        if last != f"{digest}  ./{path.name}":
            raise Unsound(f"{len(content)} bytes, and the receipt of another content ({last!r})")
        parts = {key: [line[len(key) + 3:] for line in lines if line.startswith(f"# {key} ")] for key in
                 ("certificate", "json", "base", "signature")}
        if [len(parts[key]) for key in ("certificate", "json", "signature")] != [1, 1, 1]:
            raise Unsound("a receipt that is not whole")
        told = json.loads(parts["json"][0])
        told_digest = base64.b64encode(hashlib.sha256(parts["json"][0].encode()).digest()).decode()
        signature = base64.b64decode(parts["signature"][0].strip(":"))
        if (told["sha256"], told["size"]) != (digest, len(content)):
            raise Unsound("a receipt of another content")
        if f'"content-digest": sha-256=:{told_digest}:' not in parts["base"]:
            raise Unsound("a receipt whose signature is not of its JSON")
        if not is_signed("\n".join(parts["base"]).encode(), signature, self.key(parts["certificate"][0])):
            raise Unsound("a receipt with a wrong signature")
        return digest

    def key(self, fingerprint):
        if fingerprint not in self.keys:
            pem = (self.certificates / f"{fingerprint}.pem").read_bytes()
            found, key = certificate_key(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))
            if found != fingerprint:
                raise Unsound(f"{fingerprint}.pem is another certificate")
            self.keys[fingerprint] = key
        return self.keys[fingerprint]
