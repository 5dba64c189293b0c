"""Whether curators are woken, who receives what, and whether an edit asks for one. Pure.

Curators are woken by the ecosystem's core. Without it nobody would ever answer, so the curated mode is refused there
and no note is flagged for review. Source: the reference core's modes and switches.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.domain.settings import CURATORS, Settings


@dataclass(frozen=True, slots=True)
class Curation:
    """`roles`: the curators that are woken. `target`: who receives the daemon's events, None: nobody, and none is
    written. `dream`: whether the weekly maintenance is on. `review`: whether an edit raises the review flag.
    `refused`: why what the settings ask for is not done, in one line.
    """

    roles: tuple[str, ...]
    target: str | None
    dream: bool
    review: bool
    refused: str | None = None


def curation(settings: Settings, *, with_core: bool) -> Curation:
    """What the settings come to on this host."""
    if not with_core:
        return Curation((), None, dream=False, review=False, refused=_refusal(settings))
    roles = tuple(role for role in CURATORS if settings.role_on(role))
    return Curation(roles, settings.event_target, dream="dreamweaver" in roles, review=True)


def _refusal(settings: Settings) -> str | None:
    asked = [name for name in ("MODE", *(f"PROACTIVE_{role.upper()}" for role in CURATORS)) if _asks(settings, name)]
    if not asked:
        return None
    names = " and ".join(f"IAPEER_MEMORY_{name}" for name in asked)
    return f"{names}: curators are woken by the iapeer core, and this host has none; nobody is woken"


def _asks(settings: Settings, name: str) -> bool:
    """Whether somebody has asked for curators with that setting; a default asks for nothing."""
    if settings.source(name) == "default":
        return False
    if name == "MODE":
        return not settings.lean
    return settings.role_on(name.removeprefix("PROACTIVE_").lower()) and bool(settings[name])
