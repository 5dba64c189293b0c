"""The post-write hook as a harness runs it: the shim, a bare interpreter, notes on a disk."""

from __future__ import annotations

import os
import posix
import py_compile
import resource
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iapeer_memory.hooks.after_write import Host, follow
from iapeer_memory.hooks.post_write import milliseconds_left, written
from iapeer_memory.surfaces.shims import compiled_script, render_shim, runtime_hooks
from tests.support.hooks import BASE_PYTHON, SCRIPTS
from tests.support.stamped import ALPHA, TAGGED, Stamped, event, keys, make_stamped

HEAVY = {"dataclasses", "enum", "typing", "pathlib", "subprocess", "http.client", "socket", "signal", "json", "re"}
HEAVY |= {"inspect", "collections", "functools", "logging", "datetime", "argparse", "tempfile", "shutil", "asyncio"}


@pytest.fixture
def stamped(tmp_path: Path) -> Stamped:
    return make_stamped(tmp_path)


def test_a_new_note_is_stamped_and_nothing_is_said(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/Harbour.md")
    assert stamped.wrote(note) == []
    found = keys(note)
    assert list(found) == [
        "tags", "title", "type", "status", "created", "author", "last_edited_by", "updated", "needs_review",
    ]  # fmt: skip
    assert (found["title"], found["author"], found["last_edited_by"]) == ("Harbour", "alpha", "alpha")
    assert note.read_text().endswith("\n---\n\nbody\n")
    assert stamped.log() == []
    assert [path.name for path in note.parent.iterdir()] == ["Harbour.md"]


def test_what_it_said_before_is_in_history(stamped: Stamped) -> None:
    stamped.wrote(stamped.put("01_Knowledge/n.md"))
    history = Path(stamped.host.paths.state("history"))
    assert len([path for path in (history / "blobs").rglob("*") if path.is_file()]) == 1
    assert "stamped\talpha" in next((history / "log").iterdir()).read_text()
    assert history.stat().st_mode & 0o777 == 0o700


def test_another_peer_becomes_a_coauthor(stamped: Stamped) -> None:
    note = stamped.put("02_Decisions/n.md")
    stamped.wrote(note)
    stamped.wrote(note, env=ALPHA | {"PEER_PERSONALITY": "beta"})
    assert keys(note)["author"] == "alpha"
    assert "coauthors:\n  - beta\n" in note.read_text()
    assert keys(note)["last_edited_by"] == "beta"


@pytest.mark.parametrize("tool", ["Edit", "MultiEdit"])
def test_edits_are_stamped(stamped: Stamped, tool: str) -> None:
    note = stamped.put("01_Knowledge/n.md")
    assert stamped.call(event(tool, {"file_path": str(note), "old_string": "a", "new_string": "b"})) == []
    assert keys(note)["last_edited_by"] == "alpha"


def test_every_note_of_a_patch_is_stamped(stamped: Stamped) -> None:
    notes = [stamped.put(f"01_Knowledge/n{number}.md") for number in range(3)]
    assert stamped.wrote(*notes) == []
    assert {keys(note)["last_edited_by"] for note in notes} == {"alpha"}


UNTOUCHED = {
    "root": "n.md",
    "another folder": "Inbox/n.md",
    "system": "99_System/n.md",
    "archive": "07_Archive/n.md",
    "directly below agent memory": "06_Agent_Memory/n.md",
}


@pytest.mark.parametrize("place", UNTOUCHED.values(), ids=UNTOUCHED)
def test_other_zones_are_left_alone(stamped: Stamped, place: str) -> None:
    note = stamped.put(place, "as it was\n")
    assert stamped.wrote(note) == []
    assert note.read_text() == "as it was\n"
    assert stamped.log() == []


def test_the_owner_of_a_memory_is_its_author_whoever_writes(stamped: Stamped) -> None:
    note = stamped.put("06_Agent_Memory/beta/n.md", "body\n")
    (line,) = stamped.wrote(note)
    assert "memory of beta" in line
    assert (keys(note)["author"], keys(note)["last_edited_by"]) == ("beta", "alpha")
    own = stamped.put("06_Agent_Memory/alpha/n.md", "body\n")
    assert stamped.wrote(own) == []
    assert stamped.wrote(note, env=ALPHA | {"PEER_PERSONALITY": "scriber"}) == []


REVIEW = {
    "curated": (True, [], "true"),
    "no core": (False, [], "false"),
    "lean": (True, ["IAPEER_MEMORY_MODE=lean"], "true"),
    "the writer curates": (True, ["IAPEER_MEMORY_CURATOR_SET=index, alpha"], "false"),
}


@pytest.mark.parametrize(("core", "lines", "want"), REVIEW.values(), ids=REVIEW)
def test_a_review_is_asked_for_where_a_core_can_wake_a_curator(
    tmp_path: Path, core: bool, lines: list[str], want: str
) -> None:
    stamped = make_stamped(tmp_path, with_core=core)
    stamped.configure(*lines)
    note = stamped.put("01_Knowledge/n.md")
    stamped.wrote(note)
    assert keys(note)["needs_review"] == want


def test_a_russian_vault(stamped: Stamped) -> None:
    stamped.configure("IAPEER_MEMORY_LOCALE=ru")
    note = stamped.put("01_Знания/Ёж.md")
    assert stamped.wrote(note) == []
    assert keys(note)["type"] == "знание"


def test_an_unknown_locale_is_a_line_in_the_log(stamped: Stamped) -> None:
    stamped.configure("IAPEER_MEMORY_LOCALE=xx")
    note = stamped.put("01_Knowledge/n.md", "body\n")
    assert stamped.wrote(note) == []
    assert note.read_text() == "body\n"
    assert len(stamped.log()) == 1


@pytest.mark.parametrize("word", ["off", "0", "NO"])
def test_an_adopted_vault_is_not_stamped_but_its_authors_are_told(stamped: Stamped, word: str) -> None:
    stamped.configure(f"IAPEER_MEMORY_STAMPING={word}")
    note = stamped.put("01_Knowledge/n.md", "body\n")
    assert "no tags" in stamped.wrote(note)[0]
    assert note.read_text() == "body\n"


@pytest.mark.parametrize(("host", "ours"), [("other", False), ("us", True)])
def test_another_host_that_holds_the_vault_stamps_it_alone(stamped: Stamped, host: str, ours: bool) -> None:
    stamped.put("99_System/memoryd.lease", f"host={host}\nname=x\nuntil=99999999999\n")
    stamped.fleet()
    Path(stamped.host.paths.state("host-id")).write_text("us\n")
    note = stamped.put("01_Knowledge/n.md", TAGGED)
    assert stamped.wrote(note) == []
    assert ("last_edited_by" in note.read_text()) is ours


# who wrote


BARE = {"PATH": "/usr/bin:/bin"}
NAMED = {
    "personality": ({"PEER_PERSONALITY": "beta", "IAPEER_MEMORY_AGENT_NAME": "c"}, "beta"),
    "agent name": ({"IAPEER_MEMORY_AGENT_NAME": "gamma", "PEER_IDENTITY": "claude-x"}, "gamma"),
    "identity": ({"PEER_IDENTITY": "claude-delta"}, "delta"),
    "codex": ({"PEER_IDENTITY": "codex-delta"}, "delta"),
    "nobody": ({}, None),
    "no name": ({"PEER_PERSONALITY": "a: b\nc"}, None),
    "left as it is": ({"PEER_IDENTITY": "${PEER_IDENTITY:-claude-alpha}"}, None),
}


@pytest.mark.parametrize(("env", "want"), NAMED.values(), ids=NAMED)
def test_the_environment_says_who_writes(stamped: Stamped, env: dict[str, str], want: str | None) -> None:
    note = stamped.put("01_Knowledge/n.md")
    assert stamped.wrote(note, env=BARE | env) == []
    assert (keys(note).get("last_edited_by")) == want
    assert stamped.log() == []


def test_without_a_core_the_folder_says_who_writes(stamped: Stamped, tmp_path: Path) -> None:
    stamped.fleet(outer=str(tmp_path), alpha=str(stamped.host.peer), beta=str(tmp_path / "beta"))
    below = stamped.host.peer / "src"
    below.mkdir()
    (tmp_path / "link").symlink_to(stamped.host.peer)
    (tmp_path / "beta").mkdir()
    project = {"CLAUDE_PROJECT_DIR": str(tmp_path / "beta")}
    hostile = {"CLAUDE_PROJECT_DIR": f"{tmp_path}/beta/../../x"}
    cases: list[tuple[Path, dict[str, str], str]] = [
        (stamped.host.peer, {}, "alpha"),
        (below, {}, "alpha"),
        (tmp_path / "link", {"PWD": str(tmp_path / "link")}, "alpha"),
        (tmp_path / "home", {}, "outer"),
        (stamped.host.peer, project, "beta"),
        (stamped.host.peer, hostile, "alpha"),
    ]
    for cwd, env, want in cases:
        note = stamped.put("01_Knowledge/n.md")
        stamped.wrote(note, env=BARE | env, cwd=cwd)
        assert keys(note)["last_edited_by"] == want, (cwd, env)


def test_a_peer_that_is_registered_through_a_link_is_known(stamped: Stamped, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(stamped.host.peer)
    stamped.fleet(alpha=str(tmp_path / "link"))
    note = stamped.put("01_Knowledge/n.md")
    stamped.wrote(note, env=BARE)
    assert keys(note)["last_edited_by"] == "alpha"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"peers": 7}', '{"peers": [7, {"cwd": 1}]}', "[" * 100_000])
def test_a_broken_map_knows_nobody(stamped: Stamped, text: str) -> None:
    stamped.fleet()
    Path(stamped.host.paths.fleet_map).write_text(text)
    note = stamped.put("01_Knowledge/n.md")
    assert stamped.wrote(note, env=BARE) == []
    assert "last_edited_by" not in keys(note)


def test_the_configured_name_is_the_last_word(stamped: Stamped) -> None:
    stamped.configure("IAPEER_MEMORY_AGENT_NAME=omega")
    note = stamped.put("01_Knowledge/n.md")
    stamped.wrote(note, env=BARE)
    assert keys(note)["last_edited_by"] == "omega"


# bad input


def test_a_vault_behind_a_link_and_links_in_it(stamped: Stamped, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(stamped.host.vault)
    note = stamped.put("01_Knowledge/n.md")
    stamped.wrote(tmp_path / "link" / "01_Knowledge" / "n.md")
    assert keys(note)["last_edited_by"] == "alpha"
    target = stamped.put("01_Knowledge/target.md", "body\n")
    (stamped.host.vault / "02_Decisions").mkdir()
    leaf = stamped.host.vault / "02_Decisions" / "leaf.md"
    leaf.symlink_to(target)
    assert stamped.wrote(leaf) == []
    assert (leaf.is_symlink(), target.read_text()) == (True, "body\n")


REFUSED = ["hard link", "another user", "open for writing", "no history"]


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_stamped_is_one_line_in_the_log(stamped: Stamped, tmp_path: Path, what: str) -> None:
    note = stamped.put("01_Knowledge/n.md", TAGGED)
    stream = None
    if what == "hard link":
        os.link(note, tmp_path / "twin.md")
    elif what == "another user":
        if os.getuid() != 0:
            pytest.skip("only root can give a file away")
        os.chown(note, 65534, -1)
    elif what == "open for writing":
        stream = note.open("a")
    else:
        Path(stamped.host.paths.state_dir).mkdir(parents=True)
        Path(stamped.host.paths.state("history")).write_text("a file")
    assert stamped.wrote(note) == []
    assert note.read_text() == TAGGED
    (line,) = stamped.log()
    assert "01_Knowledge/n.md" in line
    if stream:
        stream.close()


@pytest.mark.skipif(os.getuid() == 0, reason="root writes anywhere")
def test_a_read_only_vault(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/n.md", TAGGED)
    note.parent.chmod(0o500)
    try:
        assert stamped.wrote(note) == []
        assert len(stamped.log()) == 1
    finally:
        note.parent.chmod(0o700)
    assert note.read_text() == TAGGED


def test_a_full_disk_loses_nothing(stamped: Stamped) -> None:
    text = TAGGED + os.urandom(20_000).hex()
    note = stamped.put("01_Knowledge/n.md", text)
    done = subprocess.run(
        [stamped.host.shim("post-write")],
        input=event("Write", {"file_path": str(note)}),
        capture_output=True,
        env=ALPHA,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert note.read_text() == text
    assert [path.name for path in note.parent.iterdir()] == ["n.md"]
    assert len(stamped.log()) == 1


ODD = {
    "no frontmatter": b"body\n",
    "empty": b"",
    "open fence": b"---\ntitle: x\nbody without an end\n",
    "hostile yaml": b"---\na: &a [*a, *a]\n!!python/object: {\n  - : :\n\t- x\n---\nbody\n",
    "invalid utf-8": b"---\ntags: [boats]\n---\n\xff\xfe\x80 body\n",
    "bom": b"\xef\xbb\xbf---\ntags: [boats]\n---\nbody\n",
    "crlf": b"---\r\ntags: [boats]\r\n---\r\nbody\r\n",
    "nul": b"a\0b\n",
    "long line": b"x" * 200_000,
    "big": b"line of a big note\n" * 300_000,
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_any_bytes_are_stamped_and_kept(stamped: Stamped, data: bytes) -> None:
    note = stamped.put("01_Knowledge/n.md")
    note.write_bytes(data)
    stamped.wrote(note)
    after = note.read_bytes()
    assert b"last_edited_by: alpha" in after
    assert after.endswith(data.rpartition(b"---")[2].lstrip(b"\r\n"))
    assert stamped.log() == []


def test_a_harness_that_closed_its_ears_is_no_error(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/n.md", "body\n")
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen([stamped.host.shim("post-write")], stdin=subprocess.PIPE, stdout=writing, env=ALPHA) as hook:
        hook.communicate(event("Write", {"file_path": str(note)}), timeout=20)
    os.close(writing)
    assert hook.returncode == 0
    assert keys(note)["last_edited_by"] == "alpha"


def test_eight_at_once_leave_one_whole_note(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/n.md")
    names = [f"peer-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda name: stamped.wrote(note, env=ALPHA | {"PEER_PERSONALITY": name}), names))
    assert said == [[]] * 8
    assert keys(note).get("last_edited_by") in names, (stamped.log(), note.read_text())
    assert keys(note)["author"] in names
    assert note.read_text().count("title:") == 1
    assert note.read_text().endswith("\n---\n\nbody\n")
    assert [path.name for path in note.parent.iterdir()] == ["n.md"]


def test_out_of_time_says_what_was_left(stamped: Stamped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(posix.environ, b"PEER_PERSONALITY", b"alpha")
    notes = [stamped.put(f"01_Knowledge/n{number}.md", "body\n") for number in range(2)]
    patch = "".join(f"*** Add File: {note}\n" for note in notes)
    found = written(event("apply_patch", {"x": patch}), stamped.host.paths.config_file, lambda script: None)
    assert found is not None
    failed: list[object] = []
    host = Host(stamped.host.paths.state_dir, "/absent", 9, True, "/", failed.append)
    told = follow(found, host, time.monotonic() - 1)
    assert failed == ["out of time: 2 of 2 notes are not stamped"]
    assert {note.read_text() for note in notes} == {"body\n"}
    assert b"no tags" in told  # what is known without asking anybody is still said


@pytest.mark.parametrize(("whole", "started", "want"), [(235, "", 90), (50, "", 50), (235, "x", 90), (235, "0", 90)])
def test_the_deadline_counts_from_the_start_of_the_shim(whole: int, started: str, want: int) -> None:
    assert milliseconds_left(whole, started) == want
    if os.path.exists("/proc/uptime"):
        now = Path("/proc/uptime").read_text().split()[0]
        assert 90 <= milliseconds_left(100_000, now) <= 100_000
        assert milliseconds_left(100_000, str(float(now) - 50)) <= 50_000


def test_the_compiled_script_finds_its_package(stamped: Stamped, tmp_path: Path) -> None:
    package = Path(runtime_hooks(stamped.host.paths)).parent
    (package / "hooks" / "__pycache__").mkdir(parents=True)
    source = Path(SCRIPTS).parent
    for room in ("domain", "egress", "notes", "vault"):
        (package / room).symlink_to(source / room)
    for script in Path(SCRIPTS).glob("*.py"):
        (package / "hooks" / script.name).write_bytes(script.read_bytes())
    pyc = compiled_script(stamped.host.paths, "post-write")
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(package / "hooks" / "post_write.py"), pyc, invalidation_mode=unchecked)
    (package / "hooks" / "post_write.py").write_text("raise SystemExit(0)\n")
    shim = Path(stamped.host.paths.post_write_shim)
    shim.write_bytes(render_shim("post-write", paths=stamped.host.paths, python=BASE_PYTHON, with_core=True))
    stamped.host.take_time()
    before = sorted(path for path in package.rglob("*"))
    note = stamped.put("01_Knowledge/n.md")
    assert stamped.wrote(note) == []
    assert keys(note)["last_edited_by"] == "alpha"
    assert sorted(path for path in package.rglob("*")) == before  # a session writes nothing into the runtime


def test_an_older_shim_only_passes_the_gates(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/n.md", "body\n")
    argv = [BASE_PYTHON, "-I", "-S", f"{SCRIPTS}/post_write.py", stamped.host.paths.config_file, "/dev/null", "5000"]
    done = subprocess.run(argv, input=event("Write", {"file_path": str(note)}), capture_output=True, env=ALPHA)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert note.read_text() == "body\n"


def test_a_stamp_loads_nothing_heavy(stamped: Stamped) -> None:
    note = stamped.put("01_Knowledge/n.md")
    paths = stamped.host.paths
    argv = [BASE_PYTHON, "-I", "-S", "-X", "importtime", f"{SCRIPTS}/post_write.py", paths.config_file]
    argv += [paths.hook_log, "60000", paths.state_dir, "/absent", "9", "yes", "/", ""]
    done = subprocess.run(argv, input=event("Write", {"file_path": str(note)}), capture_output=True, env=ALPHA)
    lines = (line for line in done.stderr.decode().splitlines() if line.startswith("import time:"))
    loaded = {line.rsplit("|", 1)[1].strip() for line in lines}
    assert keys(note)["last_edited_by"] == "alpha"
    assert "iapeer_memory.vault.stamp" in loaded
    assert not loaded & HEAVY
