"""Where service definitions and cache manifests lie for a user. Pure: looks at no disk.

Source: the running-process broker's directories. The branches for macOS and Windows are not yet run there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SERVICE_DEF_DIR = "RUNNING_PROCESS_SERVICE_DEF_DIR"
MANIFEST_DIR = "RUNNING_PROCESS_MANIFEST_DIR"
PLATFORM_DEFAULT = "platform-default"


@dataclass(frozen=True, slots=True)
class Folder:
    """An absolute path, and what named it: `env:<variable>`, `flag:<option>` or `platform-default`."""

    path: str
    source: str


def definitions_folder(env: Mapping[str, str], *, home: str, platform: str) -> Folder:
    """Where service definitions of both generations lie."""
    return _folder(env, SERVICE_DEF_DIR, "XDG_CONFIG_HOME", ".config", "services", home=home, platform=platform)


def registry_folder(env: Mapping[str, str], *, home: str, platform: str) -> Folder:
    """The central registry: where manifests of both generations lie."""
    return _folder(env, MANIFEST_DIR, "XDG_DATA_HOME", ".local/share", "manifests", home=home, platform=platform)


def _folder(
    env: Mapping[str, str], variable: str, base: str, default: str, leaf: str, *, home: str, platform: str
) -> Folder:
    """A variable that is not an absolute path counts as not set, as does an empty one."""
    named = env.get(variable, "")
    if named.startswith("/") or (platform == "win32" and named):
        return Folder(named.rstrip("/") or "/", f"env:{variable}")
    home = home.rstrip("/")
    if platform == "darwin":
        return Folder(f"{home}/Library/Application Support/running-process/{leaf}", PLATFORM_DEFAULT)
    if platform == "win32":
        return Folder(f"{env.get('APPDATA') or home}\\running-process\\{leaf}", PLATFORM_DEFAULT)
    given = env.get(base, "")
    root = given.rstrip("/") if given.startswith("/") else f"{home}/{default}"
    return Folder(f"{root}/running-process/{leaf}", PLATFORM_DEFAULT)
