"""Samples of what the harnesses hand to a hook, and how to compare shapes. The samples name made-up paths only."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.support.harness.npm import CHECKOUT

FOLDER = os.path.join(CHECKOUT, "tests", "fixtures", "payloads")
HOME, PEER, VAULT = "/home/ada", "/home/ada/src/alpha", "/home/ada/vault"


def sample(name: str) -> dict[str, Any]:
    """The payload saved as `<name>.json`."""
    with open(os.path.join(FOLDER, f"{name}.json"), encoding="utf-8") as stream:
        document: dict[str, Any] = json.load(stream)
    return document


def shape(value: Any) -> Any:
    """Keys and types without values: what must not change unnoticed when a pin moves."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__
