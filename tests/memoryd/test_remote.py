"""The daemon with model servers: vectors are made behind its back, and what a search got from them is told honestly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.attached import waiting_client
from tests.support.daemon import start
from tests.support.models import Models, models
from tests.support.tended import World, agents

TOPICS = ("boat", "bread", "cloud", "stone")
WORDS = {"boat": ("vessel", "ship"), "bread": ("loaf",), "cloud": ("sky",), "stone": ("rock",)}
"""What a model knows to mean the same, and words do not say."""
SECRET = "ghp_" + "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2"


def vector(text: str) -> list[float]:
    """As a model would have it: a note about boats lies near a question about ships."""
    low = text.lower()
    return [0.01 + sum(low.count(word) for word in (topic, *WORDS[topic])) for topic in TOPICS]


def embeddings(request: dict[str, Any]) -> Any:
    """Rows in another order than the texts, as a server may send them."""
    rows = [{"index": n, "embedding": vector(text)} for n, text in enumerate(request["input"])]
    return {"data": rows[::-1]}


@pytest.fixture
def server() -> Iterator[Models]:
    with models(embeddings) as served:
        yield served


@pytest.fixture
def world(tmp_path: Path, server: Models) -> World:
    made = World(tmp_path, settings={
        "EMBEDDING_ENDPOINT": server.url, "EMBEDDING_MODEL": "stand-in", "EMBEDDING_DIMENSIONS": str(len(TOPICS)),
        "EMBEDDING_BATCH_SIZE": "2",
    })  # fmt: skip
    for topic in TOPICS:
        made.put(f"01_Knowledge/{topic.title()}.md", agents("alpha", made.now() - 5000, f"All about the {topic}."))
    return made


def pipeline(answer: dict[str, Any]) -> dict[str, Any]:
    return dict(answer["pipeline"])


def test_every_passage_gets_its_vector_in_batches_and_changed_ones_a_new_one(world: World, server: Models) -> None:
    """Incidents 16 to 18: the backfill alone owns the queue; rows that come out of order are put in order."""
    with world.daemon() as daemon:
        daemon.until(lambda: sum(len(asked["input"]) for asked in server.requests) == 4)
        daemon.wait(lambda health: health["unembedded"] == 0)
        assert [len(asked["input"]) for asked in server.requests] == [2, 2]
        answer = daemon.search("vessel")
        assert answer["results"][0]["title"] == "Boat"
        assert pipeline(answer)["embedding"] == "ok"

        world.put("01_Knowledge/Cloud.md", agents("alpha", world.now(), "Of ships, and of the ship's boats."))
        daemon.until(lambda: any("ship's boats" in str(asked) for asked in server.requests))
        daemon.until(lambda: "Cloud" in [row["title"] for row in daemon.search("vessel")["results"][:2]])
    asked = sum(len(one["input"]) for one in server.requests if "All about" in str(one))
    with world.daemon() as daemon:
        daemon.wait(lambda health: health["unembedded"] == 0)
        assert daemon.titles("vessel")
    assert sum(len(one["input"]) for one in server.requests if "All about" in str(one)) == asked, "none is made twice"


def test_another_model_makes_all_vectors_anew(world: World, server: Models) -> None:
    """Incidents 7 and 8: a swap of models, of the same size even, must not leave the old vectors."""
    with world.daemon() as daemon:
        daemon.until(lambda: len(server.requests) == 2)
        daemon.until(lambda: pipeline(daemon.search("vessel"))["embedding"] == "ok")
    server.requests.clear()
    world.settings["EMBEDDING_MODEL"] = "another"
    with world.daemon() as daemon:
        daemon.until(lambda: sum(len(asked["input"]) for asked in server.requests if asked["model"] == "another") >= 4)
        assert daemon.until(lambda: daemon.titles("vessel")[:1] == ["Boat"])


@pytest.mark.parametrize(
    ("reply", "words"),
    [(500, "status 500"), ({"data": []}, "0 vectors for 2 texts"), (b"<html>", "not JSON"),
     ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]}, "not 4 numbers")],
)  # fmt: skip
def test_a_server_that_answers_nonsense_is_told_and_the_words_still_find(
    world: World, server: Models, reply: Any, words: str
) -> None:
    """Incidents 9 and 18, and the breaker: after two failures nobody is asked for a minute, and that is said."""
    server.reply = lambda _: reply
    with world.daemon() as daemon:
        assert words in daemon.said("no vectors (error")
        told = [pipeline(daemon.search("bread"))["embedding"] for _ in range(3)]
        assert told == ["error", "circuit-open", "circuit-open"]
        assert daemon.titles("bread") == ["Bread"]
        asked = len(server.requests)
        daemon.search("bread")
        assert len(server.requests) == asked
        assert daemon.health()["breakers"]["embedding"] == "open"
        assert 'iapeer_memory_breaker_open{kind="embedding"} 1' in daemon.request("GET", "/metrics")[2]

        server.reply = embeddings
        world.turn(61.0)
        assert pipeline(daemon.search("bread"))["embedding"] == "ok"
        assert daemon.health()["breakers"]["embedding"] == "closed"


def test_a_server_that_hangs_holds_up_a_search_no_longer_than_its_bound(world: World, server: Models) -> None:
    with world.daemon() as daemon:
        daemon.until(lambda: len(server.requests) == 2)
        server.reply = lambda _: None
        began = time.monotonic()
        answer = daemon.search("bread")
        took = time.monotonic() - began
        assert pipeline(answer)["embedding"] == "timeout"
        assert [row["title"] for row in answer["results"]][:1] == ["Bread"]
        assert took < 6.0, "3 s are the bound of a question"


def test_a_reranker_orders_what_was_found(world: World, server: Models) -> None:
    del world.settings["EMBEDDING_ENDPOINT"]
    for n in range(4):
        world.put(f"01_Knowledge/Harbour {n}.md", agents("alpha", world.now() - 5000, f"The harbour, part {n}."))

    def rank(request: dict[str, Any]) -> Any:
        return [{"index": n, "score": 0.99 if "part 2" in text else 0.01} for n, text in enumerate(request["texts"])]

    with models(rank) as ranker:
        world.settings |= {"RERANKER_ENDPOINT": ranker.url, "RERANKER_PROVIDER": "tei"}
        with world.daemon() as daemon:
            answer = daemon.search("harbour")
            assert answer["results"][0]["title"] == "Harbour 2"
            assert (pipeline(answer)["reranker"], pipeline(answer)["embedding"]) == ("ok", "disabled")
            calls = len(ranker.requests)
            assert pipeline(daemon.search("bread"))["reranker"] == "skipped"
            assert len(ranker.requests) == calls, "one candidate is not worth a call"
            ranker.reply = lambda _: 503
            told = [pipeline(daemon.search("harbour"))["reranker"] for _ in range(3)]
            assert told == ["error", "error", "circuit-open"]
            assert len(daemon.search("harbour")["results"]) == 4


def dedup(daemon: Any, body: Any) -> tuple[int, dict[str, Any]]:
    status, _, answer = daemon.request("POST", "/dedup", body=body)
    return status, answer


def test_hints_name_duplicates_then_links_and_only_living_shared_notes(world: World, server: Models) -> None:
    """Incidents 61 and 62, and the contract of `POST /dedup`."""
    world.put("07_Archive/01_Knowledge/Old boat.md", "All about the boat.\n")
    world.put("06_Agent_Memory/alpha/My boat.md", "All about the boat.\n")
    world.put("01_Knowledge/Boat and bread.md", "A boat with bread, bread.\n")
    with world.daemon() as daemon:
        daemon.until(lambda: sum(len(asked["input"]) for asked in server.requests) == 7)
        daemon.until(lambda: len(dedup(daemon, {"content": "ship", "threshold": 0.0, "limit": 50})[1]["matches"]) == 5)
        status, answer = dedup(daemon, {"content": "A ship.", "threshold": 0.9, "linkThreshold": 0.3, "limit": 2})
        assert (status, answer["enabled"]) == (200, True)
        assert [row["path"] for row in answer["matches"]] == ["01_Knowledge/Boat.md", "01_Knowledge/Boat and bread.md"]
        assert all(row.keys() == {"path", "title", "similarity"} for row in answer["matches"])

        long = "ship " * 150 + "bread " * 5000
        assert dedup(daemon, {"content": long, "threshold": 0.9})[1]["matches"][0]["title"] == "Boat"
        assert len(server.requests[-1]["input"][0]) <= 1000, "only the head is sent"
        assert dedup(daemon, {"content": "  "}) == (200, {"enabled": True, "matches": []})
        assert dedup(daemon, b"{")[0] == 500
        assert daemon.request("GET", "/dedup")[0] == 404

        sent = len(server.requests)
        dedup(daemon, {"content": f"A ship. The token is {SECRET}. <private>my own canary words</private>"})
        assert SECRET not in str(server.requests[sent:])
        assert "canary" not in str(server.requests[sent:]), "what is never indexed is never sent either"
        server.reply = lambda _: 500
        assert dedup(daemon, {"content": "ship"}) == (200, {"enabled": True, "matches": []})


def test_without_embeddings_hints_are_off(world: World) -> None:
    del world.settings["EMBEDDING_ENDPOINT"]
    with world.daemon() as daemon:
        assert dedup(daemon, {"content": "boat"}) == (200, {"enabled": False, "matches": []})


def test_the_model_never_sees_what_is_kept_out_of_the_index(world: World, server: Models) -> None:
    text = f"# Deploy\n\nThe token is {SECRET}.\n\n<private>my own canary words</private>\n"
    world.put("01_Knowledge/Deploy.md", text)
    world.settings["EMBEDDING_API_KEY"] = "the-key-of-the-server"
    with world.daemon() as daemon:
        daemon.until(lambda: "Deploy" in str(server.requests))
        assert all(one.get("authorization") == "Bearer the-key-of-the-server" for one in server.headers)
        assert "the-key-of-the-server" not in json.dumps(daemon.health())
    assert SECRET not in str(server.requests)
    assert "canary" not in str(server.requests)
    assert "the-key-of-the-server" not in "".join(file.read_text() for file in daemon.logs.iterdir())


def test_a_session_asks_for_hints_as_a_hook_does_over_http(world: World) -> None:
    given = {"content": "A ship.", "threshold": 0.9}
    with TemporaryDirectory(prefix="iam-") as short, start(Path(short), world.vault, settings=world.settings) as daemon:
        daemon.until(lambda: dedup(daemon, given)[1]["matches"])
        session = waiting_client(str(daemon.state / "attach.sock"), short)

        def answer(method: str = "dedup", **said: Any) -> Any:
            told = session.request(json.dumps({"jsonrpc": "2.0", "method": method, **said}).encode(), within=20)
            return json.loads(told) if told else None

        assert answer(id=1, params=given) == {"jsonrpc": "2.0", "id": 1, "result": dedup(daemon, given)[1]}
        assert answer(id=2, params=[])["error"]["code"] == -32602
        assert answer(id=None, params=given)["error"]["code"] == -32600
        assert answer(params=given) is None
        assert "dedup" not in str(answer("tools/list", id=3)), "no agent is offered it"
        session.close()
