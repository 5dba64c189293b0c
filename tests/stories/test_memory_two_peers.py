"""Two peers and one memory, over MCP: one finds what the other writes; nothing is overwritten, nothing private told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.bed import plain_files
from tests.support.daemon import Running
from tests.support.tended import World, agents, keys

TOKEN = "ghp_" + "Zq9Wx8Er7Ty6Ui5Op4As3Df2Gh1Jk0LmNbVc"
SPAN = "xylophonecanary"
TAGS = "| Tag | Boundary |\n| --- | --- |\n| boats | what floats |\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.put("99_System/Tags.md", TAGS)
    return made


def write(daemon: Running, peer: str, **given: Any) -> dict[str, Any]:
    return daemon.call(given, "memory_write", **{"X-IAPeer-Identity": peer})


def written(daemon: Running, peer: str, **given: Any) -> dict[str, Any]:
    result = write(daemon, peer, **given)
    assert not result.get("isError"), result
    return dict(result["structuredContent"])


def refused(daemon: Running, peer: str, **given: Any) -> str:
    result = write(daemon, peer, **given)
    assert result.get("isError"), result
    return str(result["content"][0]["text"])


def test_what_one_peer_writes_the_other_finds_and_goes_on_with(world: World) -> None:
    with world.daemon() as daemon:
        first = written(daemon, "alpha", title="Quay", text="The quay is tidal.", folder="knowledge", tags=["boats"])
        assert first == {"path": "01_Knowledge/Quay.md", "mode": "create", "hints": []}
        daemon.until(lambda: daemon.titles("tidal quay") == ["Quay"])
        row = daemon.search("tidal quay", **{"X-IAPeer-Identity": "beta"})["results"][0]

        written(daemon, "beta", mode="append", path=row["path"], text="Ladders stand at its west end.")
        daemon.until(lambda: daemon.titles("ladders west") == ["Quay"])
        text = world.read(first["path"])
        assert text.index("The quay is tidal.") < text.index("Ladders stand")
        found = keys(text)
        assert (found["author"], found["last_edited_by"], found["type"]) == ("alpha", "beta", "knowledge")
        assert "coauthors:\n  - beta\n" in text

        said = refused(daemon, "beta", title="quay", text="Mine.", folder="knowledge", tags=["boats"])
        assert "Quay.md" in said or "quay.md" in said
        assert world.read(first["path"]) == text, "never overwritten, not even under another letter case"


def test_an_own_memory_is_written_by_its_owner_alone_and_found_by_everybody(world: World) -> None:
    with world.daemon() as daemon:
        own = written(daemon, "alpha", title="Habit", text="Alpha greets the tide.", subtype="feedback")
        assert own["path"] == "06_Agent_Memory/alpha/Habit.md"
        daemon.until(lambda: daemon.titles("greets tide") == ["Habit"])
        before = world.read(own["path"])
        assert keys(before)["author"] == "alpha"
        refused(daemon, "beta", mode="append", path=own["path"], text="Beta was here.")
        for folder in ("agent_memory/alpha", "06_Agent_Memory/alpha", "../vault/06_Agent_Memory/alpha", "archive"):
            refused(daemon, "beta", title="Intruder", text="Beta was here.", folder=folder)
        assert world.read(own["path"]) == before
        assert not list(world.root.rglob("Intruder*"))


def test_its_author_is_told_what_to_mend(world: World) -> None:
    with world.daemon() as daemon:
        text = f"First line.\n\nThe token is {TOKEN}\n\n<private>mine\n"
        told = written(daemon, "alpha", title="Deploy", text=text, folder="knowledge", tags=["ships"])["hints"]
        assert any("credential" in hint for hint in told)
        assert any(": <private> is never closed" in hint for hint in told)
        assert any("«ships» is not in 99_System/Tags.md" in hint for hint in told)
        assert TOKEN not in str(told)
        assert TOKEN in world.read("01_Knowledge/Deploy.md"), "a note itself is never changed"


def test_a_silent_append_around_the_tool_is_told_from_the_tools_own(world: World) -> None:
    """A stamp of the tool's is no edit around the hook, however soon the next one comes."""
    with world.daemon() as daemon:
        path = written(daemon, "alpha", title="Log", text="One.", folder="knowledge", tags=["boats"])["path"]
        for n in range(5):
            written(daemon, "alpha", mode="append", path=path, text=f"Entry {n}.")
            world.looked(daemon)
        assert keys(world.read(path))["last_edited_by"] == "alpha"
        world.put(path, world.read(path) + "Slipped in.\n")
        daemon.until(lambda: keys(world.read(path))["last_edited_by"] == "unstamped")


def every_byte(world: World) -> dict[str, bytes]:
    """All that stands below the home, but for the history, which keeps notes as they are."""
    return {path: data for path, data in plain_files(world.home).items() if "/history/" not in path}


def test_a_canary_in_every_input_appears_nowhere(world: World) -> None:
    """A credential and a private span, in each part of a note: in no answer, context, log, table or file of ours."""
    world.with_core()
    world.settings |= {"HUMAN_NAME": "Dana", "CURATOR_TICK_SECS": "1"}
    peers = {name: world.root / "peers" / name for name in ("alpha", "beta")}
    for folder in peers.values():
        folder.mkdir(parents=True)
    world.fleet(**peers)
    marks = f"token: {TOKEN} and <private>{SPAN}</private>"
    world.put("99_System/Tags.md", TAGS + f"| wires | what conducts, {marks} |\n")
    note = (
        f"---\ntitle: 'Harbour, {marks}'\ntype: knowledge\nsubtype: feedback\nstatus: current\n"
        f"description: 'A pier, {marks}'\naliases: ['pier {marks}']\ntags: ['boats', '{TOKEN}']\nauthor: alpha\n"
        f"created: 2026-01-02\nlast_edited_by: alpha\nupdated: 2026-01-02 10:00:00\nneeds_review: true\n---\n"
        f"# Pier, {marks}\n\nHarbour words, {marks}. See [[Other|{marks}]] and [[Other#{marks}]].\n\n"
        f"```\nHarbour code, {marks}\n```\n\n| pier | {marks} |\n"
    )
    for path in (
        "01_Knowledge/Pier.md",
        "06_Agent_Memory/alpha/Pier.md",
        "07_Archive/Pier.md",
        "03_Projects/P/Plan.md",
    ):
        world.put(path, note)
    world.put("01_Knowledge/Broken.md", f"---\ntitle: [{marks}\n: {marks}\n---\nHarbour {marks}\n")
    world.put("01_Knowledge/Other.md", agents("beta", world.now() - 500, f"The other harbour. [[Pier]] {marks}"))
    answers: list[Any] = []
    with world.daemon(events=world.root / "events") as daemon:
        written(daemon, "beta", title="Told", text=f"Harbour gossip, {marks}", folder="knowledge", tags=["boats"])
        daemon.until(lambda: "Told" in daemon.titles("gossip"))
        world.put("01_Knowledge/Other.md", world.read("01_Knowledge/Other.md") + f"More {marks}\n")
        world.looked(daemon)
        fragment = peers["alpha"] / ".iapeer" / "fragments" / "iapeer-memory.md"
        daemon.until(fragment.exists)
        for query in ("harbour", "pier words code", "harbour gossip", "token"):
            answers += [daemon.search(query), daemon.search(query, **{"X-IAPeer-Identity": "beta"})]
        for query in (TOKEN[:12], SPAN):
            rows = daemon.search(query)["results"]
            assert [row for row in rows if SPAN in str(row) or TOKEN in str(row)] == []
        for path in ("01_Knowledge/Pier.md", "01_Knowledge/Other.md"):
            answers.append(daemon.call({"path": path}, "memory_related"))
        answers += [daemon.call({"detail": "full"}, "memory_map"), daemon.health(), daemon.request("GET", "/metrics")]
        answers.append(world.command(daemon, "search", "harbour").out)
        answers.append([file.read_text() for folder in peers.values() for file in folder.rglob("*") if file.is_file()])
        while_it_runs = every_byte(world)
    for found in (while_it_runs, every_byte(world)):
        assert len(found) > 5
        for mark in (TOKEN, SPAN):
            assert [place for place, data in found.items() if mark.encode() in data] == []
    for mark in (TOKEN, SPAN):
        assert [answer for answer in answers if mark in json.dumps(answer, ensure_ascii=False)] == []
    assert "Pier" in str(answers)
