"""What is remembered of the notes between two looks and between two runs of the daemon, and its two files.

    memoryd.hashes.json    {"<absolute path>": "<sha256 of the text>", ...}
    memoryd.batches.json   {"permanent": {"<path>": "<smart hash>"},
                            "silentStamps": {"<path>": {"hash": "<smart hash>", "updated": …, "leb": …}},
                            "lastCuratorTickAt": <epoch ms or null>,
                            "offered": {"<path>": <epoch ms>}, "arrived": {"<path>": "<smart hash>"}}

Source: the reference core's state files; `offered` and `arrived` are ours, and who does not know them passes them
over. What cannot be read counts as never seen: then nothing is judged. Bytes in, bytes out; never touches a disk.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from json.encoder import encode_basestring
from sys import intern
from typing import Any

from iapeer_memory.curation.sight import Seen

HASHES = "memoryd.hashes.json"
BATCHES = "memoryd.batches.json"
DIGEST_HEX = 64
PERMANENT, PARTING = b'{"permanent":{', b'},"silentStamps":'


@dataclass(slots=True)
class State:
    """`notes`: the baseline of each monitored note, by vault-relative path. `last_tick`: epoch ms of the last curator
    tick. `offered`: when a note of the queue was last told, epoch ms. `arrived`: notes that came in bulk and what
    they said then. `baseline`: whether every note was seen once; until then none is stored. `changed`: whether the
    files differ from this.
    """

    notes: dict[str, Seen] = field(default_factory=dict)
    last_tick: int | None = None
    offered: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, bytes] = field(default_factory=dict)
    baseline: bool = False
    changed: bool = False

    def put(self, path: str, seen: Seen) -> None:
        """Remember a note."""
        if self.notes.get(path) != seen:
            self.notes[path] = seen
            self.changed = True

    def forget(self, path: str) -> None:
        """Forget a note that is not there any more."""
        self.arrived.pop(path, None)
        if self.notes.pop(path, None) is not None:
            self.changed = True

    def ticked(self, now_ms: int, offered: Mapping[str, int] | None = None) -> None:
        """A tick has been."""
        self.last_tick = now_ms
        if offered is not None:
            self.offered = dict(offered)
        self.changed = True


def load(hashes: bytes | None, batches: bytes | None, root: str) -> State:
    """The state from both files. `root`: the vault's absolute path. Never raises on what the files say."""
    batch = _object(_without_permanent(batches))
    stamps = batch.get("silentStamps")
    notes = dict(_stamps(stamps))
    prefix = root.rstrip("/") + "/"
    for place, text in _object(hashes).items():
        path = place.removeprefix(prefix)
        full = _digest(text)
        if full is not None and path != place:
            notes[path] = replace(notes.get(path, Seen(None)), full=full)
    return State(
        notes=notes,
        last_tick=_moment(batch.get("lastCuratorTickAt")),
        offered={path: ms for path, raw in _pairs(batch.get("offered")) if (ms := _moment(raw)) is not None},
        arrived={path: hash_ for path, raw in _pairs(batch.get("arrived")) if (hash_ := _digest(raw)) is not None},
        baseline=isinstance(stamps, dict),
    )


def dump_hashes(state: State, root: str) -> bytes:
    """The bytes of `memoryd.hashes.json`."""
    prefix = root.rstrip("/") + "/"
    full = ((prefix + path, seen.full.hex()) for path, seen in state.notes.items() if seen.full is not None)
    return _joined("{", (f"{_text(place)}:{_text(text)}" for place, text in full), "}")


def dump_batches(state: State) -> bytes:
    """The bytes of `memoryd.batches.json`."""
    smart = (f'{_text(path)}:"{hash_.hex()}"' for path, hash_, _ in _with_stamps(state))
    stamps = (
        f'{_text(path)}:{{"hash":"{hash_.hex()}","updated":{_text(seen.updated)},"leb":{_text(seen.editor)}}}'
        for path, hash_, seen in _with_stamps(state)
    )
    arrived = {path: hash_.hex() for path, hash_ in state.arrived.items()}
    rest = (
        f'"lastCuratorTickAt":{_json(state.last_tick)}',
        f'"offered":{_json(state.offered)}',
        f'"arrived":{_json(arrived)}}}',
    )
    tail = ",".join(rest).encode("utf-8", "surrogateescape")
    if not state.baseline:
        return b"{" + tail
    return _joined(PERMANENT.decode(), smart, "") + _joined(PARTING.decode() + "{", stamps, "},") + tail


def _with_stamps(state: State) -> Iterator[tuple[str, bytes, Seen]]:
    return ((path, seen.smart, seen) for path, seen in state.notes.items() if seen.smart is not None)


def _joined(start: str, rows: Iterator[str], end: str) -> bytes:
    return (start + ",".join(rows) + end).encode("utf-8", "surrogateescape")


def _text(text: str | None) -> str:
    """A text or nothing as JSON; quicker than an encoder for each of a hundred thousand."""
    return "null" if text is None else encode_basestring(text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _object(data: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads((data or b"{}").decode("utf-8-sig", "surrogateescape"), object_hook=_record)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _pairs(raw: object) -> Iterator[tuple[str, object]]:
    yield from raw.items() if isinstance(raw, dict) else ()


def _without_permanent(data: bytes | None) -> bytes | None:
    """The file without the part that says nothing new, where it stands in front: to read it would cost as much again.

    The mark cannot stand in a text: there its quotes would be escaped.
    """
    end = data.find(PARTING) if data is not None and data.startswith(PERMANENT) else -1
    return data if data is None or end < 0 else b"{" + data[end + len(b"},") :]


def _record(raw: dict[str, Any]) -> dict[str, Any] | Seen:
    """A stamp as a baseline while the file is still being read: many small objects would outlive the reading."""
    smart = _digest(raw.get("hash"))
    if smart is None:
        return raw
    editor = _optional(raw.get("leb"))
    return Seen(smart, _optional(raw.get("updated")), None if editor is None else intern(editor))


def _stamps(raw: object) -> Iterator[tuple[str, Seen]]:
    yield from ((path, seen) for path, seen in _pairs(raw) if isinstance(seen, Seen))


def _optional(raw: object) -> str | None:
    return raw if isinstance(raw, str) else None


def _digest(raw: object) -> bytes | None:
    if not isinstance(raw, str) or len(raw) != DIGEST_HEX:
        return None
    try:
        return bytes.fromhex(raw)
    except ValueError:
        return None


def _moment(raw: object) -> int | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not math.isfinite(raw):
        return None
    return int(raw)
