"""The real post-write hook in whole sessions of the real harnesses: stamps on the disk, and edits that go on after."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from iapeer_memory.domain.paths import Paths
from iapeer_memory.surfaces.shims import render_shim
from tests.support.harness.bed import Bed
from tests.support.harness.model import Model, Step, Use
from tests.support.harness.npm import Harnesses
from tests.support.harness.product import edits, writes
from tests.support.harness.server import MemoryServer
from tests.support.hooks import BASE_PYTHON, SCRIPTS
from tests.support.stamped import DICTIONARY, TAGGED, keys

pytestmark = pytest.mark.harness
KINDS = ("claude", "codex")


def wire(harnesses: Harnesses, bed: Bed, memory: MemoryServer, kind: str) -> Paths:
    """The peer alpha, known by its folder, and the product's own shim in the place of the recorder."""
    if kind == "claude":
        bed.wire_claude(memory.port)
        bed.approve_claude()
        bed.allow_claude()
    else:
        bed.wire_codex(memory.port)
        bed.trust_codex()
        bed.allow_codex()
        bed.trust_hooks(*bed.codex(harnesses).hooks(bed.peer))
    paths = Paths.from_env({"HOME": bed.home}, os_home=bed.home)
    shim = render_shim(
        "post-write", paths=paths, python=BASE_PYTHON, script_dir=SCRIPTS, with_core=False, port=memory.port
    )
    Path(bed.hooks, "iapeer-memory.post-write.sh").write_bytes(shim)
    bed.put(paths.config_file, f"IAPEER_MEMORY_VAULT_PATH={bed.vault}\n")
    rows = [{"personality": "alpha", "cwd": bed.peer, "runtimes": [kind]}]
    bed.put(paths.fleet_map, json.dumps({"updatedAt": "", "peers": rows}))
    bed.put(bed.note("99_System/Tags.md"), DICTIONARY)
    return paths


def talk(harnesses: Harnesses, bed: Bed, kind: str, steps: list[Step]) -> Model:
    with Model(steps) as model:
        if kind == "claude":
            bed.claude(harnesses).session(bed.peer, model)
        else:
            bed.codex(harnesses).session(bed.peer, model)
    assert len(model.results) == len(steps)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_edits_go_on_after_each_stamp(harnesses: Harnesses, bed: Bed, memory: MemoryServer, kind: str) -> None:
    paths = wire(harnesses, bed, memory, kind)
    note = Path(bed.note("01_Knowledge/Harbour.md"))
    note.parent.mkdir()
    steps: list[Step] = [
        writes(kind, note, f"{TAGGED}\nfirst\nsecond\n"),
        edits(kind, note, "first", "1st"),
        edits(kind, note, "second", "2nd"),
    ]
    model = talk(harnesses, bed, kind, steps)
    assert [one.failed for one in model.results] == [False] * 3, model.results
    found = keys(note)
    assert (found["author"], found["last_edited_by"], found["needs_review"]) == ("alpha", "alpha", "false")
    assert note.read_text().endswith("\n---\n\n1st\n2nd\n")
    assert os.listdir(note.parent) == ["Harbour.md"]
    assert not os.path.exists(paths.hook_log), Path(paths.hook_log).read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_is_told_what_its_note_lacks(harnesses: Harnesses, bed: Bed, memory: MemoryServer, kind: str) -> None:
    wire(harnesses, bed, memory, kind)
    note = Path(bed.note("01_Knowledge/Harbour.md"))
    note.parent.mkdir()
    command = f"echo more >> '{note}'"
    shell = Use("Bash", {"command": command}) if kind == "claude" else Use("exec_command", {"cmd": command})
    model = talk(harnesses, bed, kind, [writes(kind, note, "---\ntags: [planes]\n---\nfirst\n"), shell])
    said = json.dumps([request.body for request in model.seen], ensure_ascii=False)
    assert "«planes» is not in" in said
    assert not model.results[1].failed
    assert f"iapeer-memory bake '{note}'" in said
