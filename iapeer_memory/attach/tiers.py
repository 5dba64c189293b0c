"""Settings that came with a session: its tiers into what holds for it. Pure.

Each attach starts from the defaults: nothing of an earlier one is inherited. A bad key or file is left out and
reported, the session goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iapeer_memory.attach import jsonc
from iapeer_memory.attach.bodies import Tier
from iapeer_memory.attach.settings import BY_NAME, PRIVILEGED, REQUIRES, SessionSettings
from iapeer_memory.domain.errors import printable

SHOWN = 60
NAMELESS = '""'
LONGEST_SOURCE = 1024
MOST_REPORTED = 20
"""Lines of one attach; a file may be all mistakes."""


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
        return self._line(printable(self.key), self.reason)

    def plain(self) -> str:
        """The same for a model's eyes: not a word of the file itself."""
        if not self.key:
            return self._line("", "it cannot be read, and nothing of it counts")
        return self._line(self.key if self.key in BY_NAME else "", self.reason)

    def _line(self, key: str, reason: str) -> str:
        place = printable(self.source[:LONGEST_SOURCE]) + (f":{self.line}" if self.line else "")
        return f"{place}: {key}: {reason}" if key else f"{place}: {reason}"


@dataclass(frozen=True, slots=True)
class Settled:
    """What holds for the session, and everything that was dropped on the way there. `requiring`: the files that
    insist on something."""

    settings: SessionSettings
    dropped: tuple[Dropped, ...]
    requiring: tuple[str, ...] = ()


def settled(tiers: Sequence[Tier]) -> Settled:
    """Defaults and these tiers, of which the later wins. Never raises, whatever they hold."""
    values: dict[str, Any] = {}
    dropped: list[Dropped] = []
    requiring: list[str] = []
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
                join = BY_NAME[name].join
                values[name] = join(values[name], value) if join and name in values else value
                if name == REQUIRES:
                    requiring.append(printable(tier.source[:LONGEST_SOURCE]))
            else:
                shown = name[:SHOWN] or NAMELESS
                dropped.append(Dropped(tier.tier, tier.source, shown, document.lines.get(name, 0), reason))
    folders, requires = tuple(values.pop("folders", ())), tuple(values.pop(REQUIRES, {}).items())
    settings = SessionSettings(folders=folders, requires=requires, **values)
    return Settled(settings, tuple(dropped), tuple(requiring))


def difference(now: Mapping[str, str], wanted: Iterable[tuple[str, str]]) -> str:
    """What a session insists on and is otherwise here, for a veto with `config_divergence`; "" where nothing is."""
    return "; ".join(
        f"{name}: {_shown(now.get(name, ''))} here, {_shown(value)} asked for"
        for name, value in sorted(wanted)
        if now.get(name) != value
    )


def reported(lines: Iterable[str]) -> tuple[str, ...]:
    """None twice, and not more than can be read."""
    found = tuple(dict.fromkeys(lines))
    more = len(found) - MOST_REPORTED
    return found if more <= 0 else (*found[:MOST_REPORTED], f"… and {more} more")


def _refused(name: str, value: Any) -> str | None:
    if name.lower() in PRIVILEGED or name.lower().removeprefix("iapeer_memory_") in PRIVILEGED:
        return "only memoryd's own settings say this; it is not taken from a session"
    key = BY_NAME.get(name)
    return "there is no such key" if key is None else key.check(value)


def _shown(value: str) -> str:
    return printable(repr(value))[:SHOWN]
