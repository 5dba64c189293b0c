"""Which machine and which boot this is: what tells a file of now from one of another boot or another host.

Gathers through the door's read-only verbs; decides nothing about processes. A boot that cannot be told is made up anew
with each look, so that nothing ever matches it: unknown counts as changed.

Source: the running-process broker, HostIdentity. The branches for macOS are not yet run there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ConfigError, Unreadable

MACHINE_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
BOOT_FILE = "/proc/sys/kernel/random/boot_id"
NAMESPACES = ("/proc/self/ns/mnt", "/proc/self/ns/pid")
PLATFORM_UUID = ("/usr/sbin/ioreg", "-d2", "-c", "IOPlatformExpertDevice")
BOOT_TIME = ("/usr/sbin/sysctl", "-n", "kern.boottime")
ASK_SECONDS = 5.0
ID_BYTES = 4096
UNKNOWN = "unknown"


class NoMachine(ConfigError):
    """Nothing tells this machine from another."""


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """A machine during one boot. `fs_dev_id` and `namespace_id` are recorded, and compared nowhere."""

    hostname: str
    machine_id: str
    boot_id: str
    fs_dev_id: int = 0
    namespace_id: str = ""


def host_identity(door: Door, *, hostname: str, platform: str, path: str = "/") -> HostIdentity:
    """This host now. `path`: whose filesystem is meant. Raises Unreadable for a machine id that is there and closed."""
    name = hostname or UNKNOWN
    found = door.files.stat(path)
    device = found.inode[0] if found else 0
    if platform == "darwin":
        return HostIdentity(name, f"macos-{name}", boot_id(door, platform=platform), device)
    boot = boot_id(door, platform=platform)
    machine = _machine_file(door)
    return HostIdentity(name, f"boot:{boot}" if machine is None else machine, boot, device, _namespaces(door))


def sid_machine(door: Door, *, platform: str) -> str:
    """What the hash of a user is taken over beside the uid: the machine, else the boot.

    Raises NoMachine where neither can be told (a name that changes with every look would find nobody), Unreadable.
    """
    if platform == "darwin":
        machine = platform_uuid(door.processes.run(PLATFORM_UUID, timeout=ASK_SECONDS).stdout) or None
    else:
        machine = _machine_file(door)
    if machine is not None:
        return machine
    boot = _known_boot(door, platform=platform)
    if not boot:
        raise NoMachine("this machine has neither an id nor a boot id", remedy="systemd-machine-id-setup")
    return f"boot:{boot}"


def boot_id(door: Door, *, platform: str) -> str:
    """The name of this boot; where there is none, a text that nothing equals."""
    return _known_boot(door, platform=platform) or f"boot-unavailable-{door.random.token(16)}"


def same_boot(recorded: str, current: str) -> bool:
    """Whether a record is of this boot; one that names none counts as of any."""
    return not recorded or not current or recorded == current


def same_host(recorded: HostIdentity | None, current: HostIdentity) -> bool:
    """Whether a record is of this machine during this boot; what it leaves out is taken to match."""
    if recorded is None:
        return True
    return same_machine(recorded, current) and same_boot(recorded.boot_id, current.boot_id)


def same_machine(recorded: HostIdentity, current: HostIdentity) -> bool:
    """Whether a record is of this machine, in any boot."""
    return not recorded.machine_id or not current.machine_id or recorded.machine_id == current.machine_id


def platform_uuid(text: str) -> str:
    """The machine's UUID in what `ioreg` prints, "" when it is not there. Not yet run on macOS."""
    found = re.search(r'"IOPlatformUUID"\s*=\s*"([^"]+)"', text)
    return found[1] if found else ""


def darwin_boot(text: str) -> str:
    """A boot's name from what `sysctl -n kern.boottime` prints, "" when it is not there. Not yet run on macOS."""
    found = re.search(r"sec\s*=\s*(\d+)\s*,\s*usec\s*=\s*(\d+)", text, re.ASCII)
    return f"macos-boot-{found[1]}-{found[2]}" if found else ""


def _known_boot(door: Door, *, platform: str) -> str:
    if platform == "darwin":
        return darwin_boot(door.processes.run(BOOT_TIME, timeout=ASK_SECONDS).stdout)
    try:
        data = door.files.read_optional(BOOT_FILE, limit=ID_BYTES)
    except Unreadable:
        return ""
    return (data or b"").decode("ascii", "replace").strip()


def _machine_file(door: Door) -> str | None:
    """The machine's id; only a file that is not there lets the next one speak."""
    for path in MACHINE_FILES:
        data = door.files.read_optional(path, limit=ID_BYTES)
        if data is not None:
            return data.decode("utf-8", "surrogateescape").strip()
    return None


def _namespaces(door: Door) -> str:
    """`mnt:[…]:pid:[…]`, "" where the kernel does not tell."""
    try:
        return ":".join(door.files.readlink(path) for path in NAMESPACES)
    except (FileNotFoundError, Unreadable):
        return ""
