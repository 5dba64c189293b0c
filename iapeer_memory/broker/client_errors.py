"""What can go wrong between a client, a broker and a backend. A refusal is one of them, and never a broken transport.

ClientError
├── BrokerDisabled       the user's switch says that the broker is not to be used
├── BrokerUnreachable    nobody listens on the broker's socket, or somebody who is not the user
├── HelloTimedOut        the broker took the connection and did not answer in time
├── BadReply             what came back is no proper reply
├── HelloRefused         the broker said no, and perhaps when to ask again
├── BackendNotUp         the broker knows the backend, which has no endpoint yet
├── BackendUnreachable   nobody listens on the backend's endpoint, or somebody who is not the user
└── ExchangeFailed       a request to a backend had no proper response
"""

from __future__ import annotations

from typing import Literal

from iapeer_memory.broker.refusal import Refusal
from iapeer_memory.broker.wire_v1.framing import FramingError
from iapeer_memory.domain.errors import ProductError, printable

ReplyFault = Literal["framing", "io", "decode", "envelope", "request-id", "missing-result", "protocol"]
ExchangeFault = Literal[
    "framing", "io", "decode", "envelope", "not-a-response", "request-id", "payload-protocol", "timeout", "closed"
]


class ClientError(ProductError):
    """There is no conversation with a backend."""


class BrokerDisabled(ClientError):
    """The switch is on: take the direct path."""

    def __init__(self) -> None:
        super().__init__("the broker is switched off by RUNNING_PROCESS_DISABLE=1")


class BrokerUnreachable(ClientError):
    """The broker's socket could not be dialled. `error`: what the system said."""

    def __init__(self, socket_path: str, error: OSError | str) -> None:
        super().__init__(f"the broker at {printable(socket_path)} cannot be reached: {said(error)}")
        self.socket_path = socket_path
        self.error = error


class HelloTimedOut(ClientError):
    """No reply in time. `seconds`: how long was waited in all."""

    def __init__(self, generation: int, seconds: float) -> None:
        super().__init__(f"v{generation} broker Hello did not complete within {max(round(seconds, 1), 0):g}s")
        self.seconds = seconds


class BadReply(ClientError):
    """What came back on a Hello. `fault`: which check it failed."""

    def __init__(self, fault: ReplyFault, text: str) -> None:
        super().__init__(f"the broker's reply cannot be used: {text}")
        self.fault = fault


class HelloRefused(ClientError):
    """The broker said no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.line())
        self.refusal = refusal


class BackendNotUp(ClientError):
    """The broker knows the backend and no endpoint of it: it is not up yet."""

    def __init__(self, service: str) -> None:
        super().__init__(f"{service} is registered with the broker and not up yet", remedy="try again in a moment")


class BackendUnreachable(ClientError):
    """The backend's endpoint could not be dialled. `error`: what the system said."""

    def __init__(self, endpoint: str, error: OSError | str) -> None:
        super().__init__(f"the backend at {printable(endpoint)} cannot be reached: {said(error)}")
        self.endpoint = endpoint
        self.error = error


class ExchangeFailed(ClientError):
    """One request to a backend failed; the connection is of no further use. `fault`: where."""

    def __init__(self, fault: ExchangeFault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


def broken_off(error: BaseException, generation: int, seconds: float) -> BaseException:
    """What an error between a Hello and its reply is called; one that has its name already keeps it."""
    if isinstance(error, FramingError):
        return BadReply("framing", str(error))
    if isinstance(error, TimeoutError):
        return HelloTimedOut(generation, seconds)
    if isinstance(error, OSError):
        return BadReply("io", said(error))
    return error


def said(error: OSError | str) -> str:
    """An error in words."""
    if isinstance(error, str):
        return error
    return error.strerror or str(error) or type(error).__name__
