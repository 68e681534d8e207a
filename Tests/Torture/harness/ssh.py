"""An sshd of our own, as the user that we are, and what an ssh needs to reach it."""

import os
import socket
import subprocess
import time
from pathlib import Path

from .part import Failed

PATIENCE = 30


class SSHServer:
    def __init__(self, folder):
        """On a free port of loopback; nothing of the system's ssh or of the user's is read or written."""
        self.folder = folder
        folder.mkdir()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where it locks itself in as root
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nPidFile none\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n")
        with open(folder / "log", "wb") as log:
            # By its whole path: it starts itself anew for each connection.
            self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"], stdin=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while subprocess.run([*self.ssh(self.port), "true"], capture_output=True).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"sshd did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.1)

    def ssh(self, port):
        """The command that reaches it through `port`, as rsync's option -e takes it, too."""
        return [*self.options(port), "127.0.0.1"]

    def options(self, port):
        return ["ssh", "-F", "none", "-p", str(port), "-i", str(self.folder / "user"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", f"UserKnownHostsFile={self.folder}/known", "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR"]

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
