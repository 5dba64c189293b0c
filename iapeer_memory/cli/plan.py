"""A dry run on the screen: the effects of the plan, the private runtime's thousands of files told as one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from iapeer_memory.cli.output import Output
from iapeer_memory.domain.errors import printable
from iapeer_memory.egress.effect import Effect
from iapeer_memory.egress.overlay import Plan, overlay
from iapeer_memory.provision.host import Host

QUESTIONS = {
    "iapeer": (("version",), ("help",), ("list", "--json")),
    "systemctl": (
        ("--user", "show"),
        ("--user", "is-enabled"),
        ("--user", "is-active"),
        ("--user", "is-system-running"),
    ),
}
"""Words that only ask, by program: they run for real in a dry run, whose plan depends on the answers."""


def planned(host: Host) -> tuple[Host, Plan]:
    """The same host behind an overlay: effects are remembered, never made."""
    core = host.core_path

    def asks(argv: Sequence[str]) -> bool:
        name = "iapeer" if core is not None and argv[0] == core else argv[0].rsplit("/", 1)[-1]
        words = tuple(argv[1:])
        if name == "iapeer" and words[:1] == ("trust-hooks",):
            return "--check" in words
        return any(words[: len(q)] == q for q in QUESTIONS.get(name, ()))

    door, plan = overlay(host.door, probes=(asks,))
    return replace(host, door=door), plan


def tell_plan(out: Output, host: Host, plan: Plan | None) -> None:
    """A line an effect."""
    if plan is None:
        return
    inside = [e for e in plan.effects if in_runtimes(host, e)]
    if inside:
        out.line(f"would fill {host.paths.runtimes} ({len(inside)} effects)")
    bookkeeping = (host.paths.journal, host.paths.ledger_ahead)
    for effect in plan.effects:
        if not in_runtimes(host, effect) and effect.target not in bookkeeping:
            out.line(f"would {effect_line(effect)}")
    if not plan.effects:
        out.line("nothing would change")


def rows(plan: Plan | None) -> list[dict[str, object]] | None:
    """JSON rows of the plan, None where it is no dry run."""
    return None if plan is None else plan.as_json()


def in_runtimes(host: Host, effect: Effect) -> bool:
    """Whether the effect is inside the private runtimes."""
    return isinstance(effect.target, str) and effect.target.startswith(host.paths.runtimes + "/")


def effect_line(effect: Effect) -> str:
    """`write /path (changed, mode 0600)`."""
    target = effect.target if isinstance(effect.target, str) else shlex.join(effect.target)
    return f"{effect.verb} {printable(target)}" + (f" ({effect.detail})" if effect.detail else "")
