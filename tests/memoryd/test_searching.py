"""The process that answers searches beside memoryd: with it and without it, what is found is the same."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory.egress.channel import channel_pair
from iapeer_memory.index.records import Filter
from iapeer_memory.memoryd.searcher import packed, unpacked
from iapeer_memory.search.engine import Question
from tests.support.daemon import PATIENCE, Running, start, until, write

QUERIES = ("heron", '"heron in the reeds"', "herons of no kind", "камыши")


def searcher(daemon: Running) -> int | None:
    """The pid of its search process."""
    found: int | None = daemon.health()["searcher"]
    return found


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def answers(daemon: Running) -> list[dict[str, Any]]:
    return [daemon.search(query) for query in QUERIES]


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    root = tmp_path / "vault"
    write(root, "01_Knowledge/Heron.md", "A heron in the reeds, see [[Reed]].\n")
    write(root, "01_Knowledge/Reed.md", "Where herons stand. Камыши.\n")
    return root


@pytest.mark.parametrize(
    "question",
    [
        Question("heron"),
        Question("heron", preferred=("01_Knowledge", "02_Decisions")),
        Question("\ud800", "alpha", True, 50, 1000, Filter(types=("a", "b"), tags=("c",), since="2026-01-01")),
    ],
)
def test_a_question_arrives_as_it_was_asked(question: Question) -> None:
    assert unpacked(packed(question, 7)) == (question, 7)


def test_frames_arrive_whole_and_in_order() -> None:
    ours, theirs = channel_pair()
    for size in (0, 1, 60_000):
        ours.send(b"x" * size)
        ours.send(b"next")
        assert theirs.receive() == b"x" * size
        assert theirs.receive() == b"next"
    ours.close()
    assert theirs.receive() is None
    with pytest.raises(OSError, match="pipe"):
        theirs.send(b"x")
    theirs.close()


def test_it_answers_like_the_threads_and_may_die_at_any_time(tmp_path: Path, vault: Path) -> None:
    with start(tmp_path / "home", vault) as daemon:
        pid = until(lambda: searcher(daemon))
        before = answers(daemon)
        assert len(before[0]["results"]) == 2
        os.kill(pid, signal.SIGKILL)
        assert answers(daemon) == before
        daemon.said("threads answer")

        # A change of the notes is seen by whoever answers.
        write(vault, "01_Knowledge/Heron.md", "A crane.\n")
        daemon.until(lambda: [item["title"] for item in daemon.search("crane")["results"]] == ["Heron"])


def test_what_waits_for_it_is_answered_though_it_hangs_and_dies(tmp_path: Path, vault: Path) -> None:
    with start(tmp_path / "home", vault) as daemon, ThreadPoolExecutor(2 * len(QUERIES)) as agents:
        pid = until(lambda: searcher(daemon))
        expected = answers(daemon)
        os.kill(pid, signal.SIGSTOP)
        asked = [agents.submit(daemon.search, query) for query in 2 * QUERIES]
        # One that was under way there and one that waits behind it; a thread answers the others.
        daemon.until(lambda: sum(not one.done() for one in asked) == 2)
        os.kill(pid, signal.SIGKILL)
        assert [one.result(PATIENCE) for one in asked] == 2 * expected


def test_a_question_too_long_to_wait_there_is_answered_by_a_thread(tmp_path: Path, vault: Path) -> None:
    with start(tmp_path / "home", vault) as daemon, ThreadPoolExecutor(3) as agents:
        pid = until(lambda: searcher(daemon))
        os.kill(pid, signal.SIGSTOP)
        long = "heron " + "камыши " * 900
        asked = [agents.submit(daemon.titles, query) for query in ("heron", long, long)]
        daemon.until(lambda: sum(one.done() for one in asked) >= 2)
        os.kill(pid, signal.SIGKILL)
        assert all("Heron" in one.result(PATIENCE) for one in asked)


def test_it_sees_what_changes_and_an_index_that_is_made_anew(tmp_path: Path, vault: Path) -> None:
    with start(tmp_path / "home", vault) as daemon:
        pid = until(lambda: searcher(daemon))
        assert len(daemon.titles("reeds")) == 2
        write(vault, "01_Knowledge/Third.md", "More reeds.\n")
        daemon.until(lambda: len(daemon.titles("reeds")) == 3)

        with daemon.index.open("r+b") as file:
            file.seek(0)
            file.write(b"x" * 8192)
        write(vault, "01_Knowledge/Fourth.md", "Reeds again.\n")
        daemon.until(lambda: daemon.call({"query": "reeds"}).get("isError") or len(daemon.titles("reeds")) == 4)
        daemon.until(lambda: len(daemon.titles("reeds")) == 4)
        assert not gone(pid)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_does_not_outlive_memoryd(tmp_path: Path, vault: Path, how: signal.Signals) -> None:
    with start(tmp_path / "home", vault) as daemon:
        pid = until(lambda: searcher(daemon))
        daemon.search("heron")
        daemon.stop(how)
        assert until(lambda: gone(pid))


def test_where_model_servers_are_set_the_threads_answer(tmp_path: Path, vault: Path) -> None:
    settings = {"RERANKER_ENDPOINT": "http://127.0.0.1:9", "RERANKER_PROVIDER": "tei"}
    with start(tmp_path / "home", vault, settings=settings) as daemon:
        assert len(daemon.titles("heron")) == 2
        assert searcher(daemon) is None
