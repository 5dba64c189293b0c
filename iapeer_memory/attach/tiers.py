"""Settings that come with a session: files into tiers on the harness's side, tiers into settings on memoryd's.

A label says where the file lay, never what it holds. Each attach starts from the defaults: nothing of an earlier one
is inherited. A bad file is reported and left out, the session goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iapeer_memory.attach import jsonc
from iapeer_memory.attach.bodies import Tier
from iapeer_memory.attach.control import LARGEST_DOC
from iapeer_memory.attach.settings import BY_NAME, PRIVILEGED, SessionSettings
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import Unreadable, printable

USER = "user"
PROJECT = "project"
PLACE = (".iapeer", "memory.jsonc")
"""Where a project's file lies, below its root."""
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a tier said and what does not count. `key` "": the whole file. `line`: 0 where it cannot be told."""

    tier: str
    source: str
    key: str
    line: int
    reason: str

    def text(self) -> str:
        """One line: file, line, key, reason."""
        place = printable(self.source) + (f":{self.line}" if self.line else "")
        return f"{place}: {printable(self.key)}: {self.reason}" if self.key else f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Read:
    """The tiers that were found, the user's first, and the files that could not be read."""

    tiers: tuple[Tier, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What holds for the session, and everything that was dropped on the way there."""

    settings: SessionSettings
    dropped: tuple[Dropped, ...]


def project_file(root: str) -> str:
    """Where a project keeps its settings."""
    return "/".join((root.rstrip("/"), *PLACE))


def read_tiers(files: Files, user_file: str, root: str) -> Read:
    """The user's file and the project's, in the order in which they count; what is not there is no tier."""
    tiers: list[Tier] = []
    dropped: list[Dropped] = []
    for label, path in ((USER, user_file), (PROJECT, project_file(root))):
        try:
            data = files.read_optional(path, limit=LARGEST_DOC)
            if data is not None:
                tiers.append(Tier(label, path, data.decode("utf-8")))
        except Unreadable as error:
            dropped.append(Dropped(label, path, "", 0, error.reason))
        except UnicodeDecodeError:
            dropped.append(Dropped(label, path, "", 0, "it is not UTF-8"))
    return Read(tuple(tiers), tuple(dropped))


def settled(tiers: Sequence[Tier]) -> Settled:
    """Defaults and these tiers, later ones before earlier ones. Never raises, whatever they hold."""
    values: dict[str, Any] = {}
    dropped: list[Dropped] = []
    for tier in tiers:
        try:
            document = jsonc.parsed(tier.doc)
        except jsonc.NotJsonc as error:
            dropped.append(Dropped(tier.tier, tier.source, "", error.line, error.reason))
            continue
        if not isinstance(document.value, dict):
            dropped.append(Dropped(tier.tier, tier.source, "", 1, "it holds no object"))
            continue
        for name, value in document.value.items():
            reason = _refused(name, value)
            if reason is None:
                _merge(values, tier.tier, name, value)
            else:
                dropped.append(Dropped(tier.tier, tier.source, name[:SHOWN], document.lines.get(name, 0), reason))
    folders = tuple(values.pop("folders", ()))
    return Settled(SessionSettings(folders=folders, **values), tuple(dropped))


def difference(now: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """What a session wants otherwise than it is, for a veto with `config_divergence`; "" where nothing differs."""
    return "; ".join(
        f"{name}: {_shown(now, name)} here, {_shown(wanted, name)} asked for"
        for name in sorted({*now, *wanted})
        if now.get(name) != wanted.get(name)
    )


def reported(dropped: Iterable[Dropped]) -> tuple[str, ...]:
    """A line for each, none twice."""
    return tuple(dict.fromkeys(one.text() for one in dropped))


def _refused(name: str, value: Any) -> str | None:
    if name.lower() in PRIVILEGED or name.lower().removeprefix("iapeer_memory_") in PRIVILEGED:
        return "only memoryd's own settings say this; it is not taken from a session"
    key = BY_NAME.get(name)
    return "there is no such key" if key is None else key.check(value)


def _merge(values: dict[str, Any], tier: str, name: str, value: Any) -> None:
    if BY_NAME[name].joined and tier != USER:
        value = list(dict.fromkeys([*values.get(name, ()), *value]))
    values[name] = value


def _shown(values: Mapping[str, object], name: str) -> str:
    return printable(repr(values[name]))[:SHOWN] if name in values else "nothing"
