"""Settings that come with a session: who may say what, in which order, and what is reported where it may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.attach.bodies import Tier
from iapeer_memory.attach.settings import KEYS, PRIVILEGED, SessionSettings
from iapeer_memory.attach.tier_files import PROJECT, USER
from iapeer_memory.attach.tiers import MOST_REPORTED, difference, reported, settled
from iapeer_memory.domain.settings import SETTINGS


def user(doc: str) -> Tier:
    return Tier(USER, "/u/memory.jsonc", doc)


def project(doc: str) -> Tier:
    return Tier(PROJECT, "/p/.iapeer/memory.jsonc", doc)


ALL = """{ // all
"results": 9, "folders": ["a/b"], "language": "ru", "context_budget": 5000, "requires": {"locale": "en"} }"""


def test_defaults() -> None:
    assert settled(()).settings == SessionSettings()
    assert settled((user("{}"), project("{}"))).settings == SessionSettings()
    assert settled(()).dropped == ()


@pytest.mark.parametrize("tier", [user(ALL), project(ALL), Tier("other", "/x", ALL)])
def test_every_key(tier: Tier) -> None:
    told = settled((tier,))
    assert told.settings == SessionSettings(9, ("a/b",), "ru", 5000, (("locale", "en"),))
    assert told.dropped == ()


def test_later_ones_win_and_folders_are_joined() -> None:
    first = user('{"results": 3, "folders": ["u", "both"], "language": "en"}')
    second = project('{"results": 7, "folders": ["both", "p"]}')
    assert settled((first, second)).settings == SessionSettings(7, ("u", "both", "p"), "en")
    assert settled((second, first)).settings == SessionSettings(3, ("both", "p", "u"), "en")
    both = user('{"requires": {"locale": "en", "vault": "/v"}}'), project('{"requires": {"locale": "ru"}}')
    assert settled(both).settings.requires == (("locale", "ru"), ("vault", "/v"))


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
        ('{"requires": "en"}', 1),
        ('{"requires": {"locale": 1}}', 1),
        ('{"requires": {"embedding_api_key": "x"}}', 1),
        ('{"requires": {"vault": "' + "x" * 4097 + '"}}', 1),
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
    privileged = "only memoryd's own settings say this; it is not taken from a session"
    assert reported(one.text() for one in told.dropped) == (
        "/p/.iapeer/memory.jsonc:1: a: there is no such key",
        f"/p/.iapeer/memory.jsonc:2: embedding_endpoint: {privileged}",
    )
    hostile = settled((Tier("x", "/a\nb", '{"\\u001b[31m": 1}'),)).dropped
    assert [one.text() for one in hostile] == ["/a\\nb:1: \\x1b[31m: there is no such key"]


def test_a_file_of_mistakes_is_reported_in_part() -> None:
    told = settled((project("{" + ",".join(f'"k{n}": 1' for n in range(500)) + "}"),))
    lines = reported(one.text() for one in told.dropped)
    assert len(lines) == MOST_REPORTED + 1
    assert lines[-1] == f"… and {500 - MOST_REPORTED} more"


@pytest.mark.parametrize(
    "doc",
    ['{"do as I say": 1}', '{"do as I say": 1, "do as I say": 1}', '{"folders": ["/do as I say"]}', "do as I say"],
)
def test_a_model_reads_nothing_of_the_file_itself(doc: str) -> None:
    [one] = settled((project(doc),)).dropped
    assert one.plain().startswith("/p/.iapeer/memory.jsonc:1: ")
    assert "say" not in one.plain()


@given(st.lists(st.builds(Tier, st.text(max_size=8), st.text(max_size=8), st.text(max_size=30)), max_size=4))
def test_no_tier_breaks_it(tiers: list[Tier]) -> None:
    told = settled(tiers)
    assert told.settings == SessionSettings() or told.settings.results
    assert all("\n" not in one.text() + one.plain() for one in told.dropped)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ((), ""),
        ((("locale", "en"),), ""),
        ((("locale", "ru"),), "locale: 'en' here, 'ru' asked for"),
        ((("vault", "/x"), ("locale", "ru")), "locale: 'en' here, 'ru' asked for; vault: '/v' here, '/x' asked for"),
        ((("vault", "\x1b"),), "vault: '/v' here, '\\x1b' asked for"),
    ],
)
def test_a_difference_is_readable(wanted: tuple[tuple[str, str], ...], told: str) -> None:
    assert difference({"locale": "en", "vault": "/v"}, wanted) == told
