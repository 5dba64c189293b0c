"""The official MCP checkers, for whatever answers at a URL: the stand-in server here, memoryd in the stories.

Never decides what is right: their JSON and their counts are handed back as they came.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.support.harness.npm import Harnesses
from tests.support.harness.process import Done, clean_env, run

CHECK_SECONDS = 60.0
_COUNTS = re.compile(r"Passed: (\d+)/(\d+), (\d+) failed, (\d+) warnings")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one conformance scenario said."""

    passed: int
    failed: int
    warnings: int
    done: Done


def inspect(harnesses: Harnesses, home: str, url: str, method: str, **arguments: str) -> Any:
    """`inspector --cli`: the JSON result of one method; for `tools/call` name the tool with `tool=`."""
    command = [harnesses.node, harnesses.inspector, "--cli", url, "--transport", "http", "--method", method]
    tool = arguments.pop("tool", None)
    if tool:
        command += ["--tool-name", tool]
    for key, value in arguments.items():
        command += ["--tool-arg", f"{key}={value}"]
    done = run(command, cwd=home, env=clean_env(home, harnesses.path), timeout=CHECK_SECONDS)
    assert done.code == 0, str(done)
    return json.loads(done.out)


def conforms(harnesses: Harnesses, home: str, url: str, scenario: str) -> Verdict:
    """One scenario of the conformance suite against a running server."""
    command = [harnesses.node, harnesses.conformance, "server", "--url", url, "--scenario", scenario]
    done = run(command, cwd=home, env=clean_env(home, harnesses.path), timeout=CHECK_SECONDS)
    found = _COUNTS.search(done.out)
    assert found is not None, str(done)
    return Verdict(int(found[1]), int(found[3]), int(found[4]), done)
