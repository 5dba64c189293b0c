"""A note on the disk: which are opened, which are not, and what an exchange leaves where."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.egress import exchange as exchange_module
from iapeer_memory.egress.exchange import exchange, rename_new
from iapeer_memory.egress.notefile import FOLDER, Place, VaultRoot, temp_name, temp_token
from iapeer_memory.egress.noteseen import Seen, has_no_writer, is_remote
from iapeer_memory.egress.readonly import read_only
from iapeer_memory.egress.vaultdoor import open_vault

ROOT = os.geteuid() == 0
REPO = Path(__file__).resolve().parents[2]
LINUX = sys.platform == "linux"


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    folder = tmp_path / "vault"
    (folder / "sub").mkdir(parents=True)
    return folder


def status_of(vault: Path, path: str) -> str:
    root = VaultRoot(str(vault))
    place = root.place(path, "read")
    root.close()
    if isinstance(place, Seen):
        return place.status
    with place:
        return place.see().status


def make(vault: Path, kind: str) -> None:
    """Something of that kind at sub/x.md."""
    note, outside = vault / "sub/x.md", vault.parent / "outside.md"
    outside.write_bytes(b"outside")
    if kind == "link":
        note.symlink_to(outside)
    elif kind == "hardlink":
        note.hardlink_to(outside)
    elif kind == "fifo":
        os.mkfifo(note)
    elif kind == "folder":
        note.mkdir()
    elif kind == "foreign":
        note.write_bytes(b"x")
        os.chown(note, 12345, -1)
    elif kind == "linked folder":
        (vault / "sub").rmdir()
        (vault.parent / "real").mkdir()
        (vault.parent / "real/x.md").write_bytes(b"x")
        (vault / "sub").symlink_to(vault.parent / "real")
    elif kind == "file for folder":
        (vault / "sub").rmdir()
        (vault / "sub").write_bytes(b"x")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("link", "link"), ("hardlink", "hardlink"), ("fifo", "special"), ("folder", "special"),
        ("linked folder", "link"), ("file for folder", "gone"), ("nothing", "gone"),
        pytest.param("foreign", "foreign", marks=pytest.mark.skipif(not ROOT, reason="only root gives files away")),
    ],
)  # fmt: skip
def test_what_is_no_note_of_ours_is_not_opened(vault: Path, kind: str, status: str) -> None:
    make(vault, kind)
    assert status_of(vault, "sub/x.md") == status


@pytest.mark.parametrize("path", ["../outside.md", "/etc/passwd", "sub/../../outside.md", "sub//x.md", "a\0b.md", ""])
def test_no_path_leads_out_of_the_vault(vault: Path, path: str) -> None:
    (vault.parent / "outside.md").write_bytes(b"x")
    assert status_of(vault, path) == "special"


def test_a_root_that_is_a_link_is_followed_once(vault: Path, tmp_path: Path) -> None:
    (vault / "sub/x.md").write_bytes(b"x")
    link = tmp_path / "link"
    link.symlink_to(vault)
    assert status_of(link, "sub/x.md") == "note"


@pytest.mark.skipif(not LINUX, reason="leases are Linux's")
@pytest.mark.parametrize(("flags", "free"), [(os.O_RDONLY, True), (os.O_WRONLY, False), (os.O_RDWR, False)])
def test_a_writer_is_seen(vault: Path, flags: int, free: bool) -> None:
    note = vault / "x.md"
    note.write_bytes(b"x")
    fd, theirs = os.open(note, os.O_RDONLY), os.open(note, flags)
    try:
        assert has_no_writer(fd) is free
        assert status_of(vault, "x.md") == ("note" if free else "open")
        os.close(theirs)
        theirs = -1
        assert has_no_writer(fd) is True
    finally:
        os.close(fd)
        if theirs >= 0:
            os.close(theirs)


@pytest.mark.parametrize(
    ("kind", "remote"), [("nfs4", True), ("fuse.sshfs", True), ("cifs", True), ("ext4", False), ("btrfs", False)]
)
def test_where_a_lease_says_nothing(tmp_path: Path, kind: str, remote: bool) -> None:
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 0:99 / / rw - tmpfs x rw\n2 1 {number} / /v rw shared:1 - {kind} host:/v rw\n")
    assert is_remote(device, str(table)) is remote
    assert is_remote(device + 1, str(table)) is False and is_remote(device, f"{tmp_path}/absent") is False


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    fd = os.open(tmp_path, FOLDER)
    yield fd
    os.close(fd)


def test_two_names_are_swapped(folder: int, tmp_path: Path) -> None:
    assert exchange(folder, "a", folder, "b")
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"b", b"a")
    with pytest.raises(FileNotFoundError):
        exchange(folder, "a", folder, "absent")


def test_a_rename_never_replaces(folder: int, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        rename_new(folder, "a", folder, "b")
    rename_new(folder, "a", folder, "ё")
    assert (tmp_path / "ё").read_bytes() == b"a" and not (tmp_path / "a").exists()
    with pytest.raises(FileNotFoundError):
        rename_new(folder, "a", folder, "c")


def test_a_swap_where_the_system_has_none(folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers by links: what was displaced is at hand, and nothing else is left."""

    def without(*_: object) -> bool:
        raise OSError(errno.EINVAL, "no such call here")

    monkeypatch.setattr(exchange_module, "rename_with", without)
    place = Place(os.dup(folder), "a", "a", os.geteuid(), None)
    with place:
        ours = place.write_temp(temp_name("0" * 12), b"new", place.see())
        assert place.swap(temp_name("0" * 12))
        assert place.see().is_same(ours)
        assert place.see(temp_name("0" * 12)).data == b"a"
        place.drop(temp_name("0" * 12))
        with pytest.raises(FileExistsError):
            rename_new(folder, "a", folder, "b")
        rename_new(folder, "a", folder, "c")
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["b", "c"]


def test_a_temp_takes_after_the_note(vault: Path) -> None:
    note = vault / "x.md"
    note.write_bytes(b"x")
    note.chmod(0o640)
    os.utime(note, ns=(1_000_000_000, 2_000_000_000))
    marked = LINUX and mark(note)
    root = VaultRoot(str(vault))
    place = root.place("x.md", "write")
    assert isinstance(place, Place)
    with place:
        place.write_temp(".fm-0123456789ab.tmp", b"new", place.see(), keep_times=True)
    found = (vault / ".fm-0123456789ab.tmp").stat()
    assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o640, 2_000_000_000)
    if marked:
        assert os.getxattr(vault / ".fm-0123456789ab.tmp", "user.tag") == b"red"
    root.close()


def mark(note: Path) -> bool:
    """Tie an attribute to it, where the filesystem keeps such."""
    try:
        os.setxattr(note, "user.tag", b"red")
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "token"),
    [(".fm-0123456789ab.tmp", "0123456789ab"), (".fm-0123456789a.tmp", None), ("fm-0123456789ab.tmp", None),
     (".fm-0123456789AB.tmp", None), (".fm-0123456789ab.tmp.md", None), ("a.md", None)],
)  # fmt: skip
def test_which_names_are_temps(name: str, token: str | None) -> None:
    assert temp_token(name) == token


def test_an_unmounted_vault_is_noticed(vault: Path) -> None:
    root = VaultRoot(str(vault))
    assert root.is_present()
    shutil.move(vault, vault.with_name("away"))
    assert not root.is_present()
    vault.mkdir()
    assert not root.is_present()
    root.close()


def test_the_door_is_asked_before_a_write(vault: Path, door: Door) -> None:
    """A door that only looks refuses; the belt of a test's door stands before what lies outside."""
    root = open_vault(read_only(door), str(vault))
    with pytest.raises(PermissionError):
        root.place("x.md", "write")
    place = root.place("x.md", "read")
    assert isinstance(place, Place)
    place.__exit__(None, None, None)
    root.close()
    outside = open_vault(door, "/usr")
    with pytest.raises(PermissionError):
        outside.place("x.md", "write")
    outside.close()
    inside = open_vault(door, str(vault))
    place = inside.place("x.md", "write")
    assert isinstance(place, Place)
    place.__exit__(None, None, None)
    inside.close()


def test_a_hook_can_afford_it() -> None:
    """What the writing of notes imports beyond the interpreter's own start."""
    code = (
        f"import sys; sys.path.insert(0, {str(REPO)!r}); before = set(sys.modules)\n"
        "import iapeer_memory.egress.barefiles, iapeer_memory.notes.write, iapeer_memory.notes.lease\n"
        "import iapeer_memory.notes.conflict\n"
        "print(*(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "os",
        "re",
        "enum",
        "typing",
        "dataclasses",
        "contextlib",
        "pathlib",
        "ctypes",
        "hashlib",
        "json",
        "_hashlib",
    }
    assert set(ran.stdout.split()) & heavy == set()
