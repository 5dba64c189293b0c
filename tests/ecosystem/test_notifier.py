"""Messages to the notifier, byte for byte, and the verdict on what stands in the index peer's profile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iapeer_memory.ecosystem.core import CoreRow
from iapeer_memory.ecosystem.notifier import (
    dream_message,
    dream_problem,
    legacy_registered,
    notifier_present,
    read_triggers,
    registrant,
    unregister_message,
    watcher_message,
    watcher_problem,
)

LAUNCHER, GATE, CRON = "/c/memoryd-launcher.sh", "/c/dream-tick-gate.sh", "0 4 * * 1"
EVENT = {"role": "event", "id": "iapeer-memory-memoryd", "owner": "index", "target": "scriber", "script": LAUNCHER}
TIME = {
    "role": "time", "id": "iapeer-memory-dream-tick", "owner": "index", "target": "dreamweaver", "when": CRON,
    "check": GATE, "message": "DREAM_TICK: go",
}  # fmt: skip


def profile(*triggers: Any) -> bytes:
    return json.dumps({"personality": "index", "notifier": {"triggers": list(triggers)}}).encode()


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            watcher_message(LAUNCHER, "index"),
            '{"script":"/c/memoryd-launcher.sh","target":"index","id":"iapeer-memory-memoryd"}',
        ),
        (
            watcher_message("/c d/memoryd-launcher.sh", "index"),
            '{"script":"exec \'/c d/memoryd-launcher.sh\'","target":"index","id":"iapeer-memory-memoryd"}',
        ),
        (
            watcher_message(LAUNCHER, None),
            '{"script":"/c/memoryd-launcher.sh","target":"scriber","id":"iapeer-memory-memoryd"}',
        ),
        (
            dream_message(CRON, "DREAM_TICK: é", GATE),
            '{"when":"0 4 * * 1","message":"DREAM_TICK: é","target":"dreamweaver",'
            '"id":"iapeer-memory-dream-tick","check":"/c/dream-tick-gate.sh"}',
        ),
        (unregister_message("x"), '{"cmd":"unregister","id":"x"}'),
    ],
)
def test_messages(message: str, text: str) -> None:
    assert message == text


@pytest.mark.parametrize(
    ("rows", "identity"),
    [
        ((), None),
        ((CoreRow("other", "/o", ("claude",), "claude"),), None),
        ((CoreRow("index", "/i", ("claude", "codex"), "codex"),), "codex-index"),
        ((CoreRow("index", "/i", ("codex",)),), "codex-index"),
        ((CoreRow("index", "/i"),), None),
    ],
)
def test_who_sends(rows: tuple[CoreRow, ...], identity: str | None) -> None:
    assert registrant(rows) == identity


def test_whether_there_is_a_notifier() -> None:
    assert notifier_present((CoreRow("watcher"),))
    assert not notifier_present((CoreRow("timer"),))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (None, "cannot be read"),
        (b"{", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"{}", "not registered"),
        (b'{"notifier": {"triggers": [3, {"id": 4}]}}', "not registered"),
        (profile(TIME), "not registered"),
        (profile({**EVENT, "owner": "mallory"}), "not registered"),
        (profile({**EVENT, "role": "time"}), "not registered"),
        (profile({**EVENT, "script": "/x"}), "another script"),
        (profile({**EVENT, "target": "index"}), "wakes index, not scriber"),
        (profile(EVENT), None),
    ],
)
def test_the_watcher(data: bytes | None, problem: str | None) -> None:
    found = watcher_problem(read_triggers(data), LAUNCHER, None)
    assert found is None if problem is None else problem in (found or "")


@pytest.mark.parametrize(
    ("data", "on", "problem"),
    [
        (None, True, "cannot be read"),
        (profile(), True, "not registered"),
        (profile(), False, None),
        (profile(TIME), True, None),
        (profile(TIME), False, "though the role is off"),
        (profile({**TIME, "target": "index"}), True, "wakes index"),
        (profile({**TIME, "check": "/x"}), True, "another gate"),
        (profile({**TIME, "when": "@every 1h"}), True, "'@every 1h'"),
    ],
)
def test_the_weekly_timer(data: bytes | None, on: bool, problem: str | None) -> None:
    found = dream_problem(read_triggers(data), GATE, CRON, on=on)
    assert found is None if problem is None else problem in (found or "")


def test_the_timer_of_old_releases() -> None:
    old = {**TIME, "id": "iapeer-memory-inbox-sweep"}
    assert legacy_registered(read_triggers(profile(TIME, old)))
    assert not legacy_registered(read_triggers(profile(TIME)))
    assert not legacy_registered(None)
