"""`mcp --host`: another host's memory over OpenSSH, which brings the keys, the known hosts and the encryption.

The session is the same as here: the wire of a local one, through `iapeer-memory mcp --relay` at the far end. Nothing is
asked of a user on the way, nothing of ours is forwarded, and no word of a URL is ever an option of ssh.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from iapeer_memory.attach.errors import AttachFailed
from iapeer_memory.cli.relay import GREETING
from iapeer_memory.domain.errors import UsageError, printable
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.compose import OwnProgram, open_door
from iapeer_memory.egress.talk import Talk, start_talk

SSH = "ssh"
FORM = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})@)?"
    r"(?:(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,252})|\[(?P<six>[0-9A-Fa-f:.]{2,45})\])(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
OPTIONS = (
    "BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=3", "LogLevel=ERROR",
    "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "PermitLocalCommand=no", "ControlMaster=no",
    "RemoteCommand=none",
)  # fmt: skip
MISSING = "iapeer-memory: not found on this host"
FAR = (
    'sh -c \'PATH="$HOME/.local/bin:$PATH"; '
    f'command -v iapeer-memory >/dev/null || {{ echo "{MISSING}" >&2; exit 127; }}; '
    "exec iapeer-memory mcp --relay'"
)
"""One word for whatever shell the user has there; login shells of other hosts do not look into ~/.local/bin."""
MOST_BEFORE = 1 << 16
"""Bytes that a shell's start files may print."""
LAST_WORDS = 1.0
SHOWN = 300


@dataclass(frozen=True, slots=True)
class Host:
    """Where to. `port`: "" for ssh's own choice."""

    name: str
    user: str = ""
    port: str = ""

    def words(self) -> tuple[str, ...]:
        """As ssh takes it."""
        port = ("-p", self.port) if self.port else ()
        user = ("-l", self.user) if self.user else ()
        return (*port, *user, "--", self.name)

    def typed(self) -> str:
        """What somebody types to get there."""
        port = f"-p {self.port} " if self.port else ""
        return f"{SSH} {port}{self.user}@{self.name}" if self.user else f"{SSH} {port}{self.name}"


def host_of(url: str) -> Host:
    """`ssh://[USER@]HOST[:PORT]`, and nothing else. Raises UsageError."""
    found = FORM.fullmatch(url)
    if found is None or (found["port"] and not 0 < int(found["port"]) < 65536):
        raise UsageError(f"--host: {printable(url[:SHOWN])} is no ssh://[USER@]HOST[:PORT]")
    return Host(found["name"] or found["six"], found["user"] or "", found["port"] or "")


def command(host: Host) -> tuple[str, ...]:
    """The whole of what is run here."""
    options = (word for option in OPTIONS for word in ("-o", option))
    return (SSH, "-T", *options, *host.words(), FAR)


def far(url: str, env: Mapping[str, str]) -> Callable[[float], Talk]:
    """A way to that host's memoryd, a new ssh each time. Raises UsageError."""
    host = host_of(url)
    paths = Paths.from_env(env, os_home=env.get("HOME", "/"))
    processes = open_door(env, own=OwnProgram(sys.executable, paths.stable_binary)).processes

    def connect(deadline: float) -> Talk:
        """Raises AttachFailed: what ssh cannot do now is not tried again by itself, least of all with a wrong key."""
        try:
            talk = start_talk(processes, command(host), env=env)
        except FileNotFoundError:
            raise AttachFailed("ssh is not here", remedy="install the OpenSSH client") from None
        except OSError as error:
            raise AttachFailed(f"ssh cannot be started: {error}") from None
        try:
            _until_greeted(talk, host, deadline)
        except BaseException:
            talk.close()
            raise
        return talk

    return connect


def _until_greeted(talk: Talk, host: Host, deadline: float) -> None:
    """Pass over what comes before the session. Raises AttachFailed."""
    clock = RealClock()
    come = b""
    try:
        while not come.endswith(GREETING) and len(come) < MOST_BEFORE:
            talk.settimeout(max(deadline - clock.monotonic(), 0.001))
            piece = talk.recv(MOST_BEFORE)
            if not piece:
                raise trouble(host, talk.complaints(LAST_WORDS))
            come += piece
    except OSError as error:
        raise AttachFailed(f"{host.name}: no answer over ssh ({error})") from None
    if not come.endswith(GREETING):
        raise AttachFailed(f"{host.name}: something else than iapeer-memory answers over ssh")


def trouble(host: Host, said: str) -> AttachFailed:
    """Why there is no session, from what ssh and the far end have said."""
    typed = host.typed()
    if "IDENTIFICATION HAS CHANGED" in said:
        return AttachFailed(f"{host.name}: its host key is another one than before", remedy=f"look into it: {typed}")
    if "Host key verification failed" in said:
        return AttachFailed(f"{host.name}: its host key is not known", remedy=f"accept it once by hand: {typed}")
    if "Permission denied (" in said or "Too many authentication failures" in said:
        return AttachFailed(f"{host.name}: it does not take our key", remedy=f"see to it that this works: {typed}")
    if MISSING in said:
        return AttachFailed(f"{host.name}: iapeer-memory is not installed there", remedy="install it there, then init")
    if "is not understood" in said:
        return AttachFailed(f"{host.name}: its iapeer-memory is too old", remedy="update it there")
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["ssh ended without a word"]
    return AttachFailed(f"{host.name}: {printable(lines[-1])[:SHOWN]}")
