"""The store of displaced versions: kept once, private, restored without loss, pruned without losing a newest one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError, Unreadable, UnsafePath
from iapeer_memory.egress.backup import Backup, BackupStore, choose


class Hands:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def store(door: Door, tmp_path: Path, clock: Hands) -> BackupStore:
    return BackupStore(door.files, f"{tmp_path}/b", clock)


def kept(store: BackupStore, path: str, data: bytes, mode: int) -> Backup:
    entry = store.keep(path, data, mode)
    assert entry is not None
    return entry


def test_a_version_is_private_and_kept_once(store: BackupStore, tmp_path: Path, clock: Hands) -> None:
    first = kept(store, "/x", b"one", 0o644)
    clock.time += 1
    assert store.keep("/x", b"one", 0o644) == first
    second = kept(store, "/y", b"one", 0o600)
    assert second.id != first.id and second.sha256 == first.sha256
    assert store.list() == (second, first)
    assert store.list("/x") == (first,)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "b").iterdir()} == {0o600}
    assert len(list((tmp_path / "b").iterdir())) == 2


def test_restore_keeps_what_it_displaces(store: BackupStore, tmp_path: Path, clock: Hands) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    entry = kept(store, str(path), b"old", 0o600)
    path.write_bytes(b"new")
    path.chmod(0o644)
    clock.time += 1
    assert store.restore(store.find(entry.id[:6])) == str(path)
    assert path.read_bytes() == b"old" and path.stat().st_mode & 0o777 == 0o600
    newest = store.list(str(path))[0]
    assert (store.read(newest), newest.mode) == (b"new", 0o644)
    path.unlink()
    store.restore(entry)
    assert path.read_bytes() == b"old"


def test_restore_does_not_go_through_a_new_link(store: BackupStore, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    entry = kept(store, f"{tmp_path}/d/f", b"old", 0o600)
    (tmp_path / "d").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "d").symlink_to("elsewhere")
    with pytest.raises(UnsafePath):
        store.restore(entry)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_damaged_version_is_not_restored(store: BackupStore, tmp_path: Path) -> None:
    entry = kept(store, f"{tmp_path}/f", b"old", 0o600)
    (tmp_path / "b" / entry.sha256).write_bytes(b"0ld")
    with pytest.raises(Unreadable):
        store.restore(entry)
    assert not (tmp_path / "f").exists()


def test_a_torn_index_line_is_passed_over(store: BackupStore, tmp_path: Path) -> None:
    entry = kept(store, "/x", b"one", 0o644)
    index = tmp_path / "b/index.jsonl"
    index.write_bytes(b'{"id": "torn\n' + index.read_bytes() + b'{"id": "x", "sha256": "../../etc"}\n\xff\n[1]\n{"id"')
    assert store.list() == (entry,)


def test_an_id_that_says_too_little_is_refused(store: BackupStore) -> None:
    for name in ("", "zz"):
        with pytest.raises(ProductError):
            store.find(name)


def test_prune_removes_old_versions_and_their_bytes(store: BackupStore, tmp_path: Path, clock: Hands) -> None:
    for n in range(4):
        store.keep("/x", b"version %d" % n, 0o644)
        clock.time += 86400 * 40
    assert store.prune() == 2
    assert [store.read(entry) for entry in store.list("/x")] == [b"version 3", b"version 2"]
    assert len(list((tmp_path / "b").iterdir())) == 3
    clock.time += 86400 * 400
    assert store.prune() == 1
    assert [store.read(entry) for entry in store.list()] == [b"version 3"]
    assert store.prune() == 0


ENTRIES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.floats(0, 200), st.integers(0, 50)), max_size=25
)


@given(ENTRIES, st.floats(0, 200), st.integers(0, 200))
def test_what_stays(raw: list[tuple[str, str, float, int]], max_age: float, max_bytes: int) -> None:
    sizes: dict[str, int] = {}
    entries = []
    for n, (path, digest, age, size) in enumerate(sorted(raw, key=lambda item: item[2])):
        entries.append(Backup(str(n), path, digest, 0, 200 - age, sizes.setdefault(digest, size)))
    kept = choose(entries, 200.0, max_age, max_bytes)
    newest = {
        path: next(entry for entry in entries if entry.path == path) for path in {entry.path for entry in entries}
    }
    assert set(newest.values()) <= set(kept)
    rest = [entry for entry in kept if entry not in newest.values()]
    assert all(200 - entry.time <= max_age for entry in rest)
    if rest:
        assert sum({entry.sha256: entry.size for entry in kept}.values()) <= max_bytes
    assert [entry.id for entry in kept] == sorted((entry.id for entry in kept), key=int)
    assert choose([replace(entry) for entry in kept], 200.0, max_age, max_bytes) == kept
