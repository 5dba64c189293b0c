"""Incidents of the reference core that no other file is about: each is kept from coming back, over a real daemon."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Running, environment, launch, start
from tests.support.models import models
from tests.support.tended import World, agents

BEAT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ watch=(on|off)\n\Z")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def neighbours(daemon: Running, path: str) -> set[str]:
    told = daemon.call({"path": path}, "memory_related")["structuredContent"]
    return {node["path"] for node in told.get("nodes", [])}


def dangling(daemon: Running) -> list[str]:
    """Targets of links that lead nowhere."""
    told = daemon.call({"parts": ["orphan_wikilinks"]}, "memory_map")["structuredContent"]
    return [one["target"] for one in told["orphan_wikilinks"]]


def test_an_append_to_a_long_note_is_seen(world: World) -> None:
    """Incident 1: what told versions apart was made of the first 4,096 characters."""
    long = "A line of a long note.\n" * 2_000
    world.put("05_Lists/Long.md", long)
    with world.daemon() as daemon:
        assert daemon.titles("pangolin") == []
        world.put("05_Lists/Long.md", f"{long}At its very end a pangolin.\n")
        daemon.until(lambda: daemon.titles("pangolin") == ["Long"])
        world.put("05_Lists/Long.md", f"{long}At its very end an aardvark.\n")
        daemon.until(lambda: daemon.titles("aardvark") == ["Long"])
        assert daemon.titles("pangolin") == []


def test_links_lead_to_notes_that_did_not_change_since_the_start(world: World) -> None:
    """Incident 2: after a restart nothing was known of a note but what a pass had read anew."""
    world.put("01_Knowledge/Old.md", "An old note.\n")
    with world.daemon():
        pass
    with world.daemon() as daemon:
        world.put("01_Knowledge/New.md", "To [[Old]].\n")
        daemon.until(lambda: neighbours(daemon, "01_Knowledge/New.md") == {"01_Knowledge/Old.md"})
        assert neighbours(daemon, "01_Knowledge/Old.md") == {"01_Knowledge/New.md"}


def test_links_to_a_deleted_note_wait_for_its_return(world: World) -> None:
    """Incident 11: they were lost for good, and a note that came back had none."""
    world.put("01_Knowledge/Old.md", "An old note.\n")
    world.put("01_Knowledge/New.md", "To [[Old]].\n")
    with world.daemon() as daemon:
        (world.vault / "01_Knowledge/Old.md").unlink()
        daemon.until(lambda: dangling(daemon) == ["Old"])
    with world.daemon() as daemon:
        assert dangling(daemon) == ["Old"]
        world.put("02_Decisions/Old.md", "It is back, elsewhere.\n")
        daemon.until(lambda: neighbours(daemon, "02_Decisions/Old.md") == {"01_Knowledge/New.md"})
        assert dangling(daemon) == []


def test_another_locale_makes_the_whole_index_anew(world: World) -> None:
    """Incident 6: a part of the notes stayed as the former settings had made them."""
    for number in range(5):
        world.put(f"05_Lists/{number}.md", f"Лиса номер {number}.\n")
    with world.daemon() as daemon:
        daemon.said("5 indexed")
    with world.daemon() as daemon:
        world.put("05_Lists/5.md", "Лиса номер 5.\n")
        daemon.until(lambda: daemon.health()["notes"] == 6)
        assert not [line for line in daemon.lines if "5 indexed" in line or "6 indexed" in line]
    world.settings["LOCALE"] = "ru"
    with world.daemon() as daemon:
        daemon.said("6 indexed")
        assert len(daemon.titles("лисы")) == 6


@pytest.mark.parametrize("status", ["current", "outdated"])
def test_a_note_that_waits_for_its_review_is_worth_as_much_as_any(world: World, status: str) -> None:
    """Incident 58: it counted for less, and so stood below what it had replaced."""
    for name, review in (("A", "true"), ("B", "false")):
        note = agents("alpha", world.now() - 5000, "The harbour crane.", review=review, status=status)
        world.put(f"02_Decisions/{name}.md", note, age=1.0)
    with world.daemon() as daemon:
        rows: list[dict[str, Any]] = daemon.search("harbour crane")["results"]
        assert [row["title"] for row in rows] == ["A", "B"]
        assert rows[0]["score"] == rows[1]["score"] > 0


def test_a_word_that_every_note_has_still_gives_scores(world: World) -> None:
    """Incident 54: scores of words that are everywhere were shown as 0.000."""
    for number in range(60):
        world.put(f"05_Lists/{number}.md", f"The harbour, and {'much more of it, ' * number}again.\n")
    with world.daemon() as daemon:
        scores = [
            row["score"] for row in daemon.call({"query": "harbour", "limit": 20})["structuredContent"]["results"]
        ]
        assert len(scores) == 20
        assert scores[0] == 1.0
        assert min(scores) > 0.0


def test_who_reads_the_heartbeat_reads_a_whole_one(world: World) -> None:
    """Incident 28: a reader came between its emptying and its writing."""
    world.put("05_Lists/0.md", "x\n")
    with start(world.home, world.vault, settings=world.settings, heartbeat=0.001) as daemon:
        place = daemon.state / "memoryd.heartbeat"
        seen: set[bytes] = set()

        def read_often() -> bool:
            seen.update(place.read_bytes() for _ in range(2_000))
            return len(seen) > 20

        daemon.until(read_often)
    assert [beat for beat in seen if not BEAT.match(beat)] == []


def test_a_proxy_of_the_environment_is_not_asked_for_what_is_on_this_host(world: World) -> None:
    """Incident 30: the proxy of the user's shell got the calls of a daemon to a server beside it."""
    world.put("01_Knowledge/Bread.md", "All about bread.\n")
    asked: list[str] = []

    def vectors(request: dict[str, Any]) -> Any:
        asked.extend(request["input"])
        return {"data": [{"index": n, "embedding": [1.0, 0.5]} for n, _ in enumerate(request["input"])]}

    with models(vectors) as served, models(lambda _: 502) as proxy:
        world.settings |= {"EMBEDDING_ENDPOINT": served.url, "EMBEDDING_DIMENSIONS": "2"}
        trap = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"), proxy.url)
        env = environment(world.home, world.vault, **world.settings) | trap
        with launch(env) as daemon:
            daemon.port = int(daemon.said("up: http").partition("127.0.0.1:")[2].partition("/")[0])
            daemon.until(lambda: any("All about bread" in text for text in asked))
            assert daemon.search("bread")["pipeline"]["embedding"] == "ok"
        assert proxy.requests == []


def test_vectors_that_could_not_be_made_are_still_due(world: World) -> None:
    """Incident 16: a failure was the end of it, and was told as if all were done."""
    world.put("01_Knowledge/Bread.md", "All about bread.\n")

    def vectors(request: dict[str, Any]) -> Any:
        return {"data": [{"index": n, "embedding": [1.0, 0.5]} for n, _ in enumerate(request["input"])]}

    with models(lambda _: 500) as served:
        world.settings |= {"EMBEDDING_ENDPOINT": served.url, "EMBEDDING_DIMENSIONS": "2"}
        with world.daemon() as daemon:
            assert "again in 60 s" in daemon.said("no vectors (error")
            assert daemon.health()["unembedded"] == 1
        served.reply = vectors
        with world.daemon() as daemon:
            daemon.until(lambda: daemon.titles("zeppelin") == ["Bread"])
            daemon.until(lambda: daemon.health()["unembedded"] == 0)
