"""What a session sets for itself, through the real bridge and a real memoryd: it holds there and nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.bridged import Session, bridged
from tests.support.daemon import Running, environment, start, until, write


@dataclass
class Host:
    """A memoryd over a few notes. Two projects, and the user's own file."""

    home: Path
    daemon: Running

    @property
    def user_file(self) -> Path:
        return self.home / ".iapeer" / "plugins" / "iapeer-memory" / "memory.jsonc"

    def project(self, name: str, settings: str | bytes | None = None) -> Path:
        """A project's folder, with its settings file."""
        folder = self.home / name
        place = folder / ".iapeer" / "memory.jsonc"
        place.parent.mkdir(parents=True, exist_ok=True)
        if settings is not None:
            place.write_bytes(settings if isinstance(settings, bytes) else settings.encode())
        return folder

    @contextmanager
    def session(self, folder: Path) -> Iterator[Session]:
        with bridged(environment(self.home, None), folder) as made:
            yield made

    def log(self) -> str:
        return (self.daemon.logs / "memoryd.log").read_text()

    def sessions(self) -> list[dict[str, Any]]:
        return list(self.daemon.request("GET", "/sessions")[2]["sessions"])


@pytest.fixture
def vault() -> Iterator[Path]:
    with TemporaryDirectory(prefix="v") as folder:
        for number in range(120):
            write(Path(folder), f"01_Knowledge/Gull {number:02}.md", f"A gull is a bird of the sea, number {number}.\n")
        write(Path(folder), "02_Decisions/Heron one.md", "The heron stands in the water.\n")
        write(Path(folder), "05_Lists/Heron two.md", "The heron stands in the water.\n")
        write(Path(folder), "99_System/Tags.md", "| Tag | Boundary |\n| --- | --- |\n| birds | - |\n")
        yield Path(folder)


@pytest.fixture
def host(vault: Path) -> Iterator[Host]:
    with TemporaryDirectory(prefix="h") as home, start(Path(home), vault) as daemon:
        yield Host(Path(home), daemon)


def test_two_sessions_with_different_settings_at_once(host: Host) -> None:
    few = host.project("few", '{ // one is enough\n"results": 1, "folders": ["lists"] }')
    many = host.project("many", '{"results": 9, "folders": ["02_Decisions"]}')
    plain = host.project("plain")
    with host.session(few) as one, host.session(many) as two, host.session(plain) as three:
        for _ in range(2):
            assert len(one.search("gull")) == 1
            assert len(two.search("gull")) == 9
            assert len(three.search("gull")) == 6
            assert len(one.search("gull", limit=3)) == 3
            assert one.titles("heron") == ["Heron two"]
            assert two.titles("heron")[0] == "Heron one"
            assert one.search("heron", limit=2)[0]["title"] == "Heron two"
    assert len(host.daemon.search("gull")["results"]) == 6


def test_the_user_s_file_and_the_project_s(host: Host) -> None:
    host.user_file.parent.mkdir(parents=True, exist_ok=True)
    host.user_file.write_text('{"results": 2, "folders": ["lists"]}')
    with host.session(host.project("a")) as one, host.session(host.project("b", '{"results": 3}')) as two:
        assert (len(one.search("gull")), len(two.search("gull"))) == (2, 3)
        assert one.titles("heron")[0] == two.titles("heron")[0] == "Heron two"


def test_the_language_of_instructions_and_hints(host: Host) -> None:
    note = {"text": "key AKIA" + "Q3XJ7ZK2M9PLW4VT", "folder": "knowledge", "tags": ["unheard"]}
    with host.session(host.project("ru", '{"language": "ru"}')) as one, host.session(host.project("en")) as two:
        assert "Долговременная память" in one.hello() and "long-term memory" in two.hello()
        ours, theirs = (
            made.call("memory_write", title=title, **note)["structuredContent"]["hints"]
            for made, title in ((one, "Чайка"), (two, "Tern"))
        )
    assert len(ours) == len(theirs) == 2
    assert "похожа на секрет" in ours[0] and "«unheard»" in ours[1] and "добавьте" in ours[1]
    assert "looks like a credential" in theirs[0] and "register" in theirs[1]


def test_the_budget_of_an_answer(host: Host) -> None:
    with host.session(host.project("a", '{"context_budget": 900, "results": 12}')) as one:
        with host.session(host.project("b", '{"results": 12}')) as two:
            for tool, arguments in (("memory_search", {"query": "gull"}), ("memory_map", {"parts": ["orphans"]})):
                small, usual = one.call(tool, **arguments), two.call(tool, **arguments)
                for half in (small["content"][0]["text"], json.dumps(small["structuredContent"])):
                    assert len(half.encode()) <= 1000
                assert len(json.dumps(usual["structuredContent"])) > 1200
        assert one.search("gull") and one.call("memory_search", query="gull")["structuredContent"]["left_out"] > 0


def test_a_session_that_attaches_anew_starts_from_the_defaults(host: Host, vault: Path) -> None:
    folder = host.project("a", '{"results": 2, "language": "ru"}')
    with host.session(folder) as one:
        assert len(one.search("gull")) == 2
        host.project("a", '{"folders": ["lists"]}')
        assert len(one.search("gull")) == 6 and one.titles("heron")[0] == "Heron two"
        assert "long-term" in one.hello()
        (folder / ".iapeer" / "memory.jsonc").unlink()
        assert len(one.search("gull")) == 6
        host.project("a", '{"results": 4}')
        host.daemon.stop()
        with start(host.home, vault):
            assert len(one.search("gull")) == 4


def test_what_does_not_count_is_told_once_and_the_session_goes_on(host: Host) -> None:
    bad = (
        '{"results": 99,\n"embedding_endpoint": "http://evil",\n"IAPEER_MEMORY_VAULT_PATH": "/",\n"folders": ["lists"]}'
    )
    folder = host.project("a", bad)
    with host.session(folder) as one, host.session(folder) as two:
        for made in (one, two):
            said = made.hello()
            assert said.count("memory.jsonc") == 3 and "results: it must be a whole number from 1 to 50" in said
            assert "evil" not in said and "only memoryd's own settings" in said
            assert len(made.search("gull")) == 6 and made.titles("heron")[0] == "Heron two"
    assert host.log().count("a setting of a session does not count") == 3
    assert f"{folder}/.iapeer/memory.jsonc:2: embedding_endpoint: only memoryd's own" in host.log()


@pytest.mark.parametrize(
    ("doc", "told"),
    [
        (b"{ nonsense", "it cannot be read"),
        (b"[" * 50_000, "it cannot be read"),
        (b"/*" * 60_000, "it cannot be read"),
        (b'{"results": 1, "results": 1}', "it cannot be read"),
        (b'{"a": "\xff"}', "it is not UTF-8"),
        (b" " * (10 << 20), "larger"),
    ],
    ids=["words", "deep", "open", "twice", "bytes", "10 MB"],
)
def test_a_bad_file_costs_nobody_a_session(doc: bytes, told: str, host: Host) -> None:
    folder = host.project("a", doc)
    with host.session(folder) as one:
        said = one.hello()
        assert said.count("memory.jsonc") == 1 and told in said
        assert len(one.search("gull")) == 6
        assert (host.log() + one.said()).count("memory.jsonc") == 1


def test_a_session_that_requires_another_memory_is_refused(host: Host, vault: Path) -> None:
    folder = host.project("a", '{"requires": {"locale": "ru", "vault": "/elsewhere"}}')
    with host.session(folder) as one, host.session(host.project("b")) as two:
        error = one.ask("tools/call", name="memory_search", arguments={"query": "gull"})["error"]
        assert "config_divergence: the session's settings require another memory: " in error["message"]
        assert f"locale: 'en' here, 'ru' asked for; vault: '{vault}' here, '/elsewhere' asked for" in error["message"]
        assert error["message"].endswith(f"; fix: change `requires` in {folder}/.iapeer/memory.jsonc")
        assert len(two.search("gull")) == 6
        until(lambda: len(host.sessions()) == 1)
        host.project("a", json.dumps({"requires": {"locale": "en", "vault": os.fspath(vault)}}))
        assert len(one.search("gull")) == 6
