"""Every path of the product on a host, derived in one place from an environment. Pure: looks at no disk.

Source: the reference package's path table. Slotted by hand and free of dataclasses and pathlib, so that a hot
path can afford to import it.
"""

from __future__ import annotations

from os.path import abspath, dirname, join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PRODUCT = "iapeer-memory"
UNIT_NAME = "iapeer-memory-memoryd"


class Paths:
    """Absolute paths. Build with `Paths.from_env`; treat as frozen."""

    __slots__ = (
        "cache_dir",
        "claude_home",
        "claude_json",
        "codex_home",
        "config_dir",
        "config_file",
        "home",
        "index_db",
        "logs_dir",
        "root",
        "stable_binary",
        "state_dir",
        "xdg_config",
    )  # fmt: skip

    def __init__(self, **values: str) -> None:
        for name in self.__slots__:
            setattr(self, name, values[name])

    home: str
    root: str
    config_file: str
    config_dir: str
    state_dir: str
    cache_dir: str
    logs_dir: str
    index_db: str
    stable_binary: str
    claude_home: str
    claude_json: str
    codex_home: str
    xdg_config: str

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, os_home: str) -> Paths:
        """Resolve the table. An empty variable counts as unset; relative overrides are made absolute.

        `os_home`: the home directory of the account, used when `HOME` is unset or empty.
        """

        def pick(name: str, default: str) -> str:
            return abspath(env.get(name) or default)

        home = pick("HOME", os_home)
        root = pick("IAPEER_ROOT", join(home, ".iapeer"))
        config_file = pick("IAPEER_MEMORY_CONFIG_FILE", join(root, "plugins", PRODUCT, "config.env"))
        cache_dir = pick("IAPEER_MEMORY_CACHE_DIR", join(root, "cache", PRODUCT))
        claude_home = pick("CLAUDE_CONFIG_DIR", join(home, ".claude"))
        return cls(
            home=home,
            root=root,
            config_file=config_file,
            config_dir=dirname(config_file),
            state_dir=pick("IAPEER_MEMORY_STATE_DIR", join(root, "state", PRODUCT)),
            cache_dir=cache_dir,
            logs_dir=pick("IAPEER_MEMORY_LOGS_DIR", join(root, "logs", PRODUCT)),
            index_db=pick("IAPEER_MEMORY_DB_PATH", join(cache_dir, "index.db")),
            stable_binary=pick("IAPEER_MEMORY_BINARY_PATH", join(home, ".local", "bin", PRODUCT)),
            claude_home=claude_home,
            # Claude keeps this file beside its folder, but inside it when the folder was moved by the variable.
            claude_json=join(claude_home, ".claude.json")
            if env.get("CLAUDE_CONFIG_DIR")
            else join(home, ".claude.json"),
            codex_home=pick("CODEX_HOME", join(home, ".codex")),
            xdg_config=pick("XDG_CONFIG_HOME", join(home, ".config")),
        )

    def variables(self) -> dict[str, str]:
        """The environment's part from which `from_env` derives exactly these paths again."""
        found = {
            "HOME": self.home,
            "IAPEER_ROOT": self.root,
            "IAPEER_MEMORY_CONFIG_FILE": self.config_file,
            "IAPEER_MEMORY_STATE_DIR": self.state_dir,
            "IAPEER_MEMORY_CACHE_DIR": self.cache_dir,
            "IAPEER_MEMORY_LOGS_DIR": self.logs_dir,
            "IAPEER_MEMORY_DB_PATH": self.index_db,
            "IAPEER_MEMORY_BINARY_PATH": self.stable_binary,
            "CODEX_HOME": self.codex_home,
            "XDG_CONFIG_HOME": self.xdg_config,
        }
        if self.claude_json == join(self.claude_home, ".claude.json"):  # only where the variable moved the folder
            found["CLAUDE_CONFIG_DIR"] = self.claude_home
        return found

    # state: machine-owned, must survive
    def state(self, *parts: str) -> str:
        """A path under the state directory."""
        return join(self.state_dir, *parts)

    @property
    def heartbeat(self) -> str: return self.state("memoryd.heartbeat")  # fmt: skip

    @property
    def pid_file(self) -> str: return self.state("memoryd.pid")  # fmt: skip

    @property
    def roles(self) -> str: return self.state("roles.json")  # fmt: skip

    @property
    def fleet_map(self) -> str: return self.state("fleet.json")  # fmt: skip

    @property
    def host_json(self) -> str: return self.state("host.json")  # fmt: skip

    @property
    def host_id(self) -> str: return self.state("host-id")  # fmt: skip

    @property
    def history(self) -> str: return self.state("history")  # fmt: skip

    @property
    def ledger(self) -> str: return self.state("ledger.json")  # fmt: skip

    @property
    def ledger_ahead(self) -> str: return self.state("ledger.json.ahead")  # fmt: skip

    @property
    def journal(self) -> str: return self.state("journal.json")  # fmt: skip

    @property
    def operation_lock(self) -> str: return self.state("operation.lock")  # fmt: skip

    @property
    def provision_lock(self) -> str: return self.state("provision.lock")  # fmt: skip

    @property
    def reference_lock(self) -> str: return self.state("provision.lock.d")  # fmt: skip

    @property
    def daemon_identity(self) -> str: return self.state("memoryd.identity.json")  # fmt: skip

    @property
    def daemon_outside(self) -> str: return self.state("memoryd.outside")  # fmt: skip

    @property
    def daemon_environment(self) -> str: return self.state("memoryd.env")  # fmt: skip

    @property
    def spawn_lock(self) -> str: return self.state("memoryd.spawn.lock")  # fmt: skip

    @property
    def kick_stamp(self) -> str: return self.state("verify-kick.stamp")  # fmt: skip

    @property
    def backups(self) -> str: return self.state("backups")  # fmt: skip

    @property
    def runtimes(self) -> str: return self.state("runtimes")  # fmt: skip

    @property
    def current_runtime(self) -> str: return self.state("runtimes", "current")  # fmt: skip

    @property
    def service(self) -> str:
        """The name by which brokers know this installation's memoryd; one user may have several installations."""
        from hashlib import sha256

        return f"{PRODUCT}-{sha256(self.state_dir.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"

    @property
    def attach_socket(self) -> str: return self.state("attach.sock")  # fmt: skip

    @property
    def receipts(self) -> str: return self.state("memoryd.receipts")  # fmt: skip

    @property
    def contexts(self) -> str: return self.state("context")  # fmt: skip

    # cache: disposable
    @property
    def daemon_lock(self) -> str: return join(dirname(self.index_db), "memoryd.lock")  # fmt: skip

    # logs
    @property
    def daemon_log(self) -> str: return join(self.logs_dir, "memoryd.log")  # fmt: skip

    @property
    def broker_log(self) -> str: return join(self.logs_dir, "broker.log")  # fmt: skip

    @property
    def repair_log(self) -> str: return join(self.logs_dir, "repair.log")  # fmt: skip

    @property
    def hook_log(self) -> str: return join(self.logs_dir, "hook-errors.log")  # fmt: skip

    # the ecosystem's folder
    @property
    def slot(self) -> str: return join(self.root, "memory-provider.json")  # fmt: skip

    @property
    def guide(self) -> str: return join(self.root, "fragments", f"{PRODUCT}.md")  # fmt: skip

    @property
    def host_docs(self) -> str: return join(self.root, "docs", PRODUCT)  # fmt: skip

    # config directory
    @property
    def registry(self) -> str: return join(self.config_dir, "fleet.toml")  # fmt: skip

    @property
    def session_settings(self) -> str: return join(self.config_dir, "memory.jsonc")  # fmt: skip

    @property
    def templates(self) -> str: return join(self.config_dir, "templates")  # fmt: skip

    @property
    def hooks_dir(self) -> str: return join(self.config_dir, "hooks")  # fmt: skip

    @property
    def post_write_shim(self) -> str: return join(self.hooks_dir, f"{PRODUCT}.post-write.sh")  # fmt: skip

    @property
    def session_start_shim(self) -> str: return join(self.hooks_dir, f"{PRODUCT}.session-start.sh")  # fmt: skip

    @property
    def launcher(self) -> str: return join(self.config_dir, "memoryd-launcher.sh")  # fmt: skip

    @property
    def dream_gate(self) -> str: return join(self.config_dir, "dream-tick-gate.sh")  # fmt: skip
