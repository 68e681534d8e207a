"""What was sent and what was acknowledged, to be compared with what is stored."""

import json
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

from .part import Failed


# What is no refusal: all of it came, or an upload in parts goes on.
GOES_ON = {"stored", "begun", "204", "404", "not-found", "upload-offset-mismatch", "upload-completed"}


@dataclass
class Comparison:
    """Of one folder of the store. `lost`: acknowledged and not there; `stale`: there, and an older one has its name;
    `torn`: a final name with a content that nobody sent, or that its receipt does not prove."""

    files: int
    lost: list
    stale: list
    torn: list
    lone_receipts: int

    @property
    def wrong(self):
        return self.lost + self.stale + self.torn


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.sent = defaultdict(list)  # (pi, path) → digests in the order in which they were first sent
        self.acknowledged = defaultdict(list)  # (pi, path) → (digest, result)
        self.answers = Counter()  # by code
        self.forgotten = []  # held already by what was acknowledged before, and stored as if it were new
        self.offsets = {}  # (pi, path, digest) → what was told last of an upload in parts that is not stored yet
        self.offsets_told = 0
        self.taken_back = []  # offsets that were told and did not hold
        self.breaks = Counter()  # connections that ended before the last answer, by error

    @property
    def total(self):
        return self.answers["stored"]

    def send(self, pi, upload):
        with self.lock:
            known = self.sent[pi, upload.path]
            if upload.digest.hex() not in known:
                known.append(upload.digest.hex())

    def tell(self, pi, upload, offset):
        """`offset`: how far an upload in parts is said to have got; `None` for one that is said not to be there."""
        key = pi, upload.path, upload.digest
        with self.lock:
            before = self.offsets.get(key)
            if before is not None and (offset is None or offset < before):
                self.taken_back.append(f"{upload.path} was said to go on at {before}, and then at {offset}")
            self.offsets[key] = offset
            self.offsets_told += offset is not None

    def answer(self, pi, upload, answer):
        with self.lock:
            self.answers[answer.code] += 1
            if answer.code == "stored":
                self.offsets.pop((pi, upload.path, upload.digest), None)
                known, digest = self.acknowledged[pi, upload.path], upload.digest.hex()
                result = json.loads(answer.body)["result"]
                if result != "unchanged" and any(digest == earlier for earlier, _ in known):
                    self.forgotten.append(f"{upload.path} {digest[:8]} was acknowledged before, and now as {result}")
                known.append((digest, result))

    def wait_for_more(self, uploads, offsets, patience=60):
        """However busy the machine: a fault before there is any load shows nothing."""
        uploads, offsets, deadline = self.total + uploads, self.offsets_told + offsets, time.monotonic() + patience
        while self.total < uploads or self.offsets_told < offsets:
            if time.monotonic() > deadline:
                raise Failed(f"in {patience} s only {self.total} uploads were acknowledged instead of {uploads}, and {self.offsets_told} offsets told instead of {offsets}")
            time.sleep(0.002)

    def broke(self, error):
        with self.lock:
            self.breaks[type(error).__name__] += 1

    def refused(self):
        return sum(count for code, count in self.answers.items() if code not in GOES_ON)

    def compare(self, store, pi, folder):
        """Everything that was ever sent by `pi` below `folder`, current and earlier versions."""
        # Uploads may go on: what was acknowledged before the look at the store counts, and what was sent until after it.
        with self.lock:
            before = {path: list(known) for path, known in self.acknowledged.items()}
        sound, torn, lone = store.files(f"{pi}/{folder}")
        versions, torn_versions, lone_versions = store.files(f"{pi}/.versions/{folder}")
        result = Comparison(len(sound) + len(versions), list(self.forgotten), [], torn + torn_versions, lone + lone_versions)
        with self.lock:
            paths = {path: (list(sent), before.get((owner, path), ())) for (owner, path), sent in self.sent.items()
                     if owner == pi and path.startswith(f"{folder}/")}
        for path, (sent, acknowledged) in paths.items():
            current = sound.pop(f"{pi}/{path}", None)
            held = {current} | {digest for digest in sent if versions.get(f"{pi}/.versions/{path}/{digest}") == digest}
            result.lost += [f"{path} {digest[:8]} ({what})" for digest, what in acknowledged if digest not in held]
            if current is not None and current not in sent:
                result.torn.append(f"{path} holds what nobody sent")
            elif current is not None:
                moved = [sent.index(digest) for digest, what in acknowledged if what != "unchanged"]
                if moved and sent.index(current) < max(moved):
                    result.stale.append(f"{path} is an older version than the last that was acknowledged")
        result.torn += [f"{name} was never sent" for name in sound]
        return result
