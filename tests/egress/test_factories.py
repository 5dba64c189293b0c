"""Databases, watching, signals, templates and the build: what libraries and texts get from the door."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from iapeer_memory import __version__
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import UnsafePath
from iapeer_memory.egress.build import running_build
from iapeer_memory.egress.database import open_database, remove_database
from iapeer_memory.egress.signals import on_stop
from iapeer_memory.egress.templates import template, template_names
from iapeer_memory.egress.watch import changes


def test_a_database_is_private_with_all_its_files(door: Door, tmp_path: Path) -> None:
    os.umask(os.umask(0o022))
    path = f"{tmp_path}/cache/index.db"
    base = open_database(door.files, path)
    base.execute("pragma journal_mode=wal")
    base.execute("create table t (x)")
    base.execute("insert into t values (1)")
    base.commit()
    modes = {name: (tmp_path / "cache" / name).stat().st_mode & 0o777 for name in os.listdir(tmp_path / "cache")}
    assert modes == {"index.db": 0o600, "index.db-wal": 0o600, "index.db-shm": 0o600}
    reader = open_database(door.files, path, mode="ro")
    assert reader.execute("select x from t").fetchall() == [(1,)]
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("insert into t values (2)")
    reader.close()
    base.close()
    remove_database(door.files, path)
    assert not os.listdir(tmp_path / "cache")


def test_a_database_with_a_loose_mode_is_closed_and_a_link_refused(door: Door, tmp_path: Path) -> None:
    loose = tmp_path / "loose.db"
    loose.write_bytes(b"")
    loose.chmod(0o644)
    open_database(door.files, str(loose)).close()
    assert loose.stat().st_mode & 0o777 == 0o600
    (tmp_path / "link.db").symlink_to("loose.db")
    with pytest.raises(UnsafePath):
        open_database(door.files, f"{tmp_path}/link.db")
    with pytest.raises(sqlite3.OperationalError):
        open_database(door.files, f"{tmp_path}/no.db", mode="ro")


def test_a_path_with_odd_letters_is_the_path(door: Door, tmp_path: Path) -> None:
    path = f"{tmp_path}/a b?c#d%20/ü.db"
    open_database(door.files, path).close()
    assert os.path.exists(path)


@pytest.mark.parametrize("poll", [False, True])
def test_changes_are_told_with_their_kind(tmp_path: Path, poll: bool) -> None:
    async def story() -> set[tuple[str, str]]:
        stop = asyncio.Event()
        seen: set[tuple[str, str]] = set()
        (tmp_path / "old.md").write_text("x")

        async def watch() -> None:
            async for batch in changes(
                (str(tmp_path),), stop=stop, quiet=0.05, wanted=lambda path: path.endswith(".md"), poll=poll
            ):
                seen.update((kind, os.path.basename(path)) for kind, path in batch)
                if {name for _, name in seen} == {"old.md", "new.md"}:
                    stop.set()

        async def write() -> None:
            while not stop.is_set():
                (tmp_path / "new.md").write_text("x")
                (tmp_path / "other.txt").write_text("x")
                (tmp_path / "old.md").unlink(missing_ok=True)
                await asyncio.sleep(0.2)

        await asyncio.wait_for(asyncio.gather(watch(), write()), 30)
        return seen

    seen = asyncio.run(story())
    assert ("deleted", "old.md") in seen
    assert {name for _, name in seen} == {"old.md", "new.md"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stopping_signal_becomes_a_call(number: signal.Signals) -> None:
    async def story() -> None:
        stopped = asyncio.Event()
        with on_stop(asyncio.get_running_loop(), stopped.set):
            os.kill(os.getpid(), number)
            await asyncio.wait_for(stopped.wait(), 10)

    assert threading.current_thread() is threading.main_thread()
    asyncio.run(story())


def test_templates_are_read_by_name_and_never_from_elsewhere() -> None:
    names = template_names()
    for name in names:
        assert isinstance(template(name), str)
    for bad in ("../pyproject.toml", "/etc/passwd", "", "a//b", "hooks/../../x", "\0"):
        with pytest.raises(ValueError, match="not a template name"):
            template(bad)
    with pytest.raises(FileNotFoundError):
        template("no-such-template")


@pytest.mark.parametrize(
    ("record", "build"),
    [
        (json.dumps({"build": "abc123"}), "abc123"),
        ("{}", f"dev-{__version__}"),
        ("garbage", f"dev-{__version__}"),
        ('{"build": 3}', f"dev-{__version__}"),
        (None, f"dev-{__version__}"),
    ],
)
def test_which_build_runs(door: Door, tmp_path: Path, record: str | None, build: str) -> None:
    if record is not None:
        (tmp_path / "runtime.json").write_text(record)
    assert running_build(door.files, str(tmp_path)) == build
