"""A tool as it is described, and what a call of it brings. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tool:
    """`always`: a client that hides tools until they are looked for shall show this one from the start.
    `open_world`: what it may answer is not a closed set. No tool of ours destroys anything."""

    name: str
    title: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    read_only: bool = True
    open_world: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`text`: JSON, for clients that read only that. `structured`: JSON of the output schema, the same or more; None
    with an error."""

    text: str
    structured: str | None = None
    error: bool = False
