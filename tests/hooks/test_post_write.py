"""The gates of the PostToolUse hook: which payloads reach an interpreter, and which files pass."""

from __future__ import annotations

import inspect
import json
import os
import py_compile
import subprocess
import time
from pathlib import Path

import pytest

from iapeer_memory.domain.settings import parse_env
from iapeer_memory.hooks import post_write, session_start
from iapeer_memory.surfaces.shims import compiled_script, render_shim, runtime_hooks
from tests.support.hooks import BASE_PYTHON, SCRIPTS, SHELLS, make_hook_host


def event(tool: str, given: object, **more: object) -> bytes:
    """A payload as a harness spells it: one line, no blanks."""
    body = {"session_id": "s", "cwd": "/w", "hook_event_name": "PostToolUse", "tool_name": tool, "tool_input": given}
    return json.dumps(body | more, separators=(",", ":"), ensure_ascii=False).encode()


PATCH = """*** Begin Patch
*** Update File: a.md
@@
-x
+y
*** Add File: /abs/b.md
+z
*** Delete File: c.md
*** End Patch"""

CANDIDATES = {
    "write": ("Write", {"file_path": "/v/a.md", "content": "x"}, {}, ["/v/a.md"]),
    "edit": ("Edit", {"file_path": "/v/a b ё.md"}, {}, ["/v/a b ё.md"]),
    "multi-edit": ("MultiEdit", {"file_path": "/v/a.md"}, {}, ["/v/a.md"]),
    "relative": ("Write", {"file_path": "a.md"}, {}, ["/w/a.md"]),
    "not markdown": ("Write", {"file_path": "/v/a.py", "content": "a.md"}, {}, []),
    "another tool": ("Read", {"file_path": "/v/a.md"}, {}, []),
    "bash": ("Bash", {"command": "echo > /v/a.md"}, {}, []),
    "patch": ("apply_patch", {"command": PATCH}, {}, ["/w/a.md", "/abs/b.md"]),
    "patch, other key": ("apply_patch", {"input": PATCH}, {}, ["/w/a.md", "/abs/b.md"]),
    "patch answer": (
        "apply_patch",
        {},
        {"tool_response": "Success.\nA n.md\nM m.md\nD d.md"},
        ["/w/n.md", "/w/m.md", "/w/d.md"],
    ),
    "moved": ("apply_patch", {"x": "*** Update File: a.md\n*** Move to: b.md"}, {}, ["/w/a.md", "/w/b.md"]),
    "twice": ("apply_patch", {"x": PATCH}, {"tool_response": "M a.md"}, ["/w/a.md", "/abs/b.md"]),
    "path not text": ("Write", {"file_path": 7}, {}, []),
    "input not an object": ("Write", ["a.md"], {}, []),
    "nul in path": ("Write", {"file_path": "/v/\0.md"}, {}, []),
    "no cwd": ("Write", {"file_path": "a.md"}, {"cwd": None}, []),
}


@pytest.mark.parametrize("case", CANDIDATES.values(), ids=CANDIDATES)
def test_candidates(case: tuple[str, object, dict[str, object], list[str]]) -> None:
    tool, given, more, want = case
    assert post_write.candidates(post_write.parse_json(event(tool, given, **more).decode())) == want


@pytest.mark.parametrize("value", [None, [], "text", 3, {}, {"tool_input": {}}])
def test_values_that_are_no_event_name_nothing(value: object) -> None:
    assert post_write.candidates(value) == []


def passed(payload: bytes, config: Path) -> dict[str, str]:
    """Path → place of the notes that pass the gates; {} for none."""
    found = post_write.written(payload, str(config), lambda script: None)
    return found.notes if found else {}


def place(tmp: Path) -> tuple[Path, Path]:
    vault = tmp / "vault"
    (vault / "01_Knowledge").mkdir(parents=True)
    (vault / "01_Knowledge" / "n.md").write_text("x")
    (tmp / "out.md").write_text("x")
    config = tmp / "config.env"
    config.write_text(f"IAPEER_MEMORY_VAULT_PATH={vault}\n")
    return vault, config


def test_only_existing_notes_of_the_vault_pass(tmp_path: Path) -> None:
    vault, config = place(tmp_path)

    def writes(path: Path) -> dict[str, str]:
        return passed(event("Write", {"file_path": str(path)}), config)

    note = vault / "01_Knowledge" / "n.md"
    assert writes(note) == {str(note): "01_Knowledge/n.md"}
    assert writes(vault / "absent.md") == {}
    assert writes(tmp_path / "out.md") == {}
    assert writes(vault / ".." / "out.md") == {}
    (vault / "folder.md").mkdir()
    assert writes(vault / "folder.md") == {}
    os.mkfifo(vault / "fifo.md")
    assert writes(vault / "fifo.md") == {}
    near = tmp_path / "vault-two"
    near.mkdir()
    (near / "n.md").write_text("x")
    assert writes(near / "n.md") == {}


def test_links_are_followed_to_where_a_note_really_is(tmp_path: Path) -> None:
    vault, config = place(tmp_path)
    (tmp_path / "link").symlink_to(vault)
    here = "01_Knowledge/n.md"
    through = tmp_path / "link" / here
    assert passed(event("Write", {"file_path": str(through)}), config) == {str(through): here}
    for name, target in (("leaves.md", tmp_path / "out.md"), ("stays.md", vault / here)):
        (vault / name).symlink_to(target)
        assert passed(event("Write", {"file_path": str(vault / name)}), config) == {}
    config.write_text(f"IAPEER_MEMORY_VAULT_PATH={tmp_path / 'link'}\n")
    note = vault / here
    assert passed(event("Write", {"file_path": str(note)}), config) == {str(note): here}


def test_without_a_vault_nothing_passes(tmp_path: Path) -> None:
    vault, config = place(tmp_path)
    payload = event("Write", {"file_path": str(vault / "01_Knowledge" / "n.md")})
    assert passed(payload, tmp_path / "absent.env") == {}
    config.write_text("IAPEER_MEMORY_VAULT_PATH=\n")
    assert passed(payload, config) == {}
    config.write_text("IAPEER_MEMORY_VAULT_PATH=vault\n")
    assert passed(payload, config) == {}


BAD = {
    "empty": b"",
    "not json": b"{.md",
    "cut off": event("Write", {"file_path": "/v/a.md"})[:-20],
    "nul": b"\0\0.md\0" * 100,
    "binary": bytes(range(256)) * 40 + b".md",
    "deep": b'{"tool_name": "Write", ".md":' + b"[" * 200_000,
    "list": b'["a.md"]',
    "lone surrogate": b'{"tool_name": "Write","cwd":"/","tool_input":{"file_path":"/\\ud800.md"}}',
    "huge number": b'{"tool_name": "Write","x":' + b"9" * 10_000 + b',"y":".md"}',
}


@pytest.mark.parametrize("payload", BAD.values(), ids=BAD)
def test_bad_payloads_name_nothing(payload: bytes, tmp_path: Path) -> None:
    assert passed(payload, tmp_path / "config.env") == {}


@pytest.mark.parametrize("payload", [*BAD.values(), b"x" * (10 << 20) + b".md"], ids=[*BAD, "10 MB"])
@pytest.mark.parametrize("shell", SHELLS)
def test_bad_payloads_leave_the_shim_silent(payload: bytes, shell: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    done = host.run("post-write", payload, shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not os.path.exists(host.paths.hook_log)


TURNED_AWAY = {
    "no markdown": event("Bash", {"command": "ls"}),
    "shell, reads": event("Bash", {"command": "cat /v/a.md"}),
    "read of a note": event("Read", {"file_path": "/v/a.md"}),
    "content only": event("Write", {"file_path": "/v/a.py", "content": 'see "README.md" there'}),
    "an mcp tool": event("mcp__x__y", {"path": "a.md"}),
    "paths with md inside": event("Edit", {"file_path": "/v/a.mdx"}),
}


@pytest.mark.parametrize("payload", TURNED_AWAY.values(), ids=TURNED_AWAY)
@pytest.mark.parametrize("shell", SHELLS)
def test_no_interpreter_starts_for_a_call_that_wrote_no_note(payload: bytes, shell: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    done = host.run("post-write", payload, shell=shell)
    assert (done.returncode, done.stdout, done.stderr, host.starts_seen()) == (0, b"", b"", 0)


ASKED = {
    "write": event("Write", {"file_path": "/v/a.md"}),
    "patch": event("apply_patch", {"command": PATCH}),
    "shell, writes": event("Bash", {"command": "echo x > /v/a.md"}),
    "spelled with blanks": json.dumps({"tool_name": "Write", "tool_input": {"file_path": "/v/a.md"}}).encode(),
    "several lines": json.dumps({"tool_name": "Write", "tool_input": {"file_path": "/v/a.md"}}, indent=1).encode()
    + b"\n",
    "key of another tool in a note": event("Write", {"file_path": "/v/a.md", "content": '"tool_name":"Read"'}),
}


@pytest.mark.parametrize("payload", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("shell", SHELLS)
def test_an_interpreter_decides_about_the_rest(payload: bytes, shell: str, tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    done = host.run("post-write", payload, shell=shell)
    assert (done.returncode, done.stdout, done.stderr, host.starts_seen()) == (0, b"", b"", 1)


MARK = "import posix, sys\nposix.write(posix.open(sys.argv[2], 65, 0o600), b'%s'); posix._exit(0)\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("state", "ran"), [("good", "compiled"), ("of another Python", "script"), ("missing", "script")]
)
def test_the_compiled_script_runs_where_the_interpreter_takes_it(
    state: str, ran: str, shell: str, tmp_path: Path
) -> None:
    host = make_hook_host(tmp_path)
    script = Path(runtime_hooks(host.paths), "post_write.py")
    script.parent.mkdir(parents=True)
    script.write_text(MARK % "compiled")
    pyc = Path(compiled_script(host.paths, "post-write"))
    py_compile.compile(str(script), str(pyc), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    script.write_text(MARK % "script")
    if state == "missing":
        pyc.unlink()
    elif state != "good":
        pyc.write_bytes(b"\0\0\r\n" + pyc.read_bytes()[4:])
    shim = Path(host.paths.post_write_shim)
    shim.write_bytes(render_shim("post-write", paths=host.paths, python=host.python, with_core=False))
    log = Path(host.paths.hook_log)
    log.parent.mkdir(parents=True, exist_ok=True)
    done = host.run("post-write", event("Write", {"file_path": str(host.vault / "note.md")}), shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert log.read_text() == ran


def test_a_paused_peer_is_left_alone(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    host.pause(host.peer)
    below = host.peer / "deep" / "er"
    below.mkdir(parents=True)
    assert host.run("post-write", ASKED["write"], cwd=below).returncode == 0
    assert host.starts_seen() == 0
    host.run("post-write", ASKED["write"], cwd=host.vault)
    assert host.starts_seen() == 1


@pytest.mark.skipif(not os.path.exists("/usr/bin/timeout"), reason="no timeout command on this host")
def test_a_stdin_that_never_closes_does_not_hold_the_harness(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    with subprocess.Popen([host.shim("post-write")], stdin=subprocess.PIPE, cwd=host.peer, env={}) as hook:
        assert hook.stdin is not None
        hook.stdin.write(ASKED["write"])
        hook.stdin.flush()
        assert hook.wait(timeout=20) == 0
    assert host.starts_seen() == 1  # what came in time is still looked at


def test_a_closed_stdin_is_an_empty_payload(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" <&-', host.shim("post-write")], capture_output=True, cwd=host.peer, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_deadline_ends_the_script_with_success(tmp_path: Path) -> None:
    script = os.path.join(SCRIPTS, "post_write.py")
    argv = [BASE_PYTHON, "-I", "-S", script, str(tmp_path / "c"), str(tmp_path / "log"), "50"]
    start = time.monotonic()
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as hook:  # its stdin stays open until it has ended
        assert hook.wait(timeout=20) == 0
    assert time.monotonic() - start >= 0.05


def test_an_error_goes_to_the_log_and_nowhere_else(tmp_path: Path) -> None:
    host = make_hook_host(tmp_path)
    note = host.vault / "n.md"
    note.write_text("x")
    os.remove(host.paths.config_file)
    os.mkdir(host.paths.config_file)
    done = host.run("post-write", event("Write", {"file_path": str(note)}))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    line = Path(host.paths.hook_log).read_text()
    assert line.count("\n") == 1
    assert "post-write: IsADirectoryError" in line
    assert os.stat(host.paths.hook_log).st_mode & 0o777 == 0o600


def test_the_log_is_cut_to_its_last_half(tmp_path: Path) -> None:
    log = tmp_path / "hook-errors.log"
    lines = [f"2026-01-01T00:00:00Z old {n}\n" for n in range(12_000)]
    log.write_text("".join(lines))
    assert log.stat().st_size > 256 * 1024
    post_write.log_error(str(log), "post-write", ValueError("new\nerror"))
    kept = log.read_text()
    assert 127 * 1024 < len(kept) <= 129 * 1024
    assert kept.startswith("2026-")
    assert lines[-1] in kept
    assert kept.endswith("post-write: ValueError: new error\n")
    assert not list(tmp_path.glob("*.tmp"))


def test_a_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    post_write.log_error(str(tmp_path / "file" / "such" / "log"), "x", "y")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    post_write.log_error(str(tmp_path / "link"), "x", "y")
    assert not (tmp_path / "target").exists()


CONFIG = """KEY=/v
export KEY=/v
exportKEY=/v
export  .KEY= /v
KEY='/v # x'
KEY="/v
KEY=/v # c
KEY=/v#c
KEY=/a|KEY=/b
KEY=/a|KEY=
# KEY=/v
KEY =/v
^KEY=/v~|
KEY=''
KEY=/a=b
=
KEY
KEY=/v@x""".replace("KEY", "IAPEER_MEMORY_VAULT_PATH")
SPELLED = str.maketrans({".": "\t", "|": "\n", "^": "\ufeff", "~": "\r", "@": "\0"})


@pytest.mark.parametrize("line", ["", *CONFIG.split("\n")])
def test_the_config_is_read_as_the_command_reads_it(line: str) -> None:
    text, key = line.translate(SPELLED), "IAPEER_MEMORY_VAULT_PATH"
    assert post_write.setting(text, key) == {line.key: line.value for line in parse_env(text)[0]}.get(key, "")


def test_json_is_read_without_the_json_package() -> None:
    text = ' {"a": [1, 2.5, -0, true, null, "\\u0451\\n"], "b": {}} '
    assert post_write.parse_json(text) == json.loads(text)
    for broken in ("", "{", "{'a':1}", "nope"):
        with pytest.raises((ValueError, StopIteration)):
            post_write.parse_json(broken)


@pytest.mark.parametrize(
    "name", ["Grammar", "parse_json", "read_file", "make_folder", "setting", "log_error", "set_deadline"]
)
def test_what_both_scripts_need_is_the_same_in_both(name: str) -> None:
    assert inspect.getsource(getattr(post_write, name)) == inspect.getsource(getattr(session_start, name))
