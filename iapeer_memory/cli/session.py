"""A command's composition root: environment, settings file, door, host. Built once a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from iapeer_memory import __version__
from iapeer_memory.domain.errors import ConfigError, printable
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.settings import Settings
from iapeer_memory.egress.build import running_build
from iapeer_memory.egress.compose import OwnProgram, open_door
from iapeer_memory.egress.host import account_home
from iapeer_memory.egress.readonly import read_only
from iapeer_memory.provision.host import Host, Wishes, effective_env, load_host, read_config


def open_host(*, wishes: Wishes | None = None, readonly: bool = False) -> Host:
    """The host behind the real door (or the refusing one, where the sandbox is armed)."""
    wishes = wishes or Wishes()
    given = dict(os.environ)
    os_home = home_of_account(given)
    own = OwnProgram(interpreter=sys.executable, stable_command=Paths.from_env(given, os_home=os_home).stable_binary)
    named = frozenset({wishes.core_flag} if wishes.core_flag else ())
    # The file may arm the sandbox and move our folders, so it is read through a door that cannot do more than read.
    first = read_only(open_door(given, own=own, named=named))
    config = read_config(first, Paths.from_env(given, os_home=os_home).config_file)
    env = effective_env(given, config)
    paths = Paths.from_env(env, os_home=os_home)
    door = open_door(env, own=replace(own, stable_command=paths.stable_binary), named=named, say=announce)
    if readonly:
        door = read_only(door)
    build = running_build(door.files)
    host = load_host(door, env, config, paths, version=__version__, build=build, wishes=wishes)
    return replace(host, settings=Settings(given, config.lines))


def announce(text: str) -> None:
    """What somebody who waits wants to know, at once and not on stdout."""
    sys.stderr.write(f"iapeer-memory: {text}\n")
    sys.stderr.flush()


def home_of_account(env: Mapping[str, str]) -> str:
    """HOME, else the account's home; raises ConfigError where neither is to be had, or HOME depends on where we are."""
    home = env.get("HOME") or account_home()
    if home is None:
        raise ConfigError("HOME is not set and this account has no home folder", remedy="export HOME=/a/folder")
    if not home.startswith("/"):
        raise ConfigError(f"HOME is not an absolute path: {printable(home)}", remedy="export HOME=/a/folder")
    return home
