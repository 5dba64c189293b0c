"""A note that is not where the hook was told: somebody was quicker, and nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.hooks.after_write import Host, follow
from iapeer_memory.hooks.post_write import Written
from tests.support.stamped import Stamped, make_stamped


@pytest.fixture
def stamped(tmp_path: Path) -> Stamped:
    return make_stamped(tmp_path)


def test_a_note_that_is_gone_before_the_stamp_is_no_error(stamped: Stamped, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there when the hook first looked; the other notes of the same patch are stamped and told of."""
    monkeypatch.setenv("PEER_PERSONALITY", "alpha")
    there = stamped.put("01_Knowledge/There.md", "---\ntags: [ships]\n---\nbody\n")
    gone = stamped.host.vault / "01_Knowledge" / "Gone.md"
    vault = str(stamped.host.vault)
    notes = {str(gone): "01_Knowledge/Gone.md", str(there): "01_Knowledge/There.md"}
    failures: list[object] = []
    host = Host(stamped.host.paths.state_dir, "", 0, False, str(stamped.host.peer), failures.append)
    config = f"IAPEER_MEMORY_VAULT_PATH={vault}\n"
    answer = follow(Written({"tool_name": "apply_patch"}, config, vault, notes), host, float("inf"))
    assert failures == []
    assert "last_edited_by: alpha\n" in there.read_text()
    assert b"ships" in answer
    assert not gone.exists()
