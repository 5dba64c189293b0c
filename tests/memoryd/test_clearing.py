"""What notes no longer say leaves the index's file by itself, when nothing else is to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from iapeer_memory.index.sqlite.tidying import WORTH
from tests.support.daemon import Running, start, write

SECRET = "zyxwvutsrq"


def left(daemon: Running) -> bool:
    """Whether dropped words still wait in the file, or its journal."""
    with closing(sqlite3.connect(daemon.index)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        waits = connection.execute("SELECT 1 FROM facts WHERE name IN ('dropped', 'merging')").fetchone()
    files = (daemon.index, daemon.index.with_name("index.db-wal"))
    return bool(waits) or any(SECRET.encode() in file.read_bytes() for file in files)


def test_words_that_are_gone_leave_the_file(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    for number in range(WORTH + 50):
        write(vault, f"01_Knowledge/{number}.md", f"badger {SECRET}{number}")
    with start(tmp_path / "h", vault) as daemon:
        for number in range(WORTH + 50):
            write(vault, f"01_Knowledge/{number}.md", f"badger mole{number}")
        daemon.until(lambda: daemon.titles(f"mole{WORTH}") == [str(WORTH)])
        daemon.until(lambda: not left(daemon))
        assert daemon.titles("mole7")[0] == "7"
