"""What must be so before memoryd starts, each with the line that says why it is not. No effect but looking."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Mapping
from os.path import abspath
from shlex import quote

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ConfigError, DaemonFailed, LockBusy, ProductError
from iapeer_memory.domain.paths import PRODUCT, Paths
from iapeer_memory.domain.settings import Settings
from iapeer_memory.egress.belt import make_belt
from iapeer_memory.egress.host import account_home
from iapeer_memory.egress.listeners import listener_pid
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.walk import Rules

SET_VAULT = "set IAPEER_MEMORY_VAULT_PATH in config.env to the folder of notes"
NEW_PORT = "iapeer-memory verify --repair --new-port"
STALE_LOCK = 120.0
"""Seconds after which a lock file that nobody freshens has no owner. Source: the reference core's lock."""


def vault_of(door: Door, settings: Settings) -> str:
    """The vault's absolute path. Raises ConfigError."""
    given = settings.vault
    if given is None:
        raise ConfigError("no vault is set", remedy=f"iapeer-memory init --vault FOLDER, or {SET_VAULT}")
    root = abspath(given)
    try:
        found = door.files.stat(root)
    except ProductError as error:
        raise ConfigError(f"the vault {root} cannot be read: {error.line()}", remedy=SET_VAULT) from None
    if found is None:
        raise ConfigError(f"the vault {root} is not there", remedy=f"mkdir -p {quote(root)}, or {SET_VAULT}")
    if found.kind != "dir":
        raise ConfigError(f"the vault {root} is not a folder", remedy=SET_VAULT)
    return root


def refuse_live_vault(door: Door, env: Mapping[str, str], vault: str) -> None:
    """In the sandbox, refuse a vault of the live host. Raises ConfigError."""
    if not door.refusing:
        return
    belt = make_belt(
        env,
        real_home=account_home(),
        temp=env.get("TMPDIR") or "/tmp",  # noqa: S108 - where a test may have its vault
        platform=sys.platform,
        realpath=door.files.realpath,
    )
    why = belt.refuses(door.files.realpath(vault))
    if why is not None:
        raise ConfigError(
            f"the test sandbox is armed and the vault {vault} is a real one: {why}",
            remedy="unset IAPEER_TEST_SANDBOX IAPEER_MEMORY_SUPPRESS_IAP_SEND",
        )


def rules_of(settings: Settings, locale: Locale) -> Rules:
    """What is not indexed: the folders that the settings name, else the system folder."""
    return Rules.configured(settings["EXCLUDE_FOLDERS"], locale.folders["system"])


def results_of(settings: Settings) -> int:
    """How many results a search gives; a setting that is no number counts as the default."""
    text = settings["MAX_RESULTS"].strip()
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text) <= 50 else 6


def refuse_second(door: Door, paths: Paths) -> None:
    """Refuse where another memoryd writes this index, ours or the reference's. Raises LockBusy.

    The reference takes no kernel lock: it leaves its pid in the file, and freshens the file with each heartbeat.
    """
    files = door.files
    lock = paths.daemon_lock
    found = files.lstat(lock)
    if found is None or found.kind != "file" or door.clock.now() - found.mtime_ns / 1e9 > STALE_LOCK:
        return
    words = (files.read_optional(lock, limit=4096) or b"").decode("utf-8", "replace").split()
    pid = int(words[0]) if words and words[0].isascii() and words[0].isdecimal() and len(words[0]) < 12 else 0
    owner = door.processes.info(pid) if pid > 1 and pid != os.getpid() else None
    if owner is not None and any("memoryd" in word for word in owner.argv):
        raise LockBusy(
            f"another memoryd (pid {pid}) writes this index; lock {lock}", remedy="iapeer-memory status shows it"
        )


def port_refusal(door: Door, port: int, error: OSError) -> DaemonFailed:
    """The one line for a port that cannot be had: who holds it, and what to do."""
    if error.errno != errno.EADDRINUSE:
        return DaemonFailed(f"port {port} cannot be opened ({error.strerror or error})", remedy=NEW_PORT)
    return DaemonFailed(f"port {port} is taken by {holder(door, port)}", remedy=NEW_PORT)


def holder(door: Door, port: int) -> str:
    """Who listens on a port of this host, as exactly as can be told without any right."""
    answer = door.net.fetch(f"http://127.0.0.1:{port}/health", timeout=1.0, limit=1 << 16)
    try:
        told = json.loads(answer.body) if answer.status == 200 else None
    except ValueError:
        told = None
    if isinstance(told, dict) and told.get("name") == PRODUCT:
        return f"another memoryd (pid {told.get('pid')}, state {told.get('state_dir')})"
    pid = listener_pid(door.processes, port)
    owner = None if pid is None else door.processes.info(pid)
    if owner is not None:
        return f"pid {owner.pid} ({' '.join(owner.argv)[:120]})"
    uid = door.net.listener_uid(port)
    return "another process" if uid is None else f"a process of user {uid}"
