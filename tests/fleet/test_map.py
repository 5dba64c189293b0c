"""The fleet map: the reference's bytes, tolerant reading, and when it is out of date."""

from __future__ import annotations

import pytest

from iapeer_memory.domain.peer import Peer
from iapeer_memory.fleet.map import FleetMap, NoMap, changes, dump, load, same_peers, timestamp

PEERS = (
    Peer("alpha", "/Users/you/peers/al pha", ("claude", "codex")),
    Peer("beta", "/Users/you/.iapeer/peers/бета", ("telegram",), paused=True),
    Peer("gamma", "/g", ()),
)

BYTES = """{
  "updatedAt": "2026-07-03T10:00:00.007Z",
  "peers": [
    {
      "personality": "alpha",
      "cwd": "/Users/you/peers/al pha",
      "runtimes": [
        "claude",
        "codex"
      ]
    },
    {
      "personality": "beta",
      "cwd": "/Users/you/.iapeer/peers/бета",
      "runtimes": [
        "telegram"
      ]
    },
    {
      "personality": "gamma",
      "cwd": "/g",
      "runtimes": []
    }
  ]
}
"""


def test_the_bytes_are_those_of_the_reference() -> None:
    assert dump(PEERS, 1783072800.007).decode() == BYTES
    assert dump((), 0).decode() == '{\n  "updatedAt": "1970-01-01T00:00:00.000Z",\n  "peers": []\n}\n'


def test_what_is_written_is_read_back() -> None:
    found = load(dump(PEERS, 0))
    assert isinstance(found, FleetMap)
    assert [(p.personality, p.cwd, p.runtimes) for p in found.peers] == [
        (p.personality, p.cwd, p.runtimes) for p in PEERS
    ]
    assert found.updated_at == timestamp(0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "missing"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no list of peers in it"),
        (b'{"peers": {}}', "no list of peers in it"),
    ],
)
def test_no_map_says_why(data: bytes | None, reason: str) -> None:
    assert load(data) == NoMap(reason)


def test_entries_without_name_or_folder_are_passed_over() -> None:
    text = (
        b'{"peers": [1, {"personality": 3, "cwd": "/a"}, {"personality": " ", "cwd": "/a"}, {"personality": "a"},'
        b' {"personality": " b ", "cwd": " /b ", "runtimes": "claude"}, {"personality": "c", "cwd": "/c",'
        b' "runtimes": ["codex", 1, "codex"]}]}'
    )
    assert load(text) == FleetMap((Peer("b", "/b", ()), Peer("c", "/c", ("codex",))), "")


@pytest.mark.parametrize(
    ("peers", "same", "came", "went"),
    [
        (PEERS, True, (), ()),
        (tuple(reversed(PEERS)), True, (), ()),
        (PEERS[:2], False, (), ("gamma",)),
        ((*PEERS, Peer("new", "/n", ())), False, ("new",), ()),
        ((PEERS[0], PEERS[1], Peer("gamma", "/moved", ())), False, ("gamma",), ()),
        ((PEERS[0], PEERS[1], Peer("gamma", "/g", ("codex",))), False, ("gamma",), ()),
        ((Peer("alpha", "/Users/you/peers/al pha", ("codex", "claude"), paused=True), *PEERS[1:]), True, (), ()),
    ],
)
def test_when_the_map_is_out_of_date(
    peers: tuple[Peer, ...], same: bool, came: tuple[str, ...], went: tuple[str, ...]
) -> None:
    known = load(dump(PEERS, 0))
    assert (same_peers(known, peers), changes(known, peers)) == (same, (came, went))


def test_without_a_map_everybody_is_new() -> None:
    assert not same_peers(NoMap("missing"), ())
    assert changes(NoMap("missing"), PEERS) == (("alpha", "beta", "gamma"), ())
