"""A bridge whose memoryd is absent: what is told before it is there is what memoryd itself would tell."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bed import Bed, short_bed, until

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
}
LISTED = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
PINGED = {"jsonrpc": "2.0", "id": 3, "method": "ping"}
CALLED = {"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "memory_map", "arguments": {}}}


@pytest.fixture
def bed(runtime: Path) -> Iterator[Bed]:
    """A host whose sessions can attach."""
    with short_bed(runtime) as made:
        yield made


def asked(bed: Bed, *messages: dict[str, Any]) -> dict[int, str]:
    """A session that asks these at once; the answers by id, as they came."""
    python = str(bed.state / "runtimes/current/bin/python")
    told = "".join(json.dumps(one) + "\n" for one in messages)
    done = subprocess.run(
        [python, "-I", "-m", "iapeer_memory", "mcp"],
        env=bed.env,
        cwd=bed.peer("alpha"),
        input=told,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return {json.loads(line)["id"]: line for line in done.stdout.splitlines()}


def test_what_is_told_early_is_what_memoryd_tells(bed: Bed) -> None:
    bed.init("alpha")
    told = asked(bed, INITIALIZE, LISTED, PINGED)
    bed.reboot()
    early = asked(bed, INITIALIZE, LISTED, PINGED)
    assert early == told and len(told) == 3
    until(lambda: len(bed.daemons()) == 1, "memoryd comes up though nobody waited for it")


def test_a_session_s_settings_hold_early(bed: Bed) -> None:
    bed.init("alpha")
    place = bed.peer("alpha") / ".iapeer" / "memory.jsonc"
    place.parent.mkdir()
    place.write_text('{"language": "ru", "results": 0}')
    told = asked(bed, INITIALIZE)
    bed.reboot()
    assert asked(bed, INITIALIZE) == told
    said = json.loads(told[1])["result"]["instructions"]
    assert "Долговременная память" in said and f"{place}:1: results: it must be" in said


def test_the_first_call_of_a_tool_waits(bed: Bed) -> None:
    bed.init("alpha")
    bed.reboot()
    answers = asked(bed, INITIALIZE, LISTED, CALLED)
    assert json.loads(answers[4])["result"]["isError"] is False
    assert len(bed.daemons()) == 1


def test_without_settings_nothing_is_told_early(bed: Bed) -> None:
    bed.init("alpha")
    bed.reboot()
    config = Path(bed.config_dir / "config.env")
    config.write_text(config.read_text().replace("IAPEER_MEMORY_VAULT_PATH", "X_VAULT_PATH"))
    answers = asked(bed, INITIALIZE)
    assert "memoryd cannot be started" in json.loads(answers[1])["error"]["message"]
    until(lambda: bed.daemons() == [], "the last one that was tried has ended, too")
