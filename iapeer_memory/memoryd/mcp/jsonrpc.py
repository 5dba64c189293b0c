"""JSON-RPC 2.0 messages: bytes to one checked message or a fault, and an answer's text. Pure.

Strict where a lenient reader would answer what nobody can parse: no NaN, no number beyond a float, no half character
in an id. Source: the JSON-RPC 2.0 specification; ids as MCP narrows them (a text or a number, never null).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from iapeer_memory.memoryd.tools.compact import compact

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

Id: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a message. `id`: the message's own where it could be read."""

    code: int
    message: str
    id: Id = None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Something that wants an answer."""

    id: str | int | float
    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A notification, or the answer to a question that we never put."""

    notification: bool


def parsed(body: bytes) -> Any:
    """The JSON value of a body, or a Fault."""
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return Fault(PARSE_ERROR, "the body is not JSON in UTF-8")


def message(value: Any) -> Request | Unanswered | Fault:
    """What a JSON value says as one message."""
    if not isinstance(value, dict):
        return Fault(INVALID_REQUEST, "a message is a JSON object")
    own = value.get("id")
    if "id" in value and not _is_id(own):
        return Fault(INVALID_REQUEST, "id must be a text or a number")
    if value.get("jsonrpc") != "2.0":
        return Fault(INVALID_REQUEST, 'jsonrpc must be "2.0"', own)
    method = value.get("method")
    if not isinstance(method, str):
        if "method" not in value and ("result" in value) != ("error" in value):
            return Unanswered(notification=False)
        return Fault(INVALID_REQUEST, "method must be a text", own)
    if own is None:
        return Unanswered(notification=True)
    params = value.get("params")
    if params is not None and not isinstance(params, dict):
        return Fault(INVALID_PARAMS, "params must be an object", own)
    return Request(own, method, params or {})


def result(own: Id, text: str) -> str:
    """The answer to a request, whose result is given as JSON."""
    return f'{{"jsonrpc":"2.0","id":{compact(own)},"result":{text}}}'


def error(fault: Fault) -> str:
    """The answer to a message that is at fault."""
    told: dict[str, Any] = {"code": fault.code, "message": fault.message}
    if fault.data is not None:
        told["data"] = fault.data
    return f'{{"jsonrpc":"2.0","id":{compact(fault.id)},"error":{compact(told)}}}'


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
