"""How long a model server is waited for: a question is in a hurry, a batch for the index is not."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.net import RealNet
from iapeer_memory.search.embedding import INDEXING_SECONDS, Embedder
from iapeer_memory.search.remote import QUERY_SECONDS, Server
from tests.support.models import models


def test_a_batch_has_more_time_than_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Incident 15: a batch was given the 3 seconds of a question, so a vault with a slow server never got vectors."""
    assert INDEXING_SECONDS >= 10 * QUERY_SECONDS
    monkeypatch.setattr("iapeer_memory.search.embedding.QUERY_SECONDS", 0.1)
    waited = threading.Event()

    def slow(request: dict[str, Any]) -> Any:
        waited.wait(0.6)
        return {"data": [{"index": at, "embedding": [1.0]} for at, _ in enumerate(request["input"])]}

    with models(slow) as served:
        embedder = Embedder(RealNet(), RealClock(), Server(served.url, "m", ""), provider="openai", dimensions=1)
        assert embedder.of_passages(["a", "b"]).outcome == "ok"
        assert embedder.of_question("a").outcome == "timeout"
        waited.set()
