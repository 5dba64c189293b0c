"""What every runtime does first when it starts: takes its real folder as its own, not the link `current`, and maps its
own record, so that the process can be seen to use it. memoryd's own executable, started bare, then becomes memoryd.

Without the first, a process that was started by way of `current` would import what it needs later from whatever
runtime is current by then, and run two versions at once. Without the second, a runtime could be cleared away under a
process that has no native module of it loaded. The third is how a broker starts a daemon: by its executable, without
arguments, and with nothing of this host's settings in the environment; those lie beside the runtimes. Texts only;
nothing is run here.
"""

from __future__ import annotations

MODULE = "_iapeer_memory_anchor"
SOURCE = b'''"""Takes the real folder of this runtime as its prefix. Generated with the runtime."""

import mmap
import os
import sys


def settle():
    """Called each time `site` visits the folder; the last visit leaves it on the search path once."""
    real = os.path.realpath(sys.prefix)
    settle.old = settle.old or sys.prefix + os.sep
    old = settle.old
    moved = (real + os.sep + p[len(old) :] if p.startswith(old) else p for p in sys.path)
    sys.path[:] = dict.fromkeys(moved)
    sys.prefix = sys.exec_prefix = real
    if settle.mapped is None:
        try:
            with open(os.path.join(real, "runtime.json"), "rb") as record:
                settle.mapped = mmap.mmap(record.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            pass


def become():
    """`bin/memoryd` without arguments: memoryd, with what it inherited and the settings of this host."""
    if len(sys.orig_argv) != 1 or os.path.basename(sys.executable) != "memoryd":
        return
    place = os.path.join(os.path.dirname(os.path.dirname(sys.prefix)), "memoryd.env")
    try:
        with open(place, "rb") as file:
            lines = file.read().splitlines()
    except OSError as error:
        line = f"memoryd does not start: {place}: {error.strerror}; fix: iapeer-memory verify --repair\\n"
        os.write(2, os.fsencode(line))
        os._exit(78)
    given = dict(line.split(b"=", 1) for line in lines if b"=" in line)
    words = [sys.executable, "-I", "-m", "iapeer_memory", "memoryd"]
    os.execve(sys.executable, words, {**os.environb, **given})


settle.old = ""
settle.mapped = None
'''

FILES: tuple[tuple[str, bytes], ...] = (
    (f"{MODULE}.py", SOURCE),
    (f"{MODULE}.pth", f"import {MODULE} as a; a.settle(); a.become()\n".encode()),
)
"""(path below site-packages, bytes)."""
