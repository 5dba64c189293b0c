"""`send`, and the notifier that listens behind the peers `timer` and `watcher`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.support.standin_core.state import PERSONALITY, Refusal, Root, append, merge_profile, read_profile, say

MESSAGE_LIMIT, TOPIC_LIMIT, ATTACHMENT_LIMIT = 16_000, 200, 20
EVERY = re.compile(r"@every (\d+[smhd])+\Z")
ROLES = {"watcher": "event", "timer": "time"}
FIELDS = {
    "event": ("script", "target", "heartbeatSec", "topic", "fallback"),
    "time": ("when", "message", "target", "check", "topic", "fallback"),
}
NEEDED = {"event": ("script", "target"), "time": ("when", "message", "target")}


def send(root: Root, target: str, flags: dict[str, Any], attachments: int) -> int:
    """Validate as the core does, record in the outbox, say delivered or queued."""
    body = message_body(flags)
    if body is None:
        raise Refusal("iapeer: send needs a message — usage: iapeer send <target> --message <text>", 2)
    sender = str(flags.get("from") or os.environ.get("PEER_IDENTITY", ""))
    if not sender:
        raise Refusal("iapeer send: cannot resolve identity without .iapeer/peer-profile.json")
    runtime, _, name = sender.partition("-")
    caller = root.peer(name) if name else None
    if caller is None:
        raise Refusal(f"iapeer send: unknown caller {sender!r}")
    if runtime not in caller["runtimes"]:
        raise Refusal(f"iapeer send: runtime {runtime!r} is not declared for caller {name!r}")
    row = root.peer(target)
    if row is None:
        raise Refusal(f'iapeer send: unknown peer "{target}"')
    topic = str(flags.get("topic", ""))
    if len(body) > MESSAGE_LIMIT or len(topic) > TOPIC_LIMIT or attachments > ATTACHMENT_LIMIT:
        raise Refusal("iapeer send: message, topic or attachments over the limit")
    reason = root.knob("send_fail", {}).get(target)
    if reason:
        raise Refusal(f"iapeer send: {reason}")
    append(root.own / "outbox.jsonl", {"target": target, "from": sender, "topic": topic, "message": body})
    if target in ROLES and "notifier" in row["runtimes"] and target not in root.knob("deaf", []):
        append(root.own / "replies.jsonl", {"to": sender, "text": notify(root, target, name, body)})
    if read_profile(Path(row["cwd"])).get("wake_policy") == "ephemeral":
        say(f"queued for {target} ({row['default_runtime']}), depth 1 — the daemon tick drains it")
    else:
        say(f"delivered to {target} ({row['default_runtime']})")
    return 0


def message_body(flags: dict[str, Any]) -> str | None:
    """`--message` wins over `--message-file`; `-` is stdin."""
    if isinstance(flags.get("message"), str):
        return str(flags["message"]) or None
    source = flags.get("message-file")
    if source == "-":
        return sys.stdin.read() or None
    return Path(source).read_text() or None if isinstance(source, str) else None


def notify(root: Root, peer: str, owner: str, body: str) -> str:
    """One registration message: store, list or drop in the owner's profile; the answer's text."""
    if body.strip() in ("help", "?"):
        return "help: send JSON"
    try:
        config = json.loads(body)
        if not isinstance(config, dict):
            raise ValueError("not an object")
    except ValueError as error:
        return f"error: {error}"
    row = root.peer(owner)
    if row is None:
        return f"error: unknown owner {owner}"
    cwd, role = Path(row["cwd"]), ROLES[peer]
    section = read_profile(cwd).get("notifier") or {}
    triggers = list(section.get("triggers", []))
    command = config.get("cmd", "register")
    if command == "list":
        return json.dumps([t for t in triggers if t["role"] == role])
    if command == "unregister":
        if "id" not in config:
            return "error: unregister needs id"
        kept = [t for t in triggers if (t["role"], t["id"]) != (role, config["id"])]
        merge_profile(cwd, {"notifier": {**section, "triggers": kept}})
        return "ok: unregistered" if len(kept) < len(triggers) else "ok: nothing to unregister"
    if command != "register":
        return f"error: unknown cmd {command!r}"
    fault = _fault(root, role, config)
    if fault:
        return f"error: {fault}"
    text = json.dumps(config, sort_keys=True)
    trigger_id = config.get("id") or f"{role}-{sha256(text.encode()).hexdigest()[:12]}"
    target = owner if config["target"] == "self" else config["target"]
    trigger = {"role": role, "id": trigger_id, "owner": owner, "target": target}
    trigger |= {key: config[key] for key in FIELDS[role] if key in config and key != "target"}
    kept = [t for t in triggers if (t["role"], t["id"]) != (role, trigger_id)]
    merge_profile(cwd, {"notifier": {**section, "triggers": [*kept, trigger]}})
    return f"ok: registered {trigger_id}"


def _fault(root: Root, role: str, config: dict[str, Any]) -> str | None:
    for key in NEEDED[role]:
        if not isinstance(config.get(key), str) or not config[key].strip():
            return f"{key} is required"
    if "id" in config and not PERSONALITY.match(str(config["id"])):
        return "id must match the peer-name pattern"
    if config["target"] != "self" and root.peer(config["target"]) is None:
        return f"unknown target {config['target']}"
    if role == "time":
        return None if valid_when(config["when"]) else f"bad when {config['when']!r}"
    first = config["script"].split()[0]
    if "/" in first and not (Path(first).is_file() and os.access(first, os.X_OK)):
        return f"script {first} is not an executable file"
    return None


def valid_when(when: str) -> bool:
    """Five cron fields of numbers, or @every."""
    if when.startswith("@"):
        return EVERY.match(when) is not None
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    fields = when.split()
    return len(fields) == 5 and all(_valid_field(f, *b) for f, b in zip(fields, bounds, strict=True))


def _valid_field(text: str, low: int, high: int) -> bool:
    for part in text.split(","):
        found = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if found is None or found[3] == "0":
            return False
        numbers = [int(n) for n in (found[1], found[2]) if n is not None]
        if any(not low <= n <= high for n in numbers) or numbers != sorted(numbers):
            return False
    return True


def fire(root: Root, trigger_id: str, seconds: float) -> int:
    """Test-only: run a trigger once. A watcher's script through a shell, its lines going to its target until it ends
    or the time is up (then it is killed); a timer's check without any shell or argument, and on 0 its message."""
    for row in root.peers():
        for trigger in read_profile(Path(row["cwd"])).get("notifier", {}).get("triggers", []):
            if trigger["id"] == trigger_id:
                return _event(root, trigger, seconds) if trigger["role"] == "event" else _time(root, trigger, seconds)
    raise Refusal(f"iapeer fire: no trigger {trigger_id}")


def _event(root: Root, trigger: dict[str, Any], seconds: float) -> int:
    # The real one kills the shell alone; tests must not leave what it started, so here the whole group goes.
    output = root.own / "fired.out"
    with open(output, "wb") as sink, open(root.own / "fired.err", "wb") as errors:
        child = subprocess.Popen(
            ["/bin/sh", "-c", trigger["script"]], stdin=subprocess.DEVNULL, stdout=sink, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        try:
            child.wait(seconds)
            ended = True
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            ended = False
    lines = [line.rstrip("\r") for line in output.read_text().split("\n") if line.strip()]
    for line in lines:
        append(root.own / "outbox.jsonl", {"target": trigger["target"], "from": "notifier-watcher", "message": line})
    if ended:  # any exit is a failure that the notifier answers with a restart
        append(root.own / "restarts.jsonl", {"id": trigger["id"], "code": child.returncode})
    say(f"{trigger['id']}: {len(lines)} line(s), {'exited ' + str(child.returncode) if ended else 'still running'}")
    return 0


def _time(root: Root, trigger: dict[str, Any], seconds: float) -> int:
    if trigger.get("check"):
        try:
            done = subprocess.run([trigger["check"]], stdin=subprocess.DEVNULL, timeout=seconds, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            say(f"{trigger['id']}: skipped ({error})")
            return 0
        if done.returncode:
            say(f"{trigger['id']}: skipped (check {done.returncode})")
            return 0
    message = {"target": trigger["target"], "from": "notifier-timer", "message": trigger["message"]}
    append(root.own / "outbox.jsonl", message)
    say(f"{trigger['id']}: sent")
    return 0
