"""The rule for the day a core arrives on a host that went by our own registry. Pure.

The rule, as written down for operators:

1. The core's list becomes the truth about who the peers are. Our registry gives only the pauses from then on.
2. A peer of ours whose folder (its real path) is a peer of the core's is *taken over*: it goes by the core's name and
   runtimes. Where the names differ both are reported, because notes carry the old author. Its pause moves along.
3. A peer of ours whose folder the core does not know is *kept, inactive*: its entry stays in `fleet.toml`, nothing of
   it is swept and nothing is taken out of its folder. Its owner either makes it a peer of the core
   (`iapeer init DIR`) or lets it go (`iapeer-memory peer remove NAME`).
4. A name of ours that the core uses for another folder is a *conflict*: reported, and the entry of ours is inactive.
5. Nothing is deleted. When the core is gone again, `fleet.toml` counts again as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iapeer_memory.domain.peer import Peer


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A peer of ours and the core's peer in the same folder."""

    ours: Peer
    core: Peer

    @property
    def renamed(self) -> bool:
        """Whether the core calls it otherwise."""
        return self.ours.personality != self.core.personality


@dataclass(frozen=True, slots=True)
class Conflict:
    """A name that stands for one folder here and for another one in the core."""

    ours: Peer
    core: Peer


@dataclass(frozen=True, slots=True)
class Handover:
    """What becomes of each entry of our registry; `paused`: the names to pause from now on, in the core's spelling."""

    taken: tuple[TakenOver, ...]
    inactive: tuple[Peer, ...]
    conflicts: tuple[Conflict, ...]
    paused: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """What the operator should read: one line an entry that is renamed, inactive or in conflict."""
        renamed = [
            f"{t.ours.personality} is {t.core.personality} in the core: notes written so far keep the old author"
            for t in self.taken
            if t.renamed
        ]
        waiting = [
            f"{p.personality} ({p.cwd}) is unknown to the core and waits: "
            f"run `iapeer init` in that folder, or iapeer-memory peer remove {p.personality}"
            for p in self.inactive
        ]
        clashes = [
            f"{c.ours.personality} is {c.ours.cwd} here and {c.core.cwd} in the core; the core's counts: "
            f"iapeer-memory peer remove {c.ours.personality}"
            for c in self.conflicts
        ]
        return tuple(renamed + waiting + clashes)


def hand_over(ours: Sequence[Peer], core: Sequence[Peer], *, realpath: Callable[[str], str]) -> Handover:
    """Apply the rule above. `ours` and `core` are each free of duplicates."""
    by_folder = {realpath(peer.cwd): peer for peer in core}
    by_name = {peer.personality: peer for peer in core}
    taken: list[TakenOver] = []
    inactive: list[Peer] = []
    conflicts: list[Conflict] = []
    for peer in ours:
        if (same := by_folder.get(realpath(peer.cwd))) is not None:
            taken.append(TakenOver(peer, same))
        elif (namesake := by_name.get(peer.personality)) is not None:
            conflicts.append(Conflict(peer, namesake))
        else:
            inactive.append(peer)
    paused = tuple(sorted({t.core.personality for t in taken if t.ours.paused}))
    return Handover(tuple(taken), tuple(inactive), tuple(conflicts), paused)
