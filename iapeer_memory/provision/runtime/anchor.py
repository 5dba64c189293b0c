"""What every runtime does first when it starts: takes its real folder as its own, not the link `current`, and maps its
own record, so that the process can be seen to use it.

Without the first, a process that was started by way of `current` would import what it needs later from whatever
runtime is current by then, and run two versions at once. Without the second, a runtime could be cleared away under a
process that has no native module of it loaded. Texts only; nothing is run here.
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


settle.old = ""
settle.mapped = None
'''

FILES: tuple[tuple[str, bytes], ...] = (
    (f"{MODULE}.py", SOURCE),
    (f"{MODULE}.pth", f"import {MODULE}; {MODULE}.settle()\n".encode()),
)
"""(path below site-packages, bytes)."""
