"""The shell programs that we render: literal values survive every shell, and each program does what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.domain.errors import ConfigError
from iapeer_memory.domain.paths import Paths
from iapeer_memory.surfaces import shims
from tests.support.hooks import SHELLS

ODD_HOMES = ["/home/u", '/home/ü ser/it\'s "$HOME" `id` \\ *;&|', "/home/{{PYTHON}}", "/home/-n", "/home/\udcff\udcfe"]


def paths_of(home: str) -> Paths:
    return Paths.from_env({"HOME": home}, os_home="/nowhere")


def programs(paths: Paths) -> dict[str, bytes]:
    rendered = {event: shims.render_shim(event, paths=paths, with_core=True, port=8766) for event in shims.EVENTS}
    return rendered | {
        "command": shims.render_command(version="1.2.3", paths=paths),
        "launcher": shims.render_launcher(paths=paths),
        "dream-gate": shims.render_dream_gate(paths=paths),
    }


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=30))
def test_a_quoted_text_comes_out_of_the_shell_as_it_went_in(text: str) -> None:
    done = subprocess.run(["/bin/sh", "-c", f"printf %s {shims.quote_sh(text)}"], capture_output=True, timeout=20)
    assert done.stdout == text.encode()


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_a_line_break_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        shims.quote_sh(text)
    for event in shims.EVENTS:
        with pytest.raises(ConfigError):
            shims.render_shim(event, paths=paths_of("/home/u"), python=f"/{text}", with_core=False)


@pytest.mark.parametrize("home", ODD_HOMES)
@pytest.mark.parametrize("shell", SHELLS)
def test_every_program_is_sound_shell(home: str, shell: str, tmp_path: Path) -> None:
    for name, data in programs(paths_of(home)).items():
        (tmp_path / name).write_bytes(data)
        done = subprocess.run([*shell.split(), "-n", str(tmp_path / name)], capture_output=True, timeout=20)
        assert (done.returncode, done.stderr) == (0, b""), name


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("dialect", ["sh", "dash", "bash"])
def test_shellcheck_has_nothing_to_say(dialect: str, tmp_path: Path) -> None:
    for name, data in programs(paths_of("/home/u")).items():
        (tmp_path / name).write_bytes(data)
    files = [str(tmp_path / name) for name in programs(paths_of("/home/u"))]
    done = subprocess.run(["shellcheck", "-s", dialect, *files], capture_output=True, timeout=60, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "env",
    [
        {"HOME": "/h"},
        {"HOME": "/h", "IAPEER_ROOT": "/r", "CLAUDE_CONFIG_DIR": "/c", "CODEX_HOME": "/x", "XDG_CONFIG_HOME": "/g"},
        {"HOME": "/h", "IAPEER_MEMORY_CONFIG_FILE": "/e/c.env", "IAPEER_MEMORY_DB_PATH": "/d/i.db"},
        {"HOME": "/h", "IAPEER_MEMORY_BINARY_PATH": "/b/m", "IAPEER_MEMORY_LOGS_DIR": "/l"},
    ],
)
def test_a_repair_finds_the_same_paths(env: dict[str, str]) -> None:
    first = Paths.from_env(env, os_home="/o")
    again = Paths.from_env(shims.environment(first), os_home="/other")
    assert all(getattr(first, name) == getattr(again, name) for name in Paths.__slots__)


def test_fields_are_filled_in_one_pass_and_exactly() -> None:
    assert shims.render("a {{X}} {{Y}} {{X}}", {"X": "{{Y}}", "Y": "2"}) == "a {{Y}} 2 {{Y}}"
    with pytest.raises(KeyError):
        shims.render("{{X}} {{Y}}", {"X": "1"})
    with pytest.raises(ValueError, match="Y"):
        shims.render("{{X}}", {"X": "1", "Y": "2"})


def test_the_age_of_a_heartbeat_is_asked_as_each_system_counts() -> None:
    def shim(platform: str) -> bytes:
        return shims.render_shim("session-start", paths=paths_of("/h"), with_core=True, platform=platform)

    assert b"-mmin -2 " in shim("linux")
    assert b"-mmin -3 " in shim("darwin")


def test_rendering_is_settled() -> None:
    assert programs(paths_of("/home/u")) == programs(paths_of("/home/u"))


def place(tmp: Path, data: bytes, name: str = "program") -> str:
    program = tmp / name
    program.write_bytes(data)
    program.chmod(0o755)
    return str(program)


def stub(tmp: Path) -> str:
    python = tmp / "py thon"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$IAPEER_ROOT" "$@"\nexit 7\n')
    python.chmod(0o755)
    return str(python)


def run(*argv: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, env=env or {}, stdin=subprocess.DEVNULL)


def test_the_command_tells_its_version_without_an_interpreter(tmp_path: Path) -> None:
    command = place(tmp_path, shims.render_command(version="1.2.3", paths=paths_of("/h"), python="/gone"))
    for word in ("--version", "-V", "version"):
        done = run(command, word)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1.2.3\n", "")


def test_the_command_becomes_the_runtime_s(tmp_path: Path) -> None:
    command = place(tmp_path, shims.render_command(version="1.2.3", paths=paths_of("/h"), python=stub(tmp_path)))
    done = run(command, "search", "two words", "")
    assert (done.returncode, done.stdout) == (7, "\n-I\n-m\niapeer_memory\nsearch\ntwo words\n\n")
    assert run(command, "--version", "x").returncode == 7


@pytest.mark.parametrize(("words", "code"), [([], 1), (["status"], 1), (["hook", "session-start"], 0)])
def test_without_an_interpreter_the_command_names_the_fix(words: list[str], code: int, tmp_path: Path) -> None:
    command = place(
        tmp_path, shims.render_command(version="1", paths=paths_of("/h"), python="/gone", reinstall="run X")
    )
    done = run(command, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "iapeer-memory: its Python is gone (/gone); fix: run X\n"


def test_the_launcher_becomes_memoryd_with_literal_paths(tmp_path: Path) -> None:
    launcher = place(tmp_path, shims.render_launcher(paths=paths_of("/h o"), python=stub(tmp_path)))
    done = run(launcher, env={"IAPEER_ROOT": "/elsewhere"})
    assert (done.returncode, done.stdout) == (7, "/h o/.iapeer\n-I\n-m\niapeer_memory\nmemoryd\n")
    gone = run(place(tmp_path, shims.render_launcher(paths=paths_of("/h"), python="/gone")))
    assert (gone.returncode, gone.stderr.count("\n")) == (78, 1)


def test_the_launcher_runs_memoryds_own_executable_and_does_without_one(tmp_path: Path) -> None:
    paths = paths_of(str(tmp_path))
    programs = Path(paths.current_runtime) / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "memoryd"):
        place(programs, f'#!/bin/sh\necho {name} "$@"\n'.encode(), name)
    launcher = place(tmp_path, shims.render_launcher(paths=paths))
    assert run(launcher).stdout == "memoryd -I -m iapeer_memory memoryd\n"
    (programs / "memoryd").unlink()
    assert run(launcher).stdout == "python -I -m iapeer_memory memoryd\n"


@pytest.mark.parametrize("home", ODD_HOMES)
def test_what_memoryd_takes_without_a_launcher_is_what_the_launcher_gives(home: str, tmp_path: Path) -> None:
    """Line by line, and every byte of a path that is no text."""
    paths = paths_of(home)
    lines = shims.render_daemon_environment(paths=paths).splitlines()
    given = {os.fsdecode(name): os.fsdecode(value) for name, _, value in (line.partition(b"=") for line in lines)}
    assert given == shims.environment(paths)
    with pytest.raises(ConfigError):
        shims.render_daemon_environment(paths=paths_of("/h\nX=1"))


def test_the_gate_asks_the_collector_and_wakes_nobody_without_an_interpreter(tmp_path: Path) -> None:
    gate = place(tmp_path, shims.render_dream_gate(paths=paths_of("/h"), python=stub(tmp_path)))
    done = run(gate)
    assert (done.returncode, done.stdout) == (7, "/h/.iapeer\n-I\n-m\niapeer_memory\ndream-collect\n--gate\n")
    gone = run(place(tmp_path, shims.render_dream_gate(paths=paths_of("/h"), python="/gone")))
    assert (gone.returncode, gone.stdout, gone.stderr) == (1, "", "")


def test_shims_lie_where_the_contract_says() -> None:
    paths = paths_of("/h")
    names = {event: os.path.basename(shims.shim_path(paths, event)) for event in shims.EVENTS}
    assert names == {
        "post-write": "iapeer-memory.post-write.sh",
        "session-start": "iapeer-memory.session-start.sh",
    }
