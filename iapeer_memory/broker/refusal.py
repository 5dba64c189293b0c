"""What a broker's refusal means to a client: its kind, and when to ask again. Never a failure of the transport.

Source: the running-process broker's refusal classes, shared by wires v1 and v2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.broker.wire_v1.control import ErrorCode, Refused

RefusalKind = Literal[
    "version-unsupported", "version-blocked", "service-unknown", "rate-limited", "shutting-down", "other"
]

KINDS: Mapping[int, RefusalKind] = {
    ErrorCode.VERSION_UNSUPPORTED: "version-unsupported",
    ErrorCode.VERSION_BLOCKED: "version-blocked",
    ErrorCode.SERVICE_UNKNOWN: "service-unknown",
    ErrorCode.RATE_LIMITED: "rate-limited",
    ErrorCode.SHUTTING_DOWN: "shutting-down",
}
CODE_NAMES: Mapping[int, str] = {
    value: name for name, value in vars(ErrorCode).items() if isinstance(value, int) and not name.startswith("_")
}


def refusal_kind(code: int) -> RefusalKind:
    """The kind of an error code; codes that nobody has to act on by themselves, and unknown ones, are other."""
    return KINDS.get(code, "other")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as it came, and its kind."""

    kind: RefusalKind
    refused: Refused

    @property
    def wait_seconds(self) -> float | None:
        """After how many seconds to ask again; None: not at all."""
        return self.refused.retry_after_ms / 1000 if self.refused.retry_after_ms else None

    def line(self) -> str:
        """The broker's reason and its code, in one line."""
        code = CODE_NAMES.get(self.refused.code, str(self.refused.code))
        return f"the broker refused: {self.refused.reason or 'no reason given'} ({code})"


def refusal(refused: Refused) -> Refusal:
    """The refusal, classified."""
    return Refusal(refusal_kind(refused.code), refused)
