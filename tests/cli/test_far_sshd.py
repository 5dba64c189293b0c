"""`iapeer-memory mcp --host` over a real ssh and a real sshd."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.bridged import Session, bridged
from tests.support.daemon import Running, environment, start, write
from tests.support.sshd import Sshd, needs_sshd, serving

pytestmark = needs_sshd


@dataclass
class Two:
    """Our home, without a memory, and a host that has one."""

    near: Path
    home: Path
    vault: Path
    sshd: Sshd
    daemon: Running

    def session(self) -> AbstractContextManager[Session]:
        env = {"HOME": str(self.near), "PATH": f"{self.sshd.bin}:/usr/bin:/bin", "LANG": "C.UTF-8"}
        return bridged(env, self.near, "--harness", "claude", "--host", self.sshd.url, "--project", str(self.home))


@pytest.fixture
def two() -> Iterator[Two]:
    with TemporaryDirectory(prefix="n") as near, TemporaryDirectory(prefix="f") as far:
        home, vault = Path(far) / "h", Path(far) / "vault"
        write(vault, "01_Knowledge/Bread.md", "All about bread.\n")
        command = home / ".local" / "bin" / "iapeer-memory"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -I -m iapeer_memory "$@"\n')
        command.chmod(0o755)
        with start(home, vault) as daemon:
            env = {**environment(home, None), "PATH": "/usr/bin:/bin"}
            with serving(Path(far) / "sshd", env) as sshd:
                yield Two(Path(near), home, vault, sshd, daemon)


def ask(one: Session) -> str:
    """The line of an error."""
    return str(one.ask("ping")["error"]["message"])


def test_one_memory_for_two_hosts(two: Two) -> None:
    with two.session() as one, two.session() as other:
        assert "long-term memory" in one.hello()
        assert one.titles("bread") == ["Bread"]
        made = one.call("memory_write", title="Gull", text="Cries.", folder="knowledge", tags=["birds"])
        assert not made.get("isError"), made
        two.daemon.until(lambda: other.titles("cries") == ["Gull"])
        rows = two.daemon.request("GET", "/sessions")[2]["sessions"]
        assert [(row["harness"], row["project"]) for row in rows] == [("claude", str(two.home))] * 2
    two.daemon.until(lambda: not two.daemon.request("GET", "/sessions")[2]["sessions"])


def test_a_host_key_that_is_not_known_and_one_that_is_another(two: Two) -> None:
    two.sshd.known.write_text("")
    with two.session() as one:
        assert "127.0.0.1: its host key is not known; fix: accept it once by hand: ssh -p" in ask(one)
        key = (two.sshd.folder / "key.pub").read_text()
        two.sshd.known.write_text(f"[127.0.0.1]:{two.sshd.port} {key}")
        assert "127.0.0.1: its host key is another one than before; fix: " in ask(one)
        two.sshd.restore()
        assert one.titles("bread") == ["Bread"]


def test_a_key_that_is_not_taken(two: Two) -> None:
    two.sshd.authorized.write_text("")
    with two.session() as one:
        assert "127.0.0.1: it does not take our key; fix: see to it that this works: ssh -p" in ask(one)


def test_no_iapeer_memory_there(two: Two) -> None:
    (two.home / ".local" / "bin" / "iapeer-memory").unlink()
    with two.session() as one:
        assert "127.0.0.1: iapeer-memory is not installed there; fix: install it there, then init" in ask(one)


def test_a_key_that_may_do_nothing_else(two: Two) -> None:
    key = (two.sshd.folder / "key.pub").read_text()
    two.sshd.authorized.write_text(f'command="$HOME/.local/bin/iapeer-memory mcp --relay",restrict {key}')
    with two.session() as one:
        assert one.titles("bread") == ["Bread"]


def test_a_connection_that_is_lost(two: Two) -> None:
    with two.session() as one:
        assert one.titles("bread") == ["Bread"]
        [row] = two.daemon.request("GET", "/sessions")[2]["sessions"]
        os.kill(row["pid"], signal.SIGKILL)
        made = one.call("memory_write", title="Gull", text="Cries.", folder="knowledge", tags=["birds"])
        assert not made.get("isError"), made
        assert one.titles("bread") == ["Bread"]
    assert len(list(two.vault.rglob("Gull.md"))) == 1
