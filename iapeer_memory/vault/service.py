"""The three service keys: who edited last, when, and whether a curator should look. Pure; splices on bytes.

A splice touches the lines of these keys only. Source: the reference core's service trio, neutral stamp, clearing of
the review flag.
"""

from __future__ import annotations

from iapeer_memory.vault import safe_yaml
from iapeer_memory.vault.block import SERVICE, Entry, decode, encode, entries, frontmatter_of, joined
from iapeer_memory.vault.frontmatter import looks_like_a_key, value_of
from iapeer_memory.vault.items import items_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from iapeer_memory.vault.fences import Cut

UNSTAMPED = "unstamped"
"""Who edited a note when nobody can tell."""


class Service:
    """What a note says about its own making: texts as written, None where a key is missing. Treat as frozen."""

    __slots__ = ("author", "coauthors", "last_edited_by", "needs_review", "status", "updated")

    def __init__(self, have: Mapping[str, Entry]) -> None:
        self.last_edited_by = _text(have.get("last_edited_by"))
        self.updated = _text(have.get("updated"))
        self.needs_review = _text(have.get("needs_review"))
        self.author = _text(have.get("author"))
        self.status = _text(have.get("status"))
        self.coauthors = items_of(have["coauthors"]) if "coauthors" in have else ()

    @property
    def asks_for_review(self) -> bool:
        """Whether the flag is raised."""
        return (self.needs_review or "").lower() == "true"


def service(data: bytes) -> Service:
    """Read what a stamp wrote. A note without frontmatter says nothing."""
    found = frontmatter_of(data)
    block = entries(decode(data[found.block : found.closing])) if found else []
    return Service({entry.key: entry for entry in reversed(block) if entry.key})


def bake(data: bytes, *, writer: str, now: str) -> bytes:
    """Say who edited and when, and nothing else. A note without frontmatter stays as it is."""
    return _spliced(data, {"last_edited_by": safe_yaml.plain(writer), "updated": now})


def mark_unstamped(data: bytes, *, now: str, review: bool) -> bytes:
    """Say that somebody edited and did not stamp; `review` raises the flag. Without frontmatter: as it is."""
    values = {"last_edited_by": UNSTAMPED, "updated": now}
    return _spliced(data, values | {"needs_review": "true"} if review else values)


def clear_review(data: bytes) -> bytes:
    """Lower the flag where there is one; nothing else moves."""
    return _spliced(data, {"needs_review": "false"}, adds=False)


def ending_of(data: bytes, found: Cut | None) -> str:
    """What ends a new line besides the line feed: as the first line of the note has it."""
    end = data.find(b"\n") if found is None else found.block - 1
    return "\r" if end > 0 and data[end - 1 : end] == b"\r" else ""


def line(key: str, raw: str, ending: str) -> Entry:
    """One `key: value` line."""
    return Entry(key, raw, [f"{key}: {raw}{ending}"])


def renewed(entry: Entry, raw: str) -> Entry:
    """The entry with another value: the same entry where it says so already.

    Lines below it that look like keys which got indented are somebody's: they stay. Any other was its old value.
    """
    if value_of(entry) == value_of(Entry(entry.key, raw, [""])):
        return entry
    strays = [below for below in entry.lines[1:] if looks_like_a_key(below.strip())]
    return Entry(entry.key, raw, [f"{entry.key}: {raw}{entry.ending}", *strays])


def apart(block: list[Entry], values: Mapping[str, str | None], ending: str) -> tuple[list[Entry], list[Entry]]:
    """The block without its service keys, and these keys with new values, once each and in order.

    `values`: raw values; None keeps what a key says. A key that carries stray lines stays in the block, renewed.
    """
    rest: list[Entry] = []
    found: dict[str, Entry] = {}
    placed: set[str] = set()
    for entry in block:
        if entry.key is None or entry.key not in SERVICE:
            rest.append(entry)
            continue
        raw = values[entry.key]
        new = entry if raw is None else renewed(entry, raw)
        if new.single:
            found.setdefault(entry.key, new)
        else:
            rest.append(new)
            placed.add(entry.key)
    for key, raw in values.items():
        if raw is not None and key not in found:
            found[key] = line(key, raw, ending)
    return rest, [found[key] for key in SERVICE if key in found and key not in placed]


def _spliced(data: bytes, values: dict[str, str], *, adds: bool = True) -> bytes:
    found = frontmatter_of(data)
    if found is None:
        return data
    block = entries(decode(data[found.block : found.closing]))
    new = [renewed(entry, values[entry.key]) if entry.key in values else entry for entry in block]
    have = {entry.key for entry in block}
    new += [line(key, raw, ending_of(data, found)) for key, raw in values.items() if adds and key not in have]
    return data[: found.block] + encode(joined(new)) + data[found.closing :]


def _text(entry: Entry | None) -> str | None:
    if entry is None:
        return None
    value = value_of(entry)
    return value if isinstance(value, str) else ", ".join(value)
