"""Contexts without a core, fragments with one: written by the real daemon."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from iapeer_memory.attach.bodies import Tier
from iapeer_memory.attach.tier_files import USER
from iapeer_memory.domain.host import HostChoices
from tests.support.attached import waiting_client
from tests.support.daemon import Running, start, write


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    write(tmp_path / "vault", "06_Agent_Memory/alpha/Habits.md", "---\ntitle: Habits of alpha\n---\nx\n")
    return tmp_path / "vault"


def fleet(home: Path, *peers: tuple[str, Path]) -> None:
    state = home / ".iapeer" / "state" / "iapeer-memory"
    state.mkdir(parents=True, exist_ok=True)
    rows = [{"personality": name, "cwd": str(cwd), "runtimes": ["claude"]} for name, cwd in peers]
    temp = state / "fleet.json.new"
    temp.write_text(json.dumps({"peers": rows}))
    temp.replace(state / "fleet.json")


def with_core(home: Path) -> None:
    state = home / ".iapeer" / "state" / "iapeer-memory"
    state.mkdir(parents=True, exist_ok=True)
    (state / "host.json").write_bytes(HostChoices(core="/opt/core/iapeer").dump())


def context(daemon: Running, cwd: Path) -> Path:
    return daemon.state / "context" / "by-path" / str(cwd).lstrip("/") / "context.txt"


def test_contexts_come_change_and_go(tmp_path: Path, vault: Path) -> None:
    home, one, two = tmp_path / "h", tmp_path / "peers" / "one", tmp_path / "peers" / "one" / "два\nстроки"
    two.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(one)
    fleet(home, ("alpha", link), ("beta", two))
    with start(home, vault) as daemon:
        places = [context(daemon, one), context(daemon, link), context(daemon, two)]
        for place in places:
            daemon.until(place.exists)
            assert stat.S_IMODE(place.stat().st_mode) == 0o600
        folder = places[0].parent
        while folder != daemon.state:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            folder = folder.parent
        assert "Habits of alpha" in places[0].read_text()
        assert "Habits of alpha" not in places[2].read_text()

        inode, age = places[0].stat().st_ino, places[0].stat().st_mtime_ns
        daemon.until(lambda: places[0].stat().st_mtime_ns > age)
        assert places[0].stat().st_ino == inode

        write(vault, "06_Agent_Memory/alpha/More.md", "---\ntitle: One thing more\n---\nx\n")
        daemon.until(lambda: "One thing more" in places[0].read_text())
        places[2].unlink()
        daemon.until(places[2].exists)

        fleet(home, ("beta", two))
        daemon.until(lambda: not places[0].exists() and not places[1].exists())
        assert places[2].exists()
        assert not context(daemon, link).parent.exists()
        (daemon.state / "fleet.json").write_text("{")
        age = places[2].stat().st_mtime_ns
        daemon.until(lambda: places[2].stat().st_mtime_ns > age)
    assert os.listdir(one) == [two.name]


def test_a_context_is_as_long_as_the_project_wants_it(tmp_path: Path, vault: Path) -> None:
    home, alpha = tmp_path / "h", tmp_path / "alpha"
    alpha.mkdir()
    fleet(home, ("alpha", alpha))
    with start(home, vault) as daemon:
        place = context(daemon, alpha)
        daemon.until(place.exists)
        whole = place.read_text()
        write(alpha, ".iapeer/memory.jsonc", '{ "context_budget": 900 } // short\n')
        daemon.until(lambda: 500 < len(place.read_bytes()) <= 900)
        assert whole.startswith(place.read_text()) and place.read_text().endswith("\n")
        write(alpha, ".iapeer/memory.jsonc", '{ "context_budget": "long" }')
        daemon.until(lambda: place.read_text() == whole)
        mine = home / ".iapeer/plugins/iapeer-memory"
        write(mine, "memory.jsonc", '{ "context_budget": 600 }')
        daemon.until(lambda: 300 < len(place.read_bytes()) <= 600)
        assert whole.startswith(place.read_text())


def test_a_file_that_was_damaged_is_mended_with_the_next_change(tmp_path: Path, vault: Path) -> None:
    home, alpha, beta = tmp_path / "h", tmp_path / "alpha", tmp_path / "beta"
    alpha.mkdir()
    beta.mkdir()
    fleet(home, ("alpha", alpha), ("beta", beta))
    with start(home, vault) as daemon:
        mine, theirs = context(daemon, alpha), context(daemon, beta)
        daemon.until(lambda: mine.exists() and theirs.exists())
        index = daemon.state / "indexes" / "alpha-vault-index.md"
        text, inode = mine.read_text(), mine.stat().st_ino
        index.write_text("cut")
        write(vault, "06_Agent_Memory/beta/More.md", "---\ntitle: One thing more\n---\nx\n")
        daemon.until(lambda: "One thing more" in theirs.read_text() and index.read_text() != "cut")
        assert (mine.read_text(), mine.stat().st_ino) == (text, inode)


def test_fragments_with_a_core(tmp_path: Path, vault: Path) -> None:
    home, peers = tmp_path / "h", tmp_path / "peers"
    alpha, hostile, gone = peers / "alpha", peers / "hostile", peers / "gone"
    alpha.mkdir(parents=True)
    (hostile / ".iapeer").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (hostile / ".iapeer" / "fragments").symlink_to(outside)
    fleet(home, ("hostile", hostile), ("gone", gone), ("alpha", alpha))
    with_core(home)
    with start(home, vault) as daemon:
        fragment = alpha / ".iapeer" / "fragments" / "iapeer-memory.md"
        daemon.until(fragment.exists)
        text = fragment.read_text()
        assert text.startswith("## iapeer-memory paths\n<iapeer-memory-paths>\n")
        assert f"vault: {vault}\n" in text
        assert "[[Habits of alpha]]" in text
        assert stat.S_IMODE(fragment.parent.stat().st_mode) == 0o700
        daemon.said("leaves its folder")
        before = fragment.stat().st_mtime_ns
        write(vault, "01_Knowledge/Other.md", "x")
        daemon.wait(lambda h: h["notes"] == 2)
        write(vault, "06_Agent_Memory/alpha/More.md", "---\ntitle: One thing more\n---\nx\n")
        daemon.until(lambda: "One thing more" in fragment.read_text())
        assert fragment.stat().st_mtime_ns != before
        assert not (daemon.state / "context").exists()
    assert os.listdir(outside) == []
    assert not gone.exists()
    assert sorted(os.listdir(alpha)) == [".iapeer"]
    assert os.listdir(fragment.parent) == ["iapeer-memory.md"]


def test_a_session_is_given_the_context_of_its_folder_or_the_nearest_above(vault: Path) -> None:
    with TemporaryDirectory(prefix="iam-") as short:
        home, work, below, other = (Path(short, *parts) for parts in (("h",), ("w",), ("w", "src"), ("o",)))
        for folder in (below, other):
            folder.mkdir(parents=True)
        fleet(home, ("alpha", work))
        with start(home, vault) as daemon:
            place = context(daemon, work)
            daemon.until(place.exists)

            def told(folder: Path, settings: str = "{}") -> str:
                tier = Tier(USER, "/u/memory.jsonc", settings)
                session = waiting_client(str(daemon.state / "attach.sock"), str(folder), "s", tier)
                answer = session.request(b'{"jsonrpc":"2.0","id":1,"method":"context"}', within=20)
                session.close()
                return str(json.loads(answer)["result"]["context"])

            assert "Habits of alpha" in told(work)
            assert told(work) == told(below) == place.read_text()
            assert told(other) == ""
            short_one = told(work, '{"context_budget": 900}')
            assert 500 < len(short_one.encode()) <= 900
            assert short_one.endswith("\n") and told(work).startswith(short_one)
