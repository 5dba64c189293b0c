"""One line of the history's log: what happened to which note, when, by whom. Pure, and cheap enough for the hook.

    <epoch ms> <event> <writer> <digest> <after> <size> <token> <path> <other>

Nine fields parted by tabs, in UTF-8, backslash, tab and line ends escaped. A line is written with a line end before it
too, so that what a crash has torn spoils no line but its own. Never raises on a line that it cannot read.
"""

from __future__ import annotations

EVENTS = (
    "seen", "stamped", "displaced", "late", "deleted", "archived", "unarchived", "renamed", "created", "restored",
    "snapshot",
)  # fmt: skip
"""seen: a version that the daemon came upon. stamped: the version before a change of ours. displaced: a version of
somebody else that a change of ours took the place of. late: what somebody wrote to a file after it was displaced."""
FIELDS = 9
ESCAPES = ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r"))
BACK = {ord("\\"): "\\", ord("t"): "\t", ord("n"): "\n", ord("r"): "\r"}


class Record:
    """One event.

    `time`: seconds since the epoch. `writer`: who made the change, as the frontmatter names him, or "". `digest`: of
    the bytes that were kept, "" for none. `after`: digest of what was about to replace them, "" where it is not known.
    `size`: bytes kept. `token`: of the change, names its temp and its place in the spool; the id of a snapshot.
    `path`: vault-relative, as spelled on the disk. `other`: where the note went, for archived, unarchived, renamed.
    """

    __slots__ = ("after", "digest", "event", "other", "path", "size", "time", "token", "writer")

    def __init__(
        self, time: float, event: str, writer: str, digest: str, path: str, *,
        after: str = "", size: int = 0, token: str = "", other: str = "",
    ) -> None:  # fmt: skip
        self.time = time
        self.event = event
        self.writer = writer
        self.digest = digest
        self.after = after
        self.size = size
        self.token = token
        self.path = path
        self.other = other

    def line(self) -> bytes:
        """The record as it stands in the log, a line end on either side."""
        words = (
            str(int(self.time * 1000)), self.event, self.writer, self.digest, self.after, str(self.size), self.token,
            self.path, self.other,
        )  # fmt: skip
        return b"\n" + b"\t".join([escaped(word) for word in words]) + b"\n"


def read_line(line: bytes) -> Record | None:
    """The record of a line without its line end; None for one that is not whole."""
    words = line.split(b"\t")
    if len(words) != FIELDS or not words[0].isdigit() or not words[5].isdigit():
        return None
    time, event, writer, digest, after, size, token, path, other = [plain(word) for word in words]
    if event not in EVENTS or not is_digest(digest, optional=True) or not is_digest(after, optional=True):
        return None
    return Record(
        int(time) / 1000, event, writer, digest, path, after=after, size=int(size), token=token, other=other
    )  # fmt: skip


def escaped(text: str) -> bytes:
    """The text as a field."""
    data = text.encode("utf-8", "surrogateescape")
    for mark, spelled in ESCAPES:
        if mark in data:
            data = data.replace(mark, spelled)
    return data


def plain(field: bytes) -> str:
    """The text of a field."""
    text = field.decode("utf-8", "surrogateescape")
    if "\\" not in text:
        return text
    parts = text.split("\\")
    out, rest = [parts[0]], parts[1:]
    while rest:
        part = rest.pop(0)
        if part:
            out.append(BACK.get(ord(part[0]), part[0]) + part[1:])
        else:
            out.append("\\" + (rest.pop(0) if rest else ""))
    return "".join(out)


def is_digest(text: str, *, optional: bool = False) -> bool:
    """Whether the text is a SHA-256 in hex."""
    if not text:
        return optional
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
