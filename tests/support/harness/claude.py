"""Claude Code as a judge: its own commands and whole sessions, in a home of its own, parsed into small values.

Never uses this account's settings, login or network; every call has a time limit. Its exit codes say little: the
text is what counts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.harness.model import Model
from tests.support.harness.npm import Harnesses
from tests.support.harness.process import Done, clean_env, run

Json = dict[str, Any]
CHECK_SECONDS = 30.0
SESSION_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ServerLine:
    """A line of `claude mcp list`. `status`: connected, failed, pending or other."""

    name: str
    target: str
    status: str
    line: str


@dataclass(frozen=True, slots=True)
class McpList:
    """`claude mcp list`: the servers, and the diagnostics below them, if any."""

    servers: tuple[ServerLine, ...]
    done: Done

    def status(self, name: str) -> str | None:
        """How the server of this name is, or None when it is not listed."""
        return next((one.status for one in self.servers if one.name == name), None)


@dataclass(frozen=True, slots=True)
class McpGet:
    """`claude mcp get`: the fields as printed, keys in lower case (scope, status, type, url)."""

    fields: Mapping[str, str]
    done: Done


@dataclass(frozen=True, slots=True)
class Session:
    """A `claude -p` run: its stream of events and how it ended."""

    events: tuple[Json, ...]
    done: Done

    @property
    def start(self) -> Json:
        """The `system`/`init` event: tools, mcp_servers, permissionMode; {} when there was none."""
        return next((one for one in self.events if one.get("type") == "system" and one.get("subtype") == "init"), {})

    @property
    def result(self) -> Json:
        return next((one for one in self.events if one.get("type") == "result"), {})

    def server(self, name: str) -> str | None:
        """The status of an MCP server at the start of the session."""
        found: list[Json] = self.start.get("mcp_servers") or []
        return next((str(one["status"]) for one in found if one["name"] == name), None)

    @property
    def denials(self) -> tuple[str, ...]:
        """Names of the tools that permissions refused."""
        found: list[Json] = self.result.get("permission_denials") or []
        return tuple(str(one["tool_name"]) for one in found)


_STATUS = (("✔", "connected"), ("✘", "failed"), ("✗", "failed"), ("⏸", "pending"), ("✓", "connected"))
_SERVER = re.compile(r"^(?P<name>[^\s:]+): (?P<target>.*?) - (?P<status>.+)$")


def parse_list(text: str) -> tuple[ServerLine, ...]:
    found = []
    for line in text.splitlines():
        match = _SERVER.match(line)
        if match:
            mark = match["status"][:1]
            status = next((word for sign, word in _STATUS if sign == mark), "other")
            found.append(ServerLine(match["name"], match["target"], status, line))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Claude:
    """The program, bound to a home. `extra` is added to the clean environment of every call."""

    harnesses: Harnesses
    home: str
    extra: Mapping[str, str] = field(default_factory=dict)

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return clean_env(self.home, self.harnesses.path, {**self.extra, **(extra or {})})

    def call(
        self, arguments: Sequence[str], cwd: str, *, extra: Mapping[str, str] | None = None,
        timeout: float = CHECK_SECONDS,
    ) -> Done:  # fmt: skip
        command = (*self.harnesses.claude_command(), *arguments)
        return run(command, cwd=cwd, env=self.env(extra), timeout=timeout)

    def mcp_list(self, cwd: str) -> McpList:
        """Starts or reaches every approved server: not for a folder that is not ours."""
        done = self.call(["mcp", "list"], cwd)
        return McpList(parse_list(done.out), done)

    def mcp_get(self, cwd: str, name: str) -> McpGet:
        done = self.call(["mcp", "get", name], cwd)
        pairs = (line.strip().split(":", 1) for line in done.out.splitlines() if ":" in line)
        return McpGet({key.strip().lower(): value.strip() for key, value in pairs}, done)

    def doctor(self, cwd: str) -> Done:
        return self.call(["doctor"], cwd)

    def session(
        self, cwd: str, model: Model, *, prompt: str = "go", arguments: Sequence[str] = (),
        extra: Mapping[str, str] | None = None, timeout: float = SESSION_SECONDS,
    ) -> Session:  # fmt: skip
        """A whole headless session against the scripted model, in the default permission mode unless told."""
        loop = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "sk-fake", **(extra or {})}
        command = ["-p", prompt, "--output-format", "stream-json", "--verbose", *arguments]
        done = self.call(command, cwd, extra=loop, timeout=timeout)
        events = []
        for line in done.out.splitlines():
            if line.startswith("{"):
                events.append(json.loads(line))
        return Session(tuple(events), done)


def trust_folder(home: str, *folders: str) -> None:
    """What answering yes to the trust question leaves in `~/.claude.json`."""
    path = os.path.join(home, ".claude.json")
    try:
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
    except FileNotFoundError:
        document = {}
    for folder in folders:
        document.setdefault("projects", {}).setdefault(folder, {})["hasTrustDialogAccepted"] = True
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=2)
