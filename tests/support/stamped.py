"""A host whose post-write hook stamps: a vault with its folders, what a harness tells a hook, what it answers, and a
small `/dedup`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.hooks import HookHost, make_hook_host

ALPHA = {"PATH": "/usr/bin:/bin", "PEER_PERSONALITY": "alpha"}
DICTIONARY = "| Tag | Boundary |\n| --- | --- |\n| boats | what floats |\n"
TAGGED = "---\ntags: [boats]\n---\n"


@dataclass(frozen=True, slots=True)
class Stamped:
    """`host`: its vault has a dictionary with the tag boats."""

    host: HookHost

    def put(self, place: str, text: str = TAGGED + "body\n") -> Path:
        """Write a note as a tool does."""
        note = self.host.vault / place
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(text)
        return note

    def call(self, payload: bytes, *, env: Mapping[str, str] = ALPHA, cwd: Path | None = None) -> list[str]:
        """Run the shim; the lines that the model is shown. The hook never fails and says nothing else."""
        done = self.host.run("post-write", payload, env=env, cwd=cwd)
        assert (done.returncode, done.stderr) == (0, b"")
        return told(done.stdout)

    def wrote(self, *notes: Path, env: Mapping[str, str] = ALPHA, cwd: Path | None = None) -> list[str]:
        """What the model is shown after a Write, or a patch of several notes."""
        if len(notes) == 1:
            return self.call(event("Write", {"file_path": str(notes[0]), "content": "x"}), env=env, cwd=cwd)
        patch = "".join(f"*** Update File: {note}\n@@\n-x\n+y\n" for note in notes)
        return self.call(event("apply_patch", {"command": patch}), env=env, cwd=cwd)

    def log(self) -> list[str]:
        """Lines of the hook log."""
        path = Path(self.host.paths.hook_log)
        return path.read_text().splitlines() if path.exists() else []

    def configure(self, *lines: str) -> None:
        """Further settings."""
        self.host.configure("\n".join([f"IAPEER_MEMORY_VAULT_PATH={self.host.vault}", *lines, ""]))

    def fleet(self, **peers: str) -> None:
        """The fleet map: personality = folder."""
        path = Path(self.host.paths.fleet_map)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{"personality": name, "cwd": cwd, "runtimes": ["claude"]} for name, cwd in peers.items()]
        path.write_text(json.dumps({"updatedAt": "", "peers": rows}))


def make_stamped(tmp: Path, *, in_time: bool = False, **how: Any) -> Stamped:
    """Lay out the host; `in_time`: with the real deadline; `how`: as for `make_hook_host`."""
    stamped = Stamped(make_hook_host(tmp, **({"with_core": True} | how)))
    if not in_time:
        stamped.host.take_time()
    stamped.put("99_System/Tags.md", DICTIONARY)
    return stamped


def event(tool: str, given: object, **more: object) -> bytes:
    """A payload as a harness spells it."""
    body = {"session_id": "s", "cwd": "/w", "hook_event_name": "PostToolUse", "tool_name": tool, "tool_input": given}
    return json.dumps(body | more, separators=(",", ":"), ensure_ascii=False).encode()


def told(stdout: bytes) -> list[str]:
    """The lines of the context that a hook adds; [] for none. Raises AssertionError on anything that is no answer."""
    if not stdout:
        return []
    assert stdout.count(b"\n") == 1
    answer = json.loads(stdout)["hookSpecificOutput"]
    assert answer.keys() == {"hookEventName", "additionalContext"}
    assert answer["hookEventName"] == "PostToolUse"
    lines: list[str] = answer["additionalContext"].split("\n")
    assert all(line.startswith("[iapeer-memory] ") for line in lines)
    return [line.removeprefix("[iapeer-memory] ") for line in lines]


def keys(note: Path) -> dict[str, str]:
    """The one-line keys of a note's frontmatter, as spelled."""
    lines = note.read_text().split("---\n")[1].splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@dataclass(slots=True)
class Dedup:
    """A `/dedup` that answers with `answer`, once `go` is set; what it was asked."""

    port: int = 0
    answer: bytes = b'{"enabled":true,"matches":[]}'
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)

    def match(self, path: str, similarity: float, title: str | None = None) -> dict[str, Any]:
        """A row of the answer."""
        return {"path": path, "title": title or path.rpartition("/")[2][:-3], "similarity": similarity}

    def finds(self, *rows: dict[str, Any]) -> None:
        """Answer with these rows."""
        self.answer = json.dumps({"enabled": True, "matches": rows}).encode()


@contextmanager
def dedup() -> Iterator[Dedup]:
    """Serve on loopback."""
    state = Dedup()
    state.go.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/dedup"
            state.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            state.go.wait(30)
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.answer)))
            self.end_headers()
            self.wfile.write(state.answer)

        def log_message(self, *words: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *words: object) -> None:
            return  # a hook that has given up closes its end

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.go.set()
        server.shutdown()
        thread.join()
        server.server_close()
