"""How an edit and its undo run, whatever the language: decode, step by step, guard, and the record for the ledger.

The undo record (version 1, JSON-able) holds

    new      the file was absent: when nothing else is left in it, undo says None (remove it)
    after    sha256 of the bytes that the edit gave
    back     the splices that take it back, newest step first; null when others wrote between two edits
    parts    what was added or replaced, by path: how our part is taken out of a file that others changed since

Byte for byte when the file is as we left it, by parts otherwise. Never writes, never trusts its own result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from iapeer_memory.domain.errors import FileRefused, Malformed, printable
from iapeer_memory.edits import guard
from iapeer_memory.edits.ops import (
    ABSENT,
    Append,
    Delete,
    Edited,
    Op,
    Path,
    Remove,
    Restore,
    Set,
    Step,
    Undo,
    digest,
    get,
    satisfied,
)
from iapeer_memory.edits.source import decode, too_deep
from iapeer_memory.edits.splice import Splice, backwards, spliced

_MOST_STEPS = 24


@dataclass(frozen=True, slots=True)
class Grammar:
    """What an editor must know of its language. All texts may start with a BOM.

    blank: the text that an absent file is edited as.
    load: a plain value of a text; raises Malformed.
    settled: load's value says that nothing is to do; may this be believed (no key of the file repeats)?
    expand: one step as the smaller steps that the editor can do one by one.
    many: of several steps at once, what can be done in one: its splices, the parts that undo needs, the steps left.
    edit: the splices of a small step and the part that undo needs; raises Malformed for wrong types on the path.
    raw: the value that a raw text stands for.
    model, value_model: the guard's view of a text and of a value.
    """

    blank: str
    ordered: bool
    load: Callable[[str, str], Any]
    settled: Callable[[str], bool]
    expand: Callable[[str, Step, str], Sequence[Step]]
    many: Callable[[str, Sequence[Step], str], tuple[list[Splice], list[Undo], Sequence[Step]]]
    edit: Callable[[str, Step, str], tuple[list[Splice], Undo | None]]
    empty: Callable[[str], bool]
    raw: Callable[[str], Any]
    model: Callable[[str], Any]
    value_model: Callable[[Any], Any]


def run(grammar: Grammar, data: bytes | None, ops: Sequence[Op], *, name: str, since: Undo | None = None) -> Edited:
    """Applies the operations. Malformed, FileRefused: nothing is to be written. ValueError: a wrong operation."""
    for op in ops:
        _check(op, name)
    text = grammar.blank if data is None else decode(data, name)
    try:
        value = grammar.load(text, name)
        if all(satisfied(value, op) for op in ops) and grammar.settled(text):
            return Edited(data, dict(since or {}), grammar.empty(text))
        new, steps, parts = _steps(grammar, text, ops, name)
        _guard(grammar, text, new, ops, steps=steps, name=name)
        if new == text:
            return Edited(data, dict(since or {}), grammar.empty(text))
    except RecursionError:
        raise too_deep(text, name) from None
    result = new.encode("utf-8")
    undo = _record(text, result, steps, parts, absent=data is None)
    if since and data is not None:
        undo = _carried(since, undo, data)
    return Edited(result, undo, grammar.empty(new), True)


def run_undo(grammar: Grammar, data: bytes | None, undo: Undo, *, name: str) -> bytes | None:
    """Takes an edit back. None: the file was ours and nothing else is in it. Malformed, FileRefused as `run`."""
    if data is None or not undo:
        return data
    try:
        if undo.get("v") != 1:
            raise ValueError("version")
        text = decode(data, name)
        if undo["back"] is not None and undo["after"] == sha256(data).hexdigest():
            if undo["new"]:
                return None
            for back in undo["back"]:
                text = spliced(text, [(start, end, old) for start, end, old in back])
            return text.encode("utf-8")
        return _undo_parts(grammar, text, undo, name)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise FileRefused(name, "our record of how to undo the edit cannot be read") from None
    except RecursionError:
        raise too_deep(text, name) from None


def _undo_parts(grammar: Grammar, text: str, undo: Undo, name: str) -> bytes | None:
    grammar.load(text, name)
    now = text
    done: list[Step] = []
    steps: list[list[Splice]] = []
    for part in reversed(undo["parts"]):
        step = _inverse(grammar.load(now, name), part)
        if step is None:
            continue
        now, more, _ = _steps(grammar, now, [step], name)
        steps += more
        done.append(step)
    _guard(grammar, text, now, done, steps=steps, name=name)
    if undo["new"] and grammar.empty(now):
        return None
    return now.encode("utf-8")


def _inverse(value: Any, part: Undo) -> Step | None:
    """The step that takes one part back out of a file that others may have changed, or None to leave it."""
    path: Path = tuple(part["path"])
    found = get(value, path)
    ours = found is not ABSENT and digest(found) == part["sum"]
    if part["do"] == "set":
        return Restore(path, part["old"]) if ours else None
    if part["do"] == "append":
        last = [at for at, item in enumerate(found if isinstance(found, list) else []) if digest(item) == part["sum"]]
        made = part["floor"] < len(path) and found == []
        at = last[-1] if last else 0
        return Remove((*path, at), part["floor"], part["inner"], part.get("tail")) if last or made else None
    if not ours and any(isinstance(key, int) for key in path):
        return None
    return Remove(path, part["floor"], part["inner"], part.get("tail"))


def _steps(grammar: Grammar, text: str, ops: Sequence[Step], name: str) -> tuple[str, list[list[Splice]], list[Undo]]:
    steps: list[list[Splice]] = []
    first, parts, ops = grammar.many(text, ops, name)
    if first:
        steps.append(first)
        text = guard.stepped(name, text, first)
    for op in ops:
        for small in grammar.expand(text, op, name):
            step, part = grammar.edit(text, small, name)
            if step:
                steps.append(step)
                text = guard.stepped(name, text, step)
            if part is not None:
                parts.append(part)
    return text, steps, parts


def _guard(
    grammar: Grammar, old: str, new: str, ops: Sequence[Step], *, steps: Sequence[Sequence[Splice]], name: str
) -> None:
    expected = grammar.model(old)
    try:
        actual = grammar.model(new)
    except ValueError:
        raise FileRefused(name, "the guard stopped an edit that would break the file", remedy=guard.REMEDY) from None
    adds = True
    for op in ops:
        value = getattr(op, "value", None)
        if isinstance(op, Restore):
            value = grammar.raw(op.text)
        adds = adds and isinstance(op, Set) and get(expected, op.path) is ABSENT
        try:
            guard.applied(expected, op, None if value is None else grammar.value_model(value))
        except (TypeError, KeyError, IndexError, AttributeError):
            raise FileRefused(name, "the guard cannot follow the edit", remedy=guard.REMEDY) from None
    if not grammar.ordered:
        for op in ops:
            if isinstance(op, Delete | Remove):
                guard.without_empty(expected, op.path)
                guard.without_empty(actual, op.path)
    guard.check_models(name, expected, actual, ordered=grammar.ordered)
    guard.check_bytes(name, old.encode("utf-8"), new.encode("utf-8"), steps, adds_only=adds)


def _record(old: str, result: bytes, steps: Sequence[Sequence[Splice]], parts: list[Undo], *, absent: bool) -> Undo:
    back: list[list[list[Any]]] = []
    text = old
    for step in steps:
        back.append([list(splice) for splice in backwards(text, step)])
        text = spliced(text, step)
    after = sha256(result).hexdigest()
    return {"v": 1, "new": absent, "after": after, "back": back[::-1], "parts": parts}


def _carried(since: Undo, undo: Undo, old: bytes) -> Undo:
    """One record for two edits: undoing it takes both back."""
    known = {(part["do"] == "append" and part["sum"], *part["path"]) for part in since["parts"]}
    fresh = [part for part in undo["parts"] if (part["do"] == "append" and part["sum"], *part["path"]) not in known]
    back = None
    if since["back"] is not None and since["after"] == sha256(old).hexdigest():
        back = undo["back"] + since["back"]
        if len(back) > _MOST_STEPS:
            back = None
    return undo | {"new": since["new"], "back": back, "parts": since["parts"] + fresh}


def _check(op: Op, name: str) -> None:
    """A wrong operation is the caller's fault (ValueError); text that UTF-8 cannot spell comes from the host."""
    if not op.path:
        raise ValueError("an operation needs a path")
    for text in _texts([*op.path, getattr(op, "value", None)]):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            reason = f"a name that is not Unicode text cannot be written into it ({printable(text)})"
            raise FileRefused(name, reason, remedy="rename the folder or file that it names") from None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return []


def added(step: Set | Append, floor: int, inner: str | None) -> Undo:
    """Undo's part for what a step puts where nothing was; containers from `path[floor]` on are made by it."""
    kind = "append" if isinstance(step, Append) else "add"
    return {"do": kind, "path": list(step.path), "floor": floor, "inner": inner, "sum": digest(step.value)}


def wrong_type(name: str, path: Path, found: str, wanted: str, line_number: int) -> Malformed:
    """The refusal for a container on our path that is something else."""
    where = ".".join(map(str, path)) or "the top of the file"
    return Malformed(
        name, f"{where} is {found}, not {wanted}", line_number=line_number, remedy=f"make {where} {wanted}"
    )
