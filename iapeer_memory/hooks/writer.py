"""Which peer wrote: what the session's environment says, else whose folder the session works in. A claim, no proof.

Imports nothing heavy: the post-write hook comes this way. Never guesses: where nothing says who, nobody did.

Source: the reference core's writer identity (PEER_PERSONALITY, then IAPEER_MEMORY_AGENT_NAME) and the ecosystem's
identity, `<runtime>-<personality>`.
"""

from __future__ import annotations

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUNTIMES = ("claude-", "codex-")
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
SIGNS = LETTERS | frozenset("0123456789-")


def named_by(environ: Mapping[bytes, bytes]) -> str | None:
    """The personality that the environment names, None where it names none that could be one."""
    for name in (b"PEER_PERSONALITY", b"IAPEER_MEMORY_AGENT_NAME"):
        text = environ.get(name, b"").decode("utf-8", "replace").strip()
        if text:
            return text if is_personality(text) else None
    text = environ.get(b"PEER_IDENTITY", b"").decode("utf-8", "replace").strip()
    for runtime in RUNTIMES:
        if text.startswith(runtime) and is_personality(text[len(runtime) :]):
            return text[len(runtime) :]
    return text if is_personality(text) else None


def is_personality(text: str) -> bool:
    """Whether the text may name a peer: the rule of `domain.peer`."""
    return 0 < len(text) <= 32 and text[0] in LETTERS and all(sign in SIGNS for sign in text)


def owner_of(folders: Sequence[str], fleet: object) -> str | None:
    """The peer whose folder one of these is or lies in, the nearest one; the first of the folders that has any.

    `fleet`: the parsed fleet map. A folder is known by its spelling, else by what it and those above it really are.
    """
    from os.path import realpath

    peers = rows(fleet)
    real: dict[tuple[int, int], str] | None = None
    for folder in folders:
        if not is_plain(folder):
            continue
        if (name := peers.get(folder.rstrip("/"))) is not None:
            return name
        if real is None:
            real = {place: name for cwd, name in peers.items() if (place := what_is(cwd)) is not None}
        for above in upwards(realpath(folder)):
            if (name := real.get(what_is(above) or (0, 0))) is not None:
                return name
    return None


def rows(fleet: object) -> dict[str, str]:
    """Folder → personality of each whole entry."""
    listed = fleet.get("peers") if isinstance(fleet, dict) else None
    found: dict[str, str] = {}
    for row in listed if isinstance(listed, list) else ():
        name, cwd = (row.get("personality"), row.get("cwd")) if isinstance(row, dict) else (None, None)
        if isinstance(name, str) and isinstance(cwd, str) and is_personality(name.strip()) and cwd.startswith("/"):
            found.setdefault(cwd.strip().rstrip("/") or "/", name.strip())
    return found


def is_plain(folder: str) -> bool:
    """Whether it is an absolute path without turns."""
    parts = folder.rstrip("/").split("/")
    return len(parts) > 1 and not parts[0] and "\0" not in folder and not {"", ".", ".."} & set(parts[1:])


def upwards(folder: str) -> list[str]:
    """The folder and what is above it, without the root."""
    found = []
    while folder.strip("/"):
        found.append(folder)
        folder = folder.rpartition("/")[0]
    return found


def what_is(path: str) -> tuple[int, int] | None:
    """Device and number of a folder; None where there is none."""
    try:
        found = posix.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
