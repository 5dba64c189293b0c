"""config.env: what is read, what is ignored, where a value comes from, and an edit of one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.domain.settings import Settings, parse_env, quote, set_line

LINES = [
    ("A=1", {"A": "1"}),
    ("export A = 1", {}),
    ("export A=1", {"A": "1"}),
    ("  A=1  ", {"A": "1"}),
    ("A=one two", {"A": "one two"}),
    ("A=one # two", {"A": "one"}),
    ("A=one#two", {"A": "one#two"}),
    ('A="one # two"', {"A": "one # two"}),
    ("A='x\"y'", {"A": 'x"y'}),
    ('A="half', {"A": '"half'}),
    ("A=", {"A": ""}),
    ("A=1\nA=2", {"A": "2"}),
    ("1A=1", {}),
    ("Ä=1", {}),
    ("just words", {}),
    ("<<<<<<< ours", {}),
    ("\ufeffA=1", {"A": "1"}),
    ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_what_a_file_says(text: str, expected: dict[str, str]) -> None:
    assert {line.key: line.value for line in parse_env(text)[0]} == expected


def test_lines_that_say_nothing_are_numbered() -> None:
    assert parse_env("A=1\nwords\n# fine\n\n=2\n")[1] == (2, 5)


@given(
    st.text().filter(
        lambda text: not set(text) & set("\n\r\0") and not set(text) & set("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
    )
)
def test_a_quoted_value_reads_back(value: str) -> None:
    lines, bad = parse_env(f"KEY={quote(value)}\n")
    assert [line.value for line in lines] == [value] and not bad


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_a_line_break_cannot_be_a_value(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        quote(value)


def test_flag_environment_file_default() -> None:
    lines, _ = parse_env("IAPEER_MEMORY_LOCALE=ru\nIAPEER_MEMORY_MODE=lean\nPATH=/evil\n")
    settings = Settings({"IAPEER_MEMORY_LOCALE": "en", "IAPEER_MEMORY_MODE": ""}, lines)
    assert (settings["LOCALE"], settings.source("LOCALE")) == ("en", "environment")
    assert (settings["MODE"], settings.source("MODE")) == ("lean", "config.env")
    assert (settings["MAX_RESULTS"], settings.source("MAX_RESULTS")) == ("6", "default")


@pytest.mark.parametrize(
    ("mode", "switch", "on"),
    [
        ("lean", "", False),
        ("curated", "", True),
        ("", "", True),
        ("LEAN ", "", False),
        ("lean", "yes", True),
        ("curated", "off", False),
    ],
)
def test_a_role_follows_its_switch_then_the_mode(mode: str, switch: str, on: bool) -> None:
    settings = Settings({"IAPEER_MEMORY_MODE": mode, "IAPEER_MEMORY_PROACTIVE_INDEX": switch})
    assert settings.role_on("index") is on


EDITS = [
    (b"", b"K=v\n"),
    (b"# note\nK=old # why\nB=1\n", b"# note\nK=v\nB=1\n"),
    (b"K=a\nK=b\n", b"K=a\nK=v\n"),
    (b"B=1", b"B=1\nK=v\n"),
    (b"B=1\r\nexport K=x\r\nC=2\r\n", b"B=1\r\nK=v\r\nC=2\r\n"),
    (b"# K=commented\n", b"# K=commented\nK=v\n"),
    (b"\xef\xbb\xbfK=old\n", b"\xef\xbb\xbfK=v\n"),
    (b"\xff\xfe=1\nK=o\n", b"\xff\xfe=1\nK=v\n"),
]


@pytest.mark.parametrize(("before", "after"), EDITS)
def test_one_line_changes_and_no_other_byte(before: bytes, after: bytes) -> None:
    assert set_line(before, "K", "v") == after
    assert set_line(after, "K", "v") == after
