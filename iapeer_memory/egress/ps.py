"""Looks at the process table where there is no procfs: the lines of `ps`. Pure. Not yet run on macOS.

Source: the POSIX and BSD manuals of ps(1) for the columns.
"""

from __future__ import annotations

import time

from iapeer_memory.domain.door import ProcessInfo

COLUMNS = "pid=,uid=,stat=,lstart=,command="
DEAD = ("Z", "X", "x")
BEFORE_START = 3
START_WORDS = 5
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_ps(text: str) -> tuple[ProcessInfo, ...]:
    """The processes in the output of `ps -ww -o pid=,uid=,stat=,lstart=,command=` under LC_ALL=C.

    `argv` is split at blanks, since ps does not say where words end. Lines that do not fit are left out, as are
    zombies.
    """
    found: list[ProcessInfo] = []
    known = BEFORE_START + START_WORDS
    for line in text.splitlines():
        words = line.split(None, known)
        if len(words) < known or not (words[0].isdecimal() and words[1].lstrip("-").isdecimal()):
            continue
        if words[2].startswith(DEAD):
            continue
        start = words[BEFORE_START:known]
        argv = tuple(words[known].split()) if len(words) > known else ()
        uid = int(words[1]) & 0xFFFFFFFF
        found.append(ProcessInfo(int(words[0]), uid, argv, f"ps:{' '.join(start)}", parse_start(start)))
    return tuple(found)


def parse_start(words: list[str]) -> float | None:
    """`Mon Nov 17 09:12:45 2025`, local time, in seconds since the epoch; None when it is no such date."""
    try:
        _, month, day, clock, year = words
        hour, minute, second = (int(part) for part in clock.split(":"))
        return time.mktime((int(year), MONTHS.index(month) + 1, int(day), hour, minute, second, 0, 0, -1))
    except (ValueError, OverflowError):
        return None
