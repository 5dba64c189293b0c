"""The heap of a process that stays: few arenas, and what is free goes back to the system. Only glibc can be told."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

M_ARENA_MAX = -8
"""Source: glibc, malloc.h."""
ARENAS = 1


def stay_small() -> None:
    """Let all threads share one arena: each keeps what was freed in it for itself. Before any thread is started."""
    if (mallopt := _of_libc("mallopt")) is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Hand what is free to the system now."""
    if (trim := _of_libc("malloc_trim")) is not None:
        trim(0)


def _of_libc(name: str) -> Callable[..., object] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
