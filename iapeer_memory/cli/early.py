"""What the bridge tells its harness while memoryd comes up: who we are and which tools there are; nothing of what
memory holds.

A harness asks that first, and some begin without the tools of a server that has not answered within a second; memoryd
takes longer to start. So it is started beside us, and only a call of a tool waits for it. Loads what that takes only
where memoryd is absent.
"""

from __future__ import annotations

import os

from iapeer_memory.egress.barefiles import BareFiles
from iapeer_memory.hooks.over_session import connected
from iapeer_memory.hooks.session_start import start_detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from iapeer_memory.attach.bodies import Tier
    from iapeer_memory.attach.tier_files import TierFiles
    from iapeer_memory.domain.door import Clock
    from iapeer_memory.domain.paths import Paths
    from iapeer_memory.memoryd.mcp.protocol import Protocol

LOOK_SECONDS = 1.0
MOMENT, PAUSE = 3.0, 0.05
CONFIG_LIMIT = 1 << 20
TOO_LARGE = 413
"""The status of an answer that names nobody; memoryd's own does."""


class Early:
    """Answers until memoryd does, or the first tool is called. `start`: the command that sees that memoryd runs.
    `settings`: the session's own."""

    __slots__ = ("_clock", "_over", "_paths", "_protocol", "_settings", "_start", "_welcome")

    def __init__(self, paths: Paths, clock: Clock, start: Sequence[str], settings: TierFiles) -> None:
        self._paths = paths
        self._clock = clock
        self._start = start
        self._settings = settings
        self._over = False
        self._protocol: Protocol | None = None
        self._welcome = ""

    def __call__(self, message: bytes) -> bytes | None:
        """The answer, b"" where none is due; None: memoryd is to answer that."""
        if self._over or not self._absent():
            self._over = True
            return None
        if self._protocol is None:
            self._protocol, self._welcome = spoken(self._paths, self._settings.tiers)
            if self._protocol is not None:
                self._have_started()
        reply = None if self._protocol is None else self._receive(message)
        if reply is None:
            self._over = True
            self._wait()
        return reply

    def _wait(self) -> None:
        """A moment for the one that was started; after that it is seen to in the usual way."""
        end = self._clock.monotonic() + MOMENT
        while self._protocol is not None and self._absent() and self._clock.monotonic() < end:
            self._clock.sleep(PAUSE)

    def _absent(self) -> bool:
        """Whether nobody listens; whatever else is wrong is memoryd's way to tell."""
        try:
            connected(self._paths.attach_socket, self._clock.monotonic() + LOOK_SECONDS).close()
        except (FileNotFoundError, ConnectionRefusedError):
            return True
        except (OSError, ValueError):
            return False
        return False

    def _have_started(self) -> None:
        """Whatever becomes of it, the first call of a tool looks after it."""
        try:
            start_detached(list(self._start), dict(os.environ), self._paths.repair_log)
        except OSError:
            return

    def _receive(self, message: bytes) -> bytes | None:
        from iapeer_memory.memoryd.mcp.head import Head
        from iapeer_memory.memoryd.mcp.protocol import Reply

        assert self._protocol is not None
        reply = self._protocol.receive(Head(content_types=("application/json",)), message, self._welcome)
        return reply.body if isinstance(reply, Reply) and reply.status != TOO_LARGE else None


def spoken(paths: Paths, tiers: Sequence[Tier]) -> tuple[Protocol | None, str]:
    """The protocol as memoryd speaks it, and the instructions that it gives to this session, from the settings alone;
    None where these cannot be used."""
    from typing import cast

    from iapeer_memory import __version__
    from iapeer_memory.attach.tiers import settled
    from iapeer_memory.domain.errors import ProductError
    from iapeer_memory.domain.settings import Settings, parse_env
    from iapeer_memory.memoryd.mcp.desk import spoken as protocol
    from iapeer_memory.memoryd.tools.asker import asker_of
    from iapeer_memory.memoryd.tools.memory import Memory
    from iapeer_memory.memoryd.tools.table import Tools
    from iapeer_memory.vault.locales import locale

    try:
        data = BareFiles().read_optional(paths.config_file, limit=CONFIG_LIMIT) or b""
        settings = Settings(os.environ, parse_env(data.decode("utf-8", "replace"))[0])
        if settings.vault is None:
            return None, ""
        nobody = cast("Memory", None)  # no tool is called here
        tools = Tools(nobody, locale(settings.locale), settings.vault)
        return protocol(tools, __version__), tools.welcome(asker_of(settled(tiers), None))
    except ProductError:
        return None, ""
