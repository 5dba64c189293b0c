"""The conversation with a daemon, byte by byte: what ends it, how, and that nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.broker.birth import Birth
from iapeer_memory.broker.mux import Answered, EndpointMux
from iapeer_memory.broker.probing import Questions, difference
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.wire_v1.probe import with_legacy_hash
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint

NONCE = bytes(range(32))
WHO = DaemonProcess(
    pid=7, exe_path="/x", ipc_endpoint=Endpoint(namespace_id="n", path="/s"), started_at_unix_ms=5, boot_id="b",
    exe_hash_algorithm="blake3", exe_hash=NONCE,
)  # fmt: skip
CLAIM = Sidecar(WHO, "b:1", "0.6.0")
BIRTH = Birth(started="b:1", build="0.6.0", program="p", version="1.0.0")


def talk(claim: Sidecar, birth: Birth | None, *, step: int = 1 << 20, who: DaemonProcess = WHO) -> Questions:
    """A whole conversation with a daemon that says that; its bytes come in pieces of that size."""
    questions, daemon = Questions(claim, NONCE), EndpointMux(with_legacy_hash(who), (), birth=birth)
    out = questions.start()
    while out and questions.outcome is None:
        daemon.feed(out)
        event = daemon.next()
        if not isinstance(event, Answered):
            questions.eof()
            break
        out = b"".join(questions.feed(event.reply[at : at + step]) for at in range(0, len(event.reply), step))
    return questions


@pytest.mark.parametrize("step", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize(
    ("claim", "birth", "outcome"),
    [
        (CLAIM, BIRTH, BIRTH),
        (Sidecar(WHO), BIRTH, Birth()),
        (Sidecar(WHO), None, Birth()),
        (replace(CLAIM, started=""), BIRTH, BIRTH),
        (replace(CLAIM, build=""), BIRTH, BIRTH),
        (replace(CLAIM, build="x"), BIRTH, "BuildMismatch"),
        (replace(CLAIM, started="b:2"), BIRTH, "StartMismatch"),
        (CLAIM, Birth(), "StartMismatch"),
        (CLAIM, None, "ProbeFailed"),
    ],
)
def test_the_whole_of_it(claim: Sidecar, birth: Birth | None, outcome: Birth | str, step: int) -> None:
    found = talk(claim, birth, step=step).outcome
    assert (found.kind if isinstance(found, NotThatDaemon) else found) == outcome


ANOTHER = replace(WHO, started_at_unix_ms=6, idle_timeout_secs=9)


@pytest.mark.parametrize(
    ("answered", "field"),
    [
        (ANOTHER, ""),
        (with_legacy_hash(WHO, bytes(range(1, 33))), ""),
        (replace(ANOTHER, boot_id="", ipc_endpoint=None), "boot_id"),
        (replace(ANOTHER, exe_hash=bytes(32), boot_id=""), "exe_hash"),
        (replace(ANOTHER, exe_hash=b"short"), "exe_hash"),
        (replace(ANOTHER, exe_hash_algorithm="sha256"), "exe_hash"),
        (replace(ANOTHER, exe_path="/y", exe_hash=b""), "exe_path"),
        (replace(ANOTHER, pid=8, exe_path="/y"), "pid"),
        (replace(ANOTHER, ipc_endpoint=Endpoint(namespace_id="n", path="/t")), "ipc_endpoint"),
        (replace(ANOTHER, ipc_endpoint=Endpoint(path="/s")), "ipc_endpoint"),
        (replace(ANOTHER, ipc_endpoint=None), "ipc_endpoint"),
    ],
)
def test_the_first_field_that_differs_is_named(answered: DaemonProcess, field: str) -> None:
    found = difference(WHO, answered)
    assert (found.field if found else "") == field
    told = talk(Sidecar(WHO), None, who=answered).outcome if not answered.unknown else found
    assert (told.field if isinstance(told, NotThatDaemon) else "") == field


def test_the_older_dialect_needs_leave_on_both_sides() -> None:
    old = with_legacy_hash(replace(WHO, exe_hash_algorithm="", exe_hash=b""), NONCE)
    assert difference(old, old, legacy=True) is None
    refused = difference(old, old)
    assert refused is not None
    assert refused.field == "exe_hash"


def test_a_word_too_much_is_no_proof() -> None:
    daemon = EndpointMux(with_legacy_hash(WHO), ())
    questions = Questions(Sidecar(WHO), NONCE)
    daemon.feed(questions.start())
    event = daemon.next()
    assert isinstance(event, Answered)
    assert questions.feed(event.reply + b"\x01") == b""
    assert isinstance(questions.outcome, NotThatDaemon)


def test_the_end_of_the_stream_ends_it_and_an_outcome_stays() -> None:
    questions = Questions(CLAIM, NONCE)
    questions.eof()
    first = questions.outcome
    assert isinstance(first, NotThatDaemon)
    questions.failed("later")
    questions.feed(b"\x02")
    assert questions.outcome is first


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_no_bytes_are_taken_for_an_answer(pieces: list[bytes]) -> None:
    questions = Questions(CLAIM, NONCE)
    for piece in pieces:
        assert questions.feed(piece) == b""
    questions.eof()
    assert isinstance(questions.outcome, NotThatDaemon)
