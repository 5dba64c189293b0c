"""What `provision-peer` and `unprovision-peer` share: the check of their words and the lines they print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from iapeer_memory.cli.output import Output
from iapeer_memory.domain.errors import ConfigError, UsageError
from iapeer_memory.domain.peer import SESSION_RUNTIMES, Peer, is_personality
from iapeer_memory.fleet.registry import folder_fault
from iapeer_memory.provision.host import Host
from iapeer_memory.surfaces.state import PeerResult

OCCASIONS = ("birth", "sweep-on", "off-peer", "off-all", "remove")


def checked_peer(
    host: Host, cwd: str, runtime: str, personality: str | None, occasion: str, *, must_exist: bool
) -> Peer:
    """The peer that the words name. Raises UsageError (exit 2), ConfigError for a missing folder (exit 1)."""
    if not cwd.startswith("/"):
        raise UsageError(f"--cwd must be an absolute path, not {cwd!r}")
    if fault := folder_fault(cwd):
        raise UsageError(f"--cwd: {fault}")
    if runtime not in SESSION_RUNTIMES:
        raise UsageError(f"--runtime must be one of {', '.join(SESSION_RUNTIMES)}, not {runtime!r}")
    if occasion not in OCCASIONS:
        raise UsageError(f"--occasion must be one of {', '.join(OCCASIONS)}, not {occasion!r}")
    if personality is not None and not is_personality(personality):
        raise UsageError(f"--personality {personality!r} cannot name a peer")
    if personality is None and must_exist and (runtime == "claude" or not host.with_core):
        raise UsageError("--personality is missing")
    if must_exist and host.door.files.stat(cwd) is None:
        raise ConfigError(f"{cwd} does not exist")
    return Peer(personality or "", cwd, (runtime,))


def tell_result(
    out: Output,
    verb: str,
    peer: Peer,
    occasion: str,
    results: Sequence[PeerResult],
    plan: list[dict[str, object]] | None,
) -> int:
    """A line a surface, then the summary; 1 if a surface failed."""
    outcomes = [outcome for result in results for outcome in result.outcomes]
    for outcome in outcomes:
        mark = out.paint("FAIL", "fail") if outcome.action == "failed" else out.paint("ok  ", "ok")
        detail = f" — {outcome.detail}" if outcome.detail else ""
        out.line(f"{mark}  {outcome.surface.ljust(7)} {outcome.action}{detail} ({outcome.path})")
    bad = any(outcome.action == "failed" for outcome in outcomes)
    note = "; some surfaces failed, run: iapeer-memory verify --repair" if bad else ""
    out.line(f"{verb}: {peer.runtimes[0]} peer at {peer.cwd} (occasion: {occasion}){note}")
    if not bad:
        out.line("live sessions pick this up at their next start")
    out.document(verb, {"ok": not bad, "surfaces": [asdict(o) for o in outcomes], "plan": plan})
    return 1 if bad else 0
