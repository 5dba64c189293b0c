"""How peers are born, grow, move and go, in the real core's order, with real calls of the slot's commands."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.standin_core.levers import forget_folder, mcp_entries, native_memory, trust_folder
from tests.support.standin_core.state import (
    AGENTIC,
    PERSONALITY,
    RUNTIME,
    Refusal,
    Root,
    merge_profile,
    normalise,
    read_profile,
    say,
    warn,
    write_json,
    write_text,
)

SCAFFOLD = "# {name}\n\n<!-- An empty doctrine launches a bare peer: describe the role here. -->\n"
STRIPPED = ("PEER_PERSONALITY", "PEER_RUNTIME", "PEER_IDENTITY")
PROVISION_SECONDS = 120.0


def call_provider(root: Root, key: str, name: str, cwd: Path, runtime: str, occasion: str) -> str | None:
    """Run one command block of the slot; None when there is none, else `ok` or the state and stderr's tail."""
    slot = root.slot() or {}
    block = slot.get(key)
    if not isinstance(block, dict):
        return None
    command = block["command"]
    values = {"{cwd}": str(cwd), "{runtime}": runtime, "{personality}": name, "{occasion}": occasion}
    args = []
    for arg in block["args"]:
        for field, value in values.items():
            arg = arg.replace(field, value)
        args.append(arg)
    env = {**os.environ, **root.knob("provision_env", {})}
    env = {k: v for k, v in env.items() if v is not None}
    began = time.monotonic()
    state, code, detail = "ok", "0", ""
    if not os.access(command, os.X_OK):
        state, code = "not-executable", "-"
    else:
        limit = float(root.knob("provision_timeout", PROVISION_SECONDS))
        try:
            done = subprocess.run(
                [command, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, env=env,
                cwd=root.knob("provision_cwd"), check=False,
            )  # fmt: skip
            detail = done.stderr.decode("utf-8", "replace")[-400:].strip()
            state, code = ("ok" if done.returncode == 0 else "failed"), str(done.returncode)
        except subprocess.TimeoutExpired:
            state, code = "timeout", "-"
        except OSError as error:
            state, code, detail = "failed", "-", str(error)
    took = int((time.monotonic() - began) * 1000)
    one_line = " ".join(detail.split())
    root.log(
        f"ev=memory-provision identity={runtime}-{name} occasion={occasion} state={state} exit={code} ms={took} "
        f"detail={one_line}"
    )
    return "ok" if state == "ok" else f"{state} ({one_line or code})"


def bear(root: Root, name: str, cwd: Path, profile: dict[str, Any]) -> list[str]:
    """One birth: profile, levers, trust, provision, and only then the registry, servers and doctrine."""
    guard_identity(name)
    cwd.mkdir(parents=True, exist_ok=True, mode=0o700)
    merged = merge_profile(cwd, profile)
    agentic = [runtime for runtime in AGENTIC if runtime in merged["runtimes"]]
    if root.slot() is not None:
        for runtime in agentic:
            native_memory(cwd, runtime, off=True)
        if "codex" in agentic:
            trust_folder(cwd)
        for runtime in agentic:
            answer = call_provider(root, "provision", name, cwd, runtime, "birth")
            if answer not in (None, "ok"):
                warn(f"warn: memory provision ({runtime}) FAILED {answer}; repair via the provider's own CLI")
    root.upsert(merged, cwd)
    written = [mcp_entries(cwd, name, runtime) for runtime in agentic]
    doctrine = cwd / ".iapeer/IAPEER.md"
    if not doctrine.exists():
        write_text(doctrine, SCAFFOLD.format(name=name), 0o644)
    return written


def guard_identity(name: str) -> None:
    """A core that is called from inside another peer's session refuses."""
    caller = os.environ.get("PEER_PERSONALITY")
    if caller and caller != name:
        raise Refusal(f"PEER_PERSONALITY is {caller}, not {name}")


def create(root: Root, name: str, cwd: Path | None, flags: dict[str, Any], *, verb: str) -> int:
    """`create` and `init`: the first runtime's birth, then one more birth for each other installed runtime."""
    if not PERSONALITY.match(name):
        raise Refusal(f"personality {name!r} must match [a-z][a-z0-9-]{{0,31}}")
    cwd = cwd or root.path / "peers" / name
    if normalise(cwd.name) != name:
        raise Refusal(f"folder {cwd.name!r} does not normalise to {name!r} (one folder, one peer)")
    installed = [runtime for runtime in AGENTIC if runtime in root.knob("installed", list(AGENTIC))]
    wanted = flags.get("runtime")
    if wanted is not None and not RUNTIME.match(str(wanted)):
        raise Refusal(f"runtime {wanted!r} is not a runtime id")
    if wanted is None:
        if not installed:
            raise Refusal("no agentic runtime is installed; pass --runtime")
        if len(installed) > 1:
            warn("note: both claude and codex are installed and there is no terminal; taking claude")
        wanted = installed[0]
    known = read_profile(cwd)
    runtimes = list(dict.fromkeys([*known.get("runtimes", []), wanted]))
    profile = {
        "personality": name,
        "default_runtime": known.get("default_runtime", wanted),
        "runtimes": runtimes,
        "description": str(flags.get("description", known.get("description", "")))[:450],
        "intelligence": flags.get("intelligence", "artificial" if wanted in AGENTIC else "absent"),
    }
    written = bear(root, name, cwd, profile)
    if wanted in AGENTIC:
        for runtime in installed:
            if runtime not in runtimes:
                runtimes.append(runtime)
                written = bear(root, name, cwd, {"runtimes": runtimes})
    head = f'created "{name}"' if verb == "create" else f'initialized "{name}"'
    where = f" at {cwd}" if verb == "create" else ""
    servers = ", ".join(dict.fromkeys(written)) or "none"
    say(f"{head} (default: {profile['default_runtime']}; runtimes: {', '.join(runtimes)}){where}; mcp: {servers}")
    return 0


def add_runtime(root: Root, runtime: str, names: list[str]) -> int:
    """`add-runtime`: every runtime of the peer is born again, without the caller's identity."""
    for key in STRIPPED:
        os.environ.pop(key, None)
    failed = False
    for name in names:
        row = root.peer(name)
        if row is None:
            raise Refusal(f'peer "{name}" is not in the iapeer peers index')
        if not any(r in AGENTIC for r in row["runtimes"]):
            say(f"{name}: skipped-infra-peer")
            continue
        if runtime in row["runtimes"]:
            say(f"{name}: already")
            continue
        try:
            bear(root, name, Path(row["cwd"]), {"runtimes": [*row["runtimes"], runtime]})
            say(f"{name}: added")
        except (Refusal, OSError) as error:
            failed = True
            say(f"{name}: failed — {error}")
    return 1 if failed else 0


def remove(root: Root, name: str, *, force: bool) -> int:
    """`remove`: the registry first, then unprovision, then trust; the folder stays."""
    row = root.peer(name)
    if row is None:
        say(f'"{name}" not registered — no-op')
        return 0
    if not force and any(root.status_of(name, runtime) == "live" for runtime in row["runtimes"]):
        raise Refusal(f'iapeer remove: "{name}" is live; stop it or pass --force')
    with root.locked():
        root.save_peers([peer for peer in root.peers() if peer["personality"] != name])
    say(f'removed "{name}" from the registry')
    cwd = Path(row["cwd"])
    answers = []
    for runtime in (r for r in AGENTIC if r in row["runtimes"]):
        answer = call_provider(root, "unprovision", name, cwd, runtime, "remove")
        if answer is not None:
            answers.append(f"{runtime}:{answer if answer == 'ok' else f'failed ({answer})'}")
    if answers:
        say(f"memory unprovision: {', '.join(answers)}")
    if "codex" in row["runtimes"]:
        say(f"codex trust entry: {forget_folder(cwd)} removed")
    say(f"folder kept: {cwd} (delete it yourself)")
    return 0


def rename(root: Root, old: str, new: str) -> int:
    """`rename`: folder, registry, profile and the core's own server; the memory provider hears nothing."""
    if not PERSONALITY.match(new):
        raise Refusal(f"personality {new!r} must match [a-z][a-z0-9-]{{0,31}}")
    row = root.peer(old)
    if row is None:
        raise Refusal(f'peer "{old}" is not in the iapeer peers index')
    if root.peer(new) is not None:
        raise Refusal(f'"{new}" is taken')
    before = Path(row["cwd"])
    after = before.with_name(new)
    before.rename(after)
    profile = merge_profile(after, {"personality": new})
    with root.locked():
        root.save_peers([peer for peer in root.peers() if peer["personality"] != old])
    root.upsert(profile, after)
    if "claude" in row["runtimes"]:
        mcp_entries(after, new, "claude")
    say(f'renamed "{old}" to "{new}"; folder {before} → {after}')
    say("NOTE: memory is not re-keyed; use your memory provider's own command for that")
    return 0


def install_notifier(root: Root) -> int:
    """`install-runtime notifier`: the peers `timer` and `watcher`."""
    for name in ("timer", "watcher"):
        profile = {
            "personality": name, "default_runtime": "notifier", "runtimes": ["notifier"],
            "description": f"{name} of the notifier", "intelligence": "absent",
        }  # fmt: skip
        bear(root, name, root.path / "peers" / name, profile)
    write_json(root.path / "runtimes/notifier/runtime.json", {"runtime": "notifier", "version": "0.3.4"}, 0o600)
    say("installed runtime notifier (timer, watcher)")
    return 0
