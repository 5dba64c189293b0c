"""The probe's answer: what counts, and every way in which it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iapeer_memory.domain.door import ProcessInfo, Response
from iapeer_memory.supervise.probe import is_memoryd, objection, read_health

GOOD: dict[str, Any] = {
    "name": "iapeer-memory",
    "nonce": "n",
    "version": "1",
    "build": "1-b",
    "pid": 7,
    "uid": 1000,
    "started": "boot:5",
    "state_dir": "/s",
    "watch": True,
    "ready": True,
    "notes": 3,
}
OURS = ProcessInfo(7, 1000, ("/x/python", "-I", "-m", "iapeer_memory", "memoryd"), "boot:5")


def answer(body: object, status: int = 200, error: str | None = None) -> Response:
    return Response(status, {}, json.dumps(body).encode() if not isinstance(body, bytes) else body, error)


def test_a_good_answer() -> None:
    health = read_health(answer(GOOD), "n")
    assert health is not None
    assert (health.pid, health.build, health.watch) == (7, "1-b", True)
    assert objection(health, OURS, uid=1000, state_dir="/s") is None


def test_a_lost_watch_is_told() -> None:
    health = read_health(answer(GOOD | {"watch": False}), "n")
    assert health is not None and not health.watch


@pytest.mark.parametrize(
    "response",
    [
        answer(GOOD, status=403),
        answer(GOOD, error="cut off"),
        answer(b"not json"),
        answer([GOOD]),
        answer(b"[" * 100_000),
        answer(GOOD | {"name": "other"}),
        answer(GOOD | {"nonce": "old"}),
        answer(GOOD | {"pid": "7"}),
        answer(GOOD | {"pid": True}),
        answer({k: v for k, v in GOOD.items() if k != "started"}),
    ],
)
def test_what_is_no_answer(response: Response) -> None:
    assert read_health(response, "n") is None


@pytest.mark.parametrize(
    ("change", "process", "words"),
    [
        ({"uid": 1}, OURS, "another user"),
        ({"state_dir": "/t"}, OURS, "another place"),
        ({}, None, "not so"),
        ({}, ProcessInfo(7, 1000, ("/bin/sh",), "boot:5"), "not so"),
        ({}, ProcessInfo(7, 0, OURS.argv, "boot:5"), "not so"),
        ({}, ProcessInfo(7, 1000, OURS.argv, "boot:6"), "another time"),
    ],
)
def test_what_is_not_ours(change: dict[str, Any], process: ProcessInfo | None, words: str) -> None:
    health = read_health(answer(GOOD | change), "n")
    assert health is not None
    problem = objection(health, process, uid=1000, state_dir="/s")
    assert problem is not None and words in problem


def test_the_word_may_stand_anywhere_in_the_command_line() -> None:
    assert is_memoryd(ProcessInfo(1, 5, ("/usr/bin/iapeer-memory", "memoryd"), ""), 5)
    assert not is_memoryd(ProcessInfo(1, 5, (), ""), 5)


def test_a_watch_that_is_not_armed_yet_is_not_lost() -> None:
    health = read_health(answer(GOOD | {"watch": False, "ready": False}), "n")
    assert health is not None and health.watch
