"""A deployment as `provision` makes it, and its receiver as a process of ours."""

import os
import re
import signal
import ssl
import subprocess
import time
from pathlib import Path

from .part import Failed

PATIENCE = 60
CLOCK_TICK = os.sysconf("SC_CLK_TCK")


class Identity:
    """A Pi: its name, its secret, and what it takes to connect as it."""

    def __init__(self, folder):
        self.folder, self.name = folder, folder.name
        secret = re.search(r"^secret='([0-9a-f]+)'", (folder / "secret.py").read_text(), re.MULTILINE)
        # The key is the text of the digits, not the bytes that they stand for.
        self.key = secret[1].encode()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self.tls.load_verify_locations(folder / "ca.pem")
        self.tls.load_cert_chain(folder / "pi.pem")


class Lab:
    def __init__(self, programs, folder, pis=1, store=None):
        self.programs, self.folder = programs, folder
        folder.mkdir(parents=True)
        self.provision("new-pi", "--count", pis)
        self.identities = [Identity(pi) for pi in sorted((folder / "pis").iterdir()) if pi.is_dir()]
        self.store = store or folder / "received_files"
        self.log = folder / "receiver.log"
        self.port = 0

    def provision(self, *words):
        command = [self.programs / "provision", *map(str, words)]
        outcome = subprocess.run(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        if outcome.returncode != 0:
            raise Failed(f"provision {' '.join(map(str, words))} ended with {outcome.returncode}:\n{outcome.stderr}")

    def start(self, wrapper=(), environment=None, options=()):
        """A receiver that listens; after the first time on the same port, so that senders find it again."""
        return Receiver(self, wrapper, environment or {}, options)


class Receiver:
    def __init__(self, lab, wrapper, environment, options):
        with open(lab.log, "ab") as log:
            self.log_begins = log.seek(0, os.SEEK_END)
            self.process = subprocess.Popen(
                [*wrapper, lab.programs / "secure-receiver", "--cert", "certs/server.pem", "--listen", "127.0.0.1",
                 "--port", str(lab.port), "--store", lab.store, *options],
                cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | {"SWIFT_BACKTRACE": "enable=no"} | environment)
        self.lab, self.pid = lab, self.process.pid
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(r"Listening on https://127\.0\.0\.1:(\d+)", self.said())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"the receiver did not start:\n{self.said()[-2000:]}")
            time.sleep(0.005)
        lab.port = int(match[1])

    def said(self):
        with open(self.lab.log, "rb") as log:
            log.seek(self.log_begins)
            return log.read().decode(errors="replace")

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        """As a service manager does."""
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        if code != 0:
            raise Failed(f"the receiver ended with {code}:\n{self.said()[-2000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def freeze(self):
        """SIGSTOP, and back when every thread has ended the system call that it was in."""
        self.process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + PATIENCE
        while any(self.state(task) not in "TZ" for task in Path(f"/proc/{self.pid}/task").iterdir()):
            if time.monotonic() > deadline:
                raise Failed("the receiver cannot be stopped")
            time.sleep(0.001)

    @staticmethod
    def state(task):
        # proc(5): behind the name, which may hold blanks and parentheses.
        return (task / "stat").read_text().rpartition(") ")[2][0]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICK

    def peak_mib(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)[1]) / 1024
