"""A full disk and closed files under a running daemon: no note is lost or half written, and what is wrong is said."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Running, environment, launch, start
from tests.support.scarce import bound, small_disk
from tests.support.stamped import ALPHA, TAGGED, event, keys, make_stamped
from tests.support.tended import World, agents

CALLER = {"X-IAPeer-Identity": "alpha"}
CACHE, STATE, LOGS = (f".iapeer/{kind}/iapeer-memory" for kind in ("cache", "state", "logs"))


def tree(vault: Path) -> dict[str, bytes]:
    """Every file of a vault."""
    return {str(path.relative_to(vault)): path.read_bytes() for path in vault.rglob("*") if path.is_file()}


def well(daemon: Running) -> None:
    """It lives, and nothing has come to it unexpectedly."""
    assert daemon.process.poll() is None, daemon.lines[-8:]
    assert not [line for line in daemon.lines if "Traceback" in line or "a part of memoryd ended" in line]


def write(daemon: Running, **given: Any) -> str:
    """What `memory_write` answers, "" when all is well."""
    told = daemon.call(given, "memory_write", **CALLER)
    return str(told["content"][0]["text"]) if told.get("isError") else ""


@pytest.mark.parametrize(("place", "said"), [(CACHE, "a pass failed"), (STATE, "could not be kept"), (LOGS, "")])
def test_a_disk_that_is_full_during_a_pass(tmp_path: Path, place: str, said: str) -> None:
    """ENOSPC where the index, the history or the logs lie; everything goes on by itself once there is room."""
    world = World(tmp_path)
    world.put("05_Lists/Before.md", "A badger.\n")
    with small_disk(world.home / place, 4_000) as disk, world.daemon() as daemon:
        assert daemon.titles("badger") == ["Before"]
        disk.fill()
        texts = {f"05_Lists/{n}.md": f"Otter number{n}, {os.urandom(3_000).hex()}.\n" for n in range(12)}
        for path, text in texts.items():
            world.put(path, text)
        if said:
            line = daemon.said(said)
            assert ("disk" in line or "space" in line) and "None" not in line, line
        else:
            daemon.until(lambda: len(daemon.titles("otter")) > 0)
        well(daemon)
        assert daemon.titles("badger") == ["Before"], "what was indexed is found meanwhile"
        assert tree(world.vault) == {path: text.encode() for path, text in texts.items()} | {
            "05_Lists/Before.md": b"A badger.\n"
        }

        disk.free()
        daemon.until(lambda: all(daemon.titles(f"number{n}")[:1] == [str(n)] for n in range(12)))
        world.put("05_Lists/After.md", "A stoat.\n")
        daemon.until(lambda: daemon.titles("stoat") == ["After"])
        daemon.until(lambda: b"A stoat.\n" in world.kept())
        daemon.wait(lambda health: health["trouble"] is None)
        well(daemon)
        assert daemon.stop() == 0
    assert world.read("05_Lists/Before.md") == "A badger.\n"


@pytest.mark.parametrize("place", [CACHE, STATE])
def test_a_start_on_a_full_disk_is_one_line_that_names_it(tmp_path: Path, place: str) -> None:
    world = World(tmp_path)
    with small_disk(world.home / place, 4_000) as disk:
        disk.fill()
        with launch(environment(world.home, world.vault)) as daemon:
            line = daemon.said("memoryd does not start")
            assert daemon.process.wait(30) == 1
            assert "space" in line and str(world.home / place) in line, line
            assert daemon.lines == [line]
        disk.free()
        with world.daemon() as daemon:
            well(daemon)


def test_a_full_disk_of_logs_stops_no_start(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("05_Lists/Before.md", "A badger.\n")
    with small_disk(world.home / LOGS, 200) as disk:
        disk.fill()
        with world.daemon() as daemon:
            assert daemon.titles("badger") == ["Before"]
            well(daemon)


def test_a_vault_without_room_is_searched_and_keeps_its_notes(tmp_path: Path) -> None:
    """ENOSPC in the vault: neither memoryd's own stamps nor the tool that writes leave half a note."""
    world = World(tmp_path)
    world.vault.rmdir()
    with small_disk(world.vault, 400) as disk:
        now = world.now()
        text = agents("alpha", now - 10, f"A badger. {os.urandom(6_000).hex()}")
        note = world.vault / "01_Knowledge/Badger.md"
        note.parent.mkdir()
        note.write_text(text)
        edited = text.replace("A badger", "Two badgers")
        with world.daemon() as daemon:
            disk.fill()
            with note.open("r+b") as file:  # an edit around the hook, in the room that the note has
                file.write(edited.encode()[: len(text)])
            os.utime(note, (now - 2, now - 2))
            shown = note.read_bytes()
            assert "space" in write(daemon, title="Otter", text="An otter.", folder="knowledge", tags=["boats"])
            assert "space" in write(daemon, mode="append", path="01_Knowledge/Badger.md", text="x" * 20_000)
            daemon.until(lambda: daemon.titles("badgers") == ["Badger"])
            well(daemon)
            assert tree(world.vault).keys() == {"01_Knowledge/Badger.md", "filler"}
            assert note.read_bytes() == shown

            disk.free()
            assert write(daemon, title="Otter", text="An otter.", folder="knowledge", tags=["boats"]) == ""
            daemon.until(lambda: daemon.titles("otter") == ["Otter"])
            daemon.until(lambda: keys(note)["last_edited_by"] == "unstamped")
            assert "Two badgers" in note.read_text()
            well(daemon)


def test_a_hook_in_a_vault_without_room_leaves_the_note(tmp_path: Path) -> None:
    """ENOSPC during a stamp: one line in the log, and the next write is stamped."""
    stamped = make_stamped(tmp_path)
    vault = stamped.host.vault
    (vault / "99_System/Tags.md").unlink()
    (vault / "99_System").rmdir()
    vault.rmdir()
    with small_disk(vault, 400) as disk:
        note = stamped.put("01_Knowledge/Badger.md", f"{TAGGED}A badger. {os.urandom(6_000).hex()}\n")
        shown = note.read_bytes()
        disk.fill()
        assert stamped.call(event("Write", {"file_path": str(note)}), env=ALPHA) == []
        assert tree(vault).keys() == {"01_Knowledge/Badger.md", "filler"}
        assert note.read_bytes() == shown
        assert len(stamped.log()) == 1 and "space" in stamped.log()[0]
        disk.free()
        assert stamped.wrote(note) == []
        assert keys(note)["last_edited_by"] == "alpha"
        assert note.read_bytes().endswith(shown[len(TAGGED) :])


def closed(world: World, daemon: Running, path: str, mode: int, mend: int, check: Callable[[], None]) -> None:
    """Take the permission bits of a place away, look, and give them back."""
    place = world.vault / path
    place.chmod(mode)
    try:
        check()
    finally:
        place.chmod(mend)
    well(daemon)


def test_what_may_not_be_read_or_written_is_named_and_stays(tmp_path: Path) -> None:
    """EACCES: on a note, on a folder, on a vault; what was indexed stays found, and nothing counts as gone."""
    world = World(tmp_path)
    for name in ("Badger", "Otter"):
        world.put(f"01_Knowledge/{name}.md", agents("alpha", world.now() - 5000, f"One {name.lower()}."))
    with start(world.home, world.vault, settings=world.settings, under=bound(), poll=0.3, chores=0.2) as daemon:
        daemon.wait(lambda health: bool(health["watch"]))

        def unread() -> None:
            daemon.request("POST", "/rescan")
            daemon.wait(lambda health: health["unreadable"] == 1)
            assert "permission denied" in daemon.said("not indexed: 01_Knowledge/Badger.md").lower()
            assert daemon.titles("badger") == ["Badger"]

        def unlisted() -> None:
            rescans = daemon.health()["rescans"]
            daemon.request("POST", "/rescan")
            daemon.wait(lambda health: health["rescans"] > rescans)
            assert "cannot be listed" in daemon.said("not indexed: 01_Knowledge: ")
            assert (daemon.titles("badger"), daemon.titles("otter")) == (["Badger"], ["Otter"])

        def unwritten() -> None:
            before = tree(world.vault)
            assert "permission denied" in write(
                daemon, title="Stoat", text="A stoat.", folder="knowledge", tags=["boats"]
            )
            assert "permission denied" in write(daemon, mode="append", path="01_Knowledge/Otter.md", text="More.")
            assert tree(world.vault) == before

        closed(world, daemon, "01_Knowledge/Badger.md", 0o000, 0o644, unread)
        closed(world, daemon, "01_Knowledge", 0o000, 0o755, unlisted)
        closed(world, daemon, "01_Knowledge", 0o555, 0o755, unwritten)
        daemon.request("POST", "/rescan")
        daemon.wait(lambda health: health["unreadable"] == 0 and health["notes"] == 2)
        assert write(daemon, title="Stoat", text="A stoat.", folder="knowledge", tags=["boats"]) == ""
        daemon.until(lambda: daemon.titles("stoat") == ["Stoat"])
    assert [path for path in tree(world.vault) if path.endswith(".tmp")] == []


def test_a_history_that_may_not_be_written_stops_a_stamp_and_nothing_else(tmp_path: Path) -> None:
    """What cannot be kept must not be displaced; it is stamped as soon as it can be kept."""
    world = World(tmp_path)
    note = world.put("01_Knowledge/Badger.md", agents("alpha", world.now() - 10, "One badger."))
    with start(world.home, world.vault, settings=world.settings, under=bound(), chores=0.2) as daemon:
        daemon.wait(lambda health: bool(health["watch"]))
        daemon.until(lambda: world.kept())
        history = world.state / "history"
        folders = [folder for folder in (history, *history.rglob("*")) if folder.is_dir()]
        for folder in folders:
            folder.chmod(0o500)
        files = list(history.rglob("*.log"))
        for file in files:
            file.chmod(0o400)
        world.put("01_Knowledge/Badger.md", world.read("01_Knowledge/Badger.md").replace("One", "Two"))
        daemon.until(lambda: daemon.titles("two") == ["Badger"])
        assert "permission denied" in write(daemon, mode="append", path="01_Knowledge/Badger.md", text="More.")
        assert "Two badger" in note.read_text() and keys(note)["last_edited_by"] == "alpha"
        well(daemon)
        for place in (*folders, *files):
            place.chmod(0o700)
        assert write(daemon, mode="append", path="01_Knowledge/Badger.md", text="More.") == ""
        assert "Two badger" in note.read_text() and "More." in note.read_text()
        well(daemon)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")
def test_a_limit_on_files_is_a_full_disk(tmp_path: Path) -> None:
    """EFBIG, as a quota or a limit of the service gives it; lifted while the daemon runs."""
    world = World(tmp_path)
    world.put("05_Lists/Before.md", "A badger.\n")
    with world.daemon() as daemon:
        kept = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (8_192, kept[1]))
        world.put("05_Lists/Large.md", f"An otter, {os.urandom(40_000).hex()}.\n")
        daemon.said("a pass failed")
        assert daemon.titles("badger") == ["Before"]
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, kept)
        daemon.until(lambda: daemon.titles("otter") == ["Large"])
        well(daemon)
        assert daemon.stop() == 0
