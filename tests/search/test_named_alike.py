"""A map whose names are chosen from notes: by what is most frequent, and told apart where they are the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.search.map import vault_map
from tests.support.searched import EN, indexed, linked

K = "01_Knowledge"


@pytest.mark.parametrize("first", [("rare", "common"), ("common", "rare")])
def test_a_cluster_has_the_name_of_its_most_frequent_tag(tmp_path: Path, first: tuple[str, ...]) -> None:
    """Incident 63: it had the first tag of its hub, and another name when somebody put the tags in another order."""
    notes = [linked(f"{K}/hub.md", "", tags=first)]
    notes += [linked(f"{K}/n{n}.md", "", "hub", tags=("common",)) for n in range(4)]
    with indexed(tmp_path, *notes) as (reader, _):
        told = vault_map(reader, EN, generated="2026-01-01T00:00:00Z", parts=("clusters",))
    assert [cluster["name"] for cluster in told["clusters"]] == ["common"]


def test_a_bridge_between_two_of_one_name_is_a_bridge(tmp_path: Path) -> None:
    """Incident 64: sides were told apart by their names, so a bridge between two of the same name was dropped."""
    notes = [linked(f"{K}/bridge.md", "", f"{K}/one/Index", f"{K}/two/Index", tags=())]
    for side in ("one", "two"):
        notes.append(linked(f"{K}/{side}/Index.md", "", tags=()))
        notes += [linked(f"{K}/{side}/{side}{n}.md", "", f"{K}/{side}/Index", tags=()) for n in range(3)]
    with indexed(tmp_path, *notes) as (reader, _):
        told = vault_map(reader, EN, generated="2026-01-01T00:00:00Z", parts=("bridges",))
    found = {one["title"]: one["connects"] for one in told["bridges"]}
    assert found["bridge"] == ["Index (n=4)", "Index (n=4)"]
