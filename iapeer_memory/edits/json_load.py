"""Reading JSON strictly, and saying in the user's words what is wrong with it.

Never accepts what a harness would not: comments, trailing commas, NaN, single quotes. Source: RFC 8259.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.edits.source import BOM, conflict
from iapeer_memory.edits.splice import line_of


class _ConstantError(ValueError):
    """NaN or an infinity, which `json` would read."""


def _constant(word: str) -> NoReturn:
    raise _ConstantError(word)


_DECODER = json.JSONDecoder(parse_constant=_constant)


def load(text: str, name: str) -> Any:
    """The value of the text, of repeated keys the last. Malformed: not JSON. RecursionError: nested too deeply."""
    try:
        return _DECODER.decode(text[1:] if text.startswith(BOM) else text)
    except _ConstantError as error:
        word = str(error)
        found = re.search(rf"(?<![\w\"]){re.escape(word)}(?![\w\"])", text)
        line = line_of(text, found.start()) if found else None
        raise Malformed(name, f"{word} is not JSON", line_number=line, remedy="write a number or null") from None
    except json.JSONDecodeError as error:
        raise _refusal(text, error.pos + text.startswith(BOM), error.msg, name) from None
    except ValueError as error:
        raise Malformed(name, f"a number cannot be read: {error}", remedy="write a shorter number") from None


def _refusal(text: str, at: int, message: str, name: str) -> Malformed:
    """Names what stands where the parser stopped, in the user's words."""
    merge = conflict(text, name)
    if merge is not None:
        return merge
    rest = text[at : at + 2]
    before = text[:at].rstrip(" \t\r\n")
    reason, remedy = f"not valid JSON: {message[:1].lower()}{message[1:]}", "correct the file or delete it"
    if not text.strip(" \t\r\n" + BOM):
        reason, remedy = "the file is empty, which is not JSON", "write {} into it or delete it"
    elif rest in ("//", "/*") or rest[:1] == "#":
        reason, remedy = "comments are not JSON (the harness drops the whole file)", "remove the comment"
    elif message.startswith("Illegal trailing comma") or (before.endswith(",") and rest[:1] in ("}", "]", "")):
        at = max(len(before) - 1, 0) if before.endswith(",") else at
        reason, remedy = "a trailing comma is not JSON (the harness drops the whole file)", "remove the comma"
    elif rest[:1] == "'":
        reason, remedy = "single quotes are not JSON", "use double quotes"
    elif rest[:1] == BOM:
        reason, remedy = "a byte order mark stands in the middle of the file", "remove it"
    return Malformed(name, reason, line_number=line_of(text, min(at, len(text))), remedy=remedy)
