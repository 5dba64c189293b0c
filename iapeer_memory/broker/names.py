"""What sockets of the broker and of its backends are called, and where they lie. Pure: makes no folder, opens nothing.

Two generations stand beside each other: `rpb-v1-…` and `rpb-v2-…`, each in a folder of its own. A path that is too long
for the system's socket address is refused, never shortened.

Source: the running-process broker's names, v1 and v2. The branches for macOS and Windows are not yet run there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blake3 import blake3

from iapeer_memory.broker import validate
from iapeer_memory.broker.sid import hash16
from iapeer_memory.domain.errors import ConfigError, ProductError

SUN_PATH = {"linux": 107, "darwin": 103, "win32": 260}
"""Bytes of a path that a socket's address can hold; the system's field has one more for the closing NUL."""
SYSTEMS = {"linux": "Linux sun_path", "darwin": "macOS sun_path", "win32": "Windows pipe name"}
PIPES = "\\\\.\\pipe\\"
TEMP = "/tmp"  # noqa: S108
BACKEND_HEX = 32
INSTALL_PATH = b"running-process:broker-install-path:v1\0"
PATH_SOCKET = b"running-process:path-scoped-socket:v1\0"
CONTROL = 0
"""The index of a program's control socket."""


class BadName(ConfigError):
    """A part of a name is not what it may be."""


class PathTooLong(ProductError):
    """The socket's path does not fit into a socket's address."""

    def __init__(self, path: str, platform: str) -> None:
        system, length, budget = SYSTEMS[platform], len(_bytes(path)), SUN_PATH[platform]
        remedy = "set XDG_RUNTIME_DIR to a shorter folder" if platform == "linux" else "set TMPDIR to a shorter folder"
        super().__init__(f"derived path exceeds {system} ({length} > {budget})", remedy=remedy)
        self.path = path


@dataclass(frozen=True, slots=True)
class Place:
    """What of a user's surroundings decides where sockets and small files lie.

    `platform`: as `sys.platform`. `runtime`: XDG_RUNTIME_DIR; `temp`: TMPDIR; `local_data`: LOCALAPPDATA; each "" where
    it is not set. `home`: absolute.
    """

    platform: str
    uid: int
    home: str
    runtime: str = ""
    temp: str = ""
    local_data: str = ""


def place_of(environment: Mapping[str, str], *, platform: str, uid: int, home: str) -> Place:
    """The surroundings that an environment names."""
    runtime, temp, local = (environment.get(name, "") for name in ("XDG_RUNTIME_DIR", "TMPDIR", "LOCALAPPDATA"))
    return Place(platform, uid, home, runtime, temp, local)


def shared_leaf(user: str) -> str:
    """The broker that many services of a user share. `user`: a sid hash, here and below."""
    return f"rpb-v1-{_user(user)}-shared"


def service_leaf(user: str, service: str) -> str:
    """The broker of one service."""
    return f"rpb-v1-{_user(user)}-svc-{_name(service)}"


def instance_leaf(user: str, instance: str) -> str:
    """A broker that goes by a name."""
    return f"rpb-v1-{_user(user)}-inst-{_name(instance)}"


def backend_leaf(user: str, secret: str) -> str:
    """A backend. `secret`: 32 lowercase hex digits of randomness."""
    if len(secret) != BACKEND_HEX or not validate.HEX_SIGNS.issuperset(secret):
        raise BadName("a backend's name ends in 32 lowercase hexadecimal digits")
    return f"rpb-v1-{_user(user)}-be-{secret}"


def v2_name(program: str, user: str, index: int = CONTROL) -> str:
    """A program's socket in generation 2; `index` tells several of one program apart."""
    if index < 0:
        raise BadName("a socket's index is not negative")
    return f"rpb-v2-{_name(program)}-{_user(user)}-{index}"


def v1_socket(place: Place, leaf: str) -> str:
    """Where a leaf of generation 1 listens. Raises PathTooLong."""
    return _socket(place, leaf, "broker", f".rp-{place.uid}", bare=False)


def v2_socket(place: Place, name: str) -> str:
    """Where a name of generation 2 listens. Raises PathTooLong."""
    return _socket(place, name, "broker-v2", f".rp-{place.uid}-broker-v2", bare=True)


def service_socket(place: Place, service: str) -> str:
    """Where a daemon that is served without a broker listens. Raises PathTooLong.

    Source: running_process_service, whose clients look there; on macOS and Windows as `v2_socket`.
    """
    return v2_socket(place, f"rp-svc-{_name(service)}-default")


def path_scope(canonical: str, *, platform: str) -> str:
    """What takes a user's hash's place where each install path has a broker of its own.

    `canonical`: the path without links, of something that exists; whoever cannot tell it has no such name.
    """
    if platform == "win32":
        canonical = canonical.replace("\\", "/").lower()
    return hash16(INSTALL_PATH + _bytes(canonical))


def path_scoped_socket(name: str, *, platform: str) -> str:
    """Where the broker of an install path listens: no user and no environment decide it. `name`: as `v2_name` makes."""
    if platform == "win32":
        return name
    return f"{TEMP}/.rp-path-{blake3(PATH_SOCKET + name.encode()).hexdigest(BACKEND_HEX // 2)}.sock"


def v1_folder(place: Place) -> str:
    """The folder of generation 1's sockets; "" on Windows, whose pipes have none."""
    return _folder(place, "broker", f".rp-{place.uid}")


def v2_folder(place: Place) -> str:
    """The folder of generation 2's sockets; "" on Windows."""
    return _folder(place, "broker-v2", f".rp-{place.uid}-broker-v2")


def state_folder(place: Place) -> str:
    """Where generation 2 keeps small files: identities and HTTP ports."""
    if place.platform == "darwin":
        return f"{_temp(place)}/rp-broker-v2"
    if place.platform == "win32":
        return f"{place.local_data or place.home}\\running-process\\broker-v2"
    runtime = _runtime(place)
    return f"{runtime or place.home + '/.cache'}/running-process/broker-v2"


def daemon_identity_file(place: Place, service: str) -> str:
    """The sidecar in which a daemon of generation 2 tells a broker who it is."""
    return f"{state_folder(place)}{_slash(place)}daemon-{_name(service)}.json"


def http_port_file(place: Place, program: str) -> str:
    """Where a broker tells at which address its page is."""
    return f"{state_folder(place)}{_slash(place)}broker-v2-{_name(program)}.http_port"


def services_folder(place: Place) -> str:
    """Where daemons that are served without a broker keep their sidecars and spawn locks.

    Source: running_process_service on Linux; elsewhere beside the small files of generation 2.
    """
    if place.platform != "linux":
        return f"{state_folder(place)}{_slash(place)}services"
    return f"{_runtime(place) or place.home + '/.local/share'}/running-process/services"


def service_identity_file(place: Place, service: str) -> str:
    """The sidecar of a daemon that is served without a broker."""
    return f"{services_folder(place)}{_slash(place)}{_name(service)}.identity.json"


def service_spawn_lock(place: Place, service: str) -> str:
    """The lock under which a client starts such a daemon."""
    return f"{services_folder(place)}{_slash(place)}{_name(service)}.spawn.lock"


def room_left(path: str, *, platform: str) -> int:
    """Bytes that the path could still grow; negative when it is too long."""
    return SUN_PATH[platform] - len(_bytes(path))


def fitting(path: str, *, platform: str) -> str:
    """The path itself. Raises PathTooLong when no socket's address can hold it."""
    if room_left(path, platform=platform) < 0:
        raise PathTooLong(path, platform)
    return path


def _socket(place: Place, leaf: str, linux: str, darwin: str, *, bare: bool) -> str:
    if place.platform == "win32":
        fitting(PIPES + leaf, platform=place.platform)
        return leaf if bare else PIPES + leaf
    if place.platform == "darwin":
        leaf = hash16(leaf.encode())
    return fitting(f"{_folder(place, linux, darwin)}/{leaf}.sock", platform=place.platform)


def _folder(place: Place, linux: str, darwin: str) -> str:
    if place.platform == "win32":
        return ""
    if place.platform == "darwin":
        return f"{_temp(place)}/{darwin}"
    runtime = _runtime(place)
    return f"{runtime}/running-process/{linux}" if runtime else f"{TEMP}/running-process-{place.uid}/{linux}"


def _runtime(place: Place) -> str:
    """The base directory's rule: a path that is not absolute counts as not set."""
    return place.runtime.rstrip("/") if place.runtime.startswith("/") else ""


def _temp(place: Place) -> str:
    return place.temp.rstrip("/") if place.temp.startswith("/") else TEMP


def _slash(place: Place) -> str:
    return "\\" if place.platform == "win32" else "/"


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _user(user: str) -> str:
    reason = validate.sid_hash(user)
    if reason is not None:
        raise BadName(reason)
    return user


def _name(name: str) -> str:
    reason = validate.service_name(name)
    if reason is not None:
        raise BadName(f"{name!r}: {reason}")
    return name
