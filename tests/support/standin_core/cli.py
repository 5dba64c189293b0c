"""The stand-in's command line: the real core's verbs, flags, lines and exit codes. No daemon, no sessions.

Called a dozen times in one `init`: each verb loads what it needs, and the frequent ones need little.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.standin_core.state import AGENTIC, RUNTIME, Refusal, Root, normalise, say, warn

VERBS = (
    "add-runtime", "create", "fire", "help", "init", "install-runtime", "list", "live-runtime", "native-memory",
    "onboard", "prompt", "refresh", "remove", "rename", "self-done", "self-fresh", "send", "start", "status", "stop",
    "trust-hooks", "update", "verify", "version",
)  # fmt: skip
BOOLEAN = frozenset((
    "accept-risk", "all", "check", "dry-run", "fix", "force", "foundation-only", "install-plist", "json",
    "no-bootstrap", "no-memory", "no-notifier", "no-setup", "no-telegram", "no-voice", "npx", "plugin-only",
    "remove-codesign-identity", "stream", "yes",
))  # fmt: skip
LEGACY = "memory-plugin"
VERSION = "0.4.86"


def main(argv: list[str]) -> int:
    """Run one command; the exit code."""
    try:
        root = Root.of_environment()
        root.record(argv)
        verb = argv[0] if argv else "help"
        fault = _fault(root, verb)
        if fault is not None:
            return fault
        if verb == "help" or "--help" in argv or "-h" in argv:
            sys.stdout.write(usage(root))
            return 0
        return run(root, verb, argv[1:])
    except Refusal as refusal:
        whole = refusal.text.startswith(("iapeer", "trust-hooks"))
        warn(refusal.text if whole else f"iapeer {argv[0]}: {refusal.text}")
        return refusal.code


def _fault(root: Root, verb: str) -> int | None:
    """The knobs that stand for a core that hangs, speaks garbage or fails: {verb: value}."""
    if verb in root.knob("hang", []):
        time.sleep(600)
    if verb in root.knob("garbage", {}):
        sys.stdout.write(root.knob("garbage")[verb])
        return 0
    if verb in root.knob("exit", {}):
        code, text = root.knob("exit")[verb]
        sys.stderr.write(text)
        return int(code)
    return None


def usage(root: Root) -> str:
    verbs = sorted([*VERBS, *([LEGACY] if root.knob("memory_plugin") else [])])
    return "usage: iapeer <verb> …\n\n" + "".join(f"  iapeer {verb}\n" for verb in verbs)


def split(argv: list[str]) -> tuple[list[str], dict[str, Any]]:
    """(positional words, flags); the last of a flag wins."""
    words: list[str] = []
    flags: dict[str, Any] = {}
    rest = list(argv)
    while rest:
        token = rest.pop(0)
        if not token.startswith("--"):
            words.append(token)
            continue
        name, equals, value = token[2:].partition("=")
        if equals:
            flags[name] = value
        elif name in BOOLEAN or not rest or rest[0].startswith("--"):
            flags[name] = True
        else:
            flags[name] = rest.pop(0)
    return words, flags


def run(root: Root, verb: str, argv: list[str]) -> int:
    words, flags = split(argv)

    def need(count: int, what: str) -> None:
        if len(words) < count:
            raise Refusal(f"iapeer: {verb} needs {what} — usage: iapeer {verb} {what}", 2)

    match verb:
        case "version" | "--version" | "-v":
            say(root.knob("version", VERSION))
            return 0
        case "list":
            return list_peers(root, as_json=bool(flags.get("json")))
        case "create":
            from tests.support.standin_core.birth import create

            need(1, "<personality>")
            given = flags.get("path")
            folder = Path(os.path.abspath(given)) if isinstance(given, str) else None
            return create(root, words[0], folder, flags, verb=verb)
        case "init":
            from tests.support.standin_core.birth import create

            if "personality" in flags:
                raise Refusal("iapeer: init --personality was removed — usage: iapeer init [cwd]", 2)
            folder = Path(os.path.abspath(words[0] if words else "."))
            return create(root, normalise(folder.name), folder, flags, verb=verb)
        case "add-runtime":
            from tests.support.standin_core.birth import add_runtime

            need(1, "<runtime>")
            return add_runtime(root, words[0], _targets(root, flags))
        case "remove":
            from tests.support.standin_core.birth import remove

            need(1, "<peer>")
            return remove(root, words[0], force=bool(flags.get("force")))
        case "rename":
            from tests.support.standin_core.birth import rename

            need(2, "<old> <new>")
            return rename(root, words[0], words[1])
        case "install-runtime":
            from tests.support.standin_core.birth import install_notifier

            need(1, "notifier")
            return install_notifier(root)
        case "native-memory":
            return _native(root, words, flags)
        case "trust-hooks":
            from tests.support.standin_core.levers import trust_hooks

            need(1, "<hooks.json>")
            return trust_hooks(words[0], check=bool(flags.get("check")))
        case "send":
            from tests.support.standin_core.messages import send

            need(1, "<target>")
            return send(root, words[0], flags, sum(a.split("=")[0] == "--attachment" for a in argv))
        case "status":
            return status(root)
        case "live-runtime":
            need(1, "<peer>")
            row = root.peer(words[0]) or {"runtimes": []}
            live = [runtime for runtime in row["runtimes"] if root.status_of(words[0], runtime) == "live"]
            if live:
                say(live[0])
            return 0 if live else 1
        case "refresh":
            for name in _targets(root, flags, words):
                known = root.peer(name)
                for runtime in known["runtimes"] if known else []:
                    say(f"{name} ({runtime}): {'refresh-armed' if runtime in AGENTIC else 'skipped-non-agentic'}")
            return 0
        case "stop" | "start":
            need(1, "<peer>")
            return _mark(root, words[0], stopped=verb == "stop")
        case "verify":
            say(root.knob("verify", "ok"))
            return int(root.knob("verify_code", 0))
        case "self-done" | "self-fresh":
            if not os.environ.get("PEER_IDENTITY"):
                raise Refusal(f"iapeer {verb}: PEER_IDENTITY is not set")
            return 0
        case "onboard":
            return onboard(root, flags)
        case "update":
            return update(root, flags)
        case "prompt":
            from tests.support.standin_core.prompt import prompt

            need(1, "<peer>")
            sys.stdout.write(prompt(root, words[0]))
            return 0
        case "fire":
            from tests.support.standin_core.messages import fire

            need(1, "<trigger>")
            return fire(root, words[0], float(flags.get("seconds", 30)))
    if verb == LEGACY and root.knob("memory_plugin"):
        return memory_plugin(root, words, flags)
    if RUNTIME.match(verb):
        where = "without .iapeer/peer-profile.json; run from an initialized peer cwd"
        raise Refusal(f"iapeer {verb}: cannot resolve identity {where}")
    raise Refusal(f'iapeer: unknown verb "{verb}"\n{usage(root)}', 2)


def list_peers(root: Root, *, as_json: bool) -> int:
    rows = []
    for peer in root.peers():
        name = peer["personality"]
        nature = {"human": "natural", "scripted": "absent"}.get(peer["intelligence"], peer["intelligence"])
        row = {"personality": name, "default_runtime": peer["default_runtime"]}
        last = root.knob("last_active", {}).get(name)
        row |= {"last_active_runtime": last} if last else {}
        row |= {"intelligence": nature, "description": peer["description"][:450]}
        row |= {} if root.knob("list_without_cwd") else {"cwd": peer["cwd"]}
        row |= {"runtimes": [{"runtime": r, "status": root.status_of(name, r)} for r in peer["runtimes"]]}
        rows.append(row)
    if as_json:
        say(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    glyph = {"live": "●", "asleep": "○", "stopped": "✕"}
    for row in rows:
        marks = " ".join(f"{glyph[r['status']]}{r['runtime']}" for r in row["runtimes"])
        say(f"{row['personality']:<20} [{row['default_runtime']}] {row['intelligence']:<10} {marks}")
    if not rows:
        say("no peers registered")
    return 0


def _targets(root: Root, flags: dict[str, Any], words: list[str] | None = None) -> list[str]:
    if flags.get("all"):
        return [peer["personality"] for peer in root.peers()]
    named = [flags["peer"]] if isinstance(flags.get("peer"), str) else list(words or [])[:1]
    if not named:
        raise Refusal("iapeer: a target is needed — usage: --peer <p> | --all", 2)
    return [str(name) for name in named]


def _native(root: Root, words: list[str], flags: dict[str, Any]) -> int:
    from tests.support.standin_core.levers import native_memory

    if not words or words[0] not in ("on", "off"):
        how = "usage: iapeer native-memory <off|on> (--peer <p> | --all)"
        raise Refusal(f"iapeer: native-memory needs on|off — {how}", 2)
    names = _targets(root, flags)
    missing = next((name for name in names if root.peer(name) is None), None)
    if not names or missing is not None:
        raise Refusal(f'iapeer native-memory: peer "{missing or ""}" is not in the iapeer peers index')
    failed = False
    for name in names:
        row = root.peer(name) or {}
        runtimes = [runtime for runtime in AGENTIC if runtime in row["runtimes"]]
        if not runtimes:
            say(f"{name}: no claude/codex runtime — skipped")
        for runtime in runtimes:
            word, detail = native_memory(Path(row["cwd"]), runtime, off=words[0] == "off")
            failed |= word == "failed"
            say(f"{name} ({runtime}): {word}" + (f" — {detail}" if detail else ""))
    return 1 if failed else 0


def _mark(root: Root, name: str, *, stopped: bool) -> int:
    row = root.peer(name)
    if row is None:
        raise Refusal(f'unknown peer "{name}"')
    for runtime in row["runtimes"]:
        marker = root.path / "state/iapeer/stopped" / f"{runtime}-{name}"
        if stopped:
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
        else:
            marker.unlink(missing_ok=True)
    say(f"{name}: {'stopped' if stopped else 'started'}")
    return 0


def status(root: Root) -> int:
    healthy = root.knob("daemon", True)
    say(f"iapeer {root.knob('version', VERSION)}")
    say("daemon: healthy @ http://127.0.0.1:8765 + router.sock" if healthy else "daemon: NOT healthy (no answer)")
    slot = root.slot()
    memory = f"{slot['provider']} {slot['version']}" if slot else "none"
    if slot and "heartbeat" in slot:
        try:
            age = int(time.time() - Path(slot["heartbeat"]).stat().st_mtime)
            memory += f" (heartbeat {age}s ago)"
        except OSError:
            memory += " (daemon not running — no heartbeat file)"
    say(f"memory: {memory}")
    return 0 if healthy else 1


def onboard(root: Root, flags: dict[str, Any]) -> int:
    """The memory step alone; the knob `onboard_command` stands for npx."""
    import subprocess

    if not flags.get("accept-risk") and os.environ.get("IAPEER_ACCEPT_RISK") != "1":
        raise Refusal("iapeer: onboard needs --accept-risk without a terminal", 2)
    package = str(flags.get("memory", "@agfpd/iapeer-memory"))
    slot = root.slot()
    state = None
    if flags.get("no-memory"):
        state = "skipped-flag"
    elif slot:
        state = "already" if slot["package"] == package else "refused-foreign — uninstall it first"
    elif not root.knob("onboard_command"):
        state = "skipped-unavailable"
    elif flags.get("dry-run"):
        state = "dry-run"
    else:
        humans = [peer["personality"] for peer in root.peers() if peer["intelligence"] == "natural"]
        words = ["init", *(("--human", humans[0]) if len(humans) == 1 else ())]
        words += ["--runtime", str(flags["runtime"])] if "runtime" in flags else []
        done = subprocess.run([*root.knob("onboard_command"), *words], check=False)
        slot = root.slot()
        state = "installed" if done.returncode == 0 and slot else "provider-init-failed"
        if done.returncode == 0 and not slot:
            state += " — did not declare the slot"
    say(f"memory: {state} (slot: {slot['provider'] + ' ' + slot['version'] if slot else 'none'})")
    return 0


def update(root: Root, flags: dict[str, Any]) -> int:
    """The memory leg alone; the knob `update_command` stands for npm exec, a package without it is unavailable."""
    import subprocess

    if flags.get("foundation-only"):
        return 0
    slot = root.slot()
    if slot is None:
        say("memory: no-slot")
        return 0
    if slot["package"].startswith("pypi:") or not root.knob("update_command"):
        say(f"memory: skipped-unavailable — {slot['package']} not reachable")
        return 0
    done = subprocess.run([*root.knob("update_command"), "update"], check=False)
    after = root.slot() or {"version": "none"}
    if done.returncode:
        say("memory: failed")
        return 1
    say(f"memory: {'already-latest' if after['version'] == slot['version'] else 'updated'} ({after['version']})")
    return 0


def memory_plugin(root: Root, words: list[str], flags: dict[str, Any]) -> int:
    """A private core of before the verb's removal: it needs the slot's plugin block to know the plugin's name."""
    wanted = root.knob("memory_plugin")
    if wanted != "ok":
        raise Refusal(f"iapeer memory-plugin: {wanted}")
    if words[:1] not in (["on"], ["off"]) or not flags.get("all"):
        raise Refusal("iapeer: memory-plugin needs on|off --all — usage: iapeer memory-plugin <on|off> --all", 2)
    slot = json.loads((root.path / "memory-provider.json").read_text())
    plugin = slot.get("plugin")
    if not isinstance(plugin, dict):
        raise Refusal("iapeer memory-plugin: the slot declares no plugin")
    for peer in root.peers():
        for runtime in (r for r in AGENTIC if r in peer["runtimes"]):
            say(f"{peer['personality']} ({runtime}): {plugin['name']}@{plugin['marketplace']} {words[0]}")
    return 0
