"""Vectors and reranking over real HTTP: what goes out, what is taken, what the pipeline says, when nothing is asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory.domain.door import Clock
from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.net import RealNet
from iapeer_memory.search import dedup, remote
from iapeer_memory.search.backfill import WAITS, embed_some
from iapeer_memory.search.embedding import Embedder, EmbeddingProvider, embedding_answer
from iapeer_memory.search.engine import Finder, Question
from iapeer_memory.search.remote import COOLDOWN, Breaker, Server
from iapeer_memory.search.reranking import Reranker, RerankerProvider, rerank_answer
from tests.support.models import Models, models
from tests.support.ports import free_port
from tests.support.searched import EN, asked, indexed, note, titles

KEY = "canary-key-7"
WORDS = ("fox", "bear", "bread")


@dataclass
class Hands(Clock):
    """A clock that is turned by hand."""

    at: float = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def vector(text: str) -> list[float]:
    """Which of three words a text holds."""
    return [float(text.lower().count(word)) + 0.01 for word in WORDS]


def openai(request: dict[str, Any]) -> Any:
    rows = [{"index": at, "embedding": vector(text)} for at, text in enumerate(request["input"])]
    return {"data": rows[::-1]}


def tei(request: dict[str, Any]) -> Any:
    return [vector(text) for text in request["inputs"]]


def embedder(url: str, provider: EmbeddingProvider = "openai", clock: Clock | None = None, **more: Any) -> Embedder:
    clock = clock or RealClock()
    return Embedder(RealNet(), clock, Server(url, "m", KEY), provider=provider, dimensions=3, **more)


def reranker(url: str, provider: RerankerProvider = "tei", **more: Any) -> Reranker:
    return Reranker(RealNet(), RealClock(), Server(url, "m", KEY), provider=provider, **more)


@pytest.mark.parametrize(("provider", "reply"), [("openai", openai), ("tei", tei)])
def test_vectors_come_in_the_order_of_the_texts(provider: EmbeddingProvider, reply: Callable[..., Any]) -> None:
    with models(reply) as served:
        made = embedder(served.url, provider).of_passages(["a bear", "fox fox"])
        assert made.outcome == "ok"
        assert made.vectors == ((0.01, 1.01, 0.01), (2.01, 0.01, 0.01))
        texts = ["a bear", "fox fox"]
        assert served.requests == [{"input": texts, "model": "m"} if provider == "openai" else {"inputs": texts}]
        assert served.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_question_carries_the_prefix_that_its_model_wants() -> None:
    with models(openai) as served:
        embedder(served.url, query_prefix="Query: ").of_question("fox")
        assert served.requests[0]["input"] == ["Query: fox"]


@pytest.mark.parametrize(
    ("provider", "value"),
    [
        ("openai", {"data": [{"embedding": [1, 2, 3]}]}),
        ("openai", {"data": [{"index": 0, "embedding": [1, 2, 3]}, {"index": 0, "embedding": [1, 2, 3]}]}),
        ("openai", {"data": [{"embedding": [1, 2]}, {"embedding": [1, 2, 3]}]}),
        ("openai", {"data": [{"embedding": "x"}, {"embedding": [1, 2, 3]}]}),
        ("openai", {"error": "busy"}),
        ("openai", []),
        ("tei", [[1, 2, 3]]),
        ("tei", [[1, 2, "3"], [1, 2, 3]]),
        ("tei", [[1, 2, True], [1, 2, 3]]),
        ("tei", [[1, 2, float("nan")], [1, 2, 3]]),
        ("tei", {"data": []}),
        ("tei", None),
    ],
)
def test_an_answer_of_another_shape_is_no_vector(provider: EmbeddingProvider, value: Any) -> None:
    assert isinstance(embedding_answer(provider, value, count=2, dimensions=3), str)


def test_rows_without_an_index_keep_their_order() -> None:
    rows = {"data": [{"embedding": [1, 0, 0]}, {"embedding": [0, 1, 0]}]}
    assert embedding_answer("openai", rows, count=2, dimensions=3) == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


NOTES = [note("a.md", "fox fox den"), note("b.md", "bread and a bear"), note("c.md", "den of a bear bear")]


def test_vectors_find_what_words_do_not(tmp_path: Path) -> None:
    with models(openai) as served, indexed(tmp_path, *NOTES) as (reader, writer):
        made = embedder(served.url)
        writer.use_vectors(made.fingerprint)
        step = embed_some(writer, made)
        assert (step.outcome, step.stored, step.wait) == ("ok", 3, 0.0)
        assert embed_some(writer, made).done
        payload = Finder(EN, embedder=made).answer(reader, Question("BearBear", limit=2))
        assert payload["pipeline"]["embedding"] == "ok"
        assert titles(payload)[0] == "c"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (lambda _: 500, "error"),
        (lambda _: b"no json", "error"),
        (lambda _: {"data": []}, "error"),
        (lambda _: b"[" * 200_000, "error"),
    ],
)
def test_a_bad_server_is_said_once_and_the_words_still_find(
    tmp_path: Path, reply: Callable[[Any], Any], outcome: str
) -> None:
    with models(reply) as served:
        finder = Finder(EN, embedder=embedder(served.url), reranker=reranker(served.url))
        payload = asked(tmp_path, "bear", *NOTES, finder=finder)
        assert set(titles(payload)) == {"b", "c"}
        assert (payload["pipeline"]["embedding"], payload["pipeline"]["reranker"]) == (outcome, "error")
        assert KEY not in str(payload)


def test_nobody_listens(tmp_path: Path) -> None:
    finder = Finder(EN, embedder=embedder(f"http://127.0.0.1:{free_port()}/"))
    assert asked(tmp_path, "bear", *NOTES, finder=finder)["pipeline"]["embedding"] == "error"


def test_a_query_never_waits_beyond_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iapeer_memory.search.embedding.QUERY_SECONDS", 0.2)
    with models(lambda _: None) as served:
        began = time.monotonic()
        payload = asked(tmp_path, "bear", *NOTES, finder=Finder(EN, embedder=embedder(served.url)))
        assert payload["pipeline"]["embedding"] == "timeout"
        assert set(titles(payload)) == {"b", "c"}
        assert time.monotonic() - began < 10
        served.gate.set()


def test_a_name_lookup_that_hangs_is_cut_off() -> None:
    free = threading.Event()

    class Hanging(RealNet):
        def fetch(self, *given: Any, **more: Any) -> Any:
            free.wait(30)

    answer = remote.ask(Hanging(), RealClock(), Server("http://models.invalid/", "m"), {}, timeout=0.05)
    free.set()
    assert answer.outcome == "timeout"


def test_after_two_failures_nothing_is_asked_for_a_minute(tmp_path: Path) -> None:
    clock = Hands()
    with models(lambda _: 500) as served, indexed(tmp_path, *NOTES) as (reader, _):
        finder = Finder(EN, embedder=embedder(served.url, clock=clock), reranker=reranker(served.url))

        def once() -> str:
            return str(finder.answer(reader, Question("bear"))["pipeline"]["embedding"])

        assert [once() for _ in range(3)] == ["error", "error", "circuit-open"]
        assert len([one for one in served.requests if "input" in one]) == 2
        clock.at += COOLDOWN
        assert [once(), once()] == ["error", "circuit-open"]
        clock.at += COOLDOWN
        served.reply = openai
        assert [once(), once()] == ["ok", "ok"]


def test_the_two_breakers_are_apart(tmp_path: Path) -> None:
    def reply(request: dict[str, Any]) -> Any:
        return openai(request) if "input" in request else 500

    with models(reply) as served, indexed(tmp_path, *NOTES) as (reader, _):
        finder = Finder(EN, embedder=embedder(served.url), reranker=reranker(served.url))
        told = [finder.answer(reader, Question("bear"))["pipeline"] for _ in range(3)]
    assert [one["embedding"] for one in told] == ["ok"] * 3
    assert [one["reranker"] for one in told] == ["error", "error", "circuit-open"]


def test_a_success_between_two_failures_keeps_the_way_open() -> None:
    breaker = Breaker(Hands())
    for ok in (False, True, False):
        breaker.note(ok)
    assert not breaker.open
    breaker.note(ok=False)
    assert breaker.open


def rows(provider: RerankerProvider, scores: dict[int, float]) -> Any:
    """An answer of each provider's shape."""
    if provider == "tei":
        return [{"index": at, "score": score} for at, score in scores.items()]
    if provider == "nvidia":
        return {"rankings": [{"index": at, "logit": score} for at, score in scores.items()]}
    return {"results": [{"index": at, "relevance_score": score} for at, score in scores.items()]}


@pytest.mark.parametrize("provider", ["tei", "jina", "cohere", "nvidia"])
def test_every_reranker_is_asked_in_its_own_way_and_scores_alike(tmp_path: Path, provider: RerankerProvider) -> None:
    def reply(request: dict[str, Any]) -> Any:
        texts = request.get("texts") or request.get("documents") or [one["text"] for one in request["passages"]]
        good, bad = (9.0, -9.0) if provider == "nvidia" else (0.99, 0.01)
        return rows(provider, {at: good if "bread" in text else bad for at, text in enumerate(texts)})

    with models(reply) as served:
        payload = asked(tmp_path, "bear", *NOTES, finder=Finder(EN, reranker=reranker(served.url, provider)))
        assert payload["pipeline"]["reranker"] == "ok"
        assert titles(payload) == ["b", "c"]
        sent = served.requests[0]
    if provider == "nvidia":
        assert sent["query"] == {"text": "bear"}
        assert sent["truncate"] == "END"
    else:
        assert sent["query"] == "bear"
    assert "bear bear" in str(sent), "the reranker sees the passage, not the title only"
    assert sent.get("top_n") == (2 if provider in ("jina", "cohere") else None)


def test_logits_end_between_0_and_1() -> None:
    found = rerank_answer("nvidia", rows("nvidia", {0: 900.0, 1: -900.0, 2: 0.0}), count=3)
    assert isinstance(found, dict)
    assert found == {0: pytest.approx(1.0), 1: pytest.approx(0.0), 2: 0.5}
    assert rerank_answer("tei", rows("tei", {0: 0.25}), count=1) == {0: 0.25}


@pytest.mark.parametrize(
    "value", [None, {}, [{"index": 5, "score": 1}], [{"index": 0, "score": "1"}], [{"index": 0}], [1]]
)
def test_a_bad_ranking_is_an_error(value: Any) -> None:
    assert isinstance(rerank_answer("tei", value, count=2), str)


def test_one_candidate_is_not_worth_a_call(tmp_path: Path) -> None:
    with models(lambda _: 500) as served:
        payload = asked(tmp_path, "bread", *NOTES, finder=Finder(EN, reranker=reranker(served.url)))
        assert payload["pipeline"]["reranker"] == "skipped"
        assert served.requests == []


def test_the_foreign_factor_survives_reranking(tmp_path: Path) -> None:
    mine = note("06_Agent_Memory/me/m.md", "fox fox", author="me")
    theirs = note("06_Agent_Memory/you/t.md", "fox fox", author="you")
    with models(lambda one: rows("tei", {at: 0.9 for at, _ in enumerate(one["texts"])})) as served:
        finder = Finder(EN, reranker=reranker(served.url))
        payload = asked(tmp_path, "fox", mine, theirs, finder=finder, caller="you")
    assert [(item["title"], item["score"]) for item in payload["results"]] == [("t", 1.0), ("m", 0.7)]


def test_those_that_were_not_reranked_stay_below(tmp_path: Path) -> None:
    notes = [note(f"{n}.md", "fox " * (9 - n)) for n in range(6)]
    with models(lambda one: rows("tei", {at: 0.5 for at, _ in enumerate(one["texts"])})) as served:
        finder = Finder(EN, reranker=reranker(served.url, most=3))
        first = titles(asked(tmp_path / "1", "fox", *notes))
        assert set(titles(asked(tmp_path / "2", "fox", *notes, finder=finder))[:3]) == set(first[:3])
        assert len(served.requests[0]["texts"]) == 3


def test_a_stalled_backfill_waits_longer_each_time(tmp_path: Path) -> None:
    with models(lambda _: 500) as served, indexed(tmp_path, *NOTES) as (_, writer):
        clock = Hands()
        made = embedder(served.url, clock=clock)
        writer.use_vectors(made.fingerprint)
        failures, waits = 0, []
        for _ in range(4):
            step = embed_some(writer, made, failures=failures)
            failures = step.failures
            waits.append(step.wait)
            clock.at += COOLDOWN
        assert waits == [*WAITS, WAITS[-1]]
        served.reply = openai
        step = embed_some(writer, made, batch=2, failures=failures)
        assert (step.outcome, step.stored, step.failures, step.done) == ("ok", 2, 0, False)


def test_a_vector_of_a_passage_that_changed_meanwhile_is_dropped(tmp_path: Path) -> None:
    with models(openai) as served, indexed(tmp_path, *NOTES) as (_, writer):
        made = embedder(served.url)
        writer.use_vectors(made.fingerprint)
        waiting = list(writer.unembedded(3))
        vectors = made.of_passages([one.text for one in waiting]).vectors
        writer.put([note("a.md", "quite another text")])
        assert writer.embed([(one.key, v) for one, v in zip(waiting, vectors, strict=True)]) == 2
        assert len(writer.unembedded(9)) == 1


@pytest.mark.parametrize(("content", "enabled"), [("fox", False), ("", False)])
def test_without_embeddings_there_are_no_hints(tmp_path: Path, content: str, enabled: bool) -> None:
    with indexed(tmp_path, *NOTES) as (reader, _):
        assert dedup.similar(reader, EN, None, dedup.Written(content)) == {"enabled": enabled, "matches": []}


def hints(
    tmp_path: Path, written: dedup.Written, reply: Callable[[Any], Any] = openai
) -> tuple[dict[str, Any], Models]:
    notes = [
        note("01_Knowledge/Fox.md", "fox fox fox", title="All about foxes"),
        note("01_Knowledge/Both.md", "fox fox bear"),
        note("01_Knowledge/Bread.md", "bread"),
        note("07_Archive/Old.md", "fox fox fox"),
        note("06_Agent_Memory/me/Mine.md", "fox fox fox"),
        note("elsewhere/Other.md", "fox fox fox"),
    ]
    with models(openai) as served, indexed(tmp_path, *notes) as (reader, writer):
        made = embedder(served.url)
        writer.use_vectors(made.fingerprint)
        embed_some(writer, made)
        served.requests.clear()
        served.reply = reply
        return dedup.similar(reader, EN, made, written), served


def test_duplicates_come_first_then_what_is_worth_a_link(tmp_path: Path) -> None:
    told, _ = hints(tmp_path / "1", dedup.Written("fox"))
    assert [(one["path"], one["title"]) for one in told["matches"]] == [
        ("01_Knowledge/Fox.md", "Fox"), ("01_Knowledge/Both.md", "Both"),
    ]  # fmt: skip
    told, _ = hints(tmp_path / "2", dedup.Written("fox", threshold=0.95, link_threshold=0.5, limit=1))
    assert [one["title"] for one in told["matches"]] == ["Fox", "Both"]
    assert told["matches"][0]["similarity"] >= 0.95 > told["matches"][1]["similarity"] >= 0.5


def test_only_the_head_of_a_text_is_compared(tmp_path: Path) -> None:
    _, served = hints(tmp_path, dedup.Written("fox " * 10_000))
    assert [len(text) for text in served.requests[0]["input"]] == [dedup.HEAD]


@pytest.mark.parametrize(("content", "reply", "calls"), [("  \n", openai, 0), ("fox", lambda _: 500, 1)])
def test_nothing_to_compare_and_no_answer_are_no_matches(
    tmp_path: Path, content: str, reply: Callable[[Any], Any], calls: int
) -> None:
    told, served = hints(tmp_path, dedup.Written(content), reply)
    assert told == {"enabled": True, "matches": []}
    assert len(served.requests) == calls
