"""Notes that a harness has kept for itself become notes of the vault: what there is, what becomes of it. Pure.

Two kinds of folders are known. Claude Code's: a note a file, with `name`, `description` and `type`, and `MEMORY.md`,
an index that is made anew elsewhere. Codex's: `MEMORY.md` and `rollout_summaries/*.md` hold what was learned, the
other files at the top are made from them. Any other folder of markdown is read like Claude's. Reads and writes
nothing itself. Source: the reference package's `migrate`, and the harnesses' folders.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.vault import safe_yaml
from iapeer_memory.vault.fences import cut, start_of
from iapeer_memory.vault.frontmatter import read, split_bytes
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.note import base_name, one_line

SUBTYPES = {"user": 3, "feedback": 0, "project": 1, "reference": 2}
"""A harness's type → its place among the locale's subtypes; anything else is context."""
CONTEXT = 1
INDEX = "MEMORY.md"
CODEX_MADE = ("memory_summary.md", "raw_memories.md")
"""What Codex makes from its other files; it tells a folder of Codex from one of Claude."""
CODEX_SUMMARIES = "rollout_summaries"
CODEX_TITLE = "Codex memories.md"
NO_LETTER = re.compile(r"[^A-Za-z0-9]", re.ASCII)
NESTED_TYPE = re.compile(r"^[ \t]+type[ \t]*:[ \t]*[\"']?([A-Za-z_-]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Item:
    """A note to migrate. `name`: its path below the source; `target`: its path in the vault. `old_type`: what the
    harness called it, "" where it did not say; `subtype`: what it becomes; `error`: why it stays where it is."""

    name: str
    target: str
    old_type: str = ""
    subtype: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """`items`: to convert, with the broken ones. `system`: indexes, kept in the backup alone. `present`: (name, target)
    of notes whose name the vault has already. `other`: files that are no notes, kept in the backup alone."""

    source: str
    target: str
    items: tuple[Item, ...]
    system: tuple[str, ...]
    present: tuple[tuple[str, str], ...]
    other: tuple[str, ...]

    @property
    def good(self) -> tuple[Item, ...]:
        """What can be converted."""
        return tuple(item for item in self.items if item.error is None)

    @property
    def counts(self) -> dict[str, int]:
        """How many notes of each subtype there will be."""
        subtypes = [item.subtype for item in self.good]
        return {subtype: subtypes.count(subtype) for subtype in dict.fromkeys(subtypes)}

    def row(self) -> dict[str, object]:
        """As JSON has it."""
        files = [
            {"name": i.name, "oldType": i.old_type, **({"error": i.error} if i.error else {"subtype": i.subtype})}
            for i in self.items
        ]
        return {
            "source": self.source,
            "target": self.target,
            "files": files,
            "skippedSystem": list(self.system),
            "skippedAlreadyInTarget": [name for name, _ in self.present],
            "backupOnly": list(self.other),
            "subtypeCounts": self.counts,
            "totalToMigrate": len(self.good),
        }


def sources(agent: str, cwd: str, *, claude_home: str, codex_home: str) -> tuple[str, ...]:
    """Where the harnesses may have kept memories of that agent in that folder; Codex's is one for all agents."""
    slug = NO_LETTER.sub("-", cwd)
    return f"{claude_home}/agent-memory/{agent}", f"{claude_home}/projects/{slug}/memory", f"{codex_home}/memories"


def is_codex(names: Collection[str]) -> bool:
    """Whether a folder with these names is one of Codex's."""
    return CODEX_SUMMARIES in names or any(name in names for name in CODEX_MADE)


def target_of(name: str, *, codex: bool) -> str:
    """The file name in the vault of a note of the source."""
    return CODEX_TITLE if codex and name == INDEX else name.rpartition("/")[2]


def plan(
    source: str, names: Sequence[str], contents: Mapping[str, bytes | str], folder: str, taken: Collection[str],
    locale: Locale, *, codex: bool,
) -> MigrationPlan:  # fmt: skip
    """What becomes of the files. `names`: of regular files below the source. `contents`: bytes of the notes by name, or
    why they cannot be read. `folder`: where they go, vault-relative; `taken`: the file names there."""
    items: list[Item] = []
    system: list[str] = []
    present: list[tuple[str, str]] = []
    other: list[str] = []
    claimed: dict[str, str] = {}
    for name in names:
        target = target_of(name, codex=codex)
        if not name.endswith(".md"):
            other.append(name)
        elif (name in CODEX_MADE) if codex else name == INDEX:
            system.append(name)
        elif target in taken:
            present.append((name, f"{folder}/{target}"))
        elif target.casefold() in claimed:
            reason = f"{claimed[target.casefold()]} has the same name"
            items.append(Item(name, f"{folder}/{target}", error=reason))
        else:
            claimed[target.casefold()] = name
            items.append(_item(name, f"{folder}/{target}", contents[name], locale))
    return MigrationPlan(source, folder, tuple(items), tuple(system), tuple(present), tuple(other))


def _item(name: str, target: str, content: bytes | str, locale: Locale) -> Item:
    if isinstance(content, str):
        return Item(name, target, error=content)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return Item(name, target, error=f"byte 0x{content[error.start]:02x} at {error.start} is not UTF-8")
    old = old_type(content)
    return Item(name, target, old, locale.subtypes[SUBTYPES.get(old, CONTEXT)])


def old_type(data: bytes) -> str:
    """What the harness called the note, lower case; "" where it does not say."""
    block = split_bytes(data).block
    value = read(block).get("type")
    if not isinstance(value, str) or not value:
        nested = NESTED_TYPE.search(block or "")
        value = nested[1] if nested else ""
    return one_line(value).lower()


def converted(item: Item, data: bytes, *, agent: str, locale: Locale, created: str) -> bytes:
    """The note of the vault. `created`: `YYYY-MM-DD`. The body keeps its bytes; the old keys stay in the backup.

    Raises Malformed for bytes that are not UTF-8.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        raise Malformed(item.name, "not UTF-8 text", remedy="save it as UTF-8") from None
    parts = split_bytes(data)
    description = read(parts.block).get("description", "")
    text = one_line(description) if isinstance(description, str) else ""
    genre = locale.genres["agent_memory"]
    keys = {
        "title": safe_yaml.plain(one_line(base_name(item.target))),
        "type": genre.type,
        "subtype": item.subtype,
        "status": genre.status,
        "description": safe_yaml.plain(text) if text else "''",
        "created": created,
        "author": safe_yaml.plain(agent),
    }
    head = "".join(f"{key}: {value}\n" for key, value in keys.items())
    found = cut(data) if parts.block is not None else None
    body = data[found.body :] if found is not None else data[start_of(data) :]
    gap = "" if body.startswith((b"\n", b"\r\n")) else "\n"
    return f"---\n{head}---\n{gap}".encode() + body
