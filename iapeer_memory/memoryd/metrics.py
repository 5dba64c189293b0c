"""memoryd's numbers as a page that monitoring tools read. Pure.

Source of the form: the Prometheus text exposition format, 0.0.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = "iapeer_memory_"
ABOUT: Mapping[str, str] = {
    "notes": "notes in the index",
    "index_bytes": "size of the index file",
    "pending": "changed paths that wait for a pass",
    "lag_seconds": "age of the oldest change that waits",
    "held": "deletions that were not believed",
    "unreadable": "notes that could not be read",
    "unembedded": "passages that wait for a vector",
    "queue": "notes that wait for a curator",
    "passes": "passes since the start",
    "last_pass_seconds": "how long the last pass took",
    "last_whole_pass_timestamp_seconds": "when the last whole pass ended",
    "searches": "searches since the start",
    "failed_searches": "searches that failed since the start",
    "history_bytes": "size of the kept versions of notes",
    "watch": "1 while changes are watched",
    "ready": "1 once the first whole pass is done",
    "away": "1 while the vault is not there",
    "resident_bytes": "memory of this process",
}


def page(values: Mapping[str, Any]) -> str:
    """A line and its explanation for each value that is known by name and is a number or a truth value."""
    lines: list[str] = []
    for name, about in ABOUT.items():
        value = values.get(name)
        if isinstance(value, bool | int | float):
            kind = "counter" if name in ("passes", "searches", "failed_searches") else "gauge"
            full = PREFIX + name + ("_total" if kind == "counter" else "")
            number = int(value) if isinstance(value, bool) else value
            lines += [f"# HELP {full} {about}", f"# TYPE {full} {kind}", f"{full} {number}"]
    for name, state in sorted(dict(values.get("breakers") or {}).items()):
        lines.append(f'{PREFIX}breaker_open{{kind="{name}"}} {int(state == "open")}')
    return "\n".join(lines) + "\n"
