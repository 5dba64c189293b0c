"""One surface in one file: how it is judged, added and taken out, as three functions of the file's bytes.

Everything that touches a disk is elsewhere (`look` reads through the view; `job` writes). A verdict on the same
bytes with the same wants is reached once a sweep.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.edits.json_edit import undo_json
from iapeer_memory.edits.ops import Edited, Undo
from iapeer_memory.edits.toml_edit import undo_toml
from iapeer_memory.edits.where import locate
from iapeer_memory.surfaces.view import View

Kind = Literal["ok", "missing", "drift", "refused"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """ok, missing (nothing of ours is there), drift (something of ours is wrong), refused (the file cannot be used).

    `remedy` goes with `refused`.
    """

    kind: Kind
    detail: str = ""
    remedy: str | None = None


OK = Verdict("ok")


@dataclass(frozen=True, slots=True)
class Part:
    """Our part of one file.

    inside: the folder that the path must stay in, None for the user's own files. want_key: everything that the
    verdict depends on besides the bytes. judge: bytes → verdict. add: bytes and an earlier undo → our part in place.
    strip: bytes → our part gone, structurally. drop_empty: whether a file that is empty without us goes, where no
    ledger says who made it. All three raise FileRefused.
    """

    surface: str
    path: str
    inside: str | None
    want_key: object
    judge: Callable[[bytes | None], Verdict]
    add: Callable[[bytes | None, Undo | None], Edited]
    strip: Callable[[bytes], Edited]
    drop_empty: bool = False


def look(view: View, part: Part) -> Verdict:
    """Judge what stands there now. Never raises FileRefused."""
    try:
        data = view.ground.read(part.path, part.inside)
    except FileRefused as error:
        return Verdict("refused", error.line(), error.remedy)
    key = (part.surface, part.want_key, data)
    known: Verdict | None = view.memo.get(key)
    if known is None:
        try:
            known = part.judge(data)
        except FileRefused as error:
            locate(error, data)
            return Verdict("refused", error.line(), error.remedy)
        view.memo[key] = known
    return known


def undo(data: bytes, record: Undo, path: str) -> bytes | None:
    """The bytes before our edits; None when there was no file. Raises FileRefused."""
    return undo_toml(data, record, name=path) if path.endswith(".toml") else undo_json(data, record, name=path)


def is_exact(record: Mapping[str, Any]) -> bool:
    """Whether an undo gives back every byte, as long as the file is as we left it."""
    return record.get("back") is not None


def choose(view: View, cwd: str, first: Part, second: Part) -> tuple[Part, Verdict]:
    """The file that holds our part, or should: the first, unless the peer's repository tracks it.

    A part that is in place in either of the two is in place: a branch switch is not drift.
    """
    verdict = look(view, first)
    if verdict.kind == "ok" or view.work_tree(cwd) is None:
        return first, verdict
    other = look(view, second)
    if other.kind == "ok":
        return second, other
    if not view.is_team_file(cwd, first.path):
        return first, verdict
    if second.inside is not None and view.is_team_file(cwd, second.path):
        detail = f"git tracks both {first.path} and {second.path}, so neither is ours to change"
        return second, Verdict("refused", detail, f"git rm --cached -- {shlex.quote(second.path)}")
    return second, other
