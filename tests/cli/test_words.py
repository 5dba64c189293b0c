"""Words in: what is understood, what is refused, and with which exit code. Errors are one line, never a box."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iapeer_memory import __version__
from iapeer_memory.cli.app import run
from iapeer_memory.cli.ask import parse_choice
from iapeer_memory.cli.commands import COMMANDS
from iapeer_memory.domain.errors import UsageError
from tests.support.bed import Bed, Ran


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A home without anything of ours."""
    yield Bed(tmp_path_factory.mktemp("bare") / "home")


@pytest.mark.parametrize("words", [(), ("help",), ("--help",), ("-h",)], ids=str)
def test_help_names_every_shown_command_and_no_other(bare: Bed, words: tuple[str, ...]) -> None:
    ran = bare.run(*words)
    listed = [line.split()[0] for line in ran.out.splitlines() if line.startswith("  ")]
    assert (ran.code, ran.err, listed) == (0, "", [name for name, row in COMMANDS.items() if row.shown])
    assert all(len(line) <= 100 for line in ran.out.splitlines())


@pytest.mark.parametrize("words", [("version",), ("--version",), ("-V",)], ids=str)
def test_the_bare_version(bare: Bed, words: tuple[str, ...]) -> None:
    ran = bare.run(*words)
    assert (ran.code, ran.out, ran.err) == (0, __version__ + "\n", "")


def test_an_unknown_command(bare: Bed) -> None:
    ran = bare.run("frobnicate")
    assert ran.code == 2 and ran.out == ""
    assert ran.err.startswith("iapeer-memory: unknown command: frobnicate\n\nusage: iapeer-memory COMMAND")


Here = Callable[..., Ran]


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The same command line in this process: for words that are turned down before anything is done."""
    monkeypatch.setenv("IAPEER_MEMORY_SUPERVISOR", "broker")

    def run_here(*words: str) -> Ran:
        code = run(words)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run_here


LENIENT = ("version", "archive-stale")
"""Commands that pass over words they do not know, as the reference's do."""


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in LENIENT])
def test_an_unknown_flag_of_every_command(here: Here, command: str) -> None:
    assert here(command, "--frobnicate") == Ran(2, "", f"iapeer-memory {command}: unknown flag: --frobnicate\n")


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("words", [("init",), ("note",), ("note", "history"), ("peer", "add"), ("fm-update",)], ids=str)
def test_help_by_either_flag_at_every_depth(here: Here, words: tuple[str, ...], flag: str) -> None:
    ran = here(*words, flag)
    assert (ran.code, ran.err) == (0, "") and "Usage: iapeer-memory " + " ".join(words) in ran.out
    assert "-h, --help" in ran.out


WRONG = {
    ("--frob",): "iapeer-memory: unknown flag: --frob",
    ("update", "--from"): "iapeer-memory update: Option '--from' requires an argument",
    ("update", "more"): "iapeer-memory update: Got unexpected extra argument(s) (more)",
    ("verify", "--new-port"): "iapeer-memory verify: --new-port and --dry-run go with --repair",
    ("verify", "alpha"): "iapeer-memory verify: naming peers goes with --deep",
    ("update", "--from", "x", "--rollback"): (
        "iapeer-memory update: --from goes with neither --rollback nor --skip-binary"
    ),
    ("peer", "frob"): "iapeer-memory peer: unknown command: frob",
    ("memoryd", "--mcp-port", "99999"): "iapeer-memory memoryd: --mcp-port must be 0 to 65535, not 99999",
    ("memoryd", "--mcp-port", "x"): "iapeer-memory memoryd: Invalid value for '--mcp-port': 'x' is not a valid int",
    ("hook", "frob"): "iapeer-memory hook: unknown hook event 'frob'; there are post-write, session-start",
    ("logs", "frob"): "iapeer-memory logs: no log is called 'frob'; there are memoryd, repair, hooks and all",
    ("config", "get", "FROB"): "iapeer-memory config: no setting is called FROB; fix: iapeer-memory config list",
    ("config", "set", "MODE", "x"): "iapeer-memory config: MODE must be one of lean, curated, not 'x'",
    ("config", "set", "MCP_PORT", "0"): "iapeer-memory config: MCP_PORT must be a port from 1 to 65535, not '0'",
    ("config", "set", "MAX_RESULTS", "six"): "iapeer-memory config: MAX_RESULTS must be a whole number, not 'six'",
    ("init", "--non-interactive"): (
        "iapeer-memory init: which folder shall hold the notes? init will not pick one; fix: add --vault PATH"
    ),
    ("init", "--vault", "/x", "--locale", "de"): "iapeer-memory init: --locale must be one of en, ru, not 'de'",
    ("provision-peer", "--cwd", "rel"): "iapeer-memory provision-peer: --cwd must be an absolute path, not 'rel'",
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_words(here: Here, words: tuple[str, ...], private_home: Path) -> None:
    assert here(*words) == Ran(2, "", WRONG[words] + "\n")
    assert list(private_home.rglob("*")) == []


@pytest.mark.parametrize("group", ["peer", "config", "backup"])
def test_a_group_alone_explains_itself(here: Here, group: str) -> None:
    ran = here(group)
    assert (ran.code, ran.err) == (0, "") and "list" in ran.out and len(ran.out.splitlines()) > 5


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_is_plain(here: Here, command: str) -> None:
    ran = here(command, "--help")
    assert ran.code == 0 and ran.err == "" and "--help" in ran.out
    assert not set(ran.out) & set("╭╮╰╯│─") and "\x1b" not in ran.out


def test_values_may_be_joined_with_an_equals_sign(bare: Bed) -> None:
    joined, apart = bare.run("logs", "--lines=0"), bare.run("logs", "--lines", "0")
    assert joined == apart and joined.code == 2
    assert (
        bare.run("init", "--vault=/x", "--locale=de").err
        == "iapeer-memory init: --locale must be one of en, ru, not 'de'\n"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(bare: Bed, shell: str) -> None:
    ran = bare.run("--show-completion", shell)
    assert ran.code == 0 and "iapeer" in ran.out and ran.err == ""


def test_completion_proposes_commands_and_flags(bare: Bed) -> None:
    def propose(words: str, number: int) -> str:
        env = {"_IAPEER_MEMORY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(number)}
        return bare.run(env=env).out

    assert {"update", "verify"} <= set(propose("iapeer-memory ", 1).split())
    assert "--repair" in propose("iapeer-memory verify --", 2)


CHOICES = {
    "all": {0, 1, 2, 3, 4},
    "": set(),
    "none": set(),
    "1": {0},
    "1,3-5": {0, 2, 3, 4},
    " 2 , 4 ": {1, 3},
    "ALL": {0, 1, 2, 3, 4},
}


@pytest.mark.parametrize("text", CHOICES)
def test_choices(text: str) -> None:
    assert parse_choice(text, 5) == CHOICES[text]


@pytest.mark.parametrize("text", ["x", "0", "6", "1-9", "3-1", "1,,2", "-1", "1.5", "1-", "²", "1-99999999999"])
def test_choices_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_choice(text, 5)


def on_a_terminal(bed: Bed, *words: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """The command with its output on a terminal of its own."""
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "iapeer_memory", *words],
        env={**bed.env, "TERM": "xterm", **(env or {})}, cwd=bed.home,
        stdin=subprocess.DEVNULL, stdout=follower, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    parts = []
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(leader)
    return child.wait(), b"".join(parts).decode()


def test_colours_only_where_they_are_wanted(bare: Bed) -> None:
    plain = bare.run("verify").out
    assert "\x1b" not in plain and plain
    assert "\x1b[31mFAIL" in bare.run("verify", env={"FORCE_COLOR": "1"}).out
    assert "\x1b" not in bare.run("verify", env={"FORCE_COLOR": "0"}).out
    assert "\x1b" not in bare.run("verify", env={"FORCE_COLOR": "1", "NO_COLOR": ""}).out
    code, shown = on_a_terminal(bare, "verify")
    assert code == 1 and "\x1b[31mFAIL" in shown
    _, quiet = on_a_terminal(bare, "verify", env={"NO_COLOR": "1"})
    assert "\x1b" not in quiet and quiet.replace("\r\n", "\n") == plain


def test_a_closed_pipe_is_no_error_with_words(bare: Bed) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{sys.executable}' -I -m iapeer_memory help | head -c 1; exit 0"],
        env=bare.env, cwd=bare.home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""


def test_no_file_is_made_by_commands_that_only_look(bare: Bed, tmp_path: Path) -> None:
    for words in (("verify",), ("status",), ("logs",), ("config", "list"), ("backup", "list"), ("peer", "list")):
        bare.run(*words)
    assert list(bare.home.rglob("*")) == []
