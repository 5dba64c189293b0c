"""A folder for the sockets of this test process's daemons: one socket address holds few bytes, and pytest's own folders
have long names. Made once, removed when the session ends."""

from __future__ import annotations

import functools
import shutil
import tempfile


@functools.cache
def runtime_folder() -> str:
    """Its path; for XDG_RUNTIME_DIR. Daemons of different homes have different names in it."""
    return tempfile.mkdtemp(prefix="im-", dir="/tmp")


def remove_runtime_folder() -> None:
    """At the end of the session."""
    shutil.rmtree(runtime_folder(), ignore_errors=True)
