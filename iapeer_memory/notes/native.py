"""What harnesses have remembered by themselves for the agents of a host, and the command that brings it in. Pure.

Two peers may share a folder of memories: Codex has one for all, and Claude Code makes one name of two folders that
differ in signs only. Such a folder is told once. Never moves anything: `migrate` does, when it is asked to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from shlex import quote

from iapeer_memory.domain.peer import Peer
from iapeer_memory.notes.migrate import CODEX_MADE, CODEX_SUMMARIES, INDEX, is_codex, sources

Listing = Callable[[str], Sequence[str]]
"""The names in a folder; () where it is absent or cannot be read."""


@dataclass(frozen=True, slots=True)
class Native:
    """`source`: a folder of memories; `agents`: whose they may be, the likeliest first; `notes`: how many there are."""

    source: str
    agents: tuple[str, ...]
    notes: int

    @property
    def command(self) -> str:
        """The command that says what would move."""
        return f"iapeer-memory migrate --source {quote(self.source)} --agent {self.agents[0]}"

    def line(self) -> str:
        """One line for the operator."""
        others = f" (or {', '.join(self.agents[1:])})" if self.agents[1:] else ""
        count = f"{self.notes} note{'' if self.notes == 1 else 's'}"
        return f"{count} that a harness has kept by itself; what would move: {self.command}{others}"


def natives(
    peers: Sequence[Peer], list_: Listing, *, claude_home: str, codex_home: str, realpath: Callable[[str], str]
) -> tuple[Native, ...]:  # fmt: skip
    """The folders of memories that hold notes, in the order of the peers. `realpath`: of a peer's folder."""
    owners: dict[str, dict[str, None]] = {}
    for peer in peers:
        for cwd in dict.fromkeys((peer.cwd, realpath(peer.cwd))):
            *claude, codex = sources(peer.personality, cwd, claude_home=claude_home, codex_home=codex_home)
            kept = [*(claude if "claude" in peer.runtimes else ()), *([codex] if "codex" in peer.runtimes else ())]
            for source in kept:
                owners.setdefault(source, {})[peer.personality] = None
    found = (Native(source, tuple(agents), notes_in(source, list_)) for source, agents in owners.items())
    return tuple(native for native in found if native.notes)


def notes_in(source: str, list_: Listing) -> int:
    """How many notes `migrate` would find there."""
    names = list_(source)
    if not is_codex(names):
        return sum(_is_note(name) and name != INDEX for name in names)
    below = list_(f"{source}/{CODEX_SUMMARIES}") if CODEX_SUMMARIES in names else ()
    return sum(_is_note(name) and name not in CODEX_MADE for name in names) + sum(map(_is_note, below))


def _is_note(name: str) -> bool:
    return name.endswith(".md") and not name.startswith(".")
