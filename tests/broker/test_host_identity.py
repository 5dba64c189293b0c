"""Which machine and which boot, on hosts of all kinds."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.broker import host_identity as host
from iapeer_memory.broker.host_identity import HostIdentity, NoMachine, same_host, same_machine
from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.egress.through import ThroughFiles

BOOT = Path("/proc/sys/kernel/random/boot_id")
linux = pytest.mark.skipif(not BOOT.exists(), reason="needs procfs")
HERE = HostIdentity("h", "m", "b", 1, "n")


class Elsewhere(ThroughFiles):
    """The host's files, but those of the kernel and of the machine's id lie in a folder."""

    def __init__(self, files: Files, root: Path) -> None:
        super().__init__(files)
        self.root = root

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        return super().read_optional(str(self.root) + path, limit=limit)


def host_of(door: Door, root: Path, **files: str) -> Door:
    for name, text in files.items():
        place = Path(
            str(root) + {"etc": host.MACHINE_FILES[0], "dbus": host.MACHINE_FILES[1], "boot": host.BOOT_FILE}[name]
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return replace(door, files=Elsewhere(door.files, root))


@linux
def test_this_host(door: Door, tmp_path: Path) -> None:
    found = host.host_identity(door, hostname=socket.gethostname(), platform="linux", path=str(tmp_path))
    assert found.hostname == socket.gethostname()
    assert found.boot_id == BOOT.read_text().strip()
    assert found.fs_dev_id == tmp_path.stat().st_dev
    assert found.namespace_id == ":".join(os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid"))
    assert same_host(found, host.host_identity(door, hostname="x", platform="linux"))


@pytest.mark.parametrize(
    ("files", "machine"),
    [
        ({"etc": "one\n", "dbus": "two\n", "boot": "b"}, "one"),
        ({"dbus": "two\n", "boot": "b"}, "two"),
        ({"boot": "b\n"}, "boot:b"),
        ({"etc": "", "dbus": "two", "boot": "b"}, ""),
    ],
)
def test_where_a_machine_id_comes_from(door: Door, tmp_path: Path, files: dict[str, str], machine: str) -> None:
    there = host_of(door, tmp_path, **files)
    assert host.host_identity(there, hostname="", platform="linux").machine_id == machine
    assert host.sid_machine(there, platform="linux") == machine


def test_a_machine_id_that_is_closed_is_not_absent(door: Door, tmp_path: Path) -> None:
    there = host_of(door, tmp_path, dbus="two", boot="b")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "machine-id").mkdir()
    with pytest.raises(Unreadable):
        host.sid_machine(there, platform="linux")


def test_a_boot_without_a_name_is_never_the_same(door: Door, tmp_path: Path) -> None:
    there = host_of(door, tmp_path)
    one, two = (host.boot_id(there, platform="linux") for _ in range(2))
    assert one != two
    assert not host.same_boot(one, two)
    with pytest.raises(NoMachine):
        host.sid_machine(there, platform="linux")


@pytest.mark.parametrize(
    ("recorded", "same", "machine"),
    [
        (None, True, True),
        (HERE, True, True),
        (replace(HERE, hostname="x", fs_dev_id=9, namespace_id=""), True, True),
        (replace(HERE, machine_id=""), True, True),
        (replace(HERE, boot_id=""), True, True),
        (replace(HERE, boot_id="x"), False, True),
        (replace(HERE, machine_id="x"), False, False),
    ],
)
def test_what_is_compared(recorded: HostIdentity | None, same: bool, machine: bool) -> None:
    assert same_host(recorded, HERE) is same
    assert recorded is None or same_machine(recorded, HERE) is machine


def test_what_macos_prints() -> None:
    text = '+-o Root\n    "IOPlatformSerialNumber" = "C02"\n    "IOPlatformUUID" = "0A1B-2C"\n'
    assert host.platform_uuid(text) == "0A1B-2C"
    boot = "{ sec = 1700000000, usec = 123456 } Tue Nov 14 22:13:20 2023\n"
    assert host.darwin_boot(boot) == "macos-boot-1700000000-123456"


@given(st.text(), st.sampled_from(["", '"IOPlatformUUID" = "', "sec = 1, usec = "]), st.text())
def test_what_macos_might_print_never_crashes(before: str, key: str, behind: str) -> None:
    text = before + key + behind
    assert host.platform_uuid(text) in text
    boot = host.darwin_boot(text)
    assert boot == "" or (boot.startswith("macos-boot-") and boot.rpartition("-")[2] in text)
