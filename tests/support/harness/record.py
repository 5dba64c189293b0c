"""Gets one payload of every kind out of the real harnesses. As a command, saves them as the samples.

Run after a pin moved: `python -m tests.support.harness.record`. Never keeps a path, an id or a time of this machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from typing import Any

from tests.support.harness.bed import Bed
from tests.support.harness.model import Model, Use
from tests.support.harness.npm import Harnesses, harnesses
from tests.support.harness.payloads import FOLDER, HOME, PEER, VAULT
from tests.support.harness.server import MemoryServer

Json = dict[str, Any]
IDENTIFIER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DAY = re.compile(r"\d{4}([-/])\d{2}[-/]\d{2}(T\d{2}-\d{2}-\d{2})?")


def claude_payloads(found: Harnesses, bed: Bed, memory: MemoryServer) -> dict[str, Json]:
    """One session: SessionStart, Write of a new note, Edit, Write over it, Bash."""
    bed.wire_claude(memory.port)
    bed.approve_claude()
    bed.allow_claude()
    note = bed.note("plan.md")
    steps = [
        Use("Write", {"file_path": note, "content": "first\nsecond\n"}),
        Use("Edit", {"file_path": note, "old_string": "second", "new_string": "third"}),
        Use("Write", {"file_path": note, "content": "all new\n"}),
        Use("Bash", {"command": f"echo more >> {note}", "description": "Add a line"}),
    ]
    with Model(steps) as model:
        bed.claude(found).session(bed.peer, model)
    names = ["claude-write-new", "claude-edit", "claude-write-over", "claude-bash"]
    return _named(bed, "claude-session-start", names)


def codex_payloads(found: Harnesses, bed: Bed, memory: MemoryServer) -> dict[str, Json]:
    """One session: SessionStart, apply_patch, a shell command, a call of the memory."""
    bed.wire_codex(memory.port)
    bed.trust_codex()
    bed.allow_codex()
    bed.trust_hooks(*bed.codex(found).hooks(bed.peer))
    note = bed.note("plan.md")
    patch = f"*** Begin Patch\n*** Add File: {note}\n+first\n*** End Patch"
    steps = [
        Use("apply_patch", {"input": patch}, custom=True),
        Use("exec_command", {"cmd": f"printf 'second\\n' >> {note}"}),
        Use("memory_search", {"query": "plan"}, namespace="mcp__iapeer_memory"),
    ]
    with Model(steps) as model:
        bed.codex(found).session(bed.peer, model)
    return _named(bed, "codex-session-start", ["codex-apply-patch", "codex-shell", "codex-memory-search"])


def _named(bed: Bed, start: str, names: list[str]) -> dict[str, Json]:
    written = [one.payload for one in bed.fired("post-write")]
    begun = [one.payload for one in bed.fired("session-start")]
    assert len(begun) == 1, begun
    assert len(written) == len(names), [one["tool_name"] for one in written]
    return {start: begun[0], **dict(zip(names, written, strict=True))}


def anonymous(payload: Json, bed: Bed) -> Json:
    """The same payload on a made-up machine."""
    text = json.dumps(payload, ensure_ascii=False)
    for real, made_up in ((bed.vault, VAULT), (bed.peer, PEER), (bed.home, HOME)):
        text = text.replace(real, made_up).replace(re.sub(r"[^A-Za-z0-9]", "-", real), made_up.replace("/", "-"))
    text = IDENTIFIER.sub("00000000-0000-4000-8000-000000000000", text)
    text = DAY.sub(lambda match: match[1].join(("2026", "01", "02")) + ("T03-04-05" if match[2] else ""), text)
    document: Json = json.loads(text)
    if "duration_ms" in document:
        document["duration_ms"] = 5
    assert bed.root not in text
    return document


def main() -> int:
    found = harnesses()
    if found is None:
        sys.stderr.write("the pinned harnesses are not in the cache\n")
        return 1
    os.makedirs(FOLDER, exist_ok=True)
    for collect in (claude_payloads, codex_payloads):
        root = tempfile.mkdtemp(prefix="iapeer-memory-bed-", dir="/var/tmp")
        try:
            bed = Bed.make(root)
            with MemoryServer("NOTE-42 lives here") as memory:
                payloads = collect(found, bed, memory)
            for name, payload in payloads.items():
                with open(os.path.join(FOLDER, f"{name}.json"), "w", encoding="utf-8") as stream:
                    json.dump(anonymous(payload, bed), stream, indent=2, ensure_ascii=False)
                    stream.write("\n")
        finally:
            shutil.rmtree(root, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
