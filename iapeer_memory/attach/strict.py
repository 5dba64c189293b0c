"""JSON from a stranger: one value, or why not. No doubled keys, no NaN, no half characters, no deep nesting. Pure.

A reader that is more lenient than the module's would let the two disagree about what was sent.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

DEEPEST = 64


class NotJson(ValueError):
    """Why a body is not read."""


def parsed(body: bytes) -> Any:
    """The value. Raises NotJson, whatever the bytes."""
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
    except NotJson:
        raise
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None
    except RecursionError:
        raise NotJson(f"it is nested deeper than {DEEPEST} levels") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"it is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError:
        raise NotJson("it holds a number that cannot be read") from None
    if "\\u" in text or "\\U" in text or text.count("{") + text.count("[") > DEEPEST:
        _check(value, 0)
    return value


def integer(value: Any, highest: int) -> bool:
    """Whether it is a whole number from 0 to `highest`; true is no number, nor is 1.0."""
    return type(value) is int and 0 <= value <= highest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("a key stands twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no JSON")


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise NotJson(f"it is nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotJson("it holds half a character") from None
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key, depth)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_constant)
