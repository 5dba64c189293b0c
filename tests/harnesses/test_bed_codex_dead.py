"""Which hooks files Codex drops whole: the lists by which the product is tested, held against Codex itself."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.support.harness.bed import Bed
from tests.support.harness.hookfiles import ALIVE, DEAD, OURS
from tests.support.harness.npm import Harnesses

pytestmark = pytest.mark.harness


def test_codex_itself_says_dead_and_alive(harnesses: Harnesses, bed: Bed) -> None:
    """Each document with a good hook of ours beside what is odd in it; one call for all of them."""
    folders: dict[str, Any] = {}
    for number, doc in enumerate([*(doc for doc, _ in DEAD), *ALIVE]):
        folder = os.path.join(bed.root, f"peer-{number}")
        whole = dict(doc) if isinstance(doc, dict) else {}
        if isinstance(whole.get("hooks", {}), dict):
            whole["hooks"] = {"PostToolUse": [{"hooks": [OURS]}], **whole.get("hooks", {})}
        bed.put_json(os.path.join(folder, ".codex", "hooks.json"), whole)
        bed.codex_user(f'[projects."{folder}"]\ntrust_level = "trusted"\n')
        folders[folder] = number < len(DEAD)
    alive = {os.path.dirname(os.path.dirname(hook.source)) for hook in bed.codex(harnesses).hooks(*folders)}
    assert {folder: folder not in alive for folder in folders} == folders
