"""`iapeer-memory mcp --host`: the words that ssh is given, and what is said when it cannot be had."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from iapeer_memory.cli.far import Host, command, host_of, trouble
from iapeer_memory.domain.errors import UsageError
from tests.support.bridged import Session, bridged
from tests.support.daemon import Running, environment, start, until, write


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("ssh://reef", Host("reef")),
        ("ssh://me@reef.example:2222", Host("reef.example", "me", "2222")),
        ("ssh://a.b-c_d@10.0.0.1", Host("10.0.0.1", "a.b-c_d")),
        ("ssh://me@[fe80::1]:22", Host("fe80::1", "me", "22")),
    ],
)
def test_hosts(url: str, host: Host) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "", "reef", "ssh://", "ssh:reef", "http://reef", "SSH://reef", "ssh://reef/", "ssh://reef/x", "ssh://reef?x",
        "ssh://-oProxyCommand=x", "ssh://-x@reef", "ssh://me@-reef", "ssh://me@", "ssh://@reef", "ssh://reef:",
        "ssh://reef:0", "ssh://reef:65536", "ssh://reef:-1", "ssh://reef:22 x", "ssh://reef\n", "ssh://re ef",
        "ssh://me:pass@reef", "ssh://a@b@c", "ssh://[::1", "ssh://::1", "ssh://[-1]", "ssh://$(x)", "ssh://ré",
        "ssh://reef:2२", "ssh://" + "a" * 300, " ssh://reef", "ssh://re'ef",
    ],
)  # fmt: skip
def test_what_is_no_host(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        host_of(url)
    assert "is no ssh://[USER@]HOST[:PORT]" in caught.value.line() and "\n" not in caught.value.line()


def test_the_words_of_ssh() -> None:
    words = command(Host("reef", "me", "2222"))
    assert words[:2] == ("ssh", "-T") and words[-7:-1] == ("-p", "2222", "-l", "me", "--", "reef")
    for option in ("BatchMode=yes", "ForwardAgent=no", "ForwardX11=no", "ServerAliveInterval=15"):
        assert words[words.index(option) - 1] == "-o"
    assert words[-1].endswith("exec iapeer-memory mcp --relay'") and command(Host("reef"))[-3:-1] == ("--", "reef")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No ED25519 host key is known\nHost key verification failed.\n", "its host key is not known; fix: "),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "another one than"),
        ("me@reef: Permission denied (publickey).\n", "it does not take our key; fix: see to it that this works: ssh"),
        ("motd\niapeer-memory: not found on this host\n", "iapeer-memory is not installed there; fix: "),
        ("iapeer-memory mcp: --relay is not understood; usage: x", "its iapeer-memory is too old; fix: "),
        ("ssh: Could not resolve hostname reef: no", "ssh: Could not resolve hostname reef: no"),
        ("iapeer-memory: memoryd cannot be started: why\n\n", "iapeer-memory: memoryd cannot be started: why"),
        ("", "ssh ended without a word"),
        ("\x1b[31mred" + "x" * 1000, "\\x1b[31mred"),
    ],
)
def test_what_went_wrong_is_one_line(said: str, told: str) -> None:
    line = trouble(Host("reef", "me", "22"), said).line()
    assert line.startswith("reef: ") and told in line and "\n" not in line and len(line) < 400


STAND_IN = """#!/bin/sh
# A stand-in for ssh: notes its words, then runs the last one on "the far host", or fails as it is told to.
echo "$@" >> "$HOME/words"
if [ -f "$HOME/fails" ]; then cat "$HOME/fails" >&2; exit 255; fi
for last; do :; done
{greeting}
exec env -i {far} sh -c "$last"
"""


@dataclass
class Two:
    """Two hosts: ours has no memory, the other one's is a real memoryd. `ours`: our environment."""

    home: Path
    far_home: Path
    ours: dict[str, str]
    daemon: Running

    @property
    def words(self) -> list[str]:
        """The words of each ssh that was run."""
        place = self.home / "words"
        return place.read_text().splitlines() if place.exists() else []

    def ssh(self, far: dict[str, str], *, greeting: str = "") -> None:
        """Put the stand-in into our PATH, the command into the far one's."""
        self.program(self.far_home / "bin" / "iapeer-memory", f'exec {sys.executable} -I -m iapeer_memory "$@"')
        given = " ".join(f"{name}='{value}'" for name, value in far.items())
        place = self.home / "bin" / "ssh"
        place.parent.mkdir(exist_ok=True)
        place.write_text(STAND_IN.format(far=given, greeting=greeting))
        place.chmod(0o755)

    @staticmethod
    def program(place: Path, text: str) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"#!/bin/sh\n{text}\n")
        place.chmod(0o755)


@pytest.fixture
def two() -> Iterator[Two]:
    with TemporaryDirectory(prefix="n") as near, TemporaryDirectory(prefix="f") as far:
        write(Path(far) / "vault", "01_Knowledge/Bread.md", "All about bread.\n")
        with start(Path(far) / "h", Path(far) / "vault") as daemon:
            home = Path(far) / "h"
            ours = {"HOME": near, "PATH": f"{near}/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
            made = Two(Path(near), home, ours, daemon)
            made.ssh({**environment(home, None), "PATH": f"{home}/bin:/usr/bin:/bin"})
            yield made


def project(two: Two, settings: str = "{}") -> Path:
    folder = two.home / "work"
    (folder / ".iapeer").mkdir(parents=True, exist_ok=True)
    (folder / ".iapeer" / "memory.jsonc").write_text(settings)
    return folder


def ask(one: Session) -> str:
    """The line of an error."""
    return str(one.ask("ping")["error"]["message"])


def test_a_session_with_another_hosts_memory(two: Two) -> None:
    folder = project(two, '{"results": 1}')
    write(two.far_home.parent / "vault", "01_Knowledge/Bread two.md", "More about bread.\n")
    until(lambda: len(two.daemon.titles("bread")) == 2)
    with bridged(two.ours, folder, "--host", "ssh://me@reef:2222") as one:
        assert "long-term memory" in one.hello()
        assert len(one.search("bread")) == 1
        [row] = two.daemon.request("GET", "/sessions")[2]["sessions"]
        assert row["project"] == str(folder) and row["session"].startswith("stdio-") and "@" in row["session"]
        assert row["peer"] is None
    assert len(two.words) == 1 and "-p 2222 -l me -- reef" in two.words[0]
    until(lambda: not two.daemon.request("GET", "/sessions")[2]["sessions"])


def test_the_far_fleet_map_says_who_asks(two: Two) -> None:
    folder = project(two)
    two.daemon.state.joinpath("fleet.json").write_text(
        json.dumps({"peers": [{"personality": "alpha", "cwd": str(folder), "runtimes": ["claude"]}]})
    )
    with bridged(two.ours, folder, "--host", "ssh://reef") as one:
        made = one.call("memory_write", title="Mine", text="Of alpha.")["structuredContent"]
        assert made["path"] == "06_Agent_Memory/alpha/Mine.md"
        assert two.daemon.request("GET", "/sessions")[2]["sessions"][0]["peer"] == "alpha"


def test_what_a_shell_prints_first_is_passed_over(two: Two) -> None:
    far = {**environment(two.far_home, None), "PATH": f"{two.far_home}/bin:/usr/bin:/bin"}
    two.ssh(far, greeting="echo 'Welcome to the reef!'; echo motd >&2")
    with bridged(two.ours, project(two), "--host", "ssh://reef") as one:
        assert one.titles("bread") == ["Bread"]


def test_a_folder_that_the_far_host_does_not_have(two: Two) -> None:
    folder = project(two)
    with bridged(two.ours, folder, "--host", "ssh://reef", "--project", "/no/such/folder") as one:
        assert "project root does not exist: /no/such/folder; fix: name a folder of that host with" in ask(one)
    with bridged(two.ours, folder, "--host", "ssh://reef", "--project", str(two.far_home)) as one:
        assert one.titles("bread") == ["Bread"]


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        ("Host key verification failed.", "reef: its host key is not known; fix: accept it once by hand: ssh reef"),
        ("reef: Permission denied (publickey).", "reef: it does not take our key; fix: "),
        ("ssh: connect to host reef port 22: Connection refused", "reef: ssh: connect to host reef port 22: Conn"),
    ],
)
def test_an_ssh_that_fails_is_one_line_and_one_try(fails: str, told: str, two: Two) -> None:
    (two.home / "fails").write_text(f"{fails}\n")
    with bridged(two.ours, project(two), "--host", "ssh://reef") as one:
        assert told in ask(one)
        assert len(two.words) == 1
        (two.home / "fails").unlink()
        assert one.titles("bread") == ["Bread"]
        assert one.said() == ""


def test_no_ssh_and_nothing_at_the_far_end(two: Two) -> None:
    with bridged({**two.ours, "PATH": "/nowhere"}, project(two), "--host", "ssh://reef") as one:
        assert "ssh is not here; fix: install the OpenSSH client" in ask(one)
    (two.far_home / "bin" / "iapeer-memory").unlink()
    with bridged(two.ours, project(two), "--host", "ssh://reef") as one:
        assert "reef: iapeer-memory is not installed there; fix: install it there" in ask(one)
    two.program(two.far_home / "bin" / "iapeer-memory", "echo ready")
    with bridged(two.ours, project(two), "--host", "ssh://reef") as one:
        assert "reef: ssh ended without a word" in ask(one)
    two.program(two.far_home / "bin" / "iapeer-memory", "exec head -c 70000 /dev/zero")
    with bridged(two.ours, project(two), "--host", "ssh://reef") as one:
        assert "reef: something else than iapeer-memory answers" in ask(one)


def test_a_connection_that_is_lost_is_made_anew(two: Two) -> None:
    with bridged(two.ours, project(two), "--host", "ssh://reef") as one:
        note = {"text": "Gulls.", "folder": "knowledge", "tags": ["birds"]}
        for number in range(4):
            assert one.titles("bread") == ["Bread"]
            [row] = two.daemon.request("GET", "/sessions")[2]["sessions"]
            os.kill(row["pid"], signal.SIGKILL)
            assert not one.call("memory_write", title=f"Gull {number}", **note).get("isError")
        assert len(two.words) == 5
    assert len(list((two.far_home.parent / "vault").rglob("Gull*.md"))) == 4


def test_words_that_are_refused(two: Two) -> None:
    for url in ("ssh://-oProxyCommand=touch /tmp/x", "reef", ""):
        ran = subprocess.run(
            [sys.executable, "-I", "-m", "iapeer_memory", "mcp", f"--host={url}"],
            env=two.ours, cwd=two.home, capture_output=True, text=True, input="", check=False,
        )  # fmt: skip
        assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran
    assert not two.words
