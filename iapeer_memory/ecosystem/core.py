"""The ecosystem's command, `iapeer`, as a memory provider calls it.

Every call has a time limit, gets an empty stdin unless it sends a message, runs in `/` and without the identity of
whoever typed our command: the core refuses to act when `PEER_*` disagrees with the peer it acts on. Never raises for
what the core does or fails to do; never believes an exit code where the text can be checked. No text of the core
longer than 160 characters leaves this file.

Source: the core's command line (verbs, exit codes and lines) and the reference package's table of external calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import abspath, isabs
from typing import Literal

from iapeer_memory.domain.door import Door, RunResult
from iapeer_memory.domain.errors import UsageError, printable
from iapeer_memory.domain.peer import is_personality

CORE_COMMAND = "iapeer"
REASON_LENGTH = 160
IDENTITY = ("PEER_PERSONALITY", "PEER_RUNTIME", "PEER_IDENTITY")

SHORT, LIST, TRUST, SEND, SWEEP, CREATE = 10.0, 20.0, 30.0, 60.0, 120.0, 180.0
"""Time limits in seconds: version and help, list, trust-hooks, send (it may wake an agent), native-memory, create."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one call came to. `detail`: one line of at most 160 characters, the reason where `ok` is false."""

    ok: bool
    detail: str
    stdout: str = ""
    code: int = 0
    refused: bool = False
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class CoreRow:
    """One entry of `iapeer list --json`. Absent or wrongly typed members are empty; nothing else is checked here."""

    personality: str
    cwd: str = ""
    runtimes: tuple[str, ...] = ()
    default_runtime: str = ""
    intelligence: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The core's peers. `failed`: why there is no answer (then `rows` is empty and means nothing)."""

    rows: tuple[CoreRow, ...] = ()
    problems: tuple[str, ...] = ()
    failed: str | None = None
    refused: bool = False

    def get(self, personality: str) -> CoreRow | None:
        """The first entry of that name, or None."""
        return next((row for row in self.rows if row.personality == personality), None)


def find_core(door: Door, env: Mapping[str, str], flag: str | None) -> str | None:
    """Absolute path of the core's command: the flag's, else the first on PATH, else None.

    Raises UsageError when the flag names no file: whoever names a core wants that one and no other.
    """
    if flag is None:
        return door.processes.which(CORE_COMMAND, env.get("PATH", ""))
    path = flag if isabs(flag) or "/" in flag else door.processes.which(flag, env.get("PATH", "")) or flag
    path = abspath(path)
    stat = door.files.stat(path)
    if stat is None or stat.kind != "file" or not stat.mode & 0o111:
        raise UsageError(f"--iapeer-bin {printable(flag)}: there is no such program", remedy="give the path of iapeer")
    return path


class Core:
    """One core command by its absolute path. `named`: the operator named it with a flag (the sandbox allows that)."""

    __slots__ = ("_door", "_named", "binary")

    def __init__(self, door: Door, binary: str, *, named: bool = False) -> None:
        self._door = door
        self._named = named
        self.binary = binary

    def version(self) -> Said:
        """Its version, as `detail`."""
        said = self._call("version", timeout=SHORT)
        return said if not said.ok else Said(True, one_line(said.stdout) or "(it says nothing)", said.stdout)

    def list(self) -> Listing:
        """Every registered peer, agents or not, in the core's order."""
        said = self._call("list", "--json", timeout=LIST)
        if not said.ok:
            return Listing(failed=said.detail, refused=said.refused)
        return parse_listing(said.stdout)

    def create(self, role: str, *, description: str, runtime: str | None = None, path: str | None = None) -> Said:
        """Create a peer, or describe one that exists (`path`: its folder)."""
        words = ["create", role]
        words += ["--runtime", runtime] if runtime else []
        words += ["--path", path] if path else []
        return self._call(*words, "--description", description, timeout=CREATE)

    def send(self, target: str, sender: str, message: str) -> Said:
        """Deliver a message. `sender`: `<runtime>-<personality>`. ok means delivered or queued, and nothing more."""
        return self._call("send", target, "--from", sender, "--message", message, timeout=SEND)

    def native_memory(self, switch: Literal["on", "off"], peer: str | None = None) -> tuple[Said, tuple[str, ...]]:
        """Turn the harnesses' own memory on or off, for one peer or all: (what it said, peers that it names)."""
        said = self._call("native-memory", switch, *(("--peer", peer) if peer else ("--all",)), timeout=SWEEP)
        heads = [line.split(" ", 1)[0].removesuffix(":") for line in said.stdout.splitlines() if line.strip()]
        return said, tuple(dict.fromkeys(head for head in heads if is_personality(head)))

    def trust_hooks(self, hooks_json: str) -> tuple[Said, Literal["written", "already", "failed"]]:
        """Have the core record Codex's trust for this hooks file (its real path)."""
        said = self._call("trust-hooks", hooks_json, timeout=TRUST)
        if not said.ok:
            return said, "failed"
        first = said.stdout.strip().split("\n", 1)[0].lower()
        return said, "already" if "already" in first else "written"

    def trust_check(self, hooks_json: str) -> tuple[Said, bool | None]:
        """Whether Codex trusts every command of the file; None when the core could not be asked."""
        said = self._call("trust-hooks", hooks_json, "--check", timeout=TRUST)
        if said.refused or said.timed_out or said.code in (2, 127) or said.code < 0:
            return said, None
        return said, said.ok

    def knows_verb(self, verb: str) -> bool | None:
        """Whether `iapeer help` lists the verb; None when there was no help to read.

        The text is read because asking `iapeer VERB --help` answers 0 for verbs that do not exist.
        """
        said = self._call("help", timeout=SHORT)
        if not said.ok or not said.stdout.strip():
            return None
        return re.search(rf"(?<![\w-]){re.escape(verb)}(?![\w-])", said.stdout) is not None

    def memory_plugin_off(self) -> Said:
        """Sweep the session plugin of old releases off all peers (only cores before its removal know this)."""
        return self._call("memory-plugin", "off", "--all", timeout=CREATE)

    def _call(self, *words: str, timeout: float) -> Said:
        environment = {k: v for k, v in self._door.processes.environment().items() if k not in IDENTITY}
        result = self._door.processes.run(
            [self.binary, *words], timeout=timeout, env=environment, cwd="/", stdin=b"", named=self._named
        )
        return said_of(result, f"iapeer {words[0]}", timeout)


def said_of(result: RunResult, what: str, timeout: float) -> Said:
    """One call's result in words. Pure."""
    if result.refused:
        return Said(False, f"{what}: refused in the sandbox", code=result.code, refused=True)
    if result.timed_out:
        return Said(False, f"{what}: no answer within {timeout:g} s", code=result.code or 1, timed_out=True)
    if result.spawn_error is not None:
        return Said(False, one_line(f"{what}: {result.spawn_error}"), code=result.code or 127)
    if result.code:
        words = one_line(result.stderr) or one_line(result.stdout) or f"exit code {result.code}"
        return Said(False, words, result.stdout, result.code)
    return Said(True, one_line(result.stdout), result.stdout)


def parse_listing(text: str) -> Listing:
    """The list's output as rows. Anything but a JSON array is a failure, never an empty fleet. Pure."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        shown = one_line(text)[:60] or "nothing"
        return Listing(failed=f"iapeer list: the answer is not JSON ({shown})")
    if not isinstance(document, list):
        return Listing(failed=f"iapeer list: the answer is no list but {type(document).__name__}")
    rows: list[CoreRow] = []
    problems: list[str] = []
    for number, entry in enumerate(document, 1):
        name = entry.get("personality") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(name, str) or not name.strip():
            problems.append(f"entry {number} of iapeer list has no personality; it is passed over")
            continue
        rows.append(
            CoreRow(
                name.strip(),
                _text(entry, "cwd"),
                _runtimes(entry.get("runtimes")),
                _text(entry, "default_runtime"),
                _text(entry, "intelligence"),
                _text(entry, "description"),
            )
        )
    return Listing(tuple(rows), tuple(problems))


def single_human(rows: Sequence[CoreRow]) -> str | None:
    """The one natural peer, where there is exactly one."""
    humans = [row.personality for row in rows if row.intelligence == "natural"]
    return humans[0] if len(humans) == 1 else None


def one_line(text: str) -> str:
    """The text as one printable line of at most 160 characters: its first line that says something."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    shown = printable(" ".join(line.split()))
    return shown if len(shown) <= REASON_LENGTH else shown[: REASON_LENGTH - 1] + "…"


def _text(entry: Mapping[str, object], key: str) -> str:
    value = entry.get(key)
    return value.strip() if isinstance(value, str) else ""


def _runtimes(value: object) -> tuple[str, ...]:
    """Names of the runtimes; entries are objects with `runtime` (or plain texts in lists of older cores)."""
    if not isinstance(value, list):
        return ()
    names = [entry.get("runtime") if isinstance(entry, dict) else entry for entry in value]
    return tuple(dict.fromkeys(n.strip() for n in names if isinstance(n, str) and n.strip()))
