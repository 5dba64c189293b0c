"""Which door this process gets. Asked once, by a composition root; nobody decides it again further in.

The real door; the refusing one while the sandbox is armed; under pytest one that raises what it refuses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.real import real_door
from iapeer_memory.egress.sandbox import OwnProgram, armed, sandboxed

__all__ = ["OwnProgram", "open_door"]


def open_door(
    env: Mapping[str, str],
    *,
    own: OwnProgram,
    named: frozenset[str] = frozenset(),
    say: Callable[[str], None] | None = None,
    raises: bool | None = None,
) -> Door:
    """The door for an environment.

    `own`: what counts as ourselves. `named`: programs that the operator named with a flag. `say`: where a wait for a
    lock is announced. `raises`: whether a refusal raises EffectRefused; None: when pytest runs in this process.
    """
    door = real_door(say=say)
    if not armed(env):
        return door
    door = refusing(door, env, own=own, named=named)
    door = sabotaged(door, env)
    if "pytest" in sys.modules if raises is None else raises:
        from iapeer_memory.egress.raising import raising

        door = raising(door)
    return door


def sabotaged(door: Door, env: Mapping[str, str]) -> Door:
    """The door, failing where a test asked for it."""
    from iapeer_memory.egress.faulty import VARIABLE, faulty, parse_fault

    fault = parse_fault(env.get(VARIABLE, ""))
    return door if fault is None else faulty(door, fault.at, fault.how)


def refusing(door: Door, env: Mapping[str, str], *, own: OwnProgram, named: frozenset[str]) -> Door:
    """The door of the sandbox, belted for this host."""
    from tempfile import gettempdir

    from iapeer_memory.egress.belt import make_belt
    from iapeer_memory.egress.host import account_home

    home = account_home()
    belt = make_belt(env, real_home=home, temp=gettempdir(), platform=sys.platform, realpath=door.files.realpath)
    if own.runtimes is None:
        paths = Paths.from_env(env, os_home=home or "/")
        own = replace(own, runtimes=paths.runtimes)
    return sandboxed(door, own=own, named=named, belt=belt)
