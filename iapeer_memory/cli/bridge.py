"""`mcp`: an MCP server on stdin and stdout, for harnesses that start one; the session's way to memoryd.

    iapeer-memory mcp [--harness NAME] [--session ID] [--project DIR]

A line in is a message; it goes to memoryd as it is, over a session that attaches once and again after a restart, and
the answer is a line out. Where memoryd is not there it is started. A write that may have been carried out is never
asked for twice: its answer is then an error that says so. Brings no argument parser and no MCP library: a harness
waits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from iapeer_memory.attach.bodies import Identity
from iapeer_memory.attach.client import Client
from iapeer_memory.attach.errors import AttachFailed, OutcomeUnknown
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.settings import PREFIX, parse_env
from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.egress.local_sockets import local_connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

USAGE = "usage: iapeer-memory mcp [--harness NAME] [--session ID] [--project DIR]\n"
FLAGS = ("--harness", "--session", "--project")
WITHIN = 60.0
"""Seconds for an answer, starting memoryd included."""
INTERNAL = -32603
WRITES = "memory_write"
CONFIG_LIMIT = 1 << 20


def bridge(words: Sequence[str]) -> int:
    """Serve until stdin ends. 2 for words that are not understood."""
    flags = flagged(words)
    if isinstance(flags, str):
        sys.stderr.write(f"iapeer-memory mcp: {printable(flags)} is not understood; {USAGE}")
        return 2
    identity = Identity(
        flags.get("--project") or os.getcwd(),
        flags.get("--harness") or harness_of(os.environ),
        flags.get("--session") or f"stdio-{os.getpid()}",
    )
    try:
        path = _socket_path()
    except (ProductError, OSError) as error:
        sys.stderr.write(f"iapeer-memory: {error.line() if isinstance(error, ProductError) else error}\n")
        return 1

    def connect(deadline: float) -> socket:
        try:
            return local_connect(path, deadline=deadline)
        except (FileNotFoundError, ConnectionRefusedError):
            _start_memoryd()
            return local_connect(path, deadline=deadline)

    client = Client(connect, RealClock(), identity)
    try:
        serve(sys.stdin.buffer.readline, sys.stdout.buffer.write, sys.stdout.buffer.flush, client)
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        client.close()
    return 0


def serve(
    read: Callable[[], bytes], write: Callable[[bytes], object], flush: Callable[[], object], client: Client
) -> None:
    """One line after the other until there are no more."""
    while line := read():
        message = line.strip()
        if not message:
            continue
        answer = answered(client, message)
        if answer:
            write(answer + b"\n")
            flush()


def answered(client: Client, message: bytes) -> bytes:
    """The answer; b"" where none is due. What only reads is asked once more when its answer was lost."""
    try:
        try:
            return client.request(message, within=WITHIN)
        except OutcomeUnknown:
            if not only_reads(message):
                raise
            return client.request(message, within=WITHIN)
    except AttachFailed as error:
        return failed(message, error.line())


def only_reads(message: bytes) -> bool:
    """Whether nothing is done twice when the message comes twice."""
    import json

    try:
        said = json.loads(message)
        return bool(said["method"] != "tools/call" or said["params"]["name"] != WRITES)
    except (ValueError, RecursionError, KeyError, TypeError):
        return False


def failed(message: bytes, why: str) -> bytes:
    """The answer to a message that got none; b"" where none is due."""
    import json

    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        said = {"id": None}
    every = said if isinstance(said, list) else [said]
    asked = [one["id"] for one in every if isinstance(one, dict) and "id" in one]
    errors = [{"jsonrpc": "2.0", "id": one, "error": {"code": INTERNAL, "message": why}} for one in asked]
    if not errors:
        return b""
    return json.dumps(errors if isinstance(said, list) else errors[0], ensure_ascii=False).encode()


def flagged(words: Sequence[str]) -> dict[str, str] | str:
    """flag → value, or the first word that is none of ours or lacks its value."""
    found: dict[str, str] = {}
    left = list(words)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if name not in FLAGS or (not equals and not left):
            return name
        found[name] = value if equals else left.pop(0)
    return found


def harness_of(env: Mapping[str, str]) -> str:
    """Which harness has started us, as far as its environment tells."""
    if env.get("CLAUDECODE"):
        return "claude"
    return "codex" if any(name.startswith("CODEX_") for name in env) else "mcp"


def _socket_path() -> str:
    """Where memoryd listens for sessions: as the settings have moved it. Raises ProductError, OSError."""
    files, env = RealFiles(), dict(os.environ)
    home = env.get("HOME") or os.path.expanduser("~")
    data = files.read_optional(Paths.from_env(env, os_home=home).config_file, limit=CONFIG_LIMIT) or b""
    said = {line.key: line.value for line in parse_env(data.decode("utf-8", "replace"))[0]}
    moved = {key: value for key, value in said.items() if key.startswith(PREFIX)}
    return Paths.from_env({**moved, **env}, os_home=home).attach_socket


def _start_memoryd() -> None:
    """Have its supervisor see that it runs. Raises OSError where it cannot be had."""
    from iapeer_memory.cli.session import open_host
    from iapeer_memory.provision.settle import settle

    try:
        ok, detail = settle(open_host()).supervisor.ensure()
    except ProductError as error:
        ok, detail = False, error.line()
    if not ok:
        raise OSError(f"memoryd cannot be started: {detail}")
