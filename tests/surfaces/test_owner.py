"""A surface that its owner took out twice is asked about, not fought; the ledger that remembers it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import Malformed
from iapeer_memory.surfaces import ledger
from tests.support.surfaces import Bench, actions

REMOVE = {
    "hooks": (".claude/settings.json", "{}"),
    "mcp": (".mcp.json", None),
    "skills": (".claude/skills", None),
}


def take_out(cwd: str, surface: str) -> None:
    name, text = REMOVE[surface]
    path = Path(cwd, name)
    if surface == "skills":
        for skill in path.glob("*/SKILL.md"):
            skill.unlink()
    elif text is None:
        path.unlink()
    else:
        path.write_text(text)


@pytest.mark.parametrize("surface", list(REMOVE))
def test_removed_twice_by_hand(tmp_path: Path, door: Door, surface: str) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    bench.provision(peer, "claude")
    take_out(peer.cwd, surface)
    assert [p.split(":")[0] for p in bench.drift(peer, "claude")] == [surface]
    assert actions(bench.provision(peer, "claude"))[surface] == "written"
    take_out(peer.cwd, surface)
    assert not bench.drift(peer, "claude")
    assert bench.warnings(peer, "claude")[surface].startswith("removed-by-owner")
    for _ in range(2):
        assert actions(bench.provision(peer, "claude"))[surface] == "skipped"
    assert actions(bench.provision(peer, "claude", insist=True))[surface] == "written"
    assert not bench.drift(peer, "claude") and surface not in bench.warnings(peer, "claude")


def test_drift_is_no_removal(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    bench.provision(peer, "claude")
    for _ in range(3):
        path = Path(peer.cwd, ".mcp.json")
        path.write_text(path.read_text().replace("8766", "1"))
        assert actions(bench.provision(peer, "claude"))["mcp"] == "written"
    assert json.loads((tmp_path / "ledger.json").read_text())["removed_by_hand"] == {}


def test_a_stranger_without_a_ledger_is_taken_over_and_cleared(tmp_path: Path, door: Door) -> None:
    """A host laid out by another writer of the same formats: nothing to do, and everything can be taken out."""
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    for harness in ("claude", "codex"):
        bench.provision(peer, harness)
    (tmp_path / "ledger.json").unlink()
    for harness in ("claude", "codex"):
        assert not bench.drift(peer, harness)
        assert bench.unprovision(peer, harness).ok
    left = sorted(str(p.relative_to(peer.cwd)) for p in Path(peer.cwd).rglob("*"))
    assert left == [".claude", ".claude/settings.json", ".codex"]
    assert Path(peer.cwd, ".claude/settings.json").read_text() in ("{}", "{}\n")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema": 2}', b'{"schema":1,"files":[]}', b"\xff"])
def test_a_broken_ledger_is_named(data: bytes) -> None:
    with pytest.raises(Malformed) as error:
        ledger.load(data, "/s/ledger.json")
    assert "/s/ledger.json" in error.value.line()


def test_a_broken_record_only_loses_its_undo() -> None:
    book = ledger.load(ledger.Ledger(records=ledger.Book({"/f": {"undo": 5}})).dump(), "l")
    assert book.record("/f") is None and ledger.load(book.dump(), "l").dump() == book.dump()


def test_foreign_skills_and_edited_ones(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    skills = Path(peer.cwd, ".claude/skills")
    (skills / "iapeer-memory-notes").mkdir(parents=True)
    (skills / "iapeer-memory-notes/SKILL.md").write_text("my own notes\n")
    (skills / "iapeer-memory-old").mkdir()
    (skills / "iapeer-memory-old/SKILL.md").write_text("---\nname: iapeer-memory-old\n---\n")
    (skills / "iapeer-memory-old/extra.txt").write_text("mine")
    bench.provision(peer, "claude")
    (skills / "iapeer-memory-init/notes.txt").write_text("mine")
    bench.unprovision(peer, "claude")
    left = sorted(str(p.relative_to(skills)) for p in skills.rglob("*") if p.is_file())
    assert left == ["iapeer-memory-init/notes.txt", "iapeer-memory-notes/SKILL.md", "iapeer-memory-old/extra.txt"]
