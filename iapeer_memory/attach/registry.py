"""Which modules are registered, and which one of them takes sessions. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iapeer_memory.attach import codes
from iapeer_memory.attach.control import Fault
from iapeer_memory.attach.envelope import HIGHEST_CHANNEL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iapeer_memory.attach.connection import Connection
    from iapeer_memory.attach.manifest import Manifest


class Registry:
    """Ids of modules, and their connections. `provider`: the one that sessions are routed to."""

    __slots__ = ("_modules", "_registrations", "provider")

    def __init__(self) -> None:
        self._modules: dict[str, Connection] = {}
        self._registrations = 0
        self.provider: Connection | None = None

    def __len__(self) -> int:
        return len(self._modules)

    def connections(self) -> Iterable[Connection]:
        """Those of all modules."""
        return self._modules.values()

    def register(self, connection: Connection, manifest: Manifest) -> int | Fault:
        """Take a module on: the channel number that a HELLO_ACK names, or why not."""
        if manifest.module_id in self._modules:
            return Fault(codes.DUPLICATE_MODULE_ID, f"module '{manifest.module_id}' is already registered")
        if connection.manifest is not None:
            return Fault(codes.REGISTRY_ERROR, f"this connection is module '{connection.manifest.module_id}'")
        if connection.routes or connection.attaching:
            return Fault(codes.REGISTRY_ERROR, "this connection is a client: it has routes")
        if manifest.concurrency is not None:
            if self.provider is not None and self.provider.manifest is not None:
                told = f"module '{self.provider.manifest.module_id}' serves sessions already"
                return Fault(codes.REGISTRY_ERROR, told)
            self.provider = connection
        connection.manifest = manifest
        self._modules[manifest.module_id] = connection
        self._registrations += 1
        return (self._registrations - 1) % HIGHEST_CHANNEL + 1

    def leave(self, connection: Connection) -> str | None:
        """It is no module any more: its id, None where it was none."""
        manifest = connection.manifest
        if manifest is None:
            return None
        connection.manifest = None
        del self._modules[manifest.module_id]
        if self.provider is connection:
            self.provider = None
        return manifest.module_id
