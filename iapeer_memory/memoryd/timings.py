"""How often and how long memoryd does what, in seconds. Data.

Source of the defaults: the reference core's options.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """`quiet`: what changes is told once to twice so long after; a processor that idles is woken as often.
    `debounce`: quiet before a pass over what changed, never later than `debounce_most` after the first change.
    `belt`: between whole passes while the watch is up; `poll`: while it is down. `away`: between looks for a vault
    that went. `doubt`: between whole passes that trust no row, which take ten times as long; the first is the second
    whole pass. `retry`: after a pass that failed. `chores`: between two writings of the state. `graceful`: what open
    connections get at the end.
    """

    quiet: float = 0.1
    debounce: float = 1.5
    debounce_most: float = 15.0
    heartbeat: float = 30.0
    belt: float = 3600.0
    poll: float = 300.0
    doubt: float = 86_400.0
    away: float = 3.0
    retry: float = 10.0
    chores: float = 60.0
    graceful: float = 1.0
