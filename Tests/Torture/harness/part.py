"""A part's options, its figures and its verdict."""

import argparse
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent.parent
CLONE_NEWNS = 0x00020000
SKIPPED = 77  # automake's code for a test that could not be made


class Failed(Exception):
    """What does not hold, as a sentence."""


def options(text, rounds, short, add=lambda parser: None):
    """`rounds`, `short`: how many by default, and with --short."""
    parser = argparse.ArgumentParser(description=text.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, help=f"how often (default: {rounds})")
    parser.add_argument("--short", action="store_true", help=f"the form that scripts/test takes ({short} rounds)")
    parser.add_argument("--programs", type=Path, default=PROJECT / ".build/debug", help="default: what `swift build` made")
    add(parser)
    chosen = parser.parse_args()
    if chosen.rounds is not None and chosen.rounds < 1:
        parser.error("--rounds takes a number from 1 on")
    chosen.rounds = chosen.rounds or (short if chosen.short else rounds)
    chosen.programs = chosen.programs.resolve()
    return chosen


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def needs_root():
    if os.geteuid() != 0:
        skip("needs root")
    # The disks of a part are mounted for it alone, and gone with it (mount_namespaces(7)). A copy in somebody's container would keep
    # a disk whose power was cut from being mounted anew.
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        skip(f"needs mounts of its own ({os.strerror(ctypes.get_errno())})")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def needs_commands(*names):
    # Debian keeps mkfs and mount out of the PATH of all but root.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for name in names:
        if shutil.which(name) is None:
            raise SystemExit(f"FAILED: there is no {name}. Type:  scripts/bootstrap --with-torture")


@contextmanager
def work_folder():
    folder = Path(tempfile.mkdtemp(prefix="secure-upload-torture-"))
    try:
        yield folder
    except BaseException:
        print(f"what is left of it: {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder)


def run(main):
    """Runs a part; what it finds wrong is its last line and its exit code."""
    begin = time.monotonic()
    # So that what was begun is ended: receivers, mounted disks.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("FAILED: stopped from outside"))
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED: {failure}")
    print(f"passed in {time.monotonic() - begin:.0f} s")


def expect(holds, what):
    if not holds:
        raise Failed(what)


def tell(**figures):
    """One line of figures: `rounds 200, acknowledged 81,204, lost 0`."""
    said = (f"{value:,}" if isinstance(value, int) else f"{value:.1f}" if isinstance(value, float) else f"{value}" for value in figures.values())
    print(", ".join(f"{name.replace('_', ' ')} {text}" for name, text in zip(figures, said)), flush=True)
