"""What a broker counts, and its OpenMetrics text. The names are part of the wire: dashboards read them.

Never measures time itself. Source: the running-process broker, metric names v1; OpenMetrics for the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

PREFIX = "running_process_broker_v1_"
CONTENT_TYPE = "application/openmetrics-text"
BUCKETS = (0.0001, 0.0002, 0.0005, 0.001, 0.01, 0.1, 1.0, 10.0)
"""Upper bounds in seconds."""
TYPES = (
    ("hello_total", "counter"),
    ("hello_duration_seconds", "histogram"),
    ("active_backends", "gauge"),
    ("spawn_attempts_total", "counter"),
    ("spawn_budget_remaining", "gauge"),
    ("connections_open", "gauge"),
    ("fd_usage_ratio", "gauge"),
    ("uptime_seconds", "gauge"),
)


@dataclass(slots=True)
class Hellos:
    """How Hellos ended, by outcome, and how long their answers took."""

    outcomes: dict[str, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    seconds: float = 0.0
    count: int = 0

    def ended(self, outcome: str, seconds: float) -> None:
        """One more. `outcome`: negotiated, or the name of a row of the refusal table's code."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.seconds += seconds
        self.count += 1
        for at, bound in enumerate(BUCKETS):
            if seconds <= bound:
                self.buckets[at] += 1
                break


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is as it is now. `budgets`: what is left to each backend that has been started lately, by its name."""

    active_backends: int
    spawn_attempts: int
    connections_open: int
    fd_usage_ratio: float
    uptime_seconds: float
    budgets: Mapping[str, int]


def openmetrics(hellos: Hellos, gauges: Gauges) -> str:
    """The whole text."""
    samples: dict[str, Iterable[str]] = {
        "hello_total": [f'{{outcome="{name}"}} {count}' for name, count in sorted(hellos.outcomes.items())],
        "hello_duration_seconds": list(_histogram(hellos)),
        "active_backends": [f" {gauges.active_backends}"],
        "spawn_attempts_total": [f" {gauges.spawn_attempts}"],
        "spawn_budget_remaining": [f'{{backend="{escaped(k)}"}} {v}' for k, v in sorted(gauges.budgets.items())],
        "connections_open": [f" {gauges.connections_open}"],
        "fd_usage_ratio": [f" {gauges.fd_usage_ratio:.6g}"],
        "uptime_seconds": [f" {gauges.uptime_seconds:.3f}"],
    }
    lines = []
    for name, kind in TYPES:
        lines.append(f"# TYPE {PREFIX}{name} {kind}")
        lines += [f"{PREFIX}{name}{sample}" for sample in samples[name]]
    return "\n".join([*lines, "# EOF", ""])


def _histogram(hellos: Hellos) -> Iterable[str]:
    below = 0
    for bound, count in zip(BUCKETS, hellos.buckets, strict=True):
        below += count
        yield f'_bucket{{le="{bound}"}} {below}'
    yield f'_bucket{{le="+Inf"}} {hellos.count}'
    yield f"_count {hellos.count}"
    yield f"_sum {hellos.seconds:.6f}"


def escaped(text: str) -> str:
    """As the value of a label."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
