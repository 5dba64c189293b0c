"""Writing ahead: what is about to be done to a foreign file is noted before it is done, so that a kill loses no undo.

One JSON line an intent, appended to a log beside the ledger; the log goes when the ledger is saved. After a kill the
intents that were carried out (the file holds the bytes that they were to leave) are taken into the ledger, the others
are dropped. Pure: bytes in, values out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iapeer_memory.surfaces.ledger import (
    FileRecord,
    Ledger,
    Share,
    digest,
    dump_record,
    dump_share,
    load_record,
    load_share,
)


@dataclass(frozen=True, slots=True)
class Intent:
    """One change that is about to be made.

    path: the file. after: sha256 of the bytes that will be there; None where it is about to be cleared or removed.
    record: what the ledger will say of it. folders: those that will be made. lines: all of ours in an exclude file.
    shares: all values of ours in a user-level file. placed: what the ledger will say is in place.
    """

    path: str
    after: str | None = None
    record: FileRecord | None = None
    folders: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    shares: tuple[Share, ...] = ()
    placed: Mapping[str, str] = field(default_factory=dict)

    def dump(self) -> bytes:
        """The log's line."""
        raw: dict[str, Any] = {"path": self.path}
        if self.after is not None:
            raw["after"] = self.after
        if self.record is not None:
            raw["record"] = dump_record(self.record)
        if self.folders:
            raw["folders"] = list(self.folders)
        if self.lines:
            raw["lines"] = list(self.lines)
        if self.shares:
            raw["shares"] = [dump_share(share) for share in self.shares]
        if self.placed:
            raw["placed"] = dict(self.placed)
        return (json.dumps(raw, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "surrogateescape")


def load(data: bytes | None) -> tuple[Intent, ...]:
    """The log read back; a line that a kill has torn is left out: what it was about was not begun."""
    intents: list[Intent] = []
    for line in (data or b"").split(b"\n"):
        try:
            intents.append(load_line(json.loads(line.decode("utf-8", "surrogateescape"))))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return tuple(intents)


def load_line(raw: Mapping[str, Any]) -> Intent:
    """One intent. Raises KeyError, TypeError, ValueError or AttributeError."""
    after, record = raw.get("after"), raw.get("record")
    return Intent(
        path=str(raw["path"]),
        after=None if after is None else str(after),
        record=None if record is None else load_record(record),
        folders=tuple(map(str, raw.get("folders", ()))),
        lines=tuple(map(str, raw.get("lines", ()))),
        shares=tuple(map(load_share, raw.get("shares", ()))),
        placed={str(key): str(value) for key, value in raw.get("placed", {}).items()},
    )


def replay(
    ledger: Ledger,
    intents: Sequence[Intent],
    read: Callable[[str], bytes | None],
    is_folder: Callable[[str], bool],
) -> None:
    """Take into the ledger what was done before it could be saved. `read` and `is_folder` look at the disk."""
    present: dict[str, str | None] = {}
    for intent in intents:
        for folder in intent.folders:
            if is_folder(folder):
                ledger.folders[folder] = None
        if intent.path not in present:
            data = read(intent.path)
            present[intent.path] = None if data is None else digest(data)
        if intent.after is None or intent.after != present[intent.path]:
            continue
        if intent.record is not None:
            ledger.keep(intent.path, intent.record)
        if intent.lines:
            ledger.excludes[intent.path] = intent.lines
        if intent.shares:
            ledger.shares[intent.path] = intent.shares
        for key, path in intent.placed.items():
            ledger.placed[key] = path
