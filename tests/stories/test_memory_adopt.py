"""A vault that is somebody's already: adopted as it is, searchable at once, and not one byte of it changed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from tests.support.bed import Bed, until
from tests.support.core_bed import changed_paths, snapshot
from tests.support.stamped import event
from tests.support.tended import keys

NOTES: dict[str, bytes] = {
    "Inbox.md": b"# Inbox\n\nCall the boatyard about the mooring.\n",
    "Journal/2026-01-02.md": b"A day at the mooring.\r\n\r\n- [ ] varnish\r\n",
    "01_Knowledge/Mooring.md": b"A mooring in canon that nobody has stamped.\n",
    "01_Knowledge/Old.md": b"---\nstatus: outdated\n---\nAn outdated mooring.\n",
    "06_Agent_Memory/alpha/Bare.md": b"A mooring of alpha's.\n",
    "People/Анна.md": "---\naliases: [Аня]\ntags: [людь]\n---\nАнна знает всё о причале.\n".encode(),
    "Broken.md": b"---\ntitle: [unclosed\n---\nA mooring with broken YAML.\n",
    "Latin.md": b"Caf\xe9 by the mooring.\n",
    "Templates/Daily.md": b"{{date}}\n",
    "Board.canvas": b'{"nodes":[]}',
    "Attachments/pier.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    ".obsidian/app.json": b'{"alwaysUpdateLinks": true}',
    ".obsidian/workspace.json": b"{}",
    ".trash/Gone.md": b"A mooring in the trash.\n",
}


def laid(vault: Path) -> None:
    """An Obsidian vault of some years."""
    then = time.time() - 90_000
    for path, data in NOTES.items():
        file = vault / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, (then, then))
    (vault / "Shortcut.md").symlink_to(vault / "Inbox.md")


def health(bed: Bed) -> dict[str, object]:
    """What the daemon says; {} while it does not answer."""
    with (
        contextlib.suppress(OSError, HTTPException),
        urlopen(f"http://127.0.0.1:{bed.port}/health", timeout=10) as told,
    ):
        return dict(json.loads(told.read()))
    return {}


def found(bed: Bed, query: str) -> set[str]:
    rows = bed.ok("search", query, "--limit", "20", "--json").json()["results"]
    return {row["path"] for row in rows}


def hook(bed: Bed, note: Path) -> str:
    """The post-write hook, as a harness calls it in alpha's folder."""
    payload = event("Write", {"file_path": str(note), "content": "x"}, cwd=str(bed.peer("alpha")))
    shim = bed.config_dir / "hooks" / "iapeer-memory.post-write.sh"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(bed.home), "PEER_PERSONALITY": "alpha", "IAPEER_TEST_SANDBOX": "1"}
    done = subprocess.run([str(shim)], input=payload, env=env, cwd=bed.peer("alpha"), capture_output=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_an_obsidian_vault_is_searchable_and_stays_as_it_is_until_its_owner_says(bed: Bed) -> None:
    bed.prepare()
    laid(bed.vault)
    (bed.config_dir / "config.env").unlink()
    bed.env["IAPEER_MEMORY_MCP_PORT"] = str(bed.port)
    bed.peer("alpha").mkdir(parents=True)
    before = snapshot(bed.vault)
    times = {path: os.lstat(path).st_mtime_ns for path in before}

    peer = f"alpha={bed.peer('alpha')}"
    bed.ok("init", "--adopt", "--vault", str(bed.vault), "--human", "Dana", "--peer", peer, "--non-interactive")
    until(lambda: health(bed).get("ready") is True, "the first pass")
    mooring = {path for path, data in NOTES.items() if b"mooring" in data and not path.startswith(".trash")}
    assert found(bed, "mooring") == mooring
    assert found(bed, "причал") == {"People/Анна.md"}
    hook(bed, bed.vault / "01_Knowledge" / "Mooring.md")
    hook(bed, bed.vault / "06_Agent_Memory" / "alpha" / "Bare.md")
    mark = bed.vault / "Journal" / "new.md"
    mark.write_text("A word that is new: sextant.\n")
    until(lambda: found(bed, "sextant") == {"Journal/new.md"}, "the new note is found")
    mark.unlink()
    assert health(bed)["stamping"] is False
    assert changed_paths(before, snapshot(bed.vault)) == set()
    assert {path: os.lstat(path).st_mtime_ns for path in before} == times
    assert sorted(os.listdir(bed.vault)) == sorted({path.partition("/")[0] for path in NOTES} | {"Shortcut.md"})

    bed.ok("config", "set", "STAMPING", "on")
    bed.ok("init", "--non-interactive")
    until(lambda: health(bed).get("stamping") is True and health(bed).get("ready") is True, "stamping is on")
    note = bed.vault / "01_Knowledge" / "Mooring.md"
    note.write_text("A mooring, seen again.\n")
    hook(bed, note)
    assert keys(note.read_text())["last_edited_by"] == "alpha"
    assert (bed.vault / "99_System" / "Tags.md").exists()
    untouched = [path for path in NOTES if path not in ("01_Knowledge/Mooring.md", "01_Knowledge/Old.md")]
    assert {path: (bed.vault / path).read_bytes() for path in untouched} == {path: NOTES[path] for path in untouched}
