"""The notifier: messages that register and drop triggers, and what a peer's profile says of them. Pure.

A message's delivery proves nothing: the notifier answers into a session that nobody reads, so success is only what
stands in the owner's `peer-profile.json` afterwards. Source: the notifier's registration messages and the reference
package's use of them (member order as listed there).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Literal, Protocol

from iapeer_memory.domain.paths import PRODUCT

WATCHER, TIMER = "watcher", "timer"
OWNER = "index"
WATCHER_ID = f"{PRODUCT}-memoryd"
DREAM_ID = f"{PRODUCT}-dream-tick"
LEGACY_ID = f"{PRODUCT}-inbox-sweep"
"""A timer that releases before this line registered; update takes it out."""
DREAM_TARGET = "dreamweaver"
DEFAULT_TARGET = "scriber"
"""Who a watcher names when no curator is woken: then nothing is emitted."""

TriggerRole = Literal["event", "time"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """One entry of `notifier.triggers[]`; members that are absent or no text are empty."""

    role: str
    id: str
    owner: str = ""
    target: str = ""
    script: str = ""
    check: str = ""
    when: str = ""


class Declared(Protocol):
    """What of a listed peer decides under which identity we send."""

    @property
    def personality(self) -> str: ...
    @property
    def default_runtime(self) -> str: ...
    @property
    def runtimes(self) -> tuple[str, ...]: ...


def watcher_message(launcher: str, target: str | None) -> str:
    """Register memoryd's launcher as a watcher; `target`: the curator that gets its events, None for nobody.

    No heartbeat is asked for: each line of output is forwarded, so a keep-alive would be spam.
    """
    return _compact({"script": watcher_script(launcher), "target": target or DEFAULT_TARGET, "id": WATCHER_ID})


def watcher_script(launcher: str) -> str:
    """What the notifier hands to a shell: the bare path where a shell reads it as one word.

    Otherwise `exec` and the quoted path: the notifier looks whether a first word with a slash in it is a file.
    """
    return launcher if quote(launcher) == launcher else f"exec {quote(launcher)}"


def dream_message(cron: str, text: str, gate: str) -> str:
    """Register the weekly maintenance. `text` starts with `DREAM_TICK:`; `gate`: a script that says whether to."""
    return _compact({"when": cron, "message": text, "target": DREAM_TARGET, "id": DREAM_ID, "check": gate})


def unregister_message(trigger_id: str) -> str:
    """Drop a trigger; an unknown id is no error."""
    return _compact({"cmd": "unregister", "id": trigger_id})


def registrant(rows: Sequence[Declared]) -> str | None:
    """The identity to send as: `<runtime>-index`, the runtime being the one that the registry declares, never a guess.

    The default runtime, else the first declared one; None when there is no such peer or it declares none.
    """
    for row in rows:
        if row.personality == OWNER:
            runtime = row.default_runtime.strip() or next((r.strip() for r in row.runtimes if r.strip()), "")
            return f"{runtime}-{OWNER}" if runtime else None
    return None


def fallback_registrants() -> tuple[str, ...]:
    """Identities to try in order when the registry cannot say (uninstall only)."""
    return (f"claude-{OWNER}", f"codex-{OWNER}")


def notifier_present(rows: Sequence[Declared]) -> bool:
    """Whether the core's list has the notifier's watcher."""
    return any(row.personality == WATCHER for row in rows)


def read_triggers(profile: bytes | None) -> tuple[Trigger, ...] | None:
    """The triggers in a `peer-profile.json`; None when there is no profile that can be read."""
    try:
        raw = json.loads((profile or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    notifier = raw.get("notifier")
    listed = notifier.get("triggers") if isinstance(notifier, dict) else None
    entries = listed if isinstance(listed, list) else []
    return tuple(
        Trigger(*(_text(entry, key) for key in ("role", "id", "owner", "target", "script", "check", "when")))
        for entry in entries
        if isinstance(entry, dict)
    )


def find(triggers: Sequence[Trigger], role: TriggerRole, trigger_id: str) -> Trigger | None:
    """Our trigger of that role and id, owned by the index peer."""
    return next((t for t in triggers if t.role == role and t.id == trigger_id and t.owner == OWNER), None)


def watcher_problem(triggers: Sequence[Trigger] | None, launcher: str, target: str | None) -> str | None:
    """What is wrong with the watcher, or None. `triggers` None: the profile could not be read."""
    if triggers is None:
        return "the index peer's profile cannot be read"
    trigger = find(triggers, "event", WATCHER_ID)
    if trigger is None:
        return f"trigger {WATCHER_ID} is not registered"
    if trigger.script != watcher_script(launcher):
        return f"trigger {WATCHER_ID} runs another script"
    if trigger.target != (target or DEFAULT_TARGET):
        return f"trigger {WATCHER_ID} wakes {trigger.target or 'nobody'}, not {target or DEFAULT_TARGET}"
    return None


def dream_problem(triggers: Sequence[Trigger] | None, gate: str, cron: str, *, on: bool) -> str | None:
    """What is wrong with the weekly timer, or None; when it is off, its presence is what is wrong."""
    if triggers is None:
        return "the index peer's profile cannot be read"
    trigger = find(triggers, "time", DREAM_ID)
    if not on:
        return f"trigger {DREAM_ID} is registered though the role is off" if trigger else None
    if trigger is None:
        return f"trigger {DREAM_ID} is not registered"
    if trigger.target != DREAM_TARGET:
        return f"trigger {DREAM_ID} wakes {trigger.target or 'nobody'}, not {DREAM_TARGET}"
    if trigger.check != gate:
        return f"trigger {DREAM_ID} has another gate"
    if trigger.when != cron:
        return f"trigger {DREAM_ID} is due at {trigger.when!r}, not {cron!r}"
    return None


def legacy_registered(triggers: Sequence[Trigger] | None) -> bool:
    """Whether the timer of old releases is still there."""
    return triggers is not None and find(triggers, "time", LEGACY_ID) is not None


def _compact(message: Mapping[str, str]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _text(entry: Mapping[str, object], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
