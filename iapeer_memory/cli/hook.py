"""`hook EVENT`: what older shims on a host call. Ours start the hook programs themselves; see templates/hooks."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import UsageError
from iapeer_memory.surfaces.shims import EVENTS, shim_path

LIMIT = 32 << 20


def main(event: Annotated[str, typer.Argument(metavar="post-write|session-start")]) -> int:
    """Run the placed shim of this event; without one, do nothing."""
    if event not in EVENTS:
        raise UsageError(f"unknown hook event {event!r}; there are {', '.join(EVENTS)}")
    host = open_host()
    shim = shim_path(host.paths, event)
    if host.door.files.stat(shim) is None:
        return 0
    payload = b"" if sys.stdin.isatty() else sys.stdin.buffer.read(LIMIT)
    result = host.door.processes.run(["/bin/sh", shim], timeout=10.0, stdin=payload, env=host.env)
    sys.stdout.write(result.stdout)
    return 0
