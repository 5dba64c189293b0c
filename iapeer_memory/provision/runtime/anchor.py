"""What every runtime does first when it starts: takes its real folder as its own, not the link `current`.

Without it, a process that was started by way of `current` would import what it needs later from whatever runtime is
current by then, and run two versions at once. Texts only; nothing is run here.
"""

from __future__ import annotations

MODULE = "_iapeer_memory_anchor"
SOURCE = b'''"""Takes the real folder of this runtime as its prefix. Generated with the runtime."""

import os
import sys

_real = os.path.realpath(sys.prefix)
if _real != sys.prefix:
    _old = sys.prefix + os.sep
    sys.path[:] = [_real + os.sep + p[len(_old) :] if p.startswith(_old) else p for p in sys.path]
    sys.prefix = sys.exec_prefix = _real
'''

FILES: tuple[tuple[str, bytes], ...] = (
    (f"{MODULE}.py", SOURCE),
    (f"{MODULE}.pth", f"import {MODULE}\n".encode()),
)
"""(path below site-packages, bytes)."""
