"""Who a session is, as far as that can be checked: one name for a project's folder, and names that are none.

The triple (root, harness, session) is context, never authority: whoever may open the socket may say what it likes.
The root is made canonical once, by the router; nobody does it again. No case is folded and no repository looked for:
a linked worktree is a root of its own. Source: subc-protocol 0.1.0, but for relative roots, which it took.
"""

from __future__ import annotations

from dataclasses import dataclass
from os.path import isabs

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import Unreadable, printable

SHOWN = 300
LONGEST_NAME = 256
"""Bytes of a harness or a session."""


@dataclass(frozen=True, slots=True)
class Root:
    """A project's folder: its one canonical path, or why there is none ("" where there is one)."""

    path: str
    refused: str = ""


def resolved_root(files: Files, path: str) -> Root:
    """Follow links and dots to the one name of what is there. Touches the disk, and may wait for it."""
    shown = printable(path[:SHOWN])
    if not isabs(path):
        return Root("", f"project root is not absolute: {shown}")
    if "\0" in path:
        return Root("", f"failed to canonicalize project root {shown}: it holds a zero byte")
    try:
        if files.stat(path) is None:
            return Root("", f"project root does not exist: {shown}")
        canonical = files.realpath(path)
    except (Unreadable, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, Unreadable) else str(error)
        return Root("", f"failed to canonicalize project root {shown}: {reason}")
    try:
        canonical.encode()
    except UnicodeEncodeError:
        return Root("", f"failed to canonicalize project root {shown}: its real path is not UTF-8")
    return Root(canonical)


def name_refused(what: str, name: str) -> str | None:
    """Why a harness or a session is refused, or None. What it says is nobody's business."""
    if not name.strip():
        return f"{what} is empty"
    if len(name) > LONGEST_NAME or len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        return f"{what} is longer than {LONGEST_NAME} bytes"
    return None
