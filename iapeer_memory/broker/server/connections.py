"""Connection ids and how many connections are open. One counter serves a broker for its whole life."""

from __future__ import annotations


class Connections:
    """Ids count from 1 and are never given twice."""

    __slots__ = ("_last", "accepted", "open", "turned_away")

    def __init__(self) -> None:
        self._last = 0
        self.open = 0
        self.accepted = 0
        self.turned_away = 0

    def next_id(self) -> int:
        """The id of the connection whose Hello is granted now."""
        self._last += 1
        return self._last

    def opened(self) -> None:
        """A connection of an allowed peer."""
        self.open += 1
        self.accepted += 1

    def closed(self) -> None:
        """One of them ended."""
        self.open -= 1

    def dropped(self) -> None:
        """A stranger's, or one too many: closed before a byte of it was read."""
        self.turned_away += 1
