"""Settings that come with a session: who may say what, in which order, and what is reported where it may not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.attach.bodies import Tier
from iapeer_memory.attach.control import LARGEST_DOC
from iapeer_memory.attach.settings import KEYS, PRIVILEGED, SessionSettings
from iapeer_memory.attach.tiers import PROJECT, USER, difference, project_file, read_tiers, reported, settled
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.settings import SETTINGS


def user(doc: str) -> Tier:
    return Tier(USER, "/u/memory.jsonc", doc)


def project(doc: str) -> Tier:
    return Tier(PROJECT, "/p/.iapeer/memory.jsonc", doc)


ALL = '{ // all\n"results": 9, "folders": ["a/b"], "language": "ru", "context_budget": 5000 }'


def test_defaults() -> None:
    assert settled(()).settings == SessionSettings()
    assert settled((user("{}"), project("{}"))).settings == SessionSettings()
    assert settled(()).dropped == ()


@pytest.mark.parametrize("tier", [user(ALL), project(ALL), Tier("other", "/x", ALL)])
def test_every_key(tier: Tier) -> None:
    told = settled((tier,))
    assert told.settings == SessionSettings(9, ("a/b",), "ru", 5000)
    assert told.dropped == ()


def test_later_ones_win_and_folders_are_joined() -> None:
    first = user('{"results": 3, "folders": ["u", "both"], "language": "en"}')
    second = project('{"results": 7, "folders": ["both", "p"]}')
    assert settled((first, second)).settings == SessionSettings(7, ("u", "both", "p"), "en")
    assert settled((second, first)).settings == SessionSettings(3, ("u", "both"), "en")


def test_nothing_is_inherited_from_an_earlier_attach() -> None:
    settled((user(ALL),))
    assert settled((project('{"results": 2}'),)).settings == SessionSettings(results=2)


@pytest.mark.parametrize("setting", [setting.name for setting in SETTINGS])
@pytest.mark.parametrize("label", [USER, PROJECT, "root"])
def test_no_label_buys_a_privileged_key(setting: str, label: str) -> None:
    for name in (setting.lower(), setting, f"IAPEER_MEMORY_{setting}"):
        told = settled((Tier(label, "/x", f'{{"results": 2,\n"{name}": "/evil"}}'),))
        assert told.settings == SessionSettings(results=2)
        [one] = told.dropped
        assert (one.key, one.line, one.tier) == (name, 2, label)
        assert "memoryd's own" in one.reason


def test_no_key_of_a_session_is_privileged() -> None:
    assert not {key.name for key in KEYS} & PRIVILEGED


@pytest.mark.parametrize(
    ("doc", "line"),
    [
        ('{"results": 0}', 1),
        ('{"results": 51}', 1),
        ('{\n"results": true}', 2),
        ('{"results": 3.0}', 1),
        ('{"results": "3"}', 1),
        ('{"results": null}', 1),
        ('{"language": "de"}', 1),
        ('{"language": ["en"]}', 1),
        ('{"language": {}}', 1),
        ('{"context_budget": 499}', 1),
        ('{"folders": "a"}', 1),
        ('{"folders": [1]}', 1),
        ('{"folders": [" "]}', 1),
        ('{"folders": ["/etc"]}', 1),
        ('{"folders": ["~/x"]}', 1),
        ('{"folders": ["a/../../b"]}', 1),
        ('{"folders": ["a\\nb"]}', 1),
        ('{"folders": ["' + "x" * 201 + '"]}', 1),
        ('{"folders": [' + ",".join(['"a"'] * 21) + "]}", 1),
        ('{"color": 1}', 1),
        ('{"Results": 1}', 1),
        ('{"": 1}', 1),
    ],
)
def test_a_bad_value_is_dropped_alone(doc: str, line: int) -> None:
    told = settled((user('{"results": 5}'), project(doc)))
    assert told.settings == SessionSettings(results=5)
    [one] = told.dropped
    assert (one.source, one.line) == ("/p/.iapeer/memory.jsonc", line)
    assert one.text().startswith(f"/p/.iapeer/memory.jsonc:{line}: ")


@pytest.mark.parametrize("doc", ["", "[]", "7", "{", "{'a': 1}", '{"results": 1, "results": 2}', "\0", "[" * 10_000])
def test_a_bad_file_is_left_out_whole(doc: str) -> None:
    told = settled((user('{"results": 5}'), project(doc)))
    assert told.settings == SessionSettings(results=5)
    assert [(one.tier, one.key) for one in told.dropped] == [(PROJECT, "")]
    assert told.dropped[0].line >= 1


def test_each_thing_is_reported_once() -> None:
    told = settled((project('{"a": 1,\n"embedding_endpoint": "x"}'),) * 3)
    assert reported(told.dropped) == (
        "/p/.iapeer/memory.jsonc:1: a: there is no such key",
        "/p/.iapeer/memory.jsonc:2: embedding_endpoint: "
        "only memoryd's own settings say this; it is not taken from a session",
    )
    assert reported(settled((Tier("x", "/a\nb", '{"\\u001b[31m": 1}'),)).dropped) == (
        "/a\\nb:1: \\x1b[31m: there is no such key",
    )


@given(st.lists(st.builds(Tier, st.text(max_size=8), st.text(max_size=8), st.text(max_size=30)), max_size=4))
def test_no_tier_breaks_it(tiers: list[Tier]) -> None:
    told = settled(tiers)
    assert told.settings == SessionSettings() or told.settings.results
    assert all("\n" not in line for line in reported(told.dropped))


@pytest.mark.parametrize(
    ("now", "wanted", "told"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": 1, "b": "x"}, {"a": 2, "b": "x"}, "a: 1 here, 2 asked for"),
        ({"b": "x"}, {"a": 2}, "a: nothing here, 2 asked for; b: 'x' here, nothing asked for"),
    ],
)
def test_a_difference_is_readable(now: dict[str, Any], wanted: dict[str, Any], told: str) -> None:
    assert difference(now, wanted) == told


def test_files_become_tiers(door: Door, tmp_path: Path) -> None:
    mine, root = str(tmp_path / "mine.jsonc"), str(tmp_path / "p")
    place = Path(project_file(root + "/"))
    assert place == tmp_path / "p" / ".iapeer" / "memory.jsonc"
    place.parent.mkdir(parents=True)
    assert read_tiers(door.files, mine, root).tiers == ()
    Path(mine).write_bytes("{ // é\r\n}".encode())
    place.write_text('{ "user": true }')
    told = read_tiers(door.files, mine, root)
    assert told.tiers == (Tier(USER, mine, "{ // é\r\n}"), Tier(PROJECT, str(place), '{ "user": true }'))
    assert told.dropped == ()


@pytest.mark.parametrize("what", ["folder", "fifo", "large", "bytes", "loop"])
def test_files_that_are_none(what: str, door: Door, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonc"
    mine.write_text("{}")
    place = Path(project_file(str(tmp_path)))
    place.parent.mkdir()
    if what == "folder":
        place.mkdir()
    elif what == "fifo":
        os.mkfifo(place)
    elif what == "large":
        place.write_bytes(b" " * (LARGEST_DOC + 1))
    elif what == "bytes":
        place.write_bytes(b'{"a": "\xff"}')
    else:
        place.symlink_to(place)
    told = read_tiers(door.files, str(mine), str(tmp_path))
    assert told.tiers == (Tier(USER, str(mine), "{}"),)
    assert [one.source for one in told.dropped] == [str(place)]
