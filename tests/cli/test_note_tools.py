"""The note tools as a user runs them: fm-update, bake, archive-stale, migrate, dream-collect."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from iapeer_memory.vault.service import service
from tests.support.bed import Bed, Ran

MEMORY = "06_Agent_Memory/alpha"
NOTE = "---\ntitle: A\n# a comment\ntags: [x]\nstatus: current\nauthor: beta\n---\n\nText.\n"


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """A host with a vault and nothing else."""
    made = Bed(tmp_path / "home")
    made.prepare()
    return made


def put(bed: Bed, path: str, text: str | bytes = NOTE, *, days_old: float = 0) -> Path:
    """A note of the vault."""
    note = bed.vault / path
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_bytes(text.encode() if isinstance(text, str) else text)
    when = time.time() - days_old * 86400
    os.utime(note, (when, when))
    return note


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def history(bed: Bed, path: str) -> list[str]:
    """The kept versions of a note, newest first."""
    rows = bed.ok("note", "history", path, "--json").json()["versions"]
    return [bed.ok("note", "show", path, row["id"]).out for row in rows]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("fm-update",), "name at least one file"),
        (("fm-update", "--set", "a"), "--set wants a value"),
        (("fm-update", "--frob", "x.md"), "unknown flag: --frob"),
        (("fm-update", "--set", "a: b", "c", "x.md"), "cannot be a key"),
        (("bake",), "Missing argument"),
        (("bake", "x.md"), "nobody said who wrote"),
        (("bake", "--agent", "A B", "x.md"), "cannot name an agent"),
        (("migrate", "--agent", "alpha"), "Missing option '--source'"),
        (("migrate", "--source", "/nowhere"), "Missing option '--agent'"),
    ],
)
def test_words_that_are_wrong_end_with_two(bed: Bed, words: tuple[str, ...], line: str) -> None:
    ran = bed.run(*words)
    assert ran.code == 2 and line in ran.err and ran.err.count("\n") == 1, ran


def test_a_locale_that_there_is_not_is_a_fault_of_the_words(bed: Bed) -> None:
    note = put(bed, "01_Knowledge/a.md")
    assert bed.run("fm-update", str(note), env={"IAPEER_MEMORY_LOCALE": "xx"}).code == 2
    assert bed.run("dream-collect", "--gate", env={"IAPEER_MEMORY_LOCALE": "xx"}).code == 1


def test_fm_update_edits_in_the_contracts_order_and_stamps(bed: Bed) -> None:
    note = put(bed, "01_Knowledge/a.md")
    words = ("--list-add", "tags", "y", "--set", "status", "draft", "--unset", "dir", "--list-remove", "tags", "x")
    ran = bed.ok("fm-update", "--agent", "alpha", *words, str(note), str(bed.vault / "missing.md"), "x.txt", "--json")
    assert [row["said"] for row in ran.json()["files"]] == ["updated"]
    text = note.read_text()
    assert "# a comment\n" in text and "tags: [y]\n" in text and "status: draft\n" in text
    keys = service(note.read_bytes())
    assert (keys.author, keys.coauthors, keys.last_edited_by) == ("beta", ("alpha",), "alpha")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", keys.updated or "")
    assert keys.needs_review == "false", "without a core nobody would ever look"
    assert text.endswith("---\n\nText.\n")
    assert NOTE in history(bed, "01_Knowledge/a.md")


@pytest.mark.parametrize(
    ("env", "words", "editor"),
    [
        ({}, ("--agent", "flag"), "flag"),
        ({"PEER_PERSONALITY": "peer", "IAPEER_MEMORY_AGENT_NAME": "name"}, (), "peer"),
        ({"IAPEER_MEMORY_AGENT_NAME": "name"}, (), "name"),
        ({"PEER_PERSONALITY": "peer"}, ("--no-stamp",), None),
        ({}, (), None),
    ],
)
def test_who_stamps(bed: Bed, env: dict[str, str], words: tuple[str, ...], editor: str | None) -> None:
    note = put(bed, f"{MEMORY}/a.md")
    bed.run("fm-update", "--set", "x", "1", *words, str(note), env=env)
    assert service(note.read_bytes()).last_edited_by == editor
    assert "x: 1\n" in note.read_text()


def test_a_value_may_look_like_a_flag(bed: Bed) -> None:
    note = put(bed, "01_Knowledge/a.md")
    bed.ok("fm-update", "--no-stamp", "--set", "x", "--unset", str(note))
    assert "x: --unset\n" in note.read_text()


def test_fm_update_without_a_vault_edits_and_keeps_the_earlier_version(bed: Bed) -> None:
    file = bed.home / "loose.md"
    file.write_text(NOTE)
    ran = bed.ok("fm-update", "--set", "x", "1", "loose.md", env={"IAPEER_MEMORY_CONFIG_FILE": str(bed.home / "none")})
    assert "updated loose.md" in ran.out
    assert "x: 1\n" in file.read_text()
    kept = [path for path in bed.root.rglob("*") if path.is_file() and path.read_bytes() == NOTE.encode()]
    assert kept, "the earlier version is among the backups"


@pytest.mark.parametrize("words", [("fm-update", "--set", "x", "1"), ("bake",)])
def test_a_dry_run_changes_nothing(bed: Bed, words: tuple[str, ...]) -> None:
    note = put(bed, "01_Knowledge/a.md")
    before = tree(bed.home)
    ran = bed.ok(*words, "--agent", "alpha", "--dry-run", str(note))
    assert ran.out.startswith("would ")
    assert tree(bed.home) == before


def test_a_vault_reached_through_a_link_is_the_vault(bed: Bed) -> None:
    note = put(bed, f"{MEMORY}/a.md")
    (bed.home / "link").symlink_to(bed.vault)
    bed.ok("bake", "--agent", "alpha", str(bed.home / "link" / MEMORY / "a.md"))
    assert service(note.read_bytes()).last_edited_by == "alpha"


def test_bake_touches_two_keys_and_nothing_else(bed: Bed) -> None:
    note = put(bed, "01_Knowledge/a.md", NOTE.replace("author: beta\n", ""))
    assert bed.ok("bake", "--agent", "alpha", str(note)).out == f"stamped {note}\n"
    lines = note.read_text().splitlines()
    added = [line for line in lines if line not in NOTE]
    assert [line.partition(":")[0] for line in added] == ["last_edited_by", "updated"]
    assert service(note.read_bytes()).author is None


def test_bake_stamps_a_note_that_has_no_frontmatter(bed: Bed) -> None:
    note = put(bed, "01_Knowledge/a.md", "Written by a shell.\n")
    assert bed.ok("bake", "--agent", "alpha", str(note)).out == f"stamped {note}\n"
    keys = service(note.read_bytes())
    assert (keys.author, keys.last_edited_by, keys.status) == ("alpha", "alpha", "current")
    assert note.read_text().endswith("---\n\nWritten by a shell.\n")


def test_a_note_that_may_not_be_written_is_told(bed: Bed) -> None:
    note = put(bed, "01_Knowledge/a.md")
    (bed.vault / "twin.md").hardlink_to(note)
    for words in (("bake",), ("fm-update", "--set", "x", "1")):
        ran = bed.run(*words, "--agent", "alpha", str(note))
        assert ran.code == 1 and ran.out.startswith(f"refused {note}: ")
    assert note.read_text() == NOTE


def test_archive_stale_tells_and_then_moves(bed: Bed) -> None:
    stale = NOTE.replace("status: current", 'status: "Outdated"')
    put(bed, "01_Knowledge/a.md", stale)
    put(bed, f"{MEMORY}/b.md", stale)
    put(bed, "01_Knowledge/live.md")
    put(bed, "Other/c.md", stale)
    put(bed, "01_Knowledge/a.sync-conflict-20260504-120000-ABCDEFG.md", stale)
    put(bed, "01_Knowledge/both.md", stale + "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n")
    put(bed, "07_Archive/01_Knowledge/a.md", "an older one\n")
    before = tree(bed.vault)
    told = bed.ok("archive-stale", "--frob", "words", "--json").json()
    moves = {row["from"]: row["to"] for row in told["notes"]}
    assert tree(bed.vault) == before and told["commit"] is False
    assert moves == {
        "01_Knowledge/a.md": "07_Archive/01_Knowledge/a-2.md",
        f"{MEMORY}/b.md": f"07_Archive/{MEMORY}/b.md",
    }
    assert bed.ok("archive-stale", "--commit", "--dry-run").out.endswith("--commit moves them\n")
    ran = bed.ok("archive-stale", "--commit")
    assert ran.out.splitlines() == [f"moved {old} → {new}" for old, new in moves.items()]
    assert tree(bed.vault) == {moves.get(path, path): data for path, data in before.items()}
    assert bed.ok("archive-stale", "--commit").out == "no note has a stale status\n"


def claude_source(bed: Bed) -> Path:
    """A folder as Claude Code keeps it."""
    source = bed.home / "native" / "memory"
    source.mkdir(parents=True)
    (source / "MEMORY.md").write_text("- [[habits]]\n")
    (source / "habits.md").write_text("---\nname: habits\ndescription: likes: tea\ntype: user\n---\n\nTea.\n")
    (source / "a: colon.md").write_text("---\nname: x\nmetadata:\n  type: feedback\n---\nNo blank.\n")
    (source / "plain.md").write_text("Plain.\n")
    (source / "bad.md").write_bytes(b"---\ntype: user\n---\n\xff\n")
    (source / "picture.png").write_bytes(b"\x89PNG")
    (source / "there.md").write_text("source\n")
    return source


def test_migrate_tells_and_then_moves(bed: Bed) -> None:
    source = claude_source(bed)
    put(bed, f"{MEMORY}/there.md", "vault\n")
    before = tree(bed.home)
    words = ("migrate", "--source", str(source), "--agent", "alpha")
    told = bed.ok(*words)
    assert tree(bed.home) == before
    for line in ("habits.md  user → person_profile", "plain.md  (no type) → context", "bad.md  !! ", "REMOVED"):
        assert line in told.out, told.out
    plan = bed.ok(*words, "--json").json()["plan"]
    assert (plan["totalToMigrate"], plan["skippedSystem"], plan["backupOnly"]) == (3, ["MEMORY.md"], ["picture.png"])
    assert plan["skippedAlreadyInTarget"] == ["there.md"]
    assert plan["subtypeCounts"] == {"feedback": 1, "person_profile": 1, "context": 1}
    ran = bed.run(*words, "--apply", "--json", "--backup-root", str(bed.home / "kept"))
    assert ran.code == 1, "one file could not be read"
    result = ran.json()["result"]
    assert sorted(result["migrated"]) == ["a: colon.md", "habits.md", "plain.md"]
    assert [row["name"] for row in result["errors"]] == ["bad.md"] and result["sourceRemoved"] is False
    assert set(tree(source)) == {"bad.md"}
    kept = tree(Path(result["backupDir"]))
    originals = {name.removeprefix("native/memory/"): data for name, data in before.items() if "native/" in name}
    assert kept == {name: data for name, data in originals.items() if name != "bad.md"}
    assert re.fullmatch(rf"{bed.home}/kept/alpha-\d{{8}}-\d{{6}}", result["backupDir"])
    notes = tree(bed.vault / MEMORY)
    assert notes["there.md"] == b"vault\n"
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert notes["habits.md"].decode() == (
        "---\ntitle: habits\ntype: agent_memory\nsubtype: person_profile\nstatus: current\n"
        f'description: "likes: tea"\ncreated: {today}\nauthor: alpha\n---\n\nTea.\n'
    )
    assert b'title: "a: colon"\n' in notes["a: colon.md"] and notes["a: colon.md"].endswith(b"---\n\nNo blank.\n")
    assert b"description: ''\n" in notes["plain.md"]


def test_migrate_takes_an_emptied_source_away_and_can_be_run_again(bed: Bed) -> None:
    source = claude_source(bed)
    (source / "bad.md").unlink()
    words = ("migrate", "--source", str(source), "--agent", "alpha", "--apply")
    assert bed.ok(*words, "--json").json()["result"]["sourceRemoved"] is True
    assert not source.exists()
    ran = bed.run(*words)
    assert ran.code == 1 and "is not a folder" in ran.err


def test_migrate_reads_codex_memories(bed: Bed) -> None:
    source = bed.home / "native"
    (source / "rollout_summaries").mkdir(parents=True)
    (source / "MEMORY.md").write_text("# Task group: builds\n")
    (source / "memory_summary.md").write_text("made\n")
    (source / "raw_memories.md").write_text("made\n")
    (source / "rollout_summaries" / "one.md").write_text("thread_id: 1\n\nSummary.\n")
    bed.ok("migrate", "--source", str(source), "--agent", "alpha", "--apply")
    notes = tree(bed.vault / MEMORY)
    assert set(notes) == {"Codex memories.md", "one.md"} and not source.exists()
    assert notes["one.md"].endswith(b"\n---\n\nthread_id: 1\n\nSummary.\n")


def test_a_source_within_the_vault_is_refused(bed: Bed) -> None:
    put(bed, f"{MEMORY}/a.md")
    ran = bed.run("migrate", "--source", str(bed.vault / MEMORY), "--agent", "alpha", "--apply")
    assert ran.code == 1 and "in the vault already" in ran.err
    assert (bed.vault / MEMORY / "a.md").exists()


def test_the_gate_tells_by_its_exit_code_alone(bed: Bed) -> None:
    put(bed, f"{MEMORY}/old.md", days_old=8)
    put(bed, f"{MEMORY}/.hidden.md")
    put(bed, f"{MEMORY}/deeper/new.md")
    put(bed, "06_Agent_Memory/top.md")
    put(bed, "01_Knowledge/new.md")
    assert bed.run("dream-collect", "--gate") == Ran(1, "", "")
    put(bed, f"{MEMORY}/new.md", days_old=6)
    assert bed.run("dream-collect", "--gate") == Ran(0, "", "")
    assert bed.run("dream-collect", "--gate", env={"IAPEER_MEMORY_DREAM_WINDOW_DAYS": "5"}).code == 1


def test_dream_collect_prints_the_contracts_document(bed: Bed) -> None:
    folders = {name: bed.home / "work" / name for name in ("alpha", "beta", "idle")}
    text = ""
    for name, folder in folders.items():
        folder.mkdir(parents=True)
        text += f'[[peer]]\nname = "{name}"\ndir = "{folder}"\n'
    (bed.config_dir / "fleet.toml").write_text(text)
    long = put(bed, f"{MEMORY}/long.md", f"---\ndescription: {'x' * 251}\n---\n\nSee `/home/nobody/gone.txt`.\n")
    fine = put(bed, f"{MEMORY}/fine.md", f"See {bed.vault}.\n")
    claude = bed.home / ".claude/projects" / re.sub("[^A-Za-z0-9]", "-", str(folders["beta"])) / "s.jsonl"
    codex = bed.home / ".codex/sessions/2026/05/04/rollout-1.jsonl"
    other = codex.with_name("rollout-2.jsonl")
    for file, cwd in ((claude, None), (codex, folders["beta"]), (other, bed.home)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"type": "session_meta", "payload": {"cwd": str(cwd)}}) + "\n{}\n")
    before = tree(bed.home)
    ran = bed.ok("dream-collect")
    assert tree(bed.home) == before
    rows = [{"path": str(fine), "flags": []}, {"path": str(long), "flags": ["long-desc", "broken-ref"]}]
    alpha = {
        "agent": "alpha", "path": str(bed.vault / MEMORY), "newNotes": rows, "newNotesCount": 2, "candidateCount": 1,
        "transcripts": [],
    }  # fmt: skip
    beta = {
        "agent": "beta", "path": str(bed.vault / "06_Agent_Memory/beta"), "newNotes": [], "newNotesCount": 0,
        "candidateCount": 0,
        "transcripts": [{"runtime": "claude", "files": [str(claude)]}, {"runtime": "codex", "files": [str(codex)]}],
    }  # fmt: skip
    wanted = {
        "vault": str(bed.vault), "windowDays": 7, "batchThreshold": 20, "groupCap": 20,
        "tasks": [{"kind": "grouped", "folders": [alpha, beta]}], "skipped": ["idle (no activity in window)"],
    }  # fmt: skip
    assert ran.out == json.dumps(wanted, indent=2, ensure_ascii=False) + "\n"


def test_a_registry_that_cannot_be_read_is_loud(bed: Bed) -> None:
    (bed.config_dir / "fleet.toml").write_text("[[peer")
    ran = bed.run("dream-collect")
    assert ran.code == 1 and "fleet.toml" in ran.err and not ran.out


@pytest.mark.parametrize("words", [("archive-stale",), ("dream-collect",), ("bake", "--agent", "alpha", "x.md")])
def test_without_a_vault_a_tool_says_so(bed: Bed, words: tuple[str, ...]) -> None:
    ran = bed.run(*words, env={"IAPEER_MEMORY_CONFIG_FILE": str(bed.home / "none")})
    assert ran.code == 1 and "no vault is set" in ran.err
