"""The index that somebody tampered with, and the vault that changed unseen: `verify` says it, `--repair` mends it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

from tests.support.bed import Bed, until

LONG_AGO = time.time() - 3600


def settled(bed: Bed, words: str) -> None:
    """Wait until a note is found, make everything look old, and wait until memoryd has looked at that, too."""
    until(lambda: words in bed.run("search", words).out, f"{words} is found")
    aside = bed.vault / "98_Aside"
    aside.mkdir()
    age(bed)
    (aside / "Last.md").write_text("A pangolin.\n")
    until(lambda: "pangolin" in bed.run("search", "pangolin").out, "the last note is found")


def age(bed: Bed) -> None:
    for folder, _, names in os.walk(bed.vault):
        for path in (folder, *(f"{folder}/{name}" for name in names)):
            os.utime(path, (LONG_AGO, LONG_AGO))


def tamper(bed: Bed, statement: str) -> None:
    connection = sqlite3.connect(bed.root / "cache/iapeer-memory/index.db")
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_tampered_index_is_found_and_mended(bed: Bed) -> None:
    bed.init("alpha")
    for number in range(12):
        (bed.vault / "01_Knowledge" / f"Fact {number}.md").write_text(f"The badger number{number} digs.\n")
    settled(bed, "number11")
    assert bed.findings()["index"]["status"] == "ok"

    tamper(bed, "UPDATE texts SET text = 'A mole.' WHERE text LIKE '%number3 %'")
    tamper(bed, "DELETE FROM notes WHERE path LIKE '%Fact 4.md'")
    ran = bed.run("verify")
    assert ran.code == 1 and "1 missing: 01_Knowledge/Fact 4.md" in ran.out
    healed = bed.findings("--repair")["index"]
    assert (healed["status"], healed["detail"].split(";")[0]) == ("repaired", "memoryd looked at every note anew")
    assert bed.run("verify").code == 0
    assert "number3" in bed.ok("search", "number3").out and "Fact 4" in bed.ok("search", "number4").out

    # The same with memoryd gone: it is started first, and then asked.
    bed.end()
    tamper(bed, "UPDATE texts SET text = 'A mole.' WHERE text LIKE '%number5 %'")
    found = bed.findings("--deep")["index"]
    assert found["detail"] == "1 altered: 01_Knowledge/Fact 5.md; memoryd is down"
    healed = bed.findings("--repair")
    assert (healed["memoryd-heartbeat"]["status"], healed["index"]["status"]) == ("repaired", "repaired")
    assert "number5" in bed.ok("search", "number5").out


def test_deletions_that_are_held_back_go_when_the_owner_says_so(bed: Bed) -> None:
    bed.init("alpha")
    for number in range(30):
        (bed.vault / "01_Knowledge" / f"Fact {number}.md").write_text(f"The badger number{number} digs.\n")
    settled(bed, "number29")
    shutil.move(bed.vault / "01_Knowledge", bed.home / "elsewhere")
    until(lambda: "vanished" in "".join(path.read_text() for path in log_files(bed)), "the fuse holds")
    age(bed)
    found = bed.findings()["index"]
    assert (found["status"], found["detail"].split(":")[0]) == ("warn", "30 notes vanished at once and are kept")
    assert bed.run("verify").code == 0 and bed.run("verify", "--strict").code == 1
    assert bed.findings("--repair")["index"]["status"] == "warn"
    assert found["remedy"].endswith("config set ALLOW_MASS_DELETE 1, then: iapeer-memory verify --repair")

    bed.ok("config", "set", "ALLOW_MASS_DELETE", "1")
    assert bed.findings("--repair")["index"]["status"] in ("ok", "repaired")  # memoryd may have been quicker
    assert "Fact" not in bed.run("search", "badger").out
    assert bed.findings()["index"]["status"] == "ok"


def log_files(bed: Bed) -> list[Path]:
    return sorted((bed.root / "logs").rglob("*memoryd*"))
