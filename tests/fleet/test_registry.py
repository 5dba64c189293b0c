"""Our own registry: what is read, what is refused with file and line, and what an edit leaves alone."""

from __future__ import annotations

import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.domain.errors import ConfigError, Malformed
from iapeer_memory.domain.peer import Peer
from iapeer_memory.fleet.registry import Registry, parse
from iapeer_memory.fleet.registry_edits import add, pause, remove, rename, resume

PATH = "/cfg/fleet.toml"
BOTH = ("claude", "codex")


def same(path: str) -> str:
    return os.path.normpath(path)


def read(data: bytes | None) -> Registry:
    return parse(data, PATH, realpath=same)


def put(data: bytes | None, name: str, folder: str, runtimes: tuple[str, ...] = BOTH) -> bytes:
    return add(data, Peer(name, folder, runtimes), PATH, realpath=same)


HAND = b"""# my fleet
paused = ["beta"] # on holiday
extra = 1

# the first one
[[peer]]
name = "alpha"   # me
dir = "/home/me/my projects/\xc3\xa9"

# the second one
[[peer]]
name = 'beta'
runtimes = [
  "codex",
]
dir = "/b"

[other]
x = 1
"""


def test_reads_what_a_hand_wrote() -> None:
    assert read(HAND) == Registry(
        (Peer("alpha", "/home/me/my projects/é", BOTH), Peer("beta", "/b", ("codex",), paused=True)), ("beta",)
    )


@pytest.mark.parametrize("data", [None, b"", b"\xef\xbb\xbf# nothing\r\n"])
def test_nothing_is_an_empty_registry(data: bytes | None) -> None:
    assert read(data) == Registry()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[peer]]\nname = "Alpha"\ndir = "/a"\n', 2, "'Alpha' cannot name a peer"),
        ('[[peer]]\nname = "a\\nb"\ndir = "/a"\n', 2, "cannot name a peer"),
        ('[[peer]]\nname = "' + "a" * 33 + '"\ndir = "/a"\n', 2, "cannot name a peer"),
        ('[[peer]]\ndir = "/a"\n', 1, "no name"),
        ('\n[[peer]]\nname = "a"\ndir = "a/b"\n', 4, "not an absolute path"),
        ('[[peer]]\nname = "a"\ndir = "~/b"\n', 3, "not an absolute path"),
        ('[[peer]]\nname = "a"\ndir = "/a\\nb"\n', 3, "line break or a control character"),
        ('[[peer]]\nname = "a"\ndir = "/a\\u001bb"\n', 3, "line break or a control character"),
        ('[[peer]]\nname = "a"\ndir = 3\n', 3, "dir must be a text"),
        ('[[peer]]\nname = "a"\n', 1, "dir must be a text"),
        ('[[peer]]\nname = "a"\ndir = "/a"\nruntimes = ["claude", "vim"]\n', 4, "unknown runtime"),
        ('[[peer]]\nname = "a"\ndir = "/a"\nruntimes = []\n', 4, "unknown runtime"),
        ('[[peer]]\nname="a"\ndir="/a"\n[[peer]]\nname="a"\ndir="/b"\n', 4, "taken twice (first in line 1)"),
        ('[[peer]]\nname="a"\ndir="/a"\n[[peer]]\nname="b"\ndir="/x/../a"\n', 4, "b and a share the folder /a"),
        ("x = 1\n[[peer]\n", 2, "not TOML"),
        ("<<<<<<< HEAD\n", 1, "not TOML"),
        ('paused = "a"\n', 1, "paused must be a list"),
        ('x = 1\npaused = ["A B"]\n', 2, "paused must be a list"),
        ("peer = 3\n", None, "peer must be an array"),
        ("peer = [3]\n", None, "a peer must be a table"),
        ('a = "\0"\n', 1, "not TOML"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, line: int | None, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(text.encode())
    assert (caught.value.line_number, words in caught.value.reason) == (line, True), caught.value.line()
    assert "\n" not in caught.value.line()


def test_text_that_is_not_utf8_is_named_with_its_line() -> None:
    with pytest.raises(Malformed) as caught:
        read(b'x = 1\ny = "\xff"\n')
    assert caught.value.line_number == 2


def test_the_first_peer_makes_the_file() -> None:
    data = put(None, "alpha", "/home/me/a b")
    assert read(data).peers == (Peer("alpha", "/home/me/a b", BOTH),)
    assert data.startswith(b"# ")


def test_adding_keeps_every_byte_that_was_there_and_is_idempotent() -> None:
    once = put(HAND, "gamma", "/g", ("claude",))
    assert once.startswith(HAND)
    assert read(once).get("gamma") == Peer("gamma", "/g", ("claude",))
    assert put(once, "gamma", "/g", ("claude",)) is once


def test_other_runtimes_replace_the_entry() -> None:
    changed = put(put(None, "a", "/a"), "a", "/a", ("codex",))
    assert read(changed).peers == (Peer("a", "/a", ("codex",)),)


@pytest.mark.parametrize(
    ("name", "folder", "runtimes", "words"),
    [
        ("alpha", "/elsewhere", BOTH, "belongs to"),
        ("delta", "/b", BOTH, "is the peer beta already"),
        ("Delta", "/d", BOTH, "cannot name a peer"),
        ("delta", "d", BOTH, "not an absolute path"),
        ("delta", "/d\nx", BOTH, "line break"),
        ("delta", "/d", ("vim",), "unknown runtime vim"),
        ("delta", "/d", (), "unknown runtime"),
    ],
)
def test_what_cannot_be_added(name: str, folder: str, runtimes: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        put(HAND, name, folder, runtimes)
    assert words in caught.value.line()


def test_removing_takes_the_entry_and_its_pause_and_keeps_the_rest() -> None:
    data = remove(HAND, "beta", PATH, realpath=same)
    assert read(data) == Registry((Peer("alpha", "/home/me/my projects/é", BOTH),), ())
    for kept in (b"# my fleet", b"# on holiday", b"# the first one", b'name = "alpha"   # me', b"[other]\nx = 1"):
        assert kept in data
    assert remove(data, "beta", PATH, realpath=same) is data


def test_add_then_remove_gives_the_bytes_back() -> None:
    for start in (HAND, b'[[peer]]\nname = "a"\ndir = "/a"\n', HAND.replace(b"\n", b"\r\n")):
        assert remove(put(start, "zeta", "/z"), "zeta", PATH, realpath=same) == start


def test_pause_and_resume() -> None:
    paused = pause(HAND, "alpha", PATH, realpath=same)
    assert read(paused).paused == ("beta", "alpha")
    assert b"# on holiday" in paused
    assert pause(paused, "alpha", PATH, realpath=same) is paused
    assert resume(paused, "alpha", PATH, realpath=same) == HAND
    assert resume(HAND, "alpha", PATH, realpath=same) is HAND


def test_a_name_of_the_cores_can_be_paused_without_any_entry() -> None:
    data = pause(None, "somebody", PATH, realpath=same)
    assert read(data) == Registry((), ("somebody",))
    with pytest.raises(ConfigError):
        pause(None, "Some Body", PATH, realpath=same)


def test_a_pause_goes_before_the_first_table() -> None:
    data = pause(b'# head\n\n# of a\n[[peer]]\nname = "a"\ndir = "/a"', "a", PATH, realpath=same)
    assert data == b'# head\n\npaused = ["a"]\n\n# of a\n[[peer]]\nname = "a"\ndir = "/a"'


def test_a_layout_that_cannot_be_edited_in_place_is_written_anew() -> None:
    inline = b'peer = [{name = "a", dir = "/a"}]\nkeep = """\n[[peer]]\n"""\n'
    data = put(inline, "b", "/b")
    assert [p.personality for p in read(data).peers] == ["a", "b"]
    assert tomllib.loads(data.decode())["keep"] == "[[peer]]\n"
    assert [p.personality for p in read(remove(data, "a", PATH, realpath=same)).peers] == ["b"]


def test_a_broken_file_is_never_edited() -> None:
    for change in (pause, resume, remove):
        with pytest.raises(Malformed):
            change(b"[[peer]\n", "a", PATH, realpath=same)
    with pytest.raises(Malformed):
        put(b"[[peer]\n", "a", "/a")


names = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)


@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "pause", "resume"]), names), max_size=12))
def test_any_run_of_edits_says_what_was_asked(steps: list[tuple[str, str]]) -> None:
    data: bytes | None = HAND
    peers = {"alpha", "beta"}
    paused = {"beta"}
    for act, name in steps:
        if act == "add" and name not in ("alpha", "beta"):
            data = put(data, name, f"/dir of {name}")
            peers.add(name)
        elif act == "remove":
            data = remove(data, name, PATH, realpath=same)
            paused -= {name} if name in peers else set()
            peers.discard(name)
        elif act == "pause":
            data = pause(data, name, PATH, realpath=same)
            paused.add(name)
        elif act == "resume":
            data = resume(data, name, PATH, realpath=same)
            paused.discard(name)
    found = read(data)
    assert {p.personality for p in found.peers} == peers
    assert set(found.paused) == paused
    assert b"[other]\nx = 1" in (data or b"")


@pytest.mark.parametrize(
    ("old", "line", "renamed"),
    [("alpha", b'name = "alpha"   # me', b'name = "gamma"   # me'), ("beta", b"name = 'beta'", b"name = 'gamma'")],
)
def test_a_peer_is_renamed_and_nothing_else_changes(old: str, line: bytes, renamed: bytes) -> None:
    after = rename(HAND, old, "gamma", PATH, realpath=same)
    assert after == HAND.replace(line, renamed).replace(b'["beta"]', b'["gamma"]' if old == "beta" else b'["beta"]')
    assert rename(after, old, "gamma", PATH, realpath=same) == after


@pytest.mark.parametrize(
    "data", [b"peer = [{name = 'alpha', dir = '/a'}]\n", b"[[peer]]\n'name' = \"al\\u0070ha\"\ndir = '/a'\n"]
)
def test_an_unusual_layout_is_renamed_by_its_values(data: bytes) -> None:
    assert read(rename(data, "alpha", "gamma", PATH, realpath=same)).peers == (Peer("gamma", "/a", BOTH),)


def test_a_pause_of_a_peer_that_the_core_keeps_is_renamed_too() -> None:
    assert rename(b'paused = ["a", "b"]\n', "a", "b", PATH, realpath=same) == b'paused = ["b"]\n'
    assert rename(None, "a", "b", PATH, realpath=same) == b""


@pytest.mark.parametrize("new", ["beta", "No Name"])
def test_a_name_that_is_taken_or_no_name_is_refused(new: str) -> None:
    with pytest.raises(ConfigError):
        rename(HAND, "alpha", new, PATH, realpath=same)
