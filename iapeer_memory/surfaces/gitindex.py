"""Which of some paths a git index holds, read from its bytes. Pure; never runs git.

Source of the format: git's own "index-format" documentation, versions 2, 3 and 4, with the split-index extension
`link` (the caller reads the shared index that it names).
"""

from __future__ import annotations

from collections.abc import Iterable

EXTENDED = 0x4000
LONG_NAME = 0xFFF
ENTRY_HEAD = 40
"""Bytes of stat data before an entry's object name."""


class NotAnIndexError(ValueError):
    """The bytes are not an index that we know how to read."""


def tracked(data: bytes, wanted: Iterable[bytes], *, hash_size: int = 20) -> frozenset[bytes]:
    """Those of the wanted paths (relative to the work tree, `/` between parts) that the index holds, at any stage.

    Raises NotAnIndexError. A path that does not occur in the bytes of an uncompressed index is turned away without
    walking the entries.
    """
    if len(data) < 12 or data[:4] != b"DIRC":
        raise NotAnIndexError("no DIRC signature")
    version = int.from_bytes(data[4:8], "big")
    if version not in (2, 3, 4):
        raise NotAnIndexError(f"version {version}")
    candidates = frozenset(p for p in wanted if version == 4 or p in data)
    if not candidates:
        return candidates
    found: set[bytes] = set()
    at, path = 12, b""
    for _ in range(int.from_bytes(data[8:12], "big")):
        at, path = entry(data, at, path, version, hash_size)
        if path in candidates:
            found.add(path)
            if len(found) == len(candidates):
                break
    return frozenset(found)


def entry(data: bytes, start: int, before: bytes, version: int, hash_size: int) -> tuple[int, bytes]:
    """(where the next entry begins, this one's path). `before`: the path of the entry before it."""
    flags_at = start + ENTRY_HEAD + hash_size
    flags = int.from_bytes(data[flags_at : flags_at + 2], "big")
    at = flags_at + (4 if version >= 3 and flags & EXTENDED else 2)
    if at >= len(data):
        raise NotAnIndexError("an entry is cut short")
    if version == 4:
        strip, at = varint(data, at)
        end = data.find(b"\0", at)
        if end < 0 or strip > len(before):
            raise NotAnIndexError("a path is cut short")
        return end + 1, before[: len(before) - strip] + data[at:end]
    length = flags & LONG_NAME
    end = data.find(b"\0", at) if length == LONG_NAME else at + length
    if end < 0 or end >= len(data):
        raise NotAnIndexError("a path is cut short")
    return start + (end - start + 8) // 8 * 8, data[at:end]


def varint(data: bytes, at: int) -> tuple[int, int]:
    """(git's offset-encoded number, where it ends)."""
    try:
        byte = data[at]
        value = byte & 0x7F
        while byte & 0x80:
            at += 1
            byte = data[at]
            value = ((value + 1) << 7) | (byte & 0x7F)
    except IndexError:
        raise NotAnIndexError("a number is cut short") from None
    return value, at + 1


def shared_index(data: bytes, *, hash_size: int = 20) -> str | None:
    """The hex name of the shared index that a split index leans on; None when it stands alone."""
    at = data.rfind(b"link")
    if at < 0 or at + 8 + hash_size > len(data):
        return None
    size = int.from_bytes(data[at + 4 : at + 8], "big")
    if size < hash_size or at + 8 + size > len(data) - hash_size:
        return None
    name = data[at + 8 : at + 8 + hash_size].hex()
    return name if name.strip("0") else None
