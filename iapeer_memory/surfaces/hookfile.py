"""A harness's `hooks` object: which parts are ours, what is wrong with them, and the edits that mend it. Pure.

Ownership lives in the data: a hook is ours when the first shell word of its command is a file named
`iapeer-memory.*.sh`, in whatever folder. A foreign hook that shares an entry with ours survives every edit.
Never touches a foreign entry, and moves one only where an entry of ours before it has to go.
Source of the shape and of the rule: the reference package's hooks chapter.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.domain.paths import PRODUCT
from iapeer_memory.edits.ops import Append, Delete, Op, Set

Events = Mapping[str, Mapping[str, Any]]


def is_our_command(command: object, hooks_dir: str) -> bool:
    """Whether a hook's command runs a shim of ours. `hooks_dir`: an unquoted path into it counts even with spaces,
    as older writers left it."""
    if not isinstance(command, str):
        return False
    if command.startswith(f"{hooks_dir}/{PRODUCT}.") and command.endswith(".sh"):
        return True
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    name = words[0].rsplit("/", 1)[-1] if words else ""
    return name.startswith(f"{PRODUCT}.") and name.endswith(".sh")


def ours_in(entry: object, hooks_dir: str) -> tuple[int, ...]:
    """Indexes of our hooks in an entry."""
    hooks = entry.get("hooks") if isinstance(entry, dict) else None
    if not isinstance(hooks, list):
        return ()
    return tuple(i for i, h in enumerate(hooks) if isinstance(h, dict) and is_our_command(h.get("command"), hooks_dir))


def events_of(doc: object, name: str) -> dict[str, Any]:
    """The `hooks` object of a settings document, {} when absent. Raises Malformed where it is something else."""
    if not isinstance(doc, dict):
        raise Malformed(name, "the file is not a JSON object", remedy=f"make {name} a JSON object", keys=())
    hooks = doc.get("hooks", {})
    if not isinstance(hooks, dict):
        fix = f'make "hooks" an object in {name}'
        raise Malformed(name, '"hooks" is not an object', remedy=fix, keys=("hooks",))
    return hooks


def holds_ours(doc: object, hooks_dir: str, name: str) -> bool:
    """Whether any hook of the file is ours."""
    return any(
        ours_in(entry, hooks_dir)
        for entries in events_of(doc, name).values()
        if isinstance(entries, list)
        for entry in entries
    )


def wrong_events(doc: object, wanted: Events, hooks_dir: str, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(events without a hook of ours, events whose hooks of ours are not exactly the wanted entry)."""
    events = events_of(doc, name)
    missing: list[str] = []
    drifted: list[str] = []
    for event in dict.fromkeys((*wanted, *events)):
        entries = events.get(event, [])
        if not isinstance(entries, list):
            if event in wanted:
                fix = f'make "hooks.{event}" a list in {name}'
                raise Malformed(name, f'"hooks.{event}" is not a list', remedy=fix, keys=("hooks", event))
            continue
        mine = [entry for entry in entries if ours_in(entry, hooks_dir)]
        if event not in wanted:
            drifted += [event] * bool(mine)
        elif not mine:
            missing.append(event)
        elif mine != [wanted[event]]:
            drifted.append(event)
    return tuple(missing), tuple(drifted)


def merge_ops(doc: object, wanted: Events, hooks_dir: str, name: str) -> tuple[Op, ...]:
    """Edits after which each wanted event holds our entry exactly once, and no other event any hook of ours."""
    missing, drifted = wrong_events(doc, wanted, hooks_dir, name)
    events = events_of(doc, name)
    if not missing and not drifted:
        return ()
    if not isinstance(doc, dict) or "hooks" not in doc:
        return (Set(("hooks",), {event: [plain(entry)] for event, entry in wanted.items()}),)
    ops: list[Op] = []
    for event in dict.fromkeys((*wanted, *events)):
        if event in drifted:
            ops += event_ops(event, events[event], wanted.get(event), hooks_dir)
        elif event in missing and event in events:
            ops.append(Append(("hooks", event), plain(wanted[event])))
        elif event in missing:
            ops.append(Set(("hooks", event), [plain(wanted[event])]))
    return tuple(ops)


def event_ops(event: str, entries: list[Any], wanted: Mapping[str, Any] | None, hooks_dir: str) -> list[Op]:
    """Edits of one event's list, from its end to its start, so that no index moves before it is used."""
    pure = [i for i, entry in enumerate(entries) if is_pure(entry, hooks_dir)]
    keep = None
    if wanted is not None and pure:
        keep = next((i for i in pure if entries[i] == wanted), pure[0])
    ops: list[Op] = []
    gone = 0
    for i in range(len(entries) - 1, -1, -1):
        mine = ours_in(entries[i], hooks_dir)
        if not mine or (i == keep and entries[i] == wanted):
            continue
        if i == keep and wanted is not None:
            ops.append(Set(("hooks", event, i), plain(wanted)))
        elif i in pure:
            ops.append(Delete(("hooks", event, i)))
            gone += 1
        else:
            ops += [Delete(("hooks", event, i, "hooks", j)) for j in reversed(mine)]
    if wanted is not None and keep is None:
        ops.append(Append(("hooks", event), plain(wanted)))
    elif gone == len(entries):
        return [Delete(("hooks", event))]
    return ops


def remove_ops(doc: object, hooks_dir: str, name: str) -> tuple[Op, ...]:
    """Edits that take every hook of ours out, with the entries, events and container that this empties."""
    events = events_of(doc, name)
    ops: list[Op] = []
    gone = 0
    for event, entries in events.items():
        if not isinstance(entries, list) or not any(ours_in(entry, hooks_dir) for entry in entries):
            continue
        edits = event_ops(event, entries, None, hooks_dir)
        gone += edits == [Delete(("hooks", event))]
        ops += edits
    if ops and gone == len(events):
        return (Delete(("hooks",)),)
    return tuple(ops)


def is_pure(entry: object, hooks_dir: str) -> bool:
    """Whether the entry holds hooks of ours and no other."""
    mine = ours_in(entry, hooks_dir)
    return bool(mine) and isinstance(entry, dict) and len(mine) == len(entry["hooks"])


def plain(value: Any) -> Any:
    """The value with ordinary dicts and lists all the way down."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def broken_entry(
    doc: object,
    kinds: frozenset[str],
    events: frozenset[str] | None = None,
    types: Mapping[str, tuple[type, ...]] = MappingProxyType({}),
) -> str | None:
    """Why a harness may drop the whole file because of one entry, in words; None when nothing is wrong.

    `kinds`: handler types that every supported version knows. `events`: where given, only these are judged. `types`:
    of the fields of a command.
    Source: measured on the harnesses (a numeric matcher, an unknown type, a missing command, a text as timeout).
    """
    hooks = doc.get("hooks") if isinstance(doc, dict) else None
    if not isinstance(hooks, dict):
        return None
    for event, entries in hooks.items():
        if events is not None and event not in events:
            continue
        if not isinstance(entries, list):
            return f"hooks.{event} is not a list"
        for i, entry in enumerate(entries):
            place = f"hooks.{event}[{i}]"
            if not isinstance(entry, dict) or not isinstance(entry.get("hooks", []), list):
                return f"{place} holds no list of hooks"
            if not isinstance(entry.get("matcher") or "", str):
                return f"{place}.matcher is not a text"
            for j, hook in enumerate(entry.get("hooks", [])):
                if (why := broken_hook(hook, kinds, types)) is not None:
                    return f"{place}.hooks[{j}]{why}"
    return None


def broken_hook(hook: object, kinds: frozenset[str], types: Mapping[str, tuple[type, ...]]) -> str | None:
    """What is wrong with one hook, as the end of a sentence."""
    if not isinstance(hook, dict) or hook.get("type") not in kinds:
        return f" has the unknown type {hook.get('type') if isinstance(hook, dict) else None!r}"
    if hook["type"] != "command":
        return None
    if not isinstance(hook.get("command"), str):
        return " has no command"
    for name, kind in types.items():
        value = hook.get(name)
        if name in hook and (not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind)):
            return f".{name} has the wrong type"
        if type(value) is int and value < 0:
            return f".{name} is negative"
    return None
