"""A client's end of the wire: what it says, as bytes, and what comes back. No I/O. Imports nothing heavy."""

from __future__ import annotations

from iapeer_memory.attach import bodies, codes
from iapeer_memory.attach.bodies import Identity, member, plain
from iapeer_memory.attach.envelope import (
    BINARY,
    BODY_CAP,
    CANCEL,
    ERROR,
    GOODBYE,
    HIGHEST_CHANNEL,
    HIGHEST_CORR,
    INTERACTIVE,
    REQUEST,
    RESPONSE,
    Frame,
    encoded,
)  # fmt: skip
from iapeer_memory.attach.errors import AttachFailed, NotSent, OutcomeUnknown, Refused
from iapeer_memory.attach.reader import FrameReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from iapeer_memory.attach.bodies import Tier

FIRST_WAIT = 0.1
LONGEST_WAIT = 2.0
ATTEMPTS = 6
"""How an attach that may work later is tried again: after 0.1 s, 0.2 s, … 2 s."""
NOT_PERFORMED = "nothing is known of what became of it"


class ClientWire:
    """Of one connection."""

    __slots__ = ("_corr", "reader")

    def __init__(self) -> None:
        self.reader = FrameReader()
        self._corr = 0

    def attach(self, identity: Identity, tiers: Sequence[Tier]) -> tuple[int, bytes]:
        """(correlation, frame). Raises ValueError for a name or a text that is not UTF-8."""
        return self._request(0, bodies.attach_request(identity, tiers), INTERACTIVE)

    def poll(self, op: str, channel: int) -> tuple[int, bytes]:
        """(correlation, frame); `op`: "status" or "liveness"."""
        return self._request(0, bodies.poll(op, channel), INTERACTIVE)

    def request(self, channel: int, body: bytes, *, binary: bool = False) -> tuple[int, bytes]:
        """(correlation, frame). Raises NotSent for a body that no frame holds."""
        if len(body) > BODY_CAP:
            raise NotSent(f"a request of {len(body)} bytes is too large; {BODY_CAP} is the most")
        return self._request(channel, body, INTERACTIVE | BINARY if binary else INTERACTIVE)

    def cancel(self, channel: int, corr: int) -> bytes:
        """The frame that withdraws a request; its answer still comes."""
        return encoded(CANCEL, channel, corr)

    def goodbye(self, channel: int) -> bytes:
        """The frame that ends a route; no answer comes."""
        return encoded(GOODBYE, channel, 0)

    def _request(self, channel: int, body: bytes, flags: int) -> tuple[int, bytes]:
        self._corr = self._corr % HIGHEST_CORR + 1
        return self._corr, encoded(REQUEST, channel, self._corr, body, flags=flags)


def channel_of(answer: Frame) -> int:
    """The channel that an attach was given. Raises Refused, and AttachFailed for what cannot be read."""
    if answer.kind == ERROR:
        raise refusal_of(answer)
    channel = member(plain(answer.body), "route_channel")
    if answer.kind != RESPONSE or type(channel) is not int or not 0 < channel <= HIGHEST_CHANNEL:
        raise AttachFailed("the router's answer to an attach cannot be read")
    return channel


def refusal_of(answer: Frame) -> Refused:
    """What an ERROR frame says."""
    told = plain(answer.body)
    code, message = member(told, "code"), member(told, "message")
    if not isinstance(code, str) or not isinstance(message, str):
        return Refused("unreadable_error", "the answer is an error that cannot be read")
    return Refused(code, message, member(told, "detail"))


def raised_by(answer: Frame, key: str) -> AttachFailed:
    """What an ERROR on a route means for who asked: where the module is gone, it may have done it or not."""
    refused = refusal_of(answer)
    if refused.code == codes.BACKEND_ERROR:
        return OutcomeUnknown(f"{refused.message}; {NOT_PERFORMED}", key=key)
    return refused


def pause_before(attempt: int) -> float:
    """Seconds to wait before an attempt; the first is number 0."""
    return min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) if attempt else 0.0
