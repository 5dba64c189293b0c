"""Sweeping the session plugin of old releases off the fleet, before a v1.1 slot may become v1.2.

A plan (pure) and its runner. Never touches the slot: the answer says whether the slot may migrate. The order of
means: the core's own verb where the core still has it, else the harnesses' own commands, else a recipe for hands.

Source: the reference package's history of the marketplace plugin. The plugin's id is `iapeer-memory@agfpd`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from iapeer_memory.domain.door import Door, Processes, RunResult
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.paths import PRODUCT
from iapeer_memory.domain.peer import Peer
from iapeer_memory.ecosystem.core import IDENTITY, Core, Said, one_line, said_of

VERB = "memory-plugin"
MANUAL = f"iapeer {VERB} off --all"
PLUGIN_ID = f"{PRODUCT}@agfpd"
REASON_LENGTH = 120
TIMEOUT = 60.0
GONE = re.compile(
    r"\b(?:not (?:currently )?installed|not found in installed|no such plugin|not enabled|unrecognized subcommand)\b",
    re.IGNORECASE,
)
"""How a harness says that the plugin is not there (or that it knows no plugins), which is what was wanted."""
SESSION_MARKS = ("CLAUDECODE", "CLAUDE_CODE_")
"""Variables of a running Claude session, which would change what its command does."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One harness command: where it runs and for whom."""

    argv: tuple[str, ...]
    cwd: str
    whom: str

    def shown(self) -> str:
        """The command as one would type it."""
        return f"(cd {quote(self.cwd)} && {' '.join(map(quote, self.argv))})"


@dataclass(frozen=True, slots=True)
class PluginPlan:
    """`verb`: ask the core. `commands`: run `removals`. `recipe`: nothing here can do it, print `recipe`.
    `unknown`: the core did not answer, so nothing may be decided."""

    means: Literal["verb", "commands", "recipe", "unknown"]
    removals: tuple[Removal, ...] = ()
    recipe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PluginOff:
    """What came of it. `lines`: one a failure or a step for hands. `skipped`: the sandbox did not let us."""

    state: Literal["swept", "recipe", "failed", "skipped"]
    detail: str
    lines: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it does not count as a problem."""
        return self.state != "failed"

    @property
    def may_migrate(self) -> bool:
        """Whether the v1.1 declaration is no longer needed."""
        return self.state in ("swept", "recipe")


KEPT = "v1.1 slot kept"
SKIPPED = PluginOff("skipped", f"skipped in the sandbox: {KEPT}")


def plan(
    peers: Sequence[Peer], *, has_core: bool, core_knows: bool | None, claude: str | None, codex: str | None
) -> PluginPlan:
    """Choose the means. `claude`, `codex`: absolute paths of the harnesses' commands, None where there is none.

    A paused peer is left alone by commands and named in the recipe.
    """
    if has_core and core_knows is None:
        return PluginPlan("unknown")
    if has_core and core_knows:
        return PluginPlan("verb")
    claude_peers = [p for p in peers if "claude" in p.harnesses()]
    uninstall = ("plugin", "uninstall", PLUGIN_ID, "--scope", "project")
    remove = ("plugin", "remove", PLUGIN_ID)
    host = any("codex" in p.harnesses() for p in peers)
    removals: list[Removal] = []
    recipe: list[str] = []
    for peer in claude_peers:
        if claude and not peer.paused:
            removals.append(Removal((claude, *uninstall), peer.cwd, peer.personality))
        else:
            recipe.append(Removal(("claude", *uninstall), peer.cwd, peer.personality).shown())
    if codex:
        removals.append(Removal((codex, *remove), "/", "this host"))
    elif host or not peers:
        recipe.append(" ".join(("codex", *remove)))
    return PluginPlan("commands" if removals else "recipe", tuple(removals), tuple(recipe))


def turn_off(door: Door, core: Core | None, peers: Sequence[Peer], *, env: Mapping[str, str]) -> PluginOff:
    """Choose the means and use them. Call it only for a slot of ours in the v1.1 form, once the surfaces landed.

    `peers`: all of the fleet; those whose folder is gone are passed over. `env`: its PATH says where harnesses are.
    """
    knows = core.knows_verb(VERB) if core else None
    there = [peer for peer in peers if _is_folder(door, peer.cwd)]
    path = env.get("PATH", "")
    claude, codex = door.processes.which("claude", path), door.processes.which("codex", path)
    chosen = plan(there, has_core=core is not None, core_knows=knows, claude=claude, codex=codex)
    if chosen.means == "unknown" and core is not None:
        said = core.version()
        if said.refused:
            return SKIPPED
        reason = "the core did not say which verbs it knows" + ("" if said.ok else f" ({said.detail})")
        return PluginOff("failed", f"{reason[:REASON_LENGTH]}; {KEPT}; by hand: {MANUAL}")
    if chosen.means == "verb" and core is not None:
        return _of_verb(core.memory_plugin_off())
    if chosen.means == "commands":
        return _run(door.processes, chosen)
    return PluginOff("recipe", "the legacy plugin is taken off by hand, once:", chosen.recipe)


def _of_verb(said: Said) -> PluginOff:
    if said.refused:
        return SKIPPED
    if not said.ok:
        return PluginOff("failed", f"{said.detail[:REASON_LENGTH]}; {KEPT}; by hand: {MANUAL}")
    return PluginOff("swept", "swept by the core" + (f": {said.detail}" if said.detail else ""))


def _run(processes: Processes, chosen: PluginPlan) -> PluginOff:
    environment = clean_environment(processes.environment())
    failures: list[str] = []
    gone = 0
    for removal in chosen.removals:
        result = processes.run(list(removal.argv), timeout=TIMEOUT, env=environment, cwd=removal.cwd, stdin=b"")
        if result.refused:
            return SKIPPED
        reason = _failure(result)
        if reason is None:
            gone += 1
        else:
            failures.append(f"{removal.whom}: {reason}; by hand: {removal.shown()}")
    left = tuple(f"by hand, once: {line}" for line in chosen.recipe)
    total = len(chosen.removals)
    if failures:
        return PluginOff("failed", f"{gone}/{total} harness commands done; {KEPT}", (*failures, *left))
    return PluginOff("swept", f"{total} harness command{'' if total == 1 else 's'} done", left)


def _failure(result: RunResult) -> str | None:
    """Why the plugin may still be there, or None."""
    said = said_of(result, "plugin", TIMEOUT)
    if said.ok or (result.spawn_error is None and not result.timed_out and GONE.search(result.stderr + result.stdout)):
        return None
    return one_line(said.detail)[:REASON_LENGTH]


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the identity and the marks of a session that we may be running in."""
    return {k: v for k, v in environment.items() if k not in IDENTITY and not k.startswith(SESSION_MARKS)}


def _is_folder(door: Door, path: str) -> bool:
    try:
        stat = door.files.stat(path)
    except FileRefused:
        return False
    return stat is not None and stat.kind == "dir"
