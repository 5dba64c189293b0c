"""The switch, the capability bits and the classes of refusals."""

from __future__ import annotations

import pytest

from iapeer_memory.broker.capabilities import HANDLE_PASSING, describe
from iapeer_memory.broker.refusal import refusal, refusal_kind
from iapeer_memory.broker.switch import broker_is_on
from iapeer_memory.broker.wire_v1.control import ErrorCode, Refused
from iapeer_memory.domain.errors import ConfigError


def test_the_switch() -> None:
    assert broker_is_on({}) is True
    assert broker_is_on({"RUNNING_PROCESS_DISABLE": "1"}) is False


@pytest.mark.parametrize("value", ["", "0", "true", " 1", "11", '"', "a\nb"])
def test_a_switch_that_says_neither(value: str) -> None:
    with pytest.raises(ConfigError) as raised:
        broker_is_on({"RUNNING_PROCESS_DISABLE": value})
    assert "RUNNING_PROCESS_DISABLE must be unset or 1, got " in raised.value.line()
    assert "\n" not in raised.value.line()


def test_what_an_empty_switch_says() -> None:
    with pytest.raises(ConfigError, match='must be unset or 1, got ""'):
        broker_is_on({"RUNNING_PROCESS_DISABLE": ""})


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0, "none"),
        (HANDLE_PASSING, "0x1 [HANDLE_PASSING]"),
        (2, "0x2 [unknown:0x2]"),
        (3, "0x3 [HANDLE_PASSING, unknown:0x2]"),
        (2**63, "0x8000000000000000 [unknown:0x8000000000000000]"),
    ],
)
def test_capabilities_in_words(bits: int, text: str) -> None:
    assert describe(bits) == text


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (ErrorCode.UNSPECIFIED, "other"),
        (ErrorCode.VERSION_UNSUPPORTED, "version-unsupported"),
        (ErrorCode.SERVICE_UNKNOWN, "service-unknown"),
        (ErrorCode.BACKEND_SPAWN_FAILED, "other"),
        (ErrorCode.RATE_LIMITED, "rate-limited"),
        (ErrorCode.SHUTTING_DOWN, "shutting-down"),
        (ErrorCode.PEER_REJECTED, "other"),
        (ErrorCode.INTERNAL, "other"),
        (ErrorCode.VERSION_BLOCKED, "version-blocked"),
        (ErrorCode.FD_PRESSURE, "other"),
        (4711, "other"),
        (-1, "other"),
    ],
)
def test_kinds_of_refusals(code: int, kind: str) -> None:
    assert refusal_kind(code) == kind


def test_a_refusal_in_one_line() -> None:
    assert refusal(Refused(code=4)).line() == "the broker refused: no reason given (RATE_LIMITED)"
    assert refusal(Refused(code=77, reason="x")).line() == "the broker refused: x (77)"
