"""The parts that decide without a process: what is due, what is relevant, what a line says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from iapeer_memory.domain.host import HostChoices
from iapeer_memory.domain.settings import Settings
from iapeer_memory.memoryd.app import chosen_port
from iapeer_memory.memoryd.checks import results_of
from iapeer_memory.memoryd.heart import heartbeat
from iapeer_memory.memoryd.pending import Pending
from iapeer_memory.memoryd.watching import relative, relevant
from iapeer_memory.memoryd.worker import Worker


def test_changes_wait_for_quiet_but_not_for_ever() -> None:
    pending = Pending(1.5, 15.0)
    assert pending.due() is None
    pending.add(["a"], 100.0)
    assert pending.due() == 101.5
    for second in range(20):
        pending.add(["b"], 100.0 + second)
    assert pending.due() == 115.0
    assert pending.take() == {"a", "b"}
    assert pending.due() is None


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a.md", True), ("x/a.md", True), ("folder", True), ("v1.2", True), ("notes.d", True), ("png", True),
        ("a.png", False), (".git/index", False), ("x/.obsidian/a.md", False), (".a.md.tmp", False), ("", True),
    ],
)  # fmt: skip
def test_relevant(path: str, wanted: bool) -> None:
    assert relevant(path) is wanted


def test_relative() -> None:
    assert relative("/v", "/v/x/.A b.md.icloud") == "x/A b.md"
    assert relative("/v", "/v/x.md") == "x.md"
    assert relative("/v", "/v") == ""


def test_heartbeat() -> None:
    assert heartbeat(1.5, "ho st\n", False) == b"1970-01-01T00:00:01.500Z host watch=off\n"


@pytest.mark.parametrize(
    ("flag", "setting", "port"),
    [(0, "1", 0), (None, "5000", 5000), (None, "x", 8766), (None, "", 8766), (None, "99999", 8766)],
)
def test_port(flag: int | None, setting: str, port: int) -> None:
    assert chosen_port(Settings({"IAPEER_MEMORY_MCP_PORT": setting}), HostChoices(), flag) == port


@pytest.mark.parametrize(("text", "results"), [("9", 9), ("0", 6), ("-1", 6), ("many", 6), ("51", 6)])
def test_results(text: str, results: int) -> None:
    assert results_of(Settings({"IAPEER_MEMORY_MAX_RESULTS": text})) == results


def test_a_worker_hands_back_results_and_errors(tmp_path: Path) -> None:
    async def work() -> None:
        worker = Worker("t")
        assert await worker.call(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await worker.call(lambda: 1 // 0)
        assert await worker.call(tmp_path.exists)
        worker.stop()

    asyncio.run(work())
