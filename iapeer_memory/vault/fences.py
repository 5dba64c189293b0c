"""Where the frontmatter of a note begins and ends: the one rule, on bytes, for readers and writers. Pure.

The file starts (after a byte order mark) with a line `---`; the block ends before the next line `---`. Blanks and a
carriage return may follow the dashes. Source: the reference core's frontmatter fences.
"""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r"


class Cut:
    """Offsets into the bytes of a note. The block is `data[block:closing]`, the body `data[body:]`."""

    __slots__ = ("block", "body", "closing", "start")

    def __init__(self, start: int, block: int, closing: int, body: int) -> None:
        self.start = start
        self.block = block
        self.closing = closing
        self.body = body

    @property
    def empty(self) -> bool:
        """Whether nothing stands between the fences: no frontmatter for a reader, a place for a writer."""
        return self.block == self.closing


def start_of(data: bytes) -> int:
    """The offset of the text: after the byte order mark, if there is one."""
    return len(BOM) if data.startswith(BOM) else 0


def cut(data: bytes) -> Cut | None:
    """Find both fences; None when one is missing."""
    start = start_of(data)
    end = data.find(b"\n", start)
    if not data.startswith(b"---", start) or end < 0 or data[start + 3 : end].strip(BLANKS):
        return None
    block, at = end + 1, end
    while (at := data.find(b"\n---", at)) >= 0:
        end = data.find(b"\n", at + 4)
        end = len(data) if end < 0 else end
        if not data[at + 4 : end].strip(BLANKS):
            return Cut(start, block, at + 1, min(end + 1, len(data)))
        at = end
    return None
