"""Names, versions and lists of runtimes."""

from __future__ import annotations

import itertools

import pytest

from iapeer_memory.provision.runtime.layout import (
    Listed,
    RuntimeInfo,
    dump_listing,
    is_older,
    load_info,
    load_listing,
    runtime_name,
    used_names,
    version_key,
    version_of,
)

ORDERED = ["0.9", "1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1.2", "1.10", "2.0", "1!0.1"]


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(ORDERED, 2)))
def test_versions_are_ordered(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)


def test_equal_versions_are_no_downgrade() -> None:
    assert version_key("1.0") == version_key("1.0.0")
    assert not is_older("1.0", "1.0.0")
    assert not is_older("what", "1.0")


@pytest.mark.parametrize(
    "name", ["current", "1.0", "1.0-xyz", "1.0-0123456789AB", "../1.0-0123456789ab", "-0123456789ab"]
)
def test_what_is_no_runtimes_name(name: str) -> None:
    assert version_of(name) is None


def test_a_name_gives_back_its_version() -> None:
    assert version_of(runtime_name("1.0rc1", "0123456789abcdef")) == "1.0rc1"


def test_the_record_is_read_back_only_in_its_own_folder() -> None:
    info = RuntimeInfo("1.0", "1.0-0123456789ab", "/usr/bin/python3.11", "now", "a test")
    assert load_info(info.dump(), info.build) == info
    assert load_info(info.dump(), "1.0-000000000000") is None
    for bad in (None, b"", b"[]", b"{}", b"\xff", info.dump().replace(b'"/usr', b'5, "x": "')):
        assert load_info(bad, info.build) is None


def test_the_list_of_files() -> None:
    listed = (Listed(3, "a" * 64, "lib/b c.py"), Listed(0, "b" * 64, "bin/x"))
    assert load_listing(dump_listing(listed)) == (listed[1], listed[0])
    for bad in (b"", b"x\n", b"3 short path\n", b"3 " + b"a" * 64 + b" /abs\n"):
        assert load_listing(bad) is None


def test_names_in_command_lines_and_maps() -> None:
    texts = (
        "/s/runtimes/1.0-0123456789ab/bin/python\0-I",
        "7f00-7f01 r--p 0 08:01 5  /s/runtimes/1.1-ba9876543210/lib/x.so\n",
        "/s/runtimes/current/bin/python",
        "/other/runtimes/1.2-0123456789ab/bin/python",
    )
    assert used_names("/s/runtimes", texts) == {"1.0-0123456789ab", "1.1-ba9876543210"}
