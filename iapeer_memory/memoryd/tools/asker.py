"""Who calls a tool, and what holds for the session that the call comes from. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from iapeer_memory.attach.settings import SessionSettings
from iapeer_memory.attach.tiers import Settled, reported


@dataclass(frozen=True, slots=True)
class Asker:
    """`caller`: the peer, where it is known; a claim, not a proof. `settings`: the session's own. `unsettled`: lines on
    what of its settings does not count. `key`: the same for a write that is asked again, "" where it never is."""

    caller: str | None = None
    settings: SessionSettings = field(default_factory=SessionSettings)
    unsettled: tuple[str, ...] = ()
    key: str = ""


def asker_of(told: Settled, caller: str | None) -> Asker:
    """A session, by what its settings files say."""
    return Asker(caller, told.settings, reported(one.plain() for one in told.dropped))
