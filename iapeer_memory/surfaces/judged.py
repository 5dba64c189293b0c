"""From a verdict to what is said of it: a state, and the command that mends it. Pure."""

from __future__ import annotations

import shlex

from iapeer_memory.domain.errors import FileRefused, printable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.ledger import FIGHT_LIMIT, Ledger, key_of
from iapeer_memory.surfaces.part import Verdict
from iapeer_memory.surfaces.state import SurfaceState
from iapeer_memory.surfaces.view import View


def remedy(peer: Peer, harness: str) -> str:
    """The command that puts one peer's surfaces in place, whatever its owner did before."""
    folder = shell_word(peer.cwd)
    return f"iapeer-memory provision-peer --cwd {folder} --runtime {harness} --personality {peer.personality}"


def shell_word(path: str) -> str:
    """The path as one word for a shell, on one line whatever is in it."""
    if path.isprintable():
        return shlex.quote(path)

    def spelled(char: str) -> str:
        return "".join(f"\\0{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))

    escaped = "".join(c if c.isprintable() and c != "\\" else spelled(c) for c in path)
    return f'"$(printf %b {shlex.quote(escaped)})"'


def is_given_up(ledger: Ledger, key: str, path: str, verdict: Verdict) -> bool:
    """Whether our part was now taken out, of the very file we put it in, as often as we are willing to put it back."""
    gone = verdict.kind == "missing" and ledger.placed.get(key) == path
    return gone and ledger.removed.get(key, 0) + 1 >= FIGHT_LIMIT


def state_of(view: View, peer: Peer, harness: str, verdict: Verdict, *, surface: str, path: str) -> SurfaceState:
    """A verdict as a state: what the owner took out twice and what cannot be used is not ours to heal."""
    if verdict.kind == "ok":
        return SurfaceState(surface, "ok", "", path)
    if verdict.kind == "refused":
        return SurfaceState(surface, "warn", verdict.detail, path, verdict.remedy)
    if is_given_up(view.ledger, key_of(peer.personality, harness, surface), path, verdict):
        return SurfaceState(surface, "warn", "removed-by-owner (twice)", path, remedy(peer, harness))
    return SurfaceState(surface, "drift", verdict.detail, path)


def reason(error: FileRefused | OSError) -> str:
    """One line for an outcome."""
    if isinstance(error, FileRefused):
        return error.line()
    text = error.strerror or str(error)
    return f"{printable(str(error.filename))}: {text}" if error.filename else text
