#!/usr/bin/env python3
"""Runs a program under the system call filter of a systemd unit, without systemd.

    Tests/Interop/under_unit.py [--fatal] UNIT -- PROGRAM [ARGUMENT]…

    --fatal   a call that is not allowed ends the program, instead of failing

The filter is made of the unit's own lines, SystemCallFilter=, SystemCallErrorNumber=, RestrictAddressFamilies= and
MemoryDenyWriteExecute=, and of what `systemd-analyze syscall-filter` says is in each group, for this machine's architecture
(x86-64 or arm64). As under systemd, the program and all that it starts cannot get rid of it. Other lines of the unit have
no effect here.
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
LOAD, AND, EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, THIRD_ARGUMENT = 0, 4, 16, 32
WRITE, EXECUTE = 2, 4
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


def refused_families(unit, known, refusal):
    families = [getattr(socket, name) for name in values(unit, "RestrictAddressFamilies")[0]]
    code = [instruction(LOAD, NUMBER), instruction(EQUAL, known["socket"], 0, len(families) + 2)]
    code += [instruction(LOAD, FIRST_ARGUMENT)]
    code += [instruction(EQUAL, family, len(families) - index, 0) for index, family in enumerate(families)]
    return code + [instruction(RETURN, refusal)]


def refused_memory(unit, known, refusal):
    """What can be written and run, as systemd has it: mapped so from the beginning, or made so later."""
    code = []
    for name, bits in (("mmap", WRITE | EXECUTE), ("mprotect", EXECUTE), ("pkey_mprotect", EXECUTE)):
        code += [instruction(LOAD, NUMBER), instruction(EQUAL, known[name], 0, 4)]
        code += [instruction(LOAD, THIRD_ARGUMENT), instruction(AND, bits), instruction(EQUAL, bits, 0, 1)]
        code += [instruction(RETURN, refusal)]
    return code if values(unit, "MemoryDenyWriteExecute") == [["yes"]] else []


def program(unit, is_fatal):
    def refusal(code):
        return KILL if is_fatal else ERROR | code

    known = numbers()
    code = [instruction(LOAD, ARCHITECTURE), instruction(EQUAL, ARCHITECTURES[platform.machine()], 1, 0)]
    code += [instruction(RETURN, KILL)]
    code += refused_families(unit, known, refusal(errno.EAFNOSUPPORT))
    code += refused_memory(unit, known, refusal(errno.EPERM)) + [instruction(LOAD, NUMBER)]
    for number in sorted(known[name] for name in allowed(unit) if name in known):
        code += [instruction(EQUAL, number, 0, 1), instruction(RETURN, ALLOW)]
    return code + [instruction(RETURN, refusal(getattr(errno, values(unit, "SystemCallErrorNumber")[0][0])))]


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
