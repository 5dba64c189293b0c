"""What a context costs a session: its length, whole and by section; and what of it a budget allows. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """`characters` as harnesses count them (UTF-16 units); `sections`: (heading, characters with the heading), in
    order, what stands before the first heading under ""."""

    peer: str
    characters: int
    bytes: int
    sections: tuple[tuple[str, int], ...]


def cost(peer: str, text: str) -> Cost:
    """What that text costs."""
    sections: list[tuple[str, int]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(("# ", "## ")) or not sections:
            heading = line.lstrip("#").strip() if line.startswith(("# ", "## ")) else ""
            sections.append((heading, 0))
        heading, counted = sections[-1]
        sections[-1] = (heading, counted + characters(line))
    return Cost(peer, characters(text), len(text.encode("utf-8", "replace")), tuple(sections))


def beginning(text: str, most: int) -> str:
    """Its first lines, as many as are within so many bytes: what is essential stands first."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return text
    return data[: data.rfind(b"\n", 0, most) + 1].decode()


def characters(text: str) -> int:
    """The length of a text as harnesses count it: a sign beyond the basic plane counts twice."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
