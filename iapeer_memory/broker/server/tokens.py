"""Session tokens: which life of the broker and which life of a daemon a client's session belongs to.

32 bytes, the broker's half and the daemon's half. A mark of a generation inside one user's account, never a secret that
proves who somebody is. A client whose token is refused has lost its session; it must not go on as if it had not.
Source: the running-process broker, session tokens.
"""

from __future__ import annotations

from collections.abc import Callable

HALF = 16
MALFORMED = "session token malformed: wrong byte length"
OTHER_BROKER = "session invalidated: broker was restarted or rotated since this token was issued"
NO_DAEMON = "session invalidated: daemon is no longer registered"
OTHER_DAEMON = "session invalidated: daemon was restarted since this token was issued"


class SessionTokens:
    """Issues and checks tokens. `random`: so many random bytes, from the host's own source."""

    __slots__ = ("_broker", "_daemons", "_random")

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._broker = random(HALF)
        self._daemons: dict[str, bytes] = {}

    def register(self, daemon: str) -> bytes:
        """The token of a daemon that was just started; its older ones are void."""
        self._daemons[daemon] = self._random(HALF)
        return self._broker + self._daemons[daemon]

    def token(self, daemon: str) -> bytes | None:
        """The token that is valid now; None for a daemon that nobody registered."""
        half = self._daemons.get(daemon)
        return None if half is None else self._broker + half

    def forget(self, daemon: str) -> None:
        """The daemon is gone."""
        self._daemons.pop(daemon, None)

    def rotate(self) -> None:
        """Every token issued so far is void."""
        self._broker = self._random(HALF)

    def objection(self, daemon: str, token: bytes) -> str | None:
        """Why the token is not valid for that daemon; None when it is."""
        if len(token) != 2 * HALF:
            return MALFORMED
        if token[:HALF] != self._broker:
            return OTHER_BROKER
        half = self._daemons.get(daemon)
        if half is None:
            return NO_DAEMON
        return None if token[HALF:] == half else OTHER_DAEMON
