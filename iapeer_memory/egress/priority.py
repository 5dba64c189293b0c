"""How urgent the calling thread is to the kernel. Changes nothing but this thread, and only downwards."""

from __future__ import annotations

import os
import sys
import threading

BACKGROUND = 15
"""A niceness at which whatever an agent waits for goes first, and an idle core is still used whole."""


def step_back() -> None:
    """Let every other program go first from now on. Linux only: elsewhere niceness is the whole process's."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND)
