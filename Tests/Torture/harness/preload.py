"""Small libraries in C that are put between a program and its libc."""

import subprocess

from .part import PROJECT


def build(name, folder, *flags):
    """`Tests/Torture/harness/<name>.c` as a library in `folder`."""
    library = folder / f"{name}{''.join(flags).replace('=', '')}.so"
    source = PROJECT / "Tests/Torture/harness" / f"{name}.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", *flags, "-o", library, source, "-ldl"], check=True)
    return library
