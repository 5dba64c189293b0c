"""What is around a note, and the shape of the whole."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.index.records import NoteRecord
from iapeer_memory.search import graph
from iapeer_memory.search.map import PARTS, vault_map
from iapeer_memory.search.related import related
from tests.support.searched import EN, indexed, linked

K = "01_Knowledge"
CHAIN = (
    linked(f"{K}/a.md", "", "b", title="Alpha", aliases=("First",)),
    linked(f"{K}/b.md", "", "c", "a"),
    linked(f"{K}/c.md", "", "d"),
    linked(f"{K}/d.md", "", "e"),
    linked(f"{K}/e.md"),
    linked("06_Agent_Memory/me/p.md", "", "b", "q"),
    linked("06_Agent_Memory/me/q.md", "", "a"),
)


def around(folder: Path, name: str, depth: int = 1, *notes: NoteRecord) -> dict[str, Any]:
    with indexed(folder, *(notes or CHAIN)) as (reader, _):
        return related(reader, EN, name, depth=depth)


def mapped(folder: Path, *notes: NoteRecord, **more: Any) -> dict[str, Any]:
    with indexed(folder, *notes) as (reader, _):
        return vault_map(reader, EN, generated="2026-01-01T00:00:00Z", **more)


@pytest.mark.parametrize("name", [f"{K}/a.md", f"{K}/a", "a", "Alpha", "First", "alpha", " Alpha "])
def test_a_note_is_found_by_path_and_by_name(tmp_path: Path, name: str) -> None:
    told = around(tmp_path, name)
    assert told["center"] == {"path": f"{K}/a.md", "title": "Alpha", "type": None}
    assert [node["path"] for node in told["nodes"]] == [f"{K}/b.md"]


def test_breadth_first_each_note_once_at_its_first_depth(tmp_path: Path) -> None:
    told = around(tmp_path, "a", 3)
    assert [(node["title"], node["depth"]) for node in told["nodes"]] == [("b", 1), ("c", 2), ("d", 3)]
    assert {(edge["from"][-4], edge["to"][-4]) for edge in told["edges"]} == {
        ("a", "b"), ("b", "a"), ("b", "c"), ("c", "d"),
    }  # fmt: skip
    assert told["stats"] == {"totalNodes": 3, "totalEdges": 4, "depth": 3}


def test_agents_memory_shows_only_around_agents_memory(tmp_path: Path) -> None:
    told = around(tmp_path / "1", "q", 2)
    assert {node["title"] for node in told["nodes"]} == {"p", "Alpha", "b"}
    assert all(not node["path"].startswith("06") for node in around(tmp_path / "2", "b", 3)["nodes"])


@pytest.mark.parametrize(("name", "hint"), [("nothing", "memory_search"), ("Twin", "x/Twin.md; y/Twin.md")])
def test_no_note_and_two_notes_are_said_with_a_hint(tmp_path: Path, name: str, hint: str) -> None:
    told = around(tmp_path, name, 1, linked("x/Twin.md"), linked("y/Twin.md"))
    assert (set(told), told["found"]) == ({"found", "error", "hint"}, False)
    assert hint in told["hint"]


def test_the_parts_of_a_map(tmp_path: Path) -> None:
    notes = [
        *(linked(f"{K}/n{n}.md", "", "hub", tags=("big/one", "other")) for n in range(5)),
        linked(f"{K}/hub.md", "", "bridge", tags=()),
        linked(f"{K}/bridge.md", "", "far", "gone", tags=()),
        linked(f"{K}/far.md", "", "farther", "old", tags=()),
        linked(f"{K}/farther.md", tags=()),
        linked(f"{K}/alone.md", "", "alone", tags=()),
        linked("07_Archive/old.md", "", "hub"),
        linked("06_Agent_Memory/me/p.md", "", "alone", "nowhere"),
    ]
    told = mapped(tmp_path, *notes, parts=PARTS)
    assert told["stats"] == {
        "documents": 10, "edges": 8, "clusters": 1, "hubs": 1, "bridges": 3, "orphans": 1, "orphan_wikilinks": 2,
        "active_to_archive_links": 1,
    }  # fmt: skip
    assert told["clusters"] == [
        {
            "name": "big",
            "size": 9,
            "hub": {"title": "hub", "degree": 6},
            "top_nodes": ["bridge", "far", "farther", "n0", "n1"],
        }
    ]
    assert told["hubs"] == [{"title": "hub", "in": 5, "out": 1, "total": 6}]
    assert {one["title"]: sorted(one["connects"]) for one in told["bridges"]}["bridge"] == ["far (n=2)", "hub (n=6)"]
    assert told["orphans"] == ["alone"]
    assert {(one["source"], one["target"], one["reason"]) for one in told["orphan_wikilinks"]} == {
        (f"{K}/bridge.md", "gone", "missing"), ("06_Agent_Memory/me/p.md", "nowhere", "missing"),
    }  # fmt: skip
    assert [one["target"] for one in told["active_to_archive_links"]] == ["07_Archive/old.md"]


def test_only_what_was_asked_for_in_order(tmp_path: Path) -> None:
    told = mapped(tmp_path / "1", *CHAIN, parts=["orphans", "clusters"])
    assert list(told) == ["generated", "stats", "detail", "parts", "clusters", "orphans"]
    assert told["parts"] == ["clusters", "orphans"]
    assert mapped(tmp_path / "2", *CHAIN)["parts"] == ["bridges", "clusters", "hubs", "orphans"]
    full = mapped(tmp_path / "3", *CHAIN, detail="full")
    assert full["clusters"][0]["nodes"] == ["a", "b", "c", "d", "e"]


def test_twenty_hubs_and_how_many_more(tmp_path: Path) -> None:
    hubs = [linked(f"{K}/h{n:02}.md", "", *(f"h{(n + step) % 21:02}" for step in (1, 2, 3))) for n in range(21)]
    told = mapped(tmp_path / "1", *hubs)
    assert (len(told["hubs"]), told["hubs_truncated"]) == (20, 1)
    full = mapped(tmp_path / "2", *hubs, detail="full")
    assert len(full["hubs"]) == 21
    assert "hubs_truncated" not in full


def slow_points(nodes: list[str], edges: list[tuple[str, str]]) -> list[str]:
    """Articulation points by taking each node away."""
    joined = graph.undirected(nodes, edges)
    count = len(graph.components(joined))
    found = []
    for gone in nodes:
        rest = [node for node in nodes if node != gone]
        alone = not joined[gone]
        if len(graph.components(graph.undirected(rest, edges))) + alone > count:
            found.append(gone)
    return found


@given(st.lists(st.tuples(st.sampled_from("abcdefghi"), st.sampled_from("abcdefghi")), max_size=20))
def test_articulation_points_are_those_whose_loss_parts_the_graph(edges: list[tuple[str, str]]) -> None:
    nodes = list("abcdefghi")
    assert graph.articulation_points(graph.undirected(nodes, edges)) == slow_points(nodes, edges)


def test_a_chain_of_fifty_thousand_notes_is_walked() -> None:
    nodes = [str(n) for n in range(50_000)]
    began = time.process_time()
    chain = graph.undirected(nodes, pairwise(nodes))
    assert len(graph.components(chain)) == 1
    assert graph.articulation_points(chain) == nodes[1:-1]
    assert [len(side) for side in graph.sides(chain, "100")] == [100, 49_899]
    assert time.process_time() - began < 60
