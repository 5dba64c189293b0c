"""The bytes of the identity probe: what is asked, what comes back, both dialects of the executable's hash."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.broker.protobuf import decode, encode
from iapeer_memory.broker.wire_v1.frame import PROBE, Frame, FrameKind, PayloadEncoding
from iapeer_memory.broker.wire_v1.framing import framed
from iapeer_memory.broker.wire_v1.probe import (
    ProbeFailed,
    exe_hash,
    legacy_hash,
    probe_reply,
    probe_request,
    read_probe_reply,
    with_legacy_hash,
)
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint

NONCE = bytes(range(1, 33))
DIGEST = bytes(range(100, 132))
DAEMON = DaemonProcess(
    pid=4242,
    exe_path="/opt/memoryd/bin/memoryd",
    ipc_endpoint=Endpoint(namespace_id="ns", path="/run/m.sock"),
    started_at_unix_ms=1700000000000,
    boot_id="boot",
    idle_timeout_secs=0,
    exe_hash_algorithm="blake3",
    exe_hash=DIGEST,
)


def asked() -> Frame:
    return decode(Frame, probe_request(NONCE)[5:])


def answered(identity: DaemonProcess = DAEMON) -> Frame:
    return decode(Frame, probe_reply(asked(), identity)[5:])


def test_a_probe_is_a_nonce_under_its_own_number() -> None:
    frame = asked()
    assert (frame.envelope_version, frame.kind, frame.payload_protocol) == (1, FrameKind.REQUEST, PROBE)
    assert frame.payload == NONCE
    assert frame.request_id == 0x0807060504030201


def test_the_answer_is_the_nonce_and_the_identity() -> None:
    frame = answered()
    assert frame.payload == NONCE + encode(DAEMON)
    assert read_probe_reply(encode(frame), NONCE) == DAEMON


def test_zero_seconds_of_idle_are_not_the_same_as_none() -> None:
    without = replace(DAEMON, idle_timeout_secs=None)
    assert read_probe_reply(encode(answered(without)), NONCE).idle_timeout_secs is None
    assert read_probe_reply(encode(answered()), NONCE).idle_timeout_secs == 0


def test_todays_dialect_ends_in_the_old_field() -> None:
    assert encode(with_legacy_hash(DAEMON)) == encode(DAEMON) + b"\x1a\x20" + bytes(32)
    read = decode(DaemonProcess, encode(with_legacy_hash(DAEMON, DIGEST)))
    assert exe_hash(read).algorithm == "blake3"
    assert legacy_hash(read) == DIGEST
    assert legacy_hash(with_legacy_hash(DAEMON)) is None


def test_the_old_dialect_is_read_when_asked_for() -> None:
    bare = replace(DAEMON, exe_hash_algorithm="", exe_hash=b"")
    old = decode(DaemonProcess, b"\x08\x92\x21\x1a\x20" + DIGEST + encode(replace(bare, pid=0)))
    assert old.pid == 4242
    assert (exe_hash(old, legacy=True).algorithm, exe_hash(old, legacy=True).digest) == ("sha256", DIGEST)
    with pytest.raises(ProbeFailed, match="only a SHA-256"):
        exe_hash(old)
    with pytest.raises(ProbeFailed, match="no executable hash"):
        exe_hash(bare, legacy=True)


@pytest.mark.parametrize(("algorithm", "digest"), [("blake3", DIGEST[:31]), ("sha256", DIGEST), ("blake3", b"")])
def test_another_hash_is_refused(algorithm: str, digest: bytes) -> None:
    wrong = with_legacy_hash(replace(DAEMON, exe_hash_algorithm=algorithm, exe_hash=digest), DIGEST)
    with pytest.raises(ProbeFailed):
        exe_hash(wrong, legacy=True)


@pytest.mark.parametrize(
    "change",
    [
        {"envelope_version": 2},
        {"kind": FrameKind.EVENT},
        {"kind": FrameKind.REQUEST},
        {"payload_protocol": 0},
        {"payload_encoding": PayloadEncoding.ZSTD},
        {"request_id": 7},
        {"payload": bytes(32) + encode(DAEMON)},
        {"payload": NONCE[:31]},
        {"payload": NONCE + b"\xff"},
    ],
    ids=str,
)
def test_an_answer_that_is_not_ours_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProbeFailed):
        read_probe_reply(encode(replace(answered(), **change)), NONCE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"envelope_version": 0},
        {"kind": FrameKind.RESPONSE},
        {"payload_encoding": 3},
        {"payload": NONCE + b"x"},
        {"payload": b""},
    ],
    ids=str,
)
def test_a_malformed_probe_is_not_answered(change: dict[str, object]) -> None:
    with pytest.raises(ProbeFailed):
        probe_reply(replace(asked(), **change), DAEMON)  # type: ignore[arg-type]


@given(body=st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_garbage_is_no_answer(body: bytes) -> None:
    with pytest.raises(ProbeFailed):
        read_probe_reply(body, NONCE)


def test_an_answer_fits_the_frame_that_a_prober_reads() -> None:
    long = replace(DAEMON, exe_path="/x" * 2048)
    assert len(framed(encode(answered(long)))) < 65536
