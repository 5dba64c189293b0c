"""`mcp`: an MCP server on stdin and stdout, for harnesses that start one; the session's way to memoryd.

    iapeer-memory mcp [--harness NAME] [--session ID] [--project DIR] [--host ssh://[USER@]HOST[:PORT]]

Attaches once, and again after a restart; where memoryd is not there it is started. With --host the memory is another
host's. Brings no argument parser and no MCP library: a harness waits.
"""

from __future__ import annotations

import os
import sys

from iapeer_memory.attach.bodies import Identity
from iapeer_memory.attach.client import Client
from iapeer_memory.attach.codes import INVALID_PROJECT_ROOT
from iapeer_memory.attach.errors import AttachFailed
from iapeer_memory.attach.stdio import Stdio
from iapeer_memory.attach.tier_files import TierFiles
from iapeer_memory.cli.early import Early
from iapeer_memory.domain.errors import DaemonFailed, ProductError, printable
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.barefiles import BareFiles
from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.random import RealRandom
from iapeer_memory.hooks.over_session import connected
from iapeer_memory.hooks.post_write import setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Mapping, Sequence

    from iapeer_memory.attach.client import Stream

USAGE = (
    "usage: iapeer-memory mcp [--harness NAME] [--session ID] [--project DIR] [--host ssh://[USER@]HOST[:PORT]] "
    "| --relay | --start\n"
)
FLAGS = ("--harness", "--session", "--project", "--host")
SWITCHES = ("--relay", "--start")
"""What we are to ourselves: the far end of `--host`, and the one that starts memoryd. Each stands alone."""
STARTING = 60.0
"""Seconds for memoryd to be there."""
CONFIG_LIMIT = 1 << 20
MOVED = "IAPEER_MEMORY_STATE_DIR"
SELF = (sys.executable, "-I", "-m", "iapeer_memory", "mcp")


def bridge(words: Sequence[str]) -> int:
    """Serve until stdin ends. 2 for words that are not understood."""
    flags = flagged(words)
    if isinstance(flags, str):
        sys.stderr.write(f"iapeer-memory mcp: {printable(flags)} is not understood; {USAGE}")
        return 2
    try:
        if "--start" in flags:
            return start_memoryd()
        paths = places(os.environ)
        if "--relay" in flags:
            from iapeer_memory.cli.relay import relay

            return relay(local(paths))
        return serve(flags, paths)
    except ProductError as error:
        say(error.line())
        return error.exit_code
    except (KeyboardInterrupt, BrokenPipeError):
        return 0
    except OSError as error:
        say(f"no session: {error}")
        return 1


def serve(flags: Mapping[str, str], paths: Paths) -> int:
    """One session, to its end. Raises UsageError, AttachFailed, Unreadable."""
    name, project = f"stdio-{os.getpid()}", flags.get("--project") or current_folder()
    clock = RealClock()
    connect: Callable[[float], Stream] = local(paths)
    remedies = {INVALID_PROJECT_ROOT: "name a folder that is there, by its whole path, with --project"}
    here, host = project, flags.get("--host")
    if host is not None:
        from iapeer_memory.cli.far import far
        from iapeer_memory.egress.host import hostname

        connect, name = far(host, os.environ), f"{name}@{hostname()}"
        remedies = {INVALID_PROJECT_ROOT: "name a folder of that host with --project"}
        # There the project's folder may be told otherwise; its settings lie here.
        here = current_folder()
    settings = TierFiles(BareFiles(), paths.session_settings, here)
    identity = Identity(
        project,
        flags.get("--harness") or harness_of(os.environ),
        flags.get("--session") or name,
    )
    client = Client(connect, clock, identity, lambda: settings.tiers)
    early = Early(paths, clock, (*SELF, "--start"), settings) if host is None else lambda _: None
    try:
        stdio = Stdio(client, clock, settings, RealRandom().token(), say, early=early, remedies=remedies)
        stdio.serve(sys.stdin.buffer.readline, sys.stdout.buffer.write, sys.stdout.buffer.flush)
    finally:
        client.close()
    return 0


def current_folder() -> str:
    """Where we were started. Raises AttachFailed where that is gone."""
    try:
        return os.getcwd()
    except OSError:
        raise AttachFailed("the current folder is gone", remedy="start it in a folder that is there") from None


def local(paths: Paths) -> Callable[[float], _socket.socket]:
    """A way to this host's memoryd, which is started where nobody listens."""

    def connect(deadline: float) -> _socket.socket:
        try:
            return connected(paths.attach_socket, deadline)
        except (FileNotFoundError, ConnectionRefusedError):
            have_started()
            return connected(paths.attach_socket, deadline)
        except ValueError as error:
            raise OSError(str(error)) from None

    return connect


def have_started() -> None:
    """Have memoryd started by a process of its own: what that takes would stay with this one. Raises AttachFailed."""
    try:
        from iapeer_memory.egress.processes import RealProcesses
    except ImportError:
        raise AttachFailed("memoryd cannot be started: iapeer-memory was uninstalled meanwhile") from None
    done = RealProcesses().run((*SELF, "--start"), timeout=STARTING)
    if not done.ok:
        lines = (done.spawn_error or done.stderr).strip().splitlines() or ["it does not say why"]
        why = lines[-1].removeprefix("iapeer-memory: ").removeprefix("memoryd cannot be started: ")
        raise AttachFailed(f"memoryd cannot be started: {why}")


def start_memoryd() -> int:
    """Have its supervisor see that memoryd runs. Raises ProductError."""
    from iapeer_memory.cli.session import open_host
    from iapeer_memory.provision.settle import settle
    from iapeer_memory.provision.steps.memoryd import REPAIR, heartbeat_finding

    host = settle(open_host())
    ok, detail = host.supervisor.ensure()
    if ok:
        return 0
    if "; fix: " in detail:
        raise DaemonFailed(detail)
    raise DaemonFailed(detail, remedy=heartbeat_finding(host, host.daemon.verify()).remedy or REPAIR)


def flagged(words: Sequence[str]) -> dict[str, str] | str:
    """flag → value, or the first word that is none of ours or lacks its value."""
    found: dict[str, str] = {}
    left = list(words)
    if len(left) == 1 and left[0] in SWITCHES:
        return {left[0]: ""}
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


def places(env: Mapping[str, str]) -> Paths:
    """Where everything lies, as the settings have moved it. Raises Unreadable."""
    home = env.get("HOME") or os.path.expanduser("~")
    data = BareFiles().read_optional(Paths.from_env(env, os_home=home).config_file, limit=CONFIG_LIMIT) or b""
    moved = setting(data.decode("utf-8", "replace"), MOVED)
    return Paths.from_env({MOVED: moved, **env}, os_home=home)


def say(text: str) -> None:
    """A line on stderr, where harnesses keep what a server says."""
    sys.stderr.write(f"iapeer-memory: {text}\n")
    sys.stderr.flush()
