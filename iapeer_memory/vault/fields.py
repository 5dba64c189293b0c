"""Editing the keys of a note: set, unset, one list item more or less. Line surgery on bytes; pure.

The lines of other keys, comments and blank lines keep their bytes; a list keeps its form. What an edit empties goes.
Source: the reference package's structural edits (`fm-update`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from iapeer_memory.domain.errors import UsageError
from iapeer_memory.vault import items, safe_yaml
from iapeer_memory.vault.block import Entry, decode, encode, entries, frontmatter_of, is_block_scalar, joined
from iapeer_memory.vault.fences import start_of
from iapeer_memory.vault.frontmatter import value_of
from iapeer_memory.vault.service import ending_of, line

Kind: TypeAlias = Literal["set", "unset", "list-add", "list-remove"]

ORDER: tuple[Kind, ...] = ("set", "unset", "list-add", "list-remove")
"""In which order edits are applied, however they were given."""


@dataclass(frozen=True, slots=True)
class Op:
    """One edit. `value`: a text; for `set` also a sound quoted string or one-line list; unused by `unset`."""

    kind: Kind
    key: str
    value: str = ""


def edit_fields(data: bytes, ops: Iterable[Op]) -> bytes:
    """The note with the edits applied; the data itself when nothing changes.

    A note without frontmatter gets one when a key is to be set. Raises UsageError for what cannot be a key.
    """
    ordered = sorted(ops, key=lambda op: ORDER.index(op.kind))
    for op in ordered:
        _check(op.key)
    found = frontmatter_of(data)
    ending = ending_of(data, found)
    fence = f"---{ending}\n".encode()
    before = entries(decode(data[found.block : found.closing])) if found else []
    after = before
    for op in ordered:
        after = _applied(after, op, ending)
    if joined(after) == joined(before):
        return data
    block = encode(joined(after))
    if found is not None:
        return data[: found.block] + block + data[found.closing :]
    start = start_of(data)
    gap = f"{ending}\n".encode() if data[start:].strip() else b""
    return data[:start] + fence + block + fence + gap + data[start:]


def _applied(block: list[Entry], op: Op, ending: str) -> list[Entry]:
    """The block after one edit; a second entry of the same key goes with it."""
    at = next((at for at, entry in enumerate(block) if _name(entry) == op.key), None)
    old = block[at] if at is not None else None
    new = _edited(old, op, ending)
    if new is old:
        return block
    if at is None:
        return [*block, new] if new else block
    rest = [entry for entry in block[at + 1 :] if _name(entry) != op.key]
    return [*block[:at], *([new] if new else []), *rest]


def _edited(old: Entry | None, op: Op, ending: str) -> Entry | None:
    if op.kind == "unset":
        return None
    if op.kind == "set":
        raw = _raw(op.value)
        return (old if old and old.single and old.raw == raw else line(op.key, raw, ending)) if raw else None
    text = " ".join(op.value.split())
    if op.kind == "list-remove":
        return items.removed(old, text) if old and not _is_opaque(old) else old
    if not text:
        return old
    if old is None or _is_opaque(old):
        return items.fresh(op.key, (text,), ending)
    if isinstance(value_of(old), str):
        return items.fresh(op.key, tuple(dict.fromkeys((*items.items_of(old), text))), ending)
    return items.added(old, text)


def _raw(value: str) -> str:
    """A value as it is to stand after the colon: a sound quoted string or one-line list as given, else made safe."""
    text = value.strip()
    given = text.isprintable() and text[:1] in ('"', "'", "[", "{") and safe_yaml.is_clean(text)
    return text if given or not text else safe_yaml.plain(text)


def _is_opaque(entry: Entry) -> bool:
    """Whether the value is a block scalar or a nested map: nothing that has items."""
    return is_block_scalar(entry.raw) or (not entry.single and not isinstance(value_of(entry), tuple))


def _name(entry: Entry) -> str | None:
    """The key of an entry, in any script; None for comments and loose lines."""
    head, colon, _ = entry.lines[0].partition(":")
    return entry.key or (head.strip() if colon and head[:1] not in ("", " ", "\t", "#", "-") else None)


def _check(key: str) -> None:
    if (
        not key
        or key != key.strip()
        or not key.isprintable()
        or ":" in key
        or safe_yaml.is_unsafe(key)
        or key[0] == "-"
    ):
        raise UsageError(f"{key!r} cannot be a key", remedy="use letters, digits, - and _")
