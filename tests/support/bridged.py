"""`iapeer-memory mcp` as a child process, spoken to as a harness does: a line out, a line in."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS = (sys.executable, "-I", "-m", "iapeer_memory", "mcp")
ENDS_WITHIN = 20


@dataclass
class Session:
    """One harness's server. `err`: the file that its stderr goes to."""

    child: subprocess.Popen[bytes]
    err: Path
    last: int = 0

    def say(self, line: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(line + b"\n")
        self.child.stdin.flush()

    def heard(self) -> dict[str, Any]:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        assert line, f"it ended: {self.said()}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def said(self) -> str:
        """What it said on stderr."""
        return self.err.read_text()

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self.last += 1
        self.say(json.dumps({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}).encode())
        answer = self.heard()
        assert answer["id"] == self.last
        return answer

    def hello(self) -> str:
        """Shake hands: the instructions."""
        client = {"name": "x", "version": "1"}
        told = self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        return str(told["result"]["instructions"])

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = self.ask("tools/call", name=tool, arguments=arguments)
        assert "result" in answer, answer
        return dict(answer["result"])

    def search(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """The results of a search."""
        return list(self.call("memory_search", query=query, **arguments)["structuredContent"]["results"])

    def titles(self, query: str) -> list[str]:
        return [row["title"] for row in self.search(query)]


@contextmanager
def bridged(env: Mapping[str, str], folder: Path, *words: str) -> Iterator[Session]:
    """In that folder, until the block ends; it must then end well and have said no traceback."""
    err = Path(env["HOME"]) / f"bridge-{len(list(Path(env['HOME']).glob('bridge-*')))}.err"
    with err.open("wb") as told:
        child = subprocess.Popen(
            [*WORDS, *words], env=dict(env), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told
        )
    with child:
        try:
            yield Session(child, err)
            child.stdin.close()  # type: ignore[union-attr]
            assert child.wait(timeout=ENDS_WITHIN) == 0
            assert "Traceback" not in err.read_text()
        finally:
            child.kill()
