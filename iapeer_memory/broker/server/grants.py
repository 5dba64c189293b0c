"""What a yes holds, in either generation. Pure."""

from __future__ import annotations

from iapeer_memory.broker.capabilities import HANDLE_PASSING
from iapeer_memory.broker.server.backends import Entry
from iapeer_memory.broker.server.screen import Greeting
from iapeer_memory.broker.wire_v1.control import KEEPALIVE_SECS, PROTOCOL, HelloReply, Negotiated


def granted(
    greeting: Greeting, entry: Entry, *, connection_id: int, broker_version: str, token: bytes = b""
) -> HelloReply:
    """That backend. Generation 2 tells the broker's version, not the backend's, and gives the client's own id back.

    `token`: under which this very connection is offered to the backend, b"" when it is not.
    """
    hello, path = greeting.hello, entry.backend.path
    if greeting.generation == 2:
        return _second(greeting, path, broker_version)
    negotiated = Negotiated(
        negotiated_protocol=PROTOCOL,
        daemon_version=entry.key.version,
        backend_pipe=path,
        keepalive_interval_secs=hello.client_keepalive_secs or KEEPALIVE_SECS,
        connection_id=connection_id,
        server_capabilities=HANDLE_PASSING if token else 0,
        handle_passed_token=token,
    )
    return HelloReply(negotiated=negotiated)


def not_up_yet(greeting: Greeting, *, broker_version: str) -> HelloReply:
    """For a client of generation 2 that has waited long enough: the service is known, come again."""
    return _second(greeting, "", broker_version)


def _second(greeting: Greeting, path: str, broker_version: str) -> HelloReply:
    negotiated = Negotiated(
        negotiated_protocol=PROTOCOL,
        daemon_version=broker_version,
        backend_pipe=path,
        connection_id=greeting.hello.connection_id,
    )
    return HelloReply(negotiated=negotiated)
