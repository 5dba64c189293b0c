"""The identity sidecar: what is written, what is read, in both dialects, and what is refused in which words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.broker.sidecar import (
    Sidecar,
    dump_sidecar,
    load_sidecar,
    read_sidecar,
    remove_sidecar,
    try_read_sidecar,
    write_sidecar,
)
from iapeer_memory.broker.wire_v1.probe import exe_hash, with_legacy_hash
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import Malformed, Unreadable

SHA = bytes(range(100, 132))
PROCESS = DaemonProcess(
    pid=4242,
    exe_path="/opt/é/memoryd",
    ipc_endpoint=Endpoint(namespace_id="n", path="/run/a.sock"),
    started_at_unix_ms=1_700_000_000_000,
    boot_id="b",
    idle_timeout_secs=30,
    exe_hash_algorithm="blake3",
    exe_hash=bytes(range(32)),
)
OURS = Sidecar(with_legacy_hash(PROCESS), "b:123", "0.6.0-0123456789ab")
DOCUMENT: dict[str, Any] = json.loads(dump_sidecar(OURS))


@pytest.mark.parametrize(
    "sidecar",
    [
        OURS,
        Sidecar(with_legacy_hash(PROCESS)),
        Sidecar(with_legacy_hash(PROCESS, SHA)),
        Sidecar(with_legacy_hash(replace(PROCESS, idle_timeout_secs=None))),
        Sidecar(with_legacy_hash(replace(PROCESS, idle_timeout_secs=0))),
    ],
)
def test_round_trip(sidecar: Sidecar) -> None:
    assert load_sidecar(dump_sidecar(sidecar), "x") == sidecar


def test_the_keys_are_those_of_the_format_and_two_of_ours() -> None:
    assert list(DOCUMENT) == [
        "pid", "exe_path", "exe_hash_algorithm", "exe_hash", "legacy_exe_sha256", "boot_id", "ipc_endpoint",
        "started_at_unix_ms", "idle_timeout_secs", "process_started", "build",
    ]  # fmt: skip
    assert DOCUMENT["exe_hash"] == list(range(32))
    assert DOCUMENT["legacy_exe_sha256"] == [0] * 32
    assert set(json.loads(dump_sidecar(Sidecar(PROCESS)))) == set(DOCUMENT) - {"process_started", "build"}


def test_the_older_dialect() -> None:
    document = {**DOCUMENT, "exe_sha256": list(SHA)}
    del document["exe_hash"], document["exe_hash_algorithm"], document["legacy_exe_sha256"]
    process = load_sidecar(json.dumps(document).encode(), "x").process
    found = exe_hash(process, legacy=True)
    assert (found.algorithm, found.digest) == ("sha256", SHA)
    assert process.exe_hash == b""


def change(key: str, value: object) -> bytes:
    return json.dumps({**DOCUMENT, key: value}).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"pid": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"[]", "the file is not an object"),
        (b"{}", "ipc_endpoint is not an object"),
        (change("ipc_endpoint", "x"), "ipc_endpoint is not an object"),
        (change("ipc_endpoint", {"namespace_id": "n"}), "path is not a text"),
        (
            change("exe_hash_algorithm", "sha256"),
            'unsupported daemon executable hash algorithm "sha256"; expected blake3',
        ),
        (change("exe_hash_algorithm", None), "exe_hash_algorithm is not a text"),
        (change("exe_hash", [0] * 31), "exe_hash is not a list of 32 numbers"),
        (change("exe_hash", "00" * 32), "exe_hash is not a list of 32 numbers"),
        (change("exe_hash", [256] * 32), "exe_hash holds something that is no byte"),
        (change("exe_hash", [True] * 32), "exe_hash holds something that is no byte"),
        (change("exe_hash", [1.0] * 32), "exe_hash holds something that is no byte"),
        (change("legacy_exe_sha256", [0]), "legacy_exe_sha256 is not a list of 32 numbers"),
        (change("pid", -1), "pid is not a number below 4294967296"),
        (change("pid", 1 << 32), "pid is not a number below 4294967296"),
        (change("pid", True), "pid is not a number below 4294967296"),
        (change("pid", "1"), "pid is not a number below 4294967296"),
        (change("started_at_unix_ms", 1 << 64), "started_at_unix_ms is not a number below"),
        (change("idle_timeout_secs", 1.5), "idle_timeout_secs is not a number below"),
        (change("boot_id", None), "boot_id is not a text"),
        (change("exe_path", "\udc80"), "exe_path is not Unicode"),
        (change("build", 7), "build is not a text"),
    ],
)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as refused:
        load_sidecar(data, "/x")
    assert reason in refused.value.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*DOCUMENT, "exe_sha256"]), JSON)
def test_no_value_anywhere_brings_down_the_reader(key: str, value: object) -> None:
    try:
        found = load_sidecar(json.dumps({**DOCUMENT, key: value}).encode(), "x")
    except Malformed:
        return
    assert load_sidecar(dump_sidecar(found), "x") == found


@given(st.binary(max_size=60))
def test_no_bytes_bring_down_the_reader(data: bytes) -> None:
    with pytest.raises(Malformed):
        load_sidecar(data, "x")


def test_the_strict_reader_tells_apart_what_the_tolerant_one_does_not(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert try_read_sidecar(door.files, str(path)) is read_sidecar(door.files, str(path)) is None
    path.write_text("{")
    assert read_sidecar(door.files, str(path)) is None
    with pytest.raises(Malformed):
        try_read_sidecar(door.files, str(path))
    path.write_bytes(b" " * 70_000)
    assert read_sidecar(door.files, str(path)) is None
    with pytest.raises(Unreadable):
        try_read_sidecar(door.files, str(path))
    path.unlink()
    path.mkdir()
    assert read_sidecar(door.files, str(path)) is None


def test_written_whole_and_for_us_alone(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("older")
    path.chmod(0o644)
    write_sidecar(door.files, str(path), OURS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert try_read_sidecar(door.files, str(path)) == OURS
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith((".a", "a"))] == ["a.json"]


def test_only_our_own_claim_is_taken_away(door: Door, tmp_path: Path) -> None:
    path = str(tmp_path / "a.json")
    another = replace(OURS, process=replace(OURS.process, pid=7))
    reborn = replace(OURS, started="b:124")
    for there in (another, reborn):
        write_sidecar(door.files, path, there)
        assert not remove_sidecar(door.files, path, OURS)
    write_sidecar(door.files, path, OURS)
    assert remove_sidecar(door.files, path, OURS)
    assert not remove_sidecar(door.files, path, OURS)
