"""A real memoryd as a child process: a home of its own, a port of its own, ended with the test.

    with start(home, vault) as daemon:
        daemon.wait(lambda health: health["ready"])
        daemon.search("words")

It is forked from a process that has loaded its modules, unless it shall start cold, as an operator's does: for whoever
measures it, puts something in front of it, or hands it something.

Waiting is always for something that can be asked; no time is guessed.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from tests.support import warm
from tests.support.runtime_folder import runtime_folder

CHILD = Path(__file__).with_name("memoryd_child.py")
UP = re.compile(r"up: http://127\.0\.0\.1:(\d+)/mcp")
PATIENCE = 60.0
QUICK: Mapping[str, float] = {
    "quiet": 0.05, "debounce": 0.1, "debounce_most": 1.0, "heartbeat": 0.3, "away": 0.1, "retry": 0.3,
}  # fmt: skip


def environment(home: Path, vault: Path | None, **settings: str) -> dict[str, str]:
    """A child's whole environment: nothing of the tester's own, and the sandbox armed."""
    env = {
        "IAPEER_TEST_SANDBOX": "1",
        "HOME": str(home),
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": runtime_folder(),
    }
    if vault is not None:
        env["IAPEER_MEMORY_VAULT_PATH"] = str(vault)
    return env | {f"IAPEER_MEMORY_{name}": value for name, value in settings.items()}


@dataclass
class Running:
    """A daemon that was started. `port` is 0 until it says which it has."""

    process: subprocess.Popen[bytes] | warm.Child
    home: Path
    port: int = 0
    lines: list[str] = field(default_factory=list)
    _said: threading.Condition = field(default_factory=threading.Condition)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def state(self) -> Path:
        return self.home / ".iapeer" / "state" / "iapeer-memory"

    @property
    def index(self) -> Path:
        return self.home / ".iapeer" / "cache" / "iapeer-memory" / "index.db"

    @property
    def logs(self) -> Path:
        return self.home / ".iapeer" / "logs" / "iapeer-memory"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def said(self, words: str) -> str:
        """Wait for a line on stderr that holds these words, and return it."""
        deadline = time.monotonic() + PATIENCE
        with self._said:
            while True:
                for line in self.lines:
                    if words in line:
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._said.wait(0.2)):
                    raise AssertionError(f"never said {words!r}: {self.lines}")
                self._said.wait(min(left, 0.2))

    def request(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """One raw request: status, headers, JSON body (text where it is none)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, dict(headers or {}))
            answer = connection.getresponse()
            text = answer.read().decode()
            try:
                parsed: Any = json.loads(text)
            except ValueError:
                parsed = text
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, parsed
        finally:
            connection.close()

    def health(self, nonce: str = "n") -> dict[str, Any]:
        status, _, body = self.request("GET", f"/health?nonce={nonce}")
        assert status == 200, (status, body)
        return dict(body)

    def rpc(self, method: str, params: Any = None, **headers: str) -> tuple[int, Any]:
        """One JSON-RPC request over POST /mcp."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        accept = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        status, _, answer = self.request("POST", "/mcp", body=body, headers=accept | headers)
        return status, answer

    def call(self, arguments: Any, name: str = "memory_search", **headers: str) -> dict[str, Any]:
        """The result of a tool call."""
        status, answer = self.rpc("tools/call", {"name": name, "arguments": arguments}, **headers)
        assert status == 200, (status, answer)
        return dict(answer["result"])

    def search(self, query: str, **headers: str) -> dict[str, Any]:
        """The payload of a search."""
        result = self.call({"query": query}, **headers)
        assert not result.get("isError"), result
        return dict(result["structuredContent"])

    def titles(self, query: str) -> list[str]:
        return [item["title"] for item in self.search(query)["results"]]

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll the probe until it says what is wanted."""
        health: dict[str, Any] = until(lambda: (told := self.health()) and wanted(told) and told, self._why)
        return health

    def until(self, wanted: Callable[[], Any]) -> Any:
        """Poll anything."""
        return until(wanted, self._why)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def _why(self) -> str:
        return f"exit {self.process.poll()}, log {self.lines[-8:]}"

    def _read(self, stderr: IO[str]) -> None:
        for line in stderr:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._said.notify_all()


def until(wanted: Callable[[], Any], why: Callable[[], str] = str) -> Any:
    """Poll until it is true; its value."""
    deadline = time.monotonic() + PATIENCE
    while not (value := wanted()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so: {why()}")
        time.sleep(0.02)
    return value


@contextmanager
def launch(
    env: Mapping[str, str],
    *,
    port: int = 0,
    mcp: bool = True,
    events: Path | None = None,
    under: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
    cold: bool = False,
    **timings: float,
) -> Iterator[Running]:
    """Start it without waiting for anything; killed at the end if it still runs. `events`: a file to which its stdout
    is added; without one stdout must stay silent. `under`: words in front of the command. `pass_fds`: descriptors that
    it gets."""
    test = json.dumps({"port": port, "mcp": mcp, "timings": {**QUICK, **timings}})
    whole = {**env, "MEMORYD_TEST": test}
    with TemporaryFile() as silent, open_pipe() as (stderr, theirs):
        with theirs, events.open("ab") if events else nullcontext(silent) as out:
            process: subprocess.Popen[bytes] | warm.Child
            if cold or under or pass_fds:
                process = subprocess.Popen(
                    [*under, sys.executable, "-I", str(CHILD)],
                    env=whole, stdin=subprocess.DEVNULL, stdout=out, stderr=theirs, pass_fds=pass_fds,
                )  # fmt: skip
            else:
                process = warm.start(CHILD, [], env=whole, cwd=Path.cwd(), out=out, err=theirs)
        running = Running(process, Path(env["HOME"]), port)
        reader = threading.Thread(target=running._read, args=[stderr], daemon=True)
        reader.start()
        try:
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)
            reader.join(PATIENCE)
            silent.seek(0)
            stdout = silent.read()
            assert stdout == b"", f"stdout must stay silent: {stdout!r}"


@contextmanager
def open_pipe() -> Iterator[tuple[IO[str], IO[bytes]]]:
    """Where lines come out, and where bytes go in."""
    reading, writing = os.pipe()
    with open(reading, errors="replace") as lines, open(writing, "wb") as into:
        yield lines, into


@contextmanager
def start(
    home: Path,
    vault: Path,
    *,
    port: int = 0,
    mcp: bool = True,
    ready: bool = True,
    settings: Mapping[str, str] | None = None,
    events: Path | None = None,
    under: Sequence[str] = (),
    cold: bool = False,
    **timings: float,
) -> Iterator[Running]:
    """Start it and wait until it is up, and its first pass done."""
    home.mkdir(parents=True, exist_ok=True)
    env = environment(home, vault, **(settings or {}))
    with launch(env, port=port, mcp=mcp, events=events, under=under, pass_fds=(), cold=cold, **timings) as running:
        match = UP.search(running.said("up: http"))
        assert match
        running.port = int(match[1])
        if ready:
            running.wait(lambda health: bool(health["ready"]))
        yield running


def write(vault: Path, path: str, text: str) -> Path:
    """A note."""
    note = vault / path
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(text, encoding="utf-8")
    return note
