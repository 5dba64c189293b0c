"""Every way to say no to a Hello, as one table in the order in which they are tried. Never decides.

A client sees the first row that applies. The code, the text and the time after which to ask again are part of the wire:
clients read them. Source: the running-process broker, wire v1 and wire v2; SHUTTING_DOWN is named there and never sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from iapeer_memory.broker.wire_v1.control import PROTOCOL, ErrorCode, HelloReply, Refused

SOON = 1_000
LATER = 30_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """One no. `reason` may have fields to fill in; `retry_after_ms` None: whatever is left of a window."""

    name: str
    code: int
    reason: str
    retry_after_ms: int | None = 0

    def reply(self, *, retry_after_ms: int = 0, **details: str) -> HelloReply:
        """What goes to the client. `retry_after_ms`: what is left, in a row that leaves it open. What fills the fields
        comes from files and programs of others: it becomes one printable line."""
        words = self.reason
        if "{" in words:
            words = words.format_map({name: one_line(text) for name, text in details.items()})
        later = retry_after_ms if self.retry_after_ms is None else self.retry_after_ms
        refused = Refused(
            reason=words,
            daemon_min_protocol=PROTOCOL,
            daemon_max_protocol=PROTOCOL,
            code=self.code,
            retry_after_ms=later,
        )
        return HelloReply(refused=refused)


LONGEST_DETAIL = 400


def one_line(text: str) -> str:
    """The text with whatever does not print spelled out, and no longer than a line should be."""
    words = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return words if len(words) <= LONGEST_DETAIL else f"{words[: LONGEST_DETAIL - 1]}…"


_BLOCKED, _REJECTED = ErrorCode.VERSION_BLOCKED, ErrorCode.PEER_REJECTED
_UNSUPPORTED, _UNKNOWN = ErrorCode.VERSION_UNSUPPORTED, ErrorCode.SERVICE_UNKNOWN
_LIMITED, _FAILED = ErrorCode.RATE_LIMITED, ErrorCode.BACKEND_SPAWN_FAILED

FRAMING = Refusal("framing", _UNSUPPORTED, "unsupported framing version")
OVERSIZE = Refusal("oversize", _REJECTED, "initial Hello frame exceeds 64 KiB")
INCOMPLETE = Refusal("incomplete", _REJECTED, "incomplete Hello frame")
NO_FRAME = Refusal("no-frame", _REJECTED, "malformed broker Frame")
FD_PRESSURE = Refusal(
    "fd-pressure", ErrorCode.FD_PRESSURE, "broker is low on file descriptors; retry shortly", retry_after_ms=SOON
)
ENVELOPE = Refusal("envelope", _UNSUPPORTED, "frame envelope_version is not v1")
KIND = Refusal("kind", _REJECTED, "Hello frame kind must be REQUEST")
LANE = Refusal("lane", _REJECTED, "Hello frame payload_protocol must be control-plane")
ENCODING = Refusal("encoding", _REJECTED, "Hello payload must not be compressed")
NO_HELLO = Refusal("no-hello", _REJECTED, "malformed Hello payload")
PROTOCOL_RANGE = Refusal("protocol-range", _UNSUPPORTED, "client protocol range does not include v1")
SERVICE_NAME = Refusal("service-name", _REJECTED, "invalid service_name")
WANTED_VERSION = Refusal("wanted-version", _REJECTED, "invalid wanted_version")
CLIENT_VERSION = Refusal("client-version", _REJECTED, "client_version exceeds 128 bytes")
CLIENT_LIB = Refusal("client-lib", _REJECTED, "client_lib fields exceed 64 bytes")
PEER_PID = Refusal("peer-pid", _REJECTED, "peer_pid does not match verified peer")
NO_DEFINITION = Refusal("no-definition", _UNKNOWN, "service definition was not found")
BAD_DEFINITION = Refusal("bad-definition", _UNKNOWN, "service definition could not be loaded: {detail}")
BELOW_FLOOR = Refusal("below-floor", _BLOCKED, "wanted_version is below min_version", retry_after_ms=LATER)
NOT_ALLOWED = Refusal("not-allowed", _BLOCKED, "wanted_version is not in version_allow_list", retry_after_ms=LATER)
ISOLATION = Refusal("isolation", ErrorCode.INTERNAL, "service isolation could not be resolved: {detail}")
IN_FLIGHT = Refusal("in-flight", _LIMITED, "backend spawn already in progress", retry_after_ms=SOON)
NO_BUDGET = Refusal("no-budget", _LIMITED, "backend spawn budget exhausted", retry_after_ms=None)
NO_LAUNCHER = Refusal("no-launcher", _FAILED, "backend is not registered", retry_after_ms=SOON)
LAUNCH_FAILED = Refusal("launch-failed", _FAILED, "backend spawn failed: {detail}", retry_after_ms=SOON)
NOT_AS_ASKED = Refusal("not-as-asked", ErrorCode.INTERNAL, "launched backend identity did not match request")
RATE = Refusal("rate", _LIMITED, "Hello rate limit exceeded", retry_after_ms=None)
NO_HANDLER = Refusal("no-handler", _UNKNOWN, "service is not registered")
TOKEN = Refusal("token", _REJECTED, "{detail}")
SHUTTING_DOWN = Refusal("shutting-down", ErrorCode.SHUTTING_DOWN, "broker is shutting down", retry_after_ms=SOON)

TABLE: tuple[Refusal, ...] = (
    FRAMING,
    OVERSIZE,
    INCOMPLETE,
    NO_FRAME,
    FD_PRESSURE,
    ENVELOPE,
    KIND,
    LANE,
    ENCODING,
    NO_HELLO,
    PROTOCOL_RANGE,
    SERVICE_NAME,
    WANTED_VERSION,
    CLIENT_VERSION,
    CLIENT_LIB,
    PEER_PID,
    NO_DEFINITION,
    BAD_DEFINITION,
    BELOW_FLOOR,
    NOT_ALLOWED,
    ISOLATION,
    IN_FLIGHT,
    NO_BUDGET,
    NO_LAUNCHER,
    LAUNCH_FAILED,
    NOT_AS_ASKED,
    RATE,
    NO_HANDLER,
    TOKEN,
)
"""The order. SHUTTING_DOWN stands outside it: a broker that ends says so where FD_PRESSURE would."""

IN_V2: dict[str, Refusal] = {
    PROTOCOL_RANGE.name: replace(
        PROTOCOL_RANGE, reason="client protocol range does not include the version this broker speaks"
    ),
    SERVICE_NAME.name: replace(SERVICE_NAME, code=_UNKNOWN, reason="service name is invalid"),
    BELOW_FLOOR.name: replace(
        BELOW_FLOOR, reason='wanted_version "{wanted}" is below min_version "{floor}"', retry_after_ms=0
    ),
    NOT_ALLOWED.name: replace(
        NOT_ALLOWED, reason='wanted_version "{wanted}" is not in version_allow_list', retry_after_ms=0
    ),
}
"""What generation 2 says otherwise, by name."""
