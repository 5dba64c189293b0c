"""Foreign files: which may be touched, and that no byte of anybody's is lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ChangedUnderneath, FileRefused, Unreadable, UnsafePath
from iapeer_memory.egress.backup import BackupStore
from iapeer_memory.egress.foreign import LIMIT, Policy, edit_foreign, read_foreign, resolve

REPO = Path(__file__).resolve().parents[2]
UID = os.getuid()


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    folder = tmp_path / "peer"
    (folder / ".claude").mkdir(parents=True)
    (folder / ".claude/settings.json").write_bytes(b"old")
    return folder


@pytest.fixture
def store(door: Door, tmp_path: Path) -> BackupStore:
    return BackupStore(door.files, f"{tmp_path}/backups", door.clock)


def inside(folder: Path, *follow: Path) -> Policy:
    return Policy(inside=str(folder), follow=tuple(map(str, follow)), uid=UID)


def to(data: bytes | None) -> Callable[[bytes | None], bytes | None]:
    return lambda _: data


def snapshot(folder: Path) -> dict[str, object]:
    return {
        str(path): path.readlink()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else path.stat().st_mode
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize(
    ("there", "wanted", "change"),
    [(b"old", b"new", "written"), (b"old", b"old", "already"), (b"old", None, "removed"), (None, b"new", "written"),
     (None, None, "absent"), (b"", None, "removed"), (b"old", b"", "written")],
)  # fmt: skip
def test_what_an_edit_says(
    door: Door, peer: Path, store: BackupStore, there: bytes | None, wanted: bytes | None, change: str
) -> None:
    path = peer / ".claude/settings.json"
    path.unlink()
    if there is not None:
        path.write_bytes(there)
        path.chmod(0o640)
    got = edit_foreign(door, str(path), to(wanted), policy=inside(peer), backups=store, mode=0o600)
    assert got == change
    assert (path.read_bytes() if path.exists() else None) == wanted
    if wanted is not None:
        assert path.stat().st_mode & 0o777 == (0o600 if there is None else 0o640)
    kept = [store.read(entry) for entry in store.list(str(path))]
    assert kept == ([there] if there is not None and change in ("written", "removed") else [])


def test_no_drift_no_write(door: Door, peer: Path, store: BackupStore) -> None:
    path = peer / ".claude/settings.json"
    before = path.stat()
    assert edit_foreign(door, str(path), lambda old: old, policy=inside(peer), backups=store) == "already"
    assert path.stat() == before
    assert not (peer.parent / "backups").exists()


def test_an_edit_that_raises_changes_nothing(door: Door, peer: Path, store: BackupStore) -> None:
    before = snapshot(peer)

    def refuse(_: bytes | None) -> bytes:
        raise FileRefused("x", "not like this")

    with pytest.raises(FileRefused):
        edit_foreign(door, f"{peer}/.claude/settings.json", refuse, policy=inside(peer), backups=store)
    assert snapshot(peer) == before


def hostile(peer: Path, kind: str) -> None:
    """Make `.claude/settings.json` of a peer something that must not be followed."""
    path = peer / ".claude/settings.json"
    outside = peer.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    path.unlink()
    if kind == "link out":
        path.symlink_to("../../outside/secret")
    elif kind == "absolute link out":
        path.symlink_to(outside / "secret")
    elif kind == "chain out":
        (peer / "hop").symlink_to(outside / "secret")
        path.symlink_to("../hop")
    elif kind == "folder link out":
        path.parent.rmdir()
        path.parent.symlink_to(outside)
        (outside / "settings.json").write_bytes(b"theirs")
    elif kind == "folder link to a sibling with our name as a prefix":
        (peer.parent / "peer-two").mkdir()
        path.parent.rmdir()
        path.parent.symlink_to("../peer-two")
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "dangling folder":
        path.parent.rmdir()
        path.parent.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to("settings.json")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    elif kind == "file for a folder":
        path.parent.rmdir()
        path.parent.write_bytes(b"")
    elif kind == "hard link":
        os.link(outside / "secret", path)
    elif kind == "other owner":
        path.write_bytes(b"theirs")
        os.chown(path, 54321, 54321)
    elif kind == "folder of another":
        path.write_bytes(b"old")
        os.chown(path.parent, 54321, 54321)
    else:
        path.write_bytes(b"x" * (LIMIT + 1))


@pytest.mark.parametrize(
    "kind",
    [
        "link out", "absolute link out", "chain out", "folder link out", "dangling", "dangling folder", "loop", "fifo",
        "socket", "folder", "file for a folder", "hard link", "other owner", "folder of another", "too large",
        "folder link to a sibling with our name as a prefix",
    ],
)  # fmt: skip
def test_hostile_ground_is_refused_and_left_as_it_is(door: Door, peer: Path, store: BackupStore, kind: str) -> None:
    if "other" in kind and UID != 0:
        pytest.skip("only root may give files away")
    hostile(peer, kind)
    before = snapshot(peer.parent)
    path = f"{peer}/.claude/settings.json"
    with pytest.raises((UnsafePath, Unreadable)):
        read_foreign(door.files, path, inside(peer))
    with pytest.raises((UnsafePath, Unreadable)):
        edit_foreign(door, path, to(b"ours"), policy=inside(peer), backups=store)
    assert snapshot(peer.parent) == before


@pytest.mark.parametrize(
    "path", ["{peer}/../outside/x", "{peer}", "relative", "{peer}/a//b", "{peer}-two/x", "{peer}/\0"]
)
def test_a_path_that_is_not_below_the_folder_is_refused(door: Door, peer: Path, path: str) -> None:
    with pytest.raises(UnsafePath):
        resolve(door.files, path.format(peer=peer), inside(peer))


def test_a_named_place_is_followed_and_the_link_stays(door: Door, peer: Path, store: BackupStore) -> None:
    hostile(peer, "link out")
    path = peer / ".claude/settings.json"
    secret = peer.parent / "outside/secret"
    for policy in (inside(peer, secret), inside(peer, secret.parent)):
        secret.write_bytes(b"secret")
        assert edit_foreign(door, str(path), to(b"new"), policy=policy, backups=store) == "written"
        assert path.is_symlink() and secret.read_bytes() == b"new"
    assert {entry.path for entry in store.list()} == {str(secret)}


def test_a_link_that_stays_inside_is_followed(door: Door, peer: Path) -> None:
    (peer / "shared").mkdir()
    (peer / ".claude/settings.json").rename(peer / "shared/s.json")
    (peer / ".claude").rmdir()
    (peer / ".claude").symlink_to("shared")
    (peer / "shared/settings.json").symlink_to("s.json")
    assert resolve(door.files, f"{peer}/.claude/settings.json", inside(peer)) == f"{peer}/shared/s.json"
    edit_foreign(door, f"{peer}/.claude/settings.json", to(b"new"), policy=inside(peer), backups=None)
    assert (peer / "shared/s.json").read_bytes() == b"new"
    assert (peer / "shared/settings.json").is_symlink()


def test_a_peer_folder_reached_through_a_link_of_the_user(door: Door, peer: Path) -> None:
    (peer.parent / "alias").symlink_to(peer)
    alias = peer.parent / "alias"
    assert read_foreign(door.files, f"{alias}/.claude/settings.json", inside(alias)) == b"old"
    (peer / ".codex").symlink_to(".claude")
    assert read_foreign(door.files, f"{alias}/.codex/settings.json", inside(alias)) == b"old"


def test_user_level_links_lead_to_files_of_ours(door: Door, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target = tmp_path / "dotfiles/config.toml"
    target.write_bytes(b"old")
    link = tmp_path / "config.toml"
    link.symlink_to(target)
    policy = Policy(inside=None, uid=UID)
    assert edit_foreign(door, str(link), to(b"new"), policy=policy, backups=None) == "written"
    assert link.is_symlink() and target.read_bytes() == b"new"
    target.unlink()
    with pytest.raises(UnsafePath):
        edit_foreign(door, str(link), to(b"new"), policy=policy, backups=None)


@pytest.mark.skipif(UID != 0, reason="only root may give files away")
def test_user_level_links_to_somebody_elses_file_are_refused(door: Door, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"x")
    os.chown(tmp_path / "theirs", 54321, 54321)
    (tmp_path / "link").symlink_to("theirs")
    with pytest.raises(UnsafePath):
        read_foreign(door.files, f"{tmp_path}/link", Policy(inside=None, uid=UID))


def test_a_write_in_between_is_seen_and_edited_again(door: Door, peer: Path, store: BackupStore) -> None:
    path = peer / ".claude/settings.json"
    seen: list[bytes | None] = []

    def edit(old: bytes | None) -> bytes:
        seen.append(old)
        if len(seen) == 1:
            path.write_bytes(b"theirs")
        return (old or b"") + b"+ours"

    assert edit_foreign(door, str(path), edit, policy=inside(peer), backups=store) == "written"
    assert seen == [b"old", b"theirs"]
    assert path.read_bytes() == b"theirs+ours"
    assert store.read(store.list()[0]) == b"theirs"


@pytest.mark.parametrize("how", ["same bytes, new file", "touched", "removed", "became a link"])
def test_every_change_in_between_counts(door: Door, peer: Path, how: str) -> None:
    path = peer / ".claude/settings.json"
    runs: list[bytes | None] = []

    def edit(old: bytes | None) -> bytes:
        runs.append(old)
        if len(runs) == 1:
            if how == "touched":
                os.utime(path, (1, 1))
            elif how == "removed":
                path.unlink()
            elif how == "became a link":
                path.rename(peer / "moved")
                path.symlink_to("../moved")
            else:
                (peer / "n").write_bytes(b"old")
                (peer / "n").rename(path)
        return b"new"

    edit_foreign(door, str(path), edit, policy=inside(peer), backups=None)
    assert len(runs) == 2
    assert path.read_bytes() == b"new"


def test_a_writer_that_never_rests_wins(door: Door, peer: Path) -> None:
    path = peer / ".claude/settings.json"
    count = iter(range(100))

    def edit(old: bytes | None) -> bytes:
        path.write_bytes(b"theirs %d" % next(count))
        return b"ours"

    with pytest.raises(ChangedUnderneath):
        edit_foreign(door, str(path), edit, policy=inside(peer), backups=None)
    assert path.read_bytes() == b"theirs 3"
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["settings.json"]


def test_a_busy_foreign_writer_loses_next_to_nothing(door: Door, tmp_path: Path) -> None:
    """A writer without locks appends numbers by atomic rename while we edit; ours land, few of its are lost."""
    path = tmp_path / "shared"
    path.write_bytes(b"")
    code = """
import os, sys
path, lost = sys.argv[1], 0
for n in range(400):
    line = b"t%d\\n" % n
    with open(path, "rb") as file: old = file.read()
    with open(path + ".t", "wb") as file: file.write(old + line)
    os.rename(path + ".t", path)
"""
    child = subprocess.Popen([sys.executable, "-c", code, str(path)])
    ours = 0
    while child.poll() is None:
        line = b"o%d\n" % ours

        def add(old: bytes | None, line: bytes = line) -> bytes:
            return (old or b"") + line

        try:
            edit_foreign(door, str(path), add, policy=inside(tmp_path), backups=None)
        except ChangedUnderneath:
            continue
        ours += 1
    text = path.read_bytes()
    kept = sum(1 for n in range(400) if b"t%d\n" % n in text)
    assert ours > 0
    assert kept >= 200, f"{400 - kept} of the other writer's 400 lines were lost"


def test_the_plain_path_needs_few_looks(door: Door, peer: Path) -> None:
    """A settled fleet is read with two looks and one read a file; more would show in every verify."""
    looks: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            looks.append(name)
            return getattr(door.files, name)

    counting = replace(door, files=Counting())  # type: ignore[arg-type]
    read_foreign(counting.files, f"{peer}/.claude/settings.json", inside(peer))
    assert looks == ["lstat", "lstat", "read_optional"]
