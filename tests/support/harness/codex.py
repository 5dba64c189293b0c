"""Codex as a judge: its own commands, its app-server, and whole sessions, in a home of its own.

Never uses this account's settings, login or network; every call has a time limit.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from tests.support.harness.model import Model
from tests.support.harness.npm import Harnesses
from tests.support.harness.process import Done, TookTooLong, clean_env, end_group, run

Json = dict[str, Any]
CHECK_SECONDS = 30.0
SESSION_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class McpList:
    """`codex mcp list --json`. `servers` is empty when the command failed: look at `done`."""

    servers: tuple[Json, ...]
    done: Done

    def server(self, name: str) -> Json | None:
        return next((one for one in self.servers if one["name"] == name), None)


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook as `hooks/list` reports it. `trust`: untrusted, trusted, modified (or managed)."""

    key: str
    event: str
    command: str
    matcher: str | None
    timeout: int
    source: str
    enabled: bool
    hash: str
    trust: str
    raw: Json = field(repr=False, hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class Session:
    """A `codex exec --json` run: its stream of events and how it ended."""

    events: tuple[Json, ...]
    done: Done

    def items(self, kind: str) -> list[Json]:
        """Finished items of this type (agent_message, mcp_tool_call, command_execution, file_change …)."""
        found = (one.get("item", {}) for one in self.events if one.get("type") == "item.completed")
        return [item for item in found if item.get("type") == kind]

    @property
    def errors(self) -> list[str]:
        return [str(one.get("message") or one) for one in self.events if one.get("type") in ("error", "turn.failed")]


class AppServer:
    """`codex app-server`: JSON-RPC, a line a message, on its own pipes. Use as a context manager."""

    def __init__(self, command: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            list(command), cwd=cwd, env=dict(env), start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._rest = b""
        self._number = 0

    def __enter__(self) -> AppServer:
        client = {"name": "bed", "title": "bed", "version": "0"}
        self.call("initialize", {"clientInfo": client, "capabilities": {"experimentalApi": True}})
        self._send({"method": "initialized"})
        return self

    def __exit__(self, *_: object) -> None:
        end_group(self._process.pid)
        self._process.communicate()

    def call(self, method: str, params: Json, *, timeout: float = CHECK_SECONDS) -> Json:
        """The `result` of one call. Raises AssertionError for an error answer, TookTooLong for none."""
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        until = monotonic() + timeout
        while True:
            message = self._line(until, method)
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                result: Json = message["result"]
                return result

    def _send(self, message: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def _line(self, until: float, method: str) -> Json:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - monotonic()))
            data = os.read(pipe, 65536) if ready else b""
            if not data:
                raise TookTooLong(f"app-server: no answer to {method}")
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        message: Json = json.loads(line)
        return message


@dataclass(frozen=True, slots=True)
class Codex:
    """The program, bound to a home (its settings are in `<home>/.codex`). `extra` joins the clean environment."""

    harnesses: Harnesses
    home: str
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> str:
        return os.path.join(self.home, ".codex", "config.toml")

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return clean_env(self.home, self.harnesses.path, {**self.extra, **(extra or {})})

    def call(
        self, arguments: Sequence[str], cwd: str, *, extra: Mapping[str, str] | None = None,
        timeout: float = CHECK_SECONDS,
    ) -> Done:  # fmt: skip
        command = (*self.harnesses.codex_command(), *arguments)
        return run(command, cwd=cwd, env=self.env(extra), timeout=timeout)

    def mcp_list(self, cwd: str) -> McpList:
        """Reads files only: nothing is started or reached."""
        done = self.call(["mcp", "list", "--json"], cwd)
        return McpList(tuple(json.loads(done.out)) if done.code == 0 else (), done)

    def doctor(self, cwd: str) -> Json:
        """`codex doctor --json`, as it came."""
        done = self.call(["doctor", "--json"], cwd)
        document: Json = json.loads(done.out)
        return document

    def app_server(self, cwd: str) -> AppServer:
        return AppServer((*self.harnesses.codex_command(), "app-server"), cwd=cwd, env=self.env())

    def hooks(self, *folders: str) -> tuple[Hook, ...]:
        """Every hook that Codex sees from these folders, with its state of trust."""
        with self.app_server(folders[0]) as server:
            return parse_hooks(server.call("hooks/list", {"cwds": list(folders)}))

    def effective_config(self, cwd: str) -> Json:
        """`config/read` with its layers."""
        with self.app_server(cwd) as server:
            return server.call("config/read", {"includeLayers": True, "cwd": cwd})

    def session(
        self, cwd: str, model: Model, *, prompt: str = "go", arguments: Sequence[str] = (),
        extra: Mapping[str, str] | None = None, timeout: float = SESSION_SECONDS,
    ) -> Session:  # fmt: skip
        """A whole `codex exec` session against the scripted model, in the default sandbox unless told."""
        provider = "{" + f'name="loop", base_url="{model.url}/v1", wire_api="responses", env_key="LOOP_KEY"' + "}"
        command = [
            "exec", "--json", "--skip-git-repo-check",
            "-c", f"model_providers.loop={provider}", "-c", 'model_provider="loop"', "-c", 'model="gpt-5.5"',
            *arguments, prompt,
        ]  # fmt: skip
        done = self.call(command, cwd, extra={"LOOP_KEY": "none", **(extra or {})}, timeout=timeout)
        events = tuple(json.loads(line) for line in done.out.splitlines() if line.startswith("{"))
        return Session(events, done)


def parse_hooks(result: Json) -> tuple[Hook, ...]:
    found = []
    for folder in result["data"]:
        for one in folder["hooks"]:
            found.append(
                Hook(
                    key=one["key"],
                    event=one["eventName"],
                    command=one.get("command") or "",
                    matcher=one.get("matcher"),
                    timeout=one["timeoutSec"],
                    source=one["sourcePath"],
                    enabled=one["enabled"],
                    hash=one["currentHash"],
                    trust=one["trustStatus"],
                    raw=one,
                )
            )
    return tuple(found)
