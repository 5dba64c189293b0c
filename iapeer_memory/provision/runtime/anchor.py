"""What every runtime does first when it starts: takes its real folder as its own, not the link `current`.

Without it, a process that was started by way of `current` would import what it needs later from whatever runtime is
current by then, and run two versions at once. Texts only; nothing is run here.
"""

from __future__ import annotations

MODULE = "_iapeer_memory_anchor"
SOURCE = b'''"""Takes the real folder of this runtime as its prefix. Generated with the runtime."""

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


settle.old = ""
'''

FILES: tuple[tuple[str, bytes], ...] = (
    (f"{MODULE}.py", SOURCE),
    (f"{MODULE}.pth", f"import {MODULE}; {MODULE}.settle()\n".encode()),
)
"""(path below site-packages, bytes)."""
