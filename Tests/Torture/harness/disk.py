"""A file system of a part's own, on a loop device; root only."""

import fcntl
import os
import struct
import subprocess
import time

from .part import Failed

# ioctl_xfs_goingdown(2), which ext4 has as well: the disk takes nothing more, not even what waits in the journal.
GOING_DOWN, WITHOUT_FLUSH = 0x8004587D, 2


class Disk:
    def __init__(self, folder, kind="ext4", mib=512, options=()):
        self.image, self.mounted_at, self.kind = folder / "disk", folder / "mounted", kind
        folder.mkdir(parents=True, exist_ok=True)
        self.mounted_at.mkdir(exist_ok=True)
        with open(self.image, "wb") as image:
            image.truncate(mib << 20)
        self.run(f"mkfs.{kind}", "-q", *options, self.image)
        self.mount()

    def mount(self):
        self.run("mount", "-o", "loop", self.image, self.mounted_at)

    def unmount(self):
        for _ in range(50):
            if subprocess.run(["umount", self.mounted_at], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)  # somebody else looks at it: udev, for one
        self.run("umount", "--lazy", self.mounted_at)
        raise Failed(f"{self.mounted_at} is still in use")

    def remount(self, *options):
        self.run("mount", "-o", ",".join(("remount", *options)), self.mounted_at)

    def cut_power(self):
        file = os.open(self.mounted_at, os.O_RDONLY)
        try:
            fcntl.ioctl(file, GOING_DOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(file)

    def remove(self):
        self.unmount()
        self.image.unlink()

    @staticmethod
    def run(*command):
        outcome = subprocess.run(command, capture_output=True, text=True)
        if outcome.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))}: {outcome.stderr.strip()}")
