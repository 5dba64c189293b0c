"""Running steps in order: one line a step, problems counted, the journal kept. One failing step stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.domain.finding import Outcome
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.journal import Journal
from iapeer_memory.provision.step import Step


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of steps came to."""

    outcomes: tuple[Outcome, ...]

    @property
    def problems(self) -> int:
        """How many steps failed."""
        return sum(not outcome.ok for outcome in self.outcomes)


def run_steps(
    host: Host,
    steps: Sequence[Step],
    *,
    journal: Journal,
    tell: Callable[[Outcome], None],
    after: Callable[[Step, Outcome], None] = lambda _step, _outcome: None,
) -> Run:
    """Apply the steps in order, telling each outcome as it comes. `after` may hand over to a newer program."""
    done: dict[str, Outcome] = {}
    for step in steps:
        if not step.applies(host):
            continue
        journal.begin(step.name)
        outcome = guarded(step, lambda step=step: step.apply(host, done))  # type: ignore[misc]
        done[step.name] = outcome
        tell(outcome)
        journal.end(step.name)
        after(step, outcome)
    return Run(tuple(done.values()))


def guarded(step: Step, act: Callable[[], Outcome]) -> Outcome:
    """The outcome of an act of a step; what is expected to go wrong on a host becomes a failed line."""
    try:
        return act()
    except ProductError as error:
        return step.fail(error.line())
    except OSError as error:
        return step.fail(os_error_line(error))


def os_error_line(error: OSError) -> str:
    """`PATH: reason` of a failed system call."""
    reason = error.strerror or str(error)
    return f"{printable(str(error.filename))}: {reason}" if error.filename else reason
