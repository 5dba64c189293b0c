"""Names and versions: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.broker import validate

NAME = re.compile(r"[a-z0-9-]{1,64}\Z", re.ASCII)
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?\Z", re.ASCII)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a", None),
        ("-", None),
        ("-a-", None),
        ("9", None),
        ("a" * 64, None),
        ("", "service name must be at least 1 character"),
        ("a" * 65, "service name must be 64 characters or fewer"),
        ("A" * 65, "service name must be 64 characters or fewer"),
        ("é" * 33, "service name must be 64 characters or fewer"),
        ("a_b", "only lowercase ASCII letters, digits, and '-' allowed"),
        ("../etc", "only lowercase ASCII letters, digits, and '-' allowed"),
        ("a\n", "only lowercase ASCII letters, digits, and '-' allowed"),
        ("٣", "only lowercase ASCII letters, digits, and '-' allowed"),
        ("\udc80", "only lowercase ASCII letters, digits, and '-' allowed"),
    ],
)
def test_service_names(name: str, reason: str | None) -> None:
    assert validate.service_name(name) == reason


def test_case_has_a_reason_of_its_own() -> None:
    assert "case" in (validate.service_name("Zccache") or "")


@pytest.mark.parametrize(
    "text", ["0.0.0", "1.2.3", "01.002.3", "1.0.0-rc.1", "1.0.0-.", "1.0.0-0", "9" * 5000 + ".0.0"]
)
def test_versions(text: str) -> None:
    assert validate.version(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.0-", "1.0.0-RC1", "1.0.0-a-b", "1.0.0+b", "1.0.0-a+b", " 1.0.0",
        "1.0.0\n", "1..0", "1.0.x", "-1.0.0", "１.0.0", "1.0.0;rm -rf", "$(id).0.0", "../1.0.0", "1.0.0-../x",
    ],
)  # fmt: skip
def test_no_versions(text: str) -> None:
    assert validate.version(text)


@given(st.text(max_size=80))
def test_a_name_is_accepted_by_its_rule_alone(text: str) -> None:
    assert (validate.service_name(text) is None) is bool(NAME.match(text))


@given(st.text(alphabet="019a.-+AZ\n", max_size=16))
def test_a_version_is_accepted_by_its_rule_alone(text: str) -> None:
    assert (validate.version(text) is None) is bool(VERSION.match(text))


@given(st.tuples(*[st.integers(0, 10**30)] * 3), st.tuples(*[st.integers(0, 10**30)] * 3))
def test_versions_are_ordered_as_numbers(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    keys = [validate.version_key(".".join(map(str, numbers)) + "-rc.1") for numbers in (one, two)]
    assert (keys[0] < keys[1]) is (one < two)
    assert (keys[0] == keys[1]) is (one == two)


def test_ten_is_more_than_nine_however_it_is_written() -> None:
    assert validate.version_key("1.9.0") < validate.version_key("1.10.0") == validate.version_key("01.010.000-b")
    with pytest.raises(ValueError, match="MAJOR"):
        validate.version_key("1.9")


@pytest.mark.parametrize(
    ("text", "good"),
    [("0123456789abcdef", True), ("0123456789abcde", False), ("0123456789ABCDEF", False), ("0123456789abcdeg", False)],
)
def test_hashes(text: str, good: bool) -> None:
    assert (validate.sid_hash(text) is None) is good


@pytest.mark.parametrize(
    ("text", "platform", "good"),
    [
        ("/run/a.sock", "linux", True),
        ("", "linux", False),
        ("/run/a\0.sock", "linux", False),
        ("rpb-v2-x", "win32", True),
        (r"\\.\pipe\x", "win32", False),
        (r"\\.\PIPE\x", "win32", False),
        ("//./pipe/x", "win32", False),
    ],
)
def test_endpoints(text: str, platform: str, good: bool) -> None:
    assert (validate.endpoint_path(text, platform=platform) is None) is good
