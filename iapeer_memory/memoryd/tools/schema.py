"""Pieces of JSON Schema that the tools share. Data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXT: Mapping[str, Any] = {"type": "string"}
WHOLE: Mapping[str, Any] = {"type": "integer"}
FLAG: Mapping[str, Any] = {"type": "boolean"}
NULLABLE: Mapping[str, Any] = {"type": ["string", "null"]}
LIST: Mapping[str, Any] = {"type": "array"}
TEXTS: Mapping[str, Any] = {"type": "array", "items": TEXT}


def text(description: str, **more: Any) -> dict[str, Any]:
    """A text with a description."""
    return {"type": "string", **more, "description": description}


def inputs(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """The arguments of a tool: these and no others."""
    told: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    if required:
        told["required"] = list(required)
    return {**told, "additionalProperties": False}


def record(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object that may have these members, and others."""
    return {"type": "object", "properties": properties}


def whole(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object that has all these members, and perhaps others."""
    return {**record(**properties), "required": list(properties)}


def holding(*names: str) -> dict[str, Any]:
    """An object that has members of these names, and perhaps others."""
    return {"type": "object", "required": list(names)}


def many(item: Mapping[str, Any]) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": item}
