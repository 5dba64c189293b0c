"""A frontmatter block as entries: a key with the lines that belong to it, or lines that no rule reads. Pure.

Joining the lines of all entries gives back the block, byte for byte: bytes that are not UTF-8 travel as surrogate
escapes, a carriage return stays on its line. Never judges whether the YAML is sound.

An entry begins at a line without indent and goes on over indented lines, and, below a key without a value, over list
items without indent. Blank lines and comments belong to an entry only where it goes on after them.
"""

from __future__ import annotations

from iapeer_memory.vault.fences import cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from iapeer_memory.vault.fences import Cut

SERVICE = ("last_edited_by", "updated", "needs_review")
"""The service keys, in the order in which they stand at the end of a block."""


class Entry:
    """`key`: None for comments, blank lines and whatever is no `key: value`. `raw`: what follows the colon."""

    __slots__ = ("key", "lines", "raw")

    def __init__(self, key: str | None, raw: str, lines: list[str]) -> None:
        self.key = key
        self.raw = raw
        self.lines = lines

    @property
    def single(self) -> bool:
        """Whether the value stands on the key's own line."""
        return len(self.lines) == 1

    @property
    def ending(self) -> str:
        """What ends its lines besides the line feed: a carriage return or nothing."""
        return "\r" if self.lines[0].endswith("\r") else ""


def decode(data: bytes) -> str:
    """Bytes as text that `encode` gives back unchanged."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a text; what is no character at all becomes a question mark."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def entries(block: str) -> list[Entry]:
    """The entries of a block. Its last line feed is nobody's."""
    found: list[Entry] = []
    loose: list[str] = []
    for line in block.removesuffix("\n").split("\n") if block else ():
        text = line.strip(" \t\r")
        last = found[-1] if found else None
        goes_on = last is not None and _goes_on(last, line, text)
        if (not text or text[0] == "#") and not (goes_on and last is not None and is_block_scalar(last.raw)):
            loose.append(line)
        elif goes_on and last is not None:
            last.lines += [*loose, line]
            loose = []
        else:
            found += [Entry(None, "", [free]) for free in loose]
            loose = []
            head = key_of(line)
            found.append(Entry(head, after_colon(line), [line]))
    return [*found, *(Entry(None, "", [free]) for free in loose)]


def joined(block: list[Entry]) -> str:
    """The text of a block."""
    return "".join(f"{text}\n" for entry in block for text in entry.lines)


def key_of(line: str) -> str | None:
    """The key of a line `key: value` without indent, its quotes taken off; None for any other line.

    ASCII only: a letter or underscore, then word characters or hyphens.
    """
    head, colon, rest = line.partition(":")
    if not colon or rest[:1] not in ("", " ", "\t", "\r"):
        return None
    key = head.rstrip(" \t")
    if len(key) > 2 and key[0] == key[-1] and key[0] in "\"'":
        key = key[1:-1]
    return key if is_key(key) else None


def is_key(text: str) -> bool:
    """Whether a text may be a key."""
    return text.isascii() and text[:1] != "-" and text.replace("-", "_").isidentifier()


def after_colon(line: str) -> str:
    """What stands after the first colon of a line, without blanks around it."""
    return line.partition(":")[2].strip(" \t\r")


def frontmatter_of(data: bytes) -> Cut | None:
    """Where the frontmatter of a note is, for one who writes: an empty block is a place to fill."""
    found = cut(data)
    if found is None or not is_frontmatter(decode(data[found.block : found.closing])):
        return None
    return found


def is_frontmatter(block: str) -> bool:
    """Whether what stands between two fences is keys (or only comments) and not a text between two rules."""
    content = [line for line in block.split("\n") if line.strip(" \t\r")[:1] not in ("", "#")]
    return not content or any(map(_is_head, content))


def is_block_scalar(raw: str) -> bool:
    """Whether a raw value announces a block scalar: `|` or `>`, perhaps with indicators and a comment."""
    head = raw[1:].partition("#")[0].rstrip(" \t")
    return raw[:1] in ("|", ">") and len(head) <= 2 and not head.strip("+-123456789")


def _is_head(line: str) -> bool:
    """Whether a line is `key: value` in any script."""
    _, colon, rest = line.partition(":")
    return bool(colon) and rest[:1] in ("", " ", "\t", "\r") and line[0] not in " \t-#{["


def _goes_on(entry: Entry, line: str, text: str) -> bool:
    if line[:1] in (" ", "\t"):
        return bool(text) and (entry.key is not None or entry.lines[0].strip(" \t\r")[:1] not in ("", "#"))
    is_item = text == "-" or text.startswith(("- ", "-\t"))
    return is_item and (not entry.raw or entry.raw[0] == "#") and ":" in entry.lines[0]
