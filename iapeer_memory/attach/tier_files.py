"""Settings files on the harness's side: read anew whenever a session attaches, and sent as they are.

The label says where a file lay, never what it holds. Never parses one; what cannot be sent is left out and told.
Imports nothing heavy: the stdio bridge waits for it.
"""

from __future__ import annotations

from iapeer_memory.attach.bodies import Tier, quoted
from iapeer_memory.domain.errors import Unreadable, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Reads(Protocol):
        """What of `domain.door.Files` is needed; `egress.barefiles.BareFiles` is enough."""

        def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None: ...
        def realpath(self, path: str) -> str: ...


USER = "user"
PROJECT = "project"
PLACE = ".iapeer/memory.jsonc"
"""Where a project's file lies, below its root."""
LARGEST_DOC = 256 << 10
"""Bytes of one tier's text, as JSON on its way. A settings file is a few hundred."""


def project_file(root: str) -> str:
    """Where a project keeps its settings."""
    return f"{root.rstrip('/')}/{PLACE}"


class TierFiles:
    """The user's file and the project's, in the order in which they count. `unread`: a line for each file that is there
    and was not sent, as of the last reading."""

    __slots__ = ("_files", "_root", "_user_file", "tiers", "unread")

    def __init__(self, files: Reads, user_file: str, root: str) -> None:
        self._files = files
        self._user_file = user_file
        self._root = root
        self.tiers: tuple[Tier, ...] = ()
        self.unread: tuple[str, ...] = ()

    def read(self) -> bool:
        """Look at both; whether anything is otherwise than it was. What is not there is no tier."""
        before = self.tiers, self.unread
        tiers: list[Tier] = []
        unread: list[str] = []
        for label, path in ((USER, self._user_file), (PROJECT, project_file(self._root))):
            try:
                text = self._text(label, path)
                if text is not None:
                    tiers.append(Tier(label, path, text))
            except Unreadable as error:
                unread.append(f"{printable(path)}: {error.reason}")
        self.tiers, self.unread = tuple(tiers), tuple(unread)
        return before != (self.tiers, self.unread)

    def _text(self, label: str, path: str) -> str | None:
        """What the file says; None where there is none. Raises Unreadable."""
        data = self._files.read_optional(path, limit=LARGEST_DOC)
        if data is None:
            return None
        if label == PROJECT:
            self._stays(path)
        try:
            path.encode()
            text = data.decode()
        except UnicodeEncodeError:
            raise Unreadable(path, "its path is not UTF-8") from None
        except UnicodeDecodeError:
            raise Unreadable(path, "it is not UTF-8") from None
        if len(quoted(text).encode()) > LARGEST_DOC:
            raise Unreadable(path, f"it is larger than {LARGEST_DOC} bytes on its way")
        return text

    def _stays(self, path: str) -> None:
        """Raises Unreadable for a project's file that is another folder's: a link must not make it speak for it."""
        try:
            real, root = self._files.realpath(path), self._files.realpath(self._root)
        except OSError as error:
            raise Unreadable(path, f"it cannot be found ({error.strerror})") from None
        if not real.startswith(f"{root.rstrip('/')}/"):
            raise Unreadable(path, "it is a link that leaves the project")
