"""Large files take time in proportion to their size, measured against the plain parser in the same run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from iapeer_memory.edits.json_edit import edit_json
from iapeer_memory.edits.ops import Set

OPS = [Set(("mcpServers", "iapeer-memory"), {"type": "http"})]


def grown(count: int) -> bytes:
    history = {f"/p/{at}": {"history": ["x" * 80, at, 1.5, {"a": None}]} for at in range(count)}
    return json.dumps({"projects": history, "mcpServers": {}}, indent=2).encode()


def seconds(act: Callable[[], object]) -> float:
    """The best of three runs."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        act()
        times.append(time.thread_time() - start)
    return min(times)


def ratio(data: bytes) -> float:
    """How many times longer the edit takes than `json.loads`."""
    assert edit_json(data, OPS, name="f.json").changed
    return seconds(lambda: edit_json(data, OPS, name="f.json")) / seconds(lambda: json.loads(data))


def test_ten_megabytes_cost_no_more_a_byte_than_one() -> None:
    small, large = ratio(grown(5_000)), ratio(grown(50_000))
    assert large < 3 * small
    assert large < 100
