"""A session as the module that serves it sees it: who is attached, with which settings, and what to say to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from iapeer_memory.attach.bodies import Identity, Tier
from iapeer_memory.attach.errors import Refused

if TYPE_CHECKING:
    from iapeer_memory.attach.module import Module


class BoundRoute:
    """A session that is attached. `identity.root` is canonical; `tiers` as the session sent them; `since`: of the
    loop's clock. `keep`: whatever the module wants to remember for the session."""

    __slots__ = ("_module", "calls", "channel", "identity", "keep", "last_error", "since", "tiers")

    def __init__(self, module: Module, identity: Identity, tiers: tuple[Tier, ...], since: float) -> None:
        self._module = module
        self.channel = 0
        self.identity = identity
        self.tiers = tiers
        self.since = since
        self.calls = 0
        self.last_error = ""
        self.keep: object = None

    def push(self, body: bytes, *, binary: bool = False) -> bool:
        """Say something unasked; False where the session has gone."""
        told = self._module.wire.push(self.channel, body, binary=binary)
        self._module.flush()
        return told

    def status(self, text: str) -> None:
        """What is told to who asks the router after this session."""
        self._module.wire.status(self.channel, text)
        self._module.flush()

    def end(self) -> None:
        """End the session's route; it may attach again."""
        self._module.end(self)


Answer: TypeAlias = "bytes | AsyncIterator[bytes]"
"""The body of a RESPONSE, or the pieces of a stream."""
Handler: TypeAlias = "Callable[[BoundRoute, str, bytes], Awaitable[Answer]]"
"""(route, method, body) -> the answer. `method`: of a JSON-RPC body, "" of any other. Refused becomes an ERROR."""
Vet: TypeAlias = "Callable[[BoundRoute], Awaitable[Refused | None]]"
"""Whether a session is taken on; what it returns is why not."""
