#!/usr/bin/env python3
"""Debian's changelog (deb-changelog(5)) out of CHANGELOG.md, on standard output.

    changelog.py PACKAGE VERSION MAINTAINER SECONDS <CHANGELOG.md

What is not yet released is that of VERSION, at SECONDS since 1970; a release has its own number and day.
"""
import datetime
import email.utils
import re
import sys
import textwrap


def entry(package, version, lines, maintainer, moment):
    # A bullet goes on in the lines that are indented.
    bullets = re.findall(r"^- (.*(?:\n  .*)*)", "\n".join(lines), re.M)
    text = [f"{package} ({version}) unstable; urgency=medium", ""]
    for bullet in bullets or ["New release."]:
        text += textwrap.wrap(
            " ".join(bullet.split()).replace("`", ""), 78, initial_indent="  * ", subsequent_indent="    ",
            break_long_words=False, break_on_hyphens=False)
    return "\n".join(text + ["", f" -- {maintainer}  {email.utils.format_datetime(moment)}"])


def main():
    package, version, maintainer, seconds = sys.argv[1:]
    now = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    entries = []
    for section in re.split(r"^## ", sys.stdin.read(), flags=re.M)[1:]:
        title, *lines = section.splitlines()
        released = re.match(r"\[([0-9][^]]*)\] - (\d{4})-(\d\d)-(\d\d)", title)
        if released:
            number, *day = released.groups()
            moment = datetime.datetime(*map(int, day), tzinfo=datetime.timezone.utc)
            entries.append(entry(package, number, lines, maintainer, moment))
        elif any(line.startswith("- ") for line in lines):
            entries.append(entry(package, version, lines, maintainer, now))
    print("\n\n".join(entries))


main()
