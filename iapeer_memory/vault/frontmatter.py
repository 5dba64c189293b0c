"""Read the frontmatter of a note: flat, line by line, tolerant. Pure; never writes, never raises.

One `key: value` a line, block lists and one-line lists; that is what the notes of a vault hold. What is no YAML at
all costs the line that it stands on, not the note. Source: the reference core's frontmatter schema and fences.
"""

from __future__ import annotations

from iapeer_memory.vault import scalar
from iapeer_memory.vault.block import Entry, entries, is_block_scalar, is_frontmatter
from iapeer_memory.vault.fences import cut, start_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Value: TypeAlias = str | tuple[str, ...]
else:  # other files import this name
    Value = object


class Split:
    """A note cut at its fences. `block` is None when there is no frontmatter; then `body` is the whole text."""

    __slots__ = ("block", "body")

    def __init__(self, block: str | None, body: str) -> None:
        self.block = block
        self.body = body


def split(text: str) -> Split:
    """Cut at the fences. A byte order mark is dropped and CRLF becomes LF, in both parts."""
    return split_bytes(text.encode("utf-8", "surrogatepass"), errors="surrogatepass")


def split_bytes(data: bytes, *, errors: str = "replace") -> Split:
    """The same for the bytes of a note. `errors`: what becomes of bytes that are not UTF-8."""
    found = cut(data)
    if found is not None and not found.empty:
        block = _text(data[found.block : found.closing], errors)
        if is_frontmatter(block):
            return Split(block, _text(data[found.body :], errors))
    return Split(None, _text(data[start_of(data) :], errors))


def read(block: str | None) -> dict[str, Value]:
    """The keys of a frontmatter block: text, or a tuple of texts for a list. The first of two equal keys wins."""
    found: dict[str, Value] = {}
    for entry in entries(block or ""):
        if entry.key is not None and entry.key not in found:
            found[entry.key] = value_of(entry)
    return found


def value_of(entry: Entry) -> Value:
    """What one entry says."""
    raw, below = entry.raw, [line.strip() for line in entry.lines[1:]]
    if is_block_scalar(raw):
        return ("\n" if raw[0] == "|" else " ").join(below).strip()
    if not raw or raw[0] == "#":
        return tuple(text for text in map(_item, below) if text) if any(map(_is_item, below)) else ""
    if raw[0] == "[" and not raw.startswith("[["):
        items, _ = scalar.flow_items(" ".join([raw, *below]))
        return tuple(text for text in map(scalar.read, items) if text)
    if below and not any(map(looks_like_a_key, below)):
        raw = " ".join([raw, *(line for line in below if line)])
    return scalar.read(raw)


def looks_like_a_key(line: str) -> bool:
    """Whether a line below a value is more likely a key that got indented than the value's next line."""
    return ": " in line or line.rstrip().endswith(":")


def _is_item(line: str) -> bool:
    return line == "-" or line.startswith(("- ", "-\t"))


def _item(line: str) -> str:
    return scalar.read(line[1:].strip()) if _is_item(line) else ""


def _text(data: bytes, errors: str) -> str:
    return data.decode("utf-8", errors).replace("\r\n", "\n")
