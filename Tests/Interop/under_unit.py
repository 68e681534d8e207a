#!/usr/bin/env python3
"""Runs a program under the system call filter and the address families of a systemd unit, without systemd.

    Tests/Interop/under_unit.py [--fatal] UNIT -- PROGRAM [ARGUMENT]…

    --fatal   a call that is not allowed ends the program, instead of failing

The filter is made of the unit's own lines, SystemCallFilter=, SystemCallErrorNumber= and RestrictAddressFamilies=, and of
what `systemd-analyze syscall-filter` says is in each group, for this machine's architecture (x86-64 or arm64). As under
systemd, the program and all that it starts cannot get rid of it. Other lines of the unit have no effect here.
"""
import ctypes
import errno
import os
import platform
import re
import socket
import struct
import subprocess
import sys

# linux/audit.h, linux/seccomp.h, linux/filter.h, linux/prctl.h
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2


def values(unit, name):
    with open(unit, encoding="utf-8") as lines:
        return [line.split("=", 1)[1].split() for line in lines if line.startswith(name + "=")]


def members(group):
    """The system calls of a group; groups in it are opened."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, stdout=subprocess.PIPE, text=True)
    names = set()
    for line in said.stdout.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            names |= members(name)
        elif name and not name.startswith("#"):
            names.add(name)
    return names


def allowed(unit):
    """As systemd.exec(5) reads several lines: the first says what all others add to or take away from."""
    # Always possible, as the manual says of the list of what is allowed.
    names = members("@default")
    for words in values(unit, "SystemCallFilter"):
        takes_away = words[0].startswith("~")
        words[0] = words[0].lstrip("~")
        listed = set().union(*(members(word) if word.startswith("@") else {word} for word in words))
        names = names - listed if takes_away else names | listed
    return names


def numbers():
    """Of this architecture's system calls, by name, from the C library's headers."""
    said = subprocess.run(
        ["cc", "-E", "-dM", "-include", "sys/syscall.h", "-"], input="", check=True, stdout=subprocess.PIPE, text=True)
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", said.stdout)}


def instruction(code, value, if_true=0, if_false=0):
    return struct.pack("HBBI", code, if_true, if_false, value)


def program(unit, is_fatal):
    refusal = KILL if is_fatal else ERROR | getattr(errno, values(unit, "SystemCallErrorNumber")[0][0])
    family_refusal = KILL if is_fatal else ERROR | errno.EAFNOSUPPORT
    known = numbers()
    families = [getattr(socket, name) for name in values(unit, "RestrictAddressFamilies")[0]]
    code = [instruction(LOAD, ARCHITECTURE), instruction(EQUAL, ARCHITECTURES[platform.machine()], 1, 0), instruction(RETURN, KILL)]
    code += [instruction(LOAD, NUMBER), instruction(EQUAL, known["socket"], 0, len(families) + 2)]
    code += [instruction(LOAD, FIRST_ARGUMENT)]
    code += [instruction(EQUAL, family, len(families) - index, 0) for index, family in enumerate(families)]
    code += [instruction(RETURN, family_refusal), instruction(LOAD, NUMBER)]
    for number in sorted(known[name] for name in allowed(unit) if name in known):
        code += [instruction(EQUAL, number, 0, 1), instruction(RETURN, ALLOW)]
    return code + [instruction(RETURN, refusal)]


def main():
    arguments = sys.argv[1:]
    is_fatal = arguments[:1] == ["--fatal"]
    if is_fatal:
        arguments.pop(0)
    if len(arguments) < 3 or arguments[1] != "--":
        sys.exit(__doc__)
    code = b"".join(program(arguments[0], is_fatal))
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = ctypes.create_string_buffer(struct.pack("HP", len(code) // 8, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SET_SECCOMP, FILTER, ctypes.byref(filter_program), 0, 0)):
        if libc.prctl(*call) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    os.execvp(arguments[2], arguments[2:])


main()
