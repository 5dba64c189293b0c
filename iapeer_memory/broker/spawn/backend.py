"""A backend in the broker's hands: its verified handle, and when it may be stopped. Never a pid alone."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.handle import BackendHandle, ShutdownTimeout
from iapeer_memory.broker.wire_v2.service import ServiceDefinition

IDLE_LABEL = "idle_timeout_secs"
"""The label of a service definition that has its backend stopped after so many seconds in which nobody used it."""
LONGEST_IDLE = 10 * 365 * 24 * 3_600


@dataclass(frozen=True, slots=True)
class Kept:
    """Implements `server.backends.Backend`."""

    handle: BackendHandle
    idle_timeout_secs: int | None

    @property
    def pid(self) -> int:
        """Of the process that is held."""
        return self.handle.process.pid

    @property
    def path(self) -> str:
        """Of the socket that it listens on."""
        endpoint = self.handle.process.ipc_endpoint
        return endpoint.path if endpoint else ""

    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        return self.handle.is_alive()

    def stop(self, wait: float) -> str | None:
        """Ask it to end and wait so many seconds; why that did not work, or None."""
        try:
            self.handle.shutdown(wait)
        except (ShutdownTimeout, OSError) as error:
            return str(error)
        return None

    def close(self) -> None:
        """Let go of the process."""
        self.handle.close()


def idle_secs(definition: ServiceDefinition) -> int | None:
    """What the definition's label says; None, never, where it says nothing that is a number above 0."""
    text = definition.labels.get(IDLE_LABEL, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return min(int(text), LONGEST_IDLE) or None
