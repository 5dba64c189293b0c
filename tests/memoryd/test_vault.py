"""What memoryd does when the vault changes, goes, comes back, or is hard to read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.daemon import start, write


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    write(tmp_path / "vault", "01_Knowledge/Fox.md", "A red fox.\n")
    return tmp_path / "vault"


def test_a_note_is_found_when_it_is_written_changed_moved_and_gone(tmp_path: Path, vault: Path) -> None:
    with start(tmp_path / "h", vault) as daemon:
        daemon.wait(lambda h: bool(h["watch"]))
        note = write(vault, "01_Knowledge/new/deep/Bear.md", "A brown bear.")
        daemon.until(lambda: daemon.titles("brown") == ["Bear"])
        note.write_text("A polar bear.")
        daemon.until(lambda: daemon.titles("polar") == ["Bear"] and daemon.titles("brown") == [])
        os.rename(vault / "01_Knowledge" / "new", vault / "01_Knowledge" / "v1.2")
        path = "01_Knowledge/v1.2/deep/Bear.md"
        daemon.until(lambda: [r["path"] for r in daemon.search("polar")["results"]] == [path])
        shutil.rmtree(vault / "01_Knowledge" / "v1.2")
        daemon.until(lambda: daemon.titles("polar") == [])
        assert daemon.titles("fox") == ["Fox"]


def test_hidden_and_system_notes_are_never_found(tmp_path: Path, vault: Path) -> None:
    for path in (".obsidian/a.md", ".trash/b.md", "99_System/c.md"):
        write(vault, path, "secret zebra")
    with start(tmp_path / "h", vault) as daemon:
        write(vault, ".trash/d.md", "secret zebra")
        write(vault, "99_System/e.md", "secret zebra")
        write(vault, "01_Knowledge/last.md", "public zebra")
        daemon.until(lambda: daemon.titles("zebra") == ["last"])
        assert daemon.titles("secret zebra") == ["last"] and daemon.titles("secret") == []


def test_a_vault_that_goes_and_comes_back(tmp_path: Path, vault: Path) -> None:
    away = tmp_path / "away"
    with start(tmp_path / "h", vault) as daemon:
        daemon.wait(lambda h: bool(h["watch"]))
        os.rename(vault, away)
        daemon.wait(lambda h: bool(h["away"]) and not h["watch"])
        assert "watch=off" in (daemon.state / "memoryd.heartbeat").read_text()
        assert daemon.titles("fox") == ["Fox"]
        write(away, "01_Knowledge/Bear.md", "A brown bear.")
        os.rename(away, vault)
        daemon.wait(lambda h: not h["away"] and bool(h["watch"]) and h["notes"] == 2)
        write(vault, "01_Knowledge/Wolf.md", "A grey wolf.")
        daemon.until(lambda: daemon.titles("wolf") == ["Wolf"])


def test_a_vault_that_is_emptied_at_once_is_not_believed(tmp_path: Path, vault: Path) -> None:
    for n in range(30):
        write(vault, f"01_Knowledge/{n}.md", f"bear {n}")
    with start(tmp_path / "h", vault) as daemon:
        shutil.rmtree(vault / "01_Knowledge")
        daemon.wait(lambda h: h["held"] == 31)
        assert daemon.health()["notes"] == 31
    with start(tmp_path / "h", vault, settings={"ALLOW_MASS_DELETE": "1"}) as daemon:
        daemon.wait(lambda h: h["notes"] == 0)


def test_hard_notes_stop_nothing(tmp_path: Path, vault: Path) -> None:
    write(vault, "a\nb.md", "strange elk")
    write(vault, "e\u0301.md", "decomposed elk")
    write(vault, "é.md", "composed elk")
    (vault / "nul.md").write_bytes(b"---\ntitle: Nul\n---\nbroken\0 elk \xff\xfe")
    (vault / "crlf.md").write_bytes("\ufeff---\r\ntitle: Windows\r\nstatus: current\r\n---\r\nelk\r\n".encode())
    (vault / "big.md").write_bytes(b"lorem ipsum dolor sit amet\n\n" * 380_000 + b"huge elk")
    (vault / "merge.md").write_text("---\n<<<<<<< HEAD\ntitle: a\n=======\ntitle: b\n>>>>>>> x\n---\nmerged elk")
    os.mkfifo(vault / "pipe.md")
    (vault / "loop.md").symlink_to(vault / "loop.md")
    with start(tmp_path / "h", vault, settings={"MAX_RESULTS": "20"}) as daemon:
        found = {item["path"]: item["title"] for item in daemon.search("elk")["results"]}
        assert found == {
            "a\nb.md": "a b", "e\u0301.md": "e\u0301", "é.md": "é", "nul.md": "Nul", "crlf.md": "Windows",
            "big.md": "big", "merge.md": "a",
        }  # fmt: skip


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_an_unreadable_note_is_named(tmp_path: Path, vault: Path) -> None:
    write(vault, "closed.md", "elk").chmod(0)
    with start(tmp_path / "h", vault) as daemon:
        assert daemon.health()["unreadable"] == 1
        daemon.said("not indexed: closed.md")


def test_a_damaged_index_is_rebuilt_while_it_runs(tmp_path: Path, vault: Path) -> None:
    for n in range(300):
        write(vault, f"01_Knowledge/{n}.md", f"bear {n} " * 50)
    with start(tmp_path / "h", vault) as daemon:
        for path in (daemon.index, daemon.index.with_name("index.db-wal")):
            with path.open("r+b") as file:
                size = path.stat().st_size
                file.write(os.urandom(size))
        write(vault, "01_Knowledge/after.md", "moose")
        daemon.until(lambda: not (r := daemon.call({"query": "moose"})).get("isError") and "after" in str(r))
        daemon.wait(lambda h: h["notes"] == 302)
        assert daemon.titles("moose") == ["after"] and len(daemon.titles("bear")) == 6


def test_a_russian_vault(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    write(vault, "01_Знания/Лиса.md", "---\nstatus: актуально\n---\nРыжая лиса бежит по лесу.\n")
    write(vault, "07_Архив/Старое.md", "Рыжая лиса спит.\n")
    write(vault, "99_Система/Теги.md", "Рыжая лиса.\n")
    with start(tmp_path / "h", vault, settings={"LOCALE": "ru"}) as daemon:
        assert daemon.titles("рыжую лису") == ["Лиса", "Старое"]
