"""Who the peers are: the core's word, doubted; our own registry where there is no core."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from iapeer_memory.domain.peer import Peer
from iapeer_memory.ecosystem.core import CoreRow, Listing
from iapeer_memory.fleet.handover import hand_over
from iapeer_memory.fleet.registry import Registry
from iapeer_memory.fleet.source import NoPeers, PeerList, peers_now

OURS = Registry((Peer("mine", "/mine", ("claude",)),), ("alpha",))


@dataclass
class Asked:
    listing: Listing

    def list(self) -> Listing:
        return self.listing


def peers(*rows: CoreRow, problems: tuple[str, ...] = ()) -> PeerList | NoPeers:
    return peers_now(Asked(Listing(rows, problems)), OURS, realpath=os.path.normpath)


def test_without_a_core_our_registry_counts() -> None:
    assert peers_now(None, OURS, realpath=os.path.normpath) == PeerList(OURS.peers, "registry")


def test_with_a_core_its_list_counts_and_our_pauses_apply() -> None:
    found = peers(CoreRow("alpha", "/a", ("claude",)), CoreRow("tim", "/t", ("telegram",)), problems=("x",))
    assert found == PeerList(
        (Peer("alpha", "/a", ("claude",), paused=True), Peer("tim", "/t", ("telegram",))), "core", ("x",)
    )


@pytest.mark.parametrize("refused", [False, True])
def test_a_core_that_does_not_answer_is_not_an_empty_fleet(refused: bool) -> None:
    asked = Asked(Listing(failed="no answer within 20 s", refused=refused))
    assert peers_now(asked, OURS, realpath=os.path.normpath) == NoPeers("no answer within 20 s", refused)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (CoreRow("Bad Name", "/x"), "outside [a-z]"),
        (CoreRow("bad\nname", "/x"), "bad\\nname"),
        (CoreRow("nowhere"), "without a folder"),
        (CoreRow("relative", "a/b"), "not an absolute path"),
        (CoreRow("broken", "/a\nb"), "line break"),
        (CoreRow("good", "/other"), "listed twice"),
        (CoreRow("twin", "/good/"), "has the folder of good"),
    ],
)
def test_a_row_that_is_not_believed_is_dropped_and_reported(row: CoreRow, words: str) -> None:
    found = peers(CoreRow("good", "/good", ("claude",)), row)
    assert isinstance(found, PeerList)
    assert found.peers == (Peer("good", "/good", ("claude",)),)
    (problem,) = found.problems
    assert words in problem
    assert "\n" not in problem


def test_the_day_a_core_arrives() -> None:
    ours = (
        Peer("one", "/one", ("claude",), paused=True),
        Peer("two", "/two/../2", ("codex",)),
        Peer("three", "/three", ("claude",)),
        Peer("four", "/four", ("claude",)),
    )
    core = (Peer("one", "/one", ("claude",)), Peer("deux", "/2", ("codex",)), Peer("four", "/elsewhere", ("claude",)))
    found = hand_over(ours, core, realpath=os.path.normpath)
    assert [(t.ours.personality, t.core.personality, t.renamed) for t in found.taken] == [
        ("one", "one", False),
        ("two", "deux", True),
    ]
    assert [p.personality for p in found.inactive] == ["three"]
    assert [c.ours.personality for c in found.conflicts] == ["four"]
    assert found.paused == ("one",)
    assert [line.split(" ")[0] for line in found.lines()] == ["two", "three", "four"]
