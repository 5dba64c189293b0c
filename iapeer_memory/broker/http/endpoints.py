"""Which backend serves HTTP on which port. Never asks a backend; ports are what backends themselves have told."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

HIGHEST = 65_535
State = Literal["untracked", "tracked", "bound"]


class Endpoints:
    """A port by the id of its backend; None while it is known to serve HTTP and has not told its port."""

    __slots__ = ("_ports",)

    def __init__(self) -> None:
        self._ports: dict[str, int | None] = {}

    def track(self, backend: str) -> None:
        """That backend will serve HTTP. A port that it told before stays."""
        self._ports.setdefault(backend, None)

    def register(self, backend: str, port: int) -> bool:
        """That backend listens on this port now; False for what is no port."""
        if not 0 < port <= HIGHEST:
            return False
        self._ports[backend] = port
        return True

    def lookup(self, backend: str) -> int | None:
        """Its port, as far as it is known."""
        return self._ports.get(backend)

    def state(self, backend: str) -> State:
        """What is known of it."""
        if backend not in self._ports:
            return "untracked"
        return "tracked" if self._ports[backend] is None else "bound"

    def keep(self, backends: Collection[str]) -> None:
        """Forget all but these."""
        self._ports = {backend: port for backend, port in self._ports.items() if backend in backends}

    def forget_port(self, backend: str) -> None:
        """It was started anew, and has not told its port yet."""
        if backend in self._ports:
            self._ports[backend] = None

    def snapshot(self) -> tuple[tuple[str, int | None], ...]:
        """Every backend and its port, sorted by id."""
        return tuple(sorted(self._ports.items()))
