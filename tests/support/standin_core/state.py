"""What the stand-in keeps on disk under IAPEER_ROOT, written the way the real core writes it.

`standin/` in that root is the stand-in's own: the journal of calls, the fault knobs, the outbox. Everything else is
where and how the contract says. Refuses to work on a root that was not named.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PERSONALITY = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
RUNTIME = re.compile(r"[a-z][a-z0-9]{0,31}\Z")
AGENTIC = ("claude", "codex")
JOURNALED = re.compile(r"PEER_|IAPEER_|CODEX_HOME\Z|HOME\Z|PATH\Z")


class Refusal(Exception):
    """The verb ends here: text for stderr and the exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Root:
    """One core's root folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_environment(cls) -> Root:
        """The root that was named; the stand-in never falls back to a home folder."""
        named = os.environ.get("IAPEER_ROOT")
        if not named:
            raise Refusal("iapeer (stand-in): refuses to run without IAPEER_ROOT", 70)
        return cls(Path(named))

    @property
    def own(self) -> Path:
        return self.path / "standin"

    @property
    def registry_file(self) -> Path:
        return self.path / "peers-profiles.json"

    # the stand-in's own books

    def record(self, argv: list[str], stdin: str | None = None) -> None:
        """Append one call to the journal, in a single write so that parallel calls do not mix."""
        self.own.mkdir(parents=True, exist_ok=True)
        env = {k: v for k, v in os.environ.items() if JOURNALED.match(k)}
        append(self.own / "journal.jsonl", {"argv": argv, "cwd": os.getcwd(), "env": env, "stdin": stdin})

    def knob(self, name: str, default: Any = None) -> Any:
        """One fault knob or fixture value."""
        try:
            knobs = json.loads((self.own / "knobs.json").read_text())
        except FileNotFoundError:
            return default
        return knobs.get(name, default)

    # the registry

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The registry's lock; busy for good when the knob says so."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.knob("registry_locked"):
            raise Refusal("iapeer: peers-profiles.lock is held by another process")
        with open(self.path / "peers-profiles.lock", "a") as lock:
            os.chmod(lock.name, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def peers(self) -> list[dict[str, Any]]:
        """All registered peers."""
        try:
            text = self.registry_file.read_text()
        except FileNotFoundError:
            return []
        try:
            document = json.loads(text)
            peers = document["peers"]
            names = [peer["personality"] for peer in peers]
            if len(set(names)) != len(names) or not all(peer["cwd"] for peer in peers):
                raise ValueError("duplicate name or empty cwd")
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(f"iapeer list: peers-profiles.json corrupted ({error}); run iapeer verify --fix") from None
        return list(peers)

    def peer(self, name: str) -> dict[str, Any] | None:
        return next((peer for peer in self.peers() if peer["personality"] == name), None)

    def save_peers(self, peers: list[dict[str, Any]]) -> None:
        """Replace the registry; the caller holds the lock."""
        ordered = sorted(peers, key=lambda peer: peer["personality"])
        write_json(self.registry_file, {"version": 2, "peers": ordered}, 0o600)

    def upsert(self, profile: dict[str, Any], cwd: Path) -> None:
        """Project a profile into the registry."""
        keys = ("personality", "default_runtime", "runtimes", "description", "intelligence")
        row = {**{key: profile[key] for key in keys}, "cwd": str(cwd)}
        with self.locked():
            self.save_peers([*(p for p in self.peers() if p["personality"] != row["personality"]), row])

    # liveness, slot, logs

    def status_of(self, name: str, runtime: str) -> str:
        live = self.knob("live", {}).get(name, {})
        if runtime in live:
            return str(live[runtime])
        return "stopped" if (self.path / "state/iapeer/stopped" / f"{runtime}-{name}").exists() else "asleep"

    def slot(self) -> dict[str, Any] | None:
        """The memory slot as the real core parses it: anything odd is an empty slot; an odd block is absent."""
        try:
            raw = json.loads((self.path / "memory-provider.json").read_text())
            slot = {key: raw[key].strip() for key in ("provider", "package", "version")}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if not all(slot.values()):
            return None
        for key in ("provision", "unprovision"):
            block = raw.get(key)
            command = block.get("command") if isinstance(block, dict) else None
            args = block.get("args") if isinstance(block, dict) else None
            texts = isinstance(args, list) and all(isinstance(arg, str) for arg in args)
            if isinstance(command, str) and command.strip().startswith("/") and texts:
                slot[key] = {"command": command.strip(), "args": args}
        heartbeat = raw.get("heartbeat")
        if isinstance(heartbeat, str) and heartbeat.strip():
            slot["heartbeat"] = heartbeat
        return slot

    def log(self, line: str) -> None:
        folder = self.path / "logs/iapeer"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lifecycle.log", "a") as log:
            log.write(line + "\n")


def profile_file(cwd: Path) -> Path:
    return cwd / ".iapeer/peer-profile.json"


def read_profile(cwd: Path) -> dict[str, Any]:
    try:
        profile = json.loads(profile_file(cwd).read_text())
    except (OSError, ValueError):
        return {}
    return profile if isinstance(profile, dict) else {}


def merge_profile(cwd: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Read, merge and write a profile under the core's mkdir lock (2 s wait, 10 s stale, then without)."""
    folder = cwd / ".iapeer"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock, held, end = folder / ".peer-profile.lock", False, time.monotonic() + 2
    while not held and time.monotonic() < end:
        try:
            lock.mkdir()
            held = True
        except FileExistsError:
            with suppress(OSError):
                if time.time() - lock.stat().st_mtime > 10:
                    lock.rmdir()
            time.sleep(0.02)
    try:
        profile = {**read_profile(cwd), **changes}
        write_json(profile_file(cwd), profile, 0o600)
    finally:
        if held:
            lock.rmdir()
    return profile


def write_json(path: Path, value: Any, mode: int) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", mode)


def write_text(path: Path, text: str, mode: int) -> None:
    """Replace a file at once, as the core's atomic writer does (mode as given, whatever it was before)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temp = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    temp.write_text(text)
    temp.chmod(mode)
    temp.rename(path)


def append(path: Path, value: Any) -> None:
    with open(path, "ab", buffering=0) as book:
        book.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n")


def normalise(text: str) -> str:
    """A folder's name as a personality (Latin letters only: the real one also transliterates)."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def warn(text: str) -> None:
    sys.stderr.write(text + "\n")
