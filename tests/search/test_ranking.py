"""The order of what is found, and the payload."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.index.stems import Stemmer
from iapeer_memory.search import rank, twins
from iapeer_memory.search.reranking import blended
from tests.support.searched import asked, linked, note, titles


def test_the_payload_has_exactly_this_shape(tmp_path: Path) -> None:
    payload = asked(
        tmp_path, "red fox", note("01_Knowledge/Fox.md", "A red fox.", type="knowledge", status="current"), caller="a"
    )
    assert payload == {
        "query": "red fox",
        "results": [
            {
                "title": "Fox",
                "path": "01_Knowledge/Fox.md",
                "type": "knowledge",
                "status": "current",
                "score": 1.0,
                "snippet": "A [red] [fox].",
                "related": [],
            }
        ],
        "pipeline": {
            "bm25": "ok",
            "embedding": "disabled",
            "reranker": "disabled",
            "graph": "ok",
            "caller_agent": "a",
            "for_curation": False,
            "widened": [],
            "more": False,
        },
    }


def test_status_and_place_move_the_score(tmp_path: Path) -> None:
    notes = [
        note("1.md", "fox", title="none"),
        note("2.md", "fox", title="stale", status="outdated"),
        note("3.md", "fox", title="live", status="current"),
        note("4.md", "fox", title="draft", status="draft"),
        note("07_Archive/5.md", "fox", title="archived", status="current"),
    ]
    payload = asked(tmp_path, "fox", *notes)
    assert titles(payload) == ["live", "none", "draft", "archived", "stale"]
    scores = [item["score"] for item in payload["results"]]
    assert scores == [1.0, 0.833, 0.667, 0.417, 0.417]


@pytest.mark.parametrize(
    ("caller", "curation", "first"),
    [("me", False, "mine"), ("you", False, "yours"), (None, False, "mine"), ("me", True, "mine")],
)
def test_my_own_memory_counts_for_more(tmp_path: Path, caller: str | None, curation: bool, first: str) -> None:
    notes = [
        note("06_Agent_Memory/me/a.md", "fox", title="mine", author="me"),
        note("06_Agent_Memory/you/b.md", "fox", title="yours", author="you"),
    ]
    payload = asked(tmp_path, "fox", *notes, caller=caller, for_curation=curation)
    assert titles(payload)[0] == first
    assert payload["results"][1]["score"] == (1.0 if caller is None or curation else 0.7)


@pytest.mark.parametrize(
    ("preferred", "first", "second"),
    [
        ((), "one", 1.0),
        (("02_Decisions",), "two", round(1 / 1.15, 3)),
        (("02_Decisions", "02_Decisions/sub", "02"), "two", round(1 / 1.15, 3)),
        (("02", "02_Decisions/su"), "one", 1.0),
        (("01_Knowledge", "02_Decisions"), "one", 1.0),
    ],
)
def test_a_preferred_folder_counts_for_a_little_more_once(
    preferred: tuple[str, ...], first: str, second: float, tmp_path: Path
) -> None:
    notes = [note("01_Knowledge/1.md", "fox", title="one"), note("02_Decisions/sub/2.md", "fox", title="two")]
    payload = asked(tmp_path, "fox", *notes, preferred=preferred)
    assert (titles(payload)[0], payload["results"][1]["score"]) == (first, second)
    better = [note("01_Knowledge/3.md", "fox fox", title="fox three"), *notes]
    assert titles(asked(tmp_path / "2", "fox", *better, preferred=preferred))[0] == "fox three"


def test_a_hub_counts_for_more_and_operative_backlinks_make_one(tmp_path: Path) -> None:
    links = [linked(f"06_Agent_Memory/me/{n}.md", "other words", "hub") for n in range(5)]
    notes = [linked("01_Knowledge/a plain.md", "fox", title="plain"), linked("01_Knowledge/hub.md", "fox")]
    assert titles(asked(tmp_path / "1", "fox", *notes))[0] == "plain"
    payload = asked(tmp_path / "2", "fox", *notes, *links)
    assert titles(payload)[0] == "hub"
    assert next(item["score"] for item in payload["results"] if item["title"] == "plain") == round(1 / 1.15, 3)


def test_neighbours_join_by_their_own_standing(tmp_path: Path) -> None:
    notes = [
        linked("01_Knowledge/hit.md", "fox", "live", "old", "theirs"),
        linked("01_Knowledge/live.md", "nothing of it", status="current"),
        linked("07_Archive/old.md", "nothing of it", status="current"),
        linked("06_Agent_Memory/you/theirs.md", "nothing of it"),
    ]
    payload = asked(tmp_path, "fox", *notes, caller="me")
    assert {item["title"]: item["score"] for item in payload["results"]} == {
        "hit": 1.0, "live": 0.48, "theirs": 0.28, "old": 0.2,
    }  # fmt: skip
    assert [end["title"] for end in payload["results"][0]["related"]] == ["live", "theirs", "old"]
    assert payload["results"][1]["related"] == [
        {"path": "01_Knowledge/hit.md", "title": "hit", "direction": "incoming"}
    ]
    assert payload["results"][1]["snippet"] == "nothing of it"


def test_a_result_names_three_neighbours_each_once(tmp_path: Path) -> None:
    around = [linked(f"01_Knowledge/{n}.md", "words", "center") for n in range(5)]
    payload = asked(tmp_path, "fox", linked("01_Knowledge/center.md", "fox", "0", "1", "2", "3"), *around)
    related = payload["results"][0]["related"]
    assert len({end["path"] for end in related}) == len(related) == 3


@pytest.mark.parametrize("title", ["Deploy guide", "Deploy guide (old)", "Deploy guide v1", "Guide: deploying"])
def test_a_current_note_comes_before_its_outdated_twin(tmp_path: Path, title: str) -> None:
    notes = [
        note("a.md", "deploy guide deploy guide staging cluster rollback. " * 3, title=title, status="outdated"),
        note(
            "b.md",
            "Something else about rollback, in a long text of other words.",
            title="Deploy guide",
            status="current",
        ),
        note("c.md", "A rollback.", title="Bread", status="current"),
    ]
    found = titles(asked(tmp_path, "deploy guide staging cluster rollback", *notes))
    assert found.index("Deploy guide") < (found.index(title) if title != "Deploy guide" else 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Deploy guide", "Deploy guide (old)", True),
        ("Deploy guide v1.2", "deploy guide 2.0", True),
        ("Настройка сервера", "Настройки сервера (устарело)", True),
        ("Meeting 2023-05-08", "Meeting 2024-01-01", False),
        ("Plan 2023", "Plan 2024", False),
        ("Deploy guide for staging", "Deploy guide for production", False),
        ("Archive", "Old", False),
    ],
)
def test_which_titles_name_one_thing(one: str, other: str, same: bool) -> None:
    stemmer = Stemmer()
    assert twins.alike(twins.name_of(one, stemmer), twins.name_of(other, stemmer)) is same


def test_fusion_adds_the_inverse_of_ranks() -> None:
    scores = rank.fused([["a", "b"], ["b", "c"]], constant=60)
    assert scores == {"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62}


def test_what_was_not_reranked_stays_on_the_same_scale() -> None:
    assert blended([4.0, 2.0, 1.0], {0: 0.1, 1: 0.9}, 0.7) == pytest.approx((0.37, 0.78, 0.075))
    assert blended([], {}, 0.7) == ()
    assert blended([0.0], {0: 1.0}, 0.7) == pytest.approx((0.7,))


def test_halves_are_rounded_up() -> None:
    assert rank.shown(0.0005, 1.0) == 0.001
    assert rank.shown(1, 0) == 0.0
