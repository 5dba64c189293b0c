"""The one error tree: every class owns its exit code, its one line of text and its remedy.

    ProductError                exit 1
    ├── UsageError              exit 2: the words of the command are wrong
    ├── ConfigError             a setting or a settings file cannot be used
    ├── FileRefused             a file of somebody else that we will not read or edit
    │   ├── Unreadable          it is there, and cannot be read (never the same as absent)
    │   ├── Malformed           its text is not what its name promises
    │   ├── UnsafePath          a link, a special file or an owner that we do not follow
    │   └── ChangedUnderneath   somebody wrote it while we were about to
    ├── LockBusy                another process of ours holds the lock
    ├── CoreFailed              the ecosystem's core did not answer as it should
    ├── DaemonFailed            memoryd did not start, stop or answer
    └── InstallFailed           the private runtime could not be made

    EffectRefused (BaseException under pytest, see egress.raising) is not here: a refused effect is a
    value (`refused=True`) everywhere but in tests.

Never prints; never holds more than text.
"""

from __future__ import annotations


class ProductError(Exception):
    """What went wrong in one line, and the command or act that mends it."""

    exit_code = 1

    def __init__(self, reason: str, *, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy

    def line(self) -> str:
        """One line, without a trailing newline: reason, then the fix where there is one."""
        text = " ".join(self.reason.split())
        return f"{text}; fix: {self.remedy}" if self.remedy else text


class UsageError(ProductError):
    """The command's words are wrong."""

    exit_code = 2


class ConfigError(ProductError):
    """A setting or a settings file cannot be used."""


class FileRefused(ProductError):
    """A file that we leave exactly as it is, and why."""

    def __init__(self, path: str, reason: str, *, line_number: int | None = None, remedy: str | None = None) -> None:
        super().__init__(reason, remedy=remedy)
        self.path = path
        self.line_number = line_number

    def line(self) -> str:
        """`path:line: reason; fix: …` (the line number only where one is known)."""
        place = self.path if self.line_number is None else f"{self.path}:{self.line_number}"
        return f"{printable(place)}: {super().line()}"


class Unreadable(FileRefused):
    """The file is there and cannot be read; it must never be treated as absent."""


class Malformed(FileRefused):
    """The file's text is not what its name promises. `keys`: the path in the document where it is wrong, for whoever
    has the bytes and can tell the line."""

    def __init__(
        self,
        path: str,
        reason: str,
        *,
        line_number: int | None = None,
        remedy: str | None = None,
        keys: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(path, reason, line_number=line_number, remedy=remedy)
        self.keys = keys


class UnsafePath(FileRefused):
    """A link that leaves its folder, a special file, a hard link or somebody else's file."""


class ChangedUnderneath(FileRefused):
    """Somebody else wrote the file while we were about to; nothing was written."""


class LockBusy(ProductError):
    """Another process holds the lock."""


class CoreFailed(ProductError):
    """The ecosystem's core is missing, hangs, lies or speaks garbage."""


class DaemonFailed(ProductError):
    """memoryd did not start, stop or answer."""


class InstallFailed(ProductError):
    """The private runtime could not be made; the old one is untouched."""


def printable(text: str) -> str:
    """The text with control characters spelled out, so that a path cannot break a line or a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
