"""Which file a process runs: asked of the kernel, never of the process. Read-only.

Source: proc(5) on Linux; `proc_pidpath` of libproc on macOS, not yet run there.
"""

from __future__ import annotations

import os
import sys

DELETED = " (deleted)"
TRIAL = ("-I", "-c", "import sys; print(sys.executable); print(sys.prefix)")
"""What an interpreter is asked, to see whether it runs and what it takes itself for."""
PATH_BYTES = 4096


def executable_path(pid: int) -> str | None:
    """The file as the kernel names it; None when the process is gone or not ours to look at.

    `path (deleted)` where another file has been put in its place, or none (Linux).
    """
    if sys.platform == "darwin":
        return _darwin_path(pid)
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def image_path(pid: int, path: str) -> str:
    """Where the bytes that run can be read, even when their name is gone (Linux); elsewhere the name."""
    return path if sys.platform == "darwin" else f"/proc/{pid}/exe"


def _darwin_path(pid: int) -> str | None:
    import ctypes

    found = ctypes.create_string_buffer(PATH_BYTES)
    length = ctypes.CDLL("/usr/lib/libproc.dylib").proc_pidpath(pid, found, PATH_BYTES)
    return os.fsdecode(found.raw[:length]) if length > 0 else None
