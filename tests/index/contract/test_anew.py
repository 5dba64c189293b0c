"""A store that starts anew: nothing of the old one is taken for something of the new one."""

from __future__ import annotations

import pytest

from iapeer_memory.index.port import Engine
from tests.support.records import filled, note


@pytest.mark.parametrize("by", ["fingerprint", "reset"])
def test_a_store_that_starts_anew_has_no_vectors_of_the_old_one(engine: Engine, by: str) -> None:
    """Incident 10: the keys of passages began anew as well, so old vectors came to belong to other passages."""
    filled(engine, note("a.md", "one|two"), note("b.md", "three"))
    writer = engine.writer("f")
    writer.use_vectors("m")
    writer.embed([(waiting.key, (1.0, 0.0)) for waiting in writer.unembedded(9)])
    assert writer.unembedded(9) == ()
    writer.close()
    if by == "reset":
        engine.reset()
    writer = engine.writer("g" if by == "fingerprint" else "f")
    writer.use_vectors("m")
    writer.put([note("other.md", "four|five|six")])
    writer.resolve()
    assert len(writer.unembedded(9)) == 3
    reader = engine.reader()
    assert reader.nearest([1.0, 0.0], limit=9) == ()
    reader.close()
    writer.close()
