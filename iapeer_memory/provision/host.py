"""The host as a step sees it: the door, the paths, the settings and what was decided earlier.

Loading it reads files and looks for the core; it never writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import Malformed, ProductError, Unreadable
from iapeer_memory.domain.host import HostChoices, load
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import DaemonHandle, Supervisor
from iapeer_memory.domain.settings import PREFIX, ConfigLine, Settings, parse_env
from iapeer_memory.ecosystem.core import Core
from iapeer_memory.ecosystem.profile import make_profile_reader
from iapeer_memory.egress.backup import BackupStore
from iapeer_memory.provision.answers import Answers
from iapeer_memory.supervise.daemon import Daemon
from iapeer_memory.supervise.table import make
from iapeer_memory.surfaces.sweep import Progress


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """`config.env` as read: its lines, the numbers of lines that say nothing, or why it cannot be used."""

    present: bool
    lines: tuple[ConfigLine, ...] = ()
    ignored: tuple[int, ...] = ()
    problem: ProductError | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the words of the command asked for, beyond what is remembered."""

    skip_binary: bool = False
    source: str | None = None
    rollback: bool = False
    core_flag: str | None = None
    new_port: bool = False
    answers: Answers | None = None
    attended: bool = True
    """False for a repair that nobody watches: no harness is started, nothing is asked."""
    progress: Progress | None = None
    thorough: bool = False
    """True where a check that reads much may read all."""


@dataclass(frozen=True, slots=True)
class Host:
    """Everything a step may look at. Immutable; a step that changes a decision hands on a new one."""

    door: Door
    paths: Paths
    env: Mapping[str, str]
    config: ConfigFile
    settings: Settings
    choices: HostChoices
    choices_known: bool
    version: str
    build: str
    wishes: Wishes = Wishes()
    loaded: HostChoices = field(default_factory=HostChoices)
    """The choices as they were read, before this command decided anything."""

    @property
    def with_core(self) -> bool:
        """Whether the ecosystem's core is part of this host."""
        return self.core_path is not None

    @property
    def core_path(self) -> str | None:
        """The core's command: the flag of this run, else the remembered one."""
        return self.wishes.core_flag or self.choices.core

    @property
    def core(self) -> Core | None:
        """The core, ready to be asked."""
        path = self.core_path
        return None if path is None else Core(self.door, path, named=self.wishes.core_flag is not None)

    @property
    def port(self) -> int:
        """Where memoryd listens: the setting where one is given, else the remembered port."""
        text = self.settings["MCP_PORT"]
        return int(text) if text.isdecimal() and 0 < int(text) < 65536 else self.choices.port

    @property
    def backups(self) -> BackupStore:
        """Where displaced versions of foreign files go."""
        return BackupStore(self.door.files, self.paths.backups, self.door.clock)

    @property
    def daemon(self) -> DaemonHandle:
        """memoryd by proof."""
        return Daemon(self.door, self.paths, self.port)

    @property
    def supervisor(self) -> Supervisor:
        """Who keeps memoryd alive on this host."""
        return make(
            self.choices.supervisor,
            self.door,
            self.paths,
            self.port,
            env=self.env,
            send_watcher=None,
            read_triggers=make_profile_reader(self.door.files, self.paths),
        )

    def deciding(self, **changes: object) -> Host:
        """The same host with other decisions."""
        return replace(self, choices=replace(self.choices, **changes))  # type: ignore[arg-type]


def read_config(door: Door, path: str) -> ConfigFile:
    """Read `config.env`; a missing file is a valid state, an unreadable one is a problem that is carried along."""
    try:
        data = door.files.read_optional(path, limit=1 << 20)
    except Unreadable as error:
        return ConfigFile(True, problem=error)
    if data is None:
        return ConfigFile(False)
    if b"\0" in data:
        return unusable(path, data.index(b"\0"), data, "holds a NUL byte", "remove it, or delete the line")
    try:
        lines, ignored = parse_env(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return unusable(path, error.start, data, f"byte 0x{data[error.start]:02x} is not UTF-8", "save it as UTF-8")
    return ConfigFile(True, lines, ignored)


def unusable(path: str, at: int, data: bytes, reason: str, remedy: str) -> ConfigFile:
    """A settings file with one fault, at a byte."""
    return ConfigFile(True, problem=Malformed(path, reason, line_number=data.count(b"\n", 0, at) + 1, remedy=remedy))


def effective_env(env: Mapping[str, str], config: ConfigFile) -> dict[str, str]:
    """The environment with `IAPEER_MEMORY_*` lines of the file below what the process was given."""
    merged = {line.key: line.value for line in config.lines if line.key.startswith(PREFIX)}
    merged.update({key: value for key, value in env.items() if value or key not in merged})
    return merged


def rebased(host: Host) -> Host:
    """The host with what this command decided put on top of what another command may have decided meanwhile.

    For right after the operation lock was taken. Raises Malformed or Unreadable for a broken `host.json`.
    """
    data = host.door.files.read_optional(host.paths.host_json, limit=1 << 20)
    now = load(data, host.paths.host_json)
    if now == host.loaded:
        return host
    names = [f.name for f in fields(HostChoices)]
    decided = {n: getattr(host.choices, n) for n in names if getattr(host.choices, n) != getattr(host.loaded, n)}
    known = host.choices_known or data is not None
    return replace(host, choices=replace(now, **decided), loaded=now, choices_known=known)


def load_host(
    door: Door, env: Mapping[str, str], config: ConfigFile, paths: Paths, *, version: str, build: str, wishes: Wishes
) -> Host:
    """Put the picture together. Raises Malformed or Unreadable for a broken `host.json`."""
    data = door.files.read_optional(paths.host_json, limit=1 << 20)
    choices = load(data, paths.host_json)
    return Host(
        door=door,
        paths=paths,
        env=env,
        config=config,
        settings=Settings(env, config.lines),
        choices=choices,
        loaded=choices,
        choices_known=data is not None,
        version=version,
        build=build,
        wishes=wishes,
    )
