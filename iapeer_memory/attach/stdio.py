"""MCP by lines: a message in is a line, it goes to memoryd as it is over a session, the answer is a line out.

A write gets a key of its own, so that it can be asked for again after its answer was lost and is done once. What only
reads is asked again too; what is neither is reported. Imports nothing heavy: a harness waits.
"""

from __future__ import annotations

from iapeer_memory.attach.bodies import KEY, LONGEST_KEY, member, plain, quoted
from iapeer_memory.attach.errors import AttachFailed, OutcomeUnknown, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iapeer_memory.attach.client import Client
    from iapeer_memory.attach.tier_files import TierFiles
    from iapeer_memory.domain.door import Clock

WITHIN = 60.0
"""Seconds for an answer, starting memoryd and asking again included."""
ASKED = 3
"""How often the same is asked, at most."""
INTERNAL = -32603
WRITES = "memory_write"
NO_REMEDIES: Mapping[str, str] = {}


class Stdio:
    """One harness's session. `settings`: its files, looked at before each message; where they have changed, the session
    attaches anew. `token`: what its keys begin with, nobody else's. `say`: told what the user should know. `early`: may
    answer a message instead of memoryd, None where it does not. `remedies`: what helps against a refusal, by code."""

    __slots__ = ("_client", "_clock", "_count", "_early", "_remedies", "_say", "_settings", "_token", "_told")

    def __init__(
        self,
        client: Client,
        clock: Clock,
        settings: TierFiles,
        token: str,
        say: Callable[[str], object],
        *,
        early: Callable[[bytes], bytes | None] = lambda _: None,
        remedies: Mapping[str, str] = NO_REMEDIES,
    ) -> None:
        self._client = client
        self._clock = clock
        self._settings = settings
        self._token = token
        self._say = say
        self._early = early
        self._remedies = remedies
        self._count = 0
        self._told: set[str] = set()

    def serve(self, read: Callable[[], bytes], write: Callable[[bytes], object], flush: Callable[[], object]) -> None:
        """One line after the other until there are no more."""
        while line := read():
            answer = self.answered(line.strip())
            if answer:
                write(answer + b"\n")
                flush()

    def answered(self, message: bytes) -> bytes:
        """The answer to a message; b"" where none is due."""
        if not message:
            return b""
        self._look()
        said = plain(message)
        body, key, again = self._keyed(message, said)
        try:
            early = self._early(message)
            answer = self._asked(body, key, ASKED if again else 1) if early is None else early
        except AttachFailed as error:
            if isinstance(error, Refused):
                error.remedy = self._remedies.get(error.code)
            return failed(message, error.line())
        greeted = member(said, "method") == "initialize" and self._settings.unread
        return warned(answer, self._settings.unread) if greeted else answer

    def _look(self) -> None:
        """Settings as they are now."""
        if self._settings.read():
            self._client.close()
        for line in self._settings.unread:
            if line not in self._told:
                self._told.add(line)
                self._say(f"a settings file does not count: {line}")

    def _keyed(self, message: bytes, said: object) -> tuple[bytes, str, bool]:
        """(what to send, its key or "", whether it may be sent again)."""
        if isinstance(said, list):
            return message, "", False
        if member(said, "method") != "tools/call" or member(member(said, "params"), "name") != WRITES:
            return message, "", True
        if isinstance(said, dict) and KEY in said:
            given = said[KEY]
            usable = isinstance(given, str) and 0 < len(given) <= LONGEST_KEY
            return message, given if usable else "", usable
        self._count += 1
        key = f"{self._token}-{self._count}"
        return b'{"%b":%b,%b' % (KEY.encode(), quoted(key).encode(), message[1:]), key, True

    def _asked(self, body: bytes, key: str, times: int) -> bytes:
        """Ask, and ask again for an answer that was lost. Raises AttachFailed; once a write may have been carried out,
        nothing that goes wrong later hides that."""
        end = self._clock.monotonic() + WITHIN
        lost: OutcomeUnknown | None = None
        while True:
            times -= 1
            try:
                return self._client.request(body, within=end - self._clock.monotonic(), key=key)
            except OutcomeUnknown as error:
                lost = lost or error
                if not times or self._clock.monotonic() >= end:
                    raise lost from None
            except AttachFailed:
                if lost is not None and key:
                    raise lost from None
                raise


def warned(answer: bytes, lines: tuple[str, ...]) -> bytes:
    """The answer to `initialize`, its instructions naming the settings files that were not sent."""
    import json

    try:
        told = json.loads(answer)
        told["result"]["instructions"] += "".join(f"\n\nA settings file does not count; {line}" for line in lines)
    except (ValueError, KeyError, TypeError):
        return answer
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def failed(message: bytes, why: str) -> bytes:
    """The answer to a message that got none; b"" where none is due."""
    import json

    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        said = {"id": None}
    every = said if isinstance(said, list) else [said]
    asked = [one["id"] for one in every if isinstance(one, dict) and "id" in one]
    errors = [{"jsonrpc": "2.0", "id": one, "error": {"code": INTERNAL, "message": why}} for one in asked]
    if not errors:
        return b""
    return json.dumps(errors if isinstance(said, list) else errors[0], ensure_ascii=False).encode(errors="replace")
