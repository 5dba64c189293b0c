"""A note that `memory_write` makes or lengthens, as bytes. Pure.

Writes only the keys that are an author's own; type, dates and names are the stamp's.
"""

from __future__ import annotations

import json
import re

PLAIN = re.compile(r"[^\W\d_][\w .,()/—–-]*(?<![ ])\Z")
"""A text that YAML takes for itself without quotes."""
SPECIAL = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
OPENING = re.compile(r"\ufeff?---[ \t]*\r?\n")


def note(
    title: str,
    text: str,
    *,
    subtype: str | None = None,
    status: str | None = None,
    description: str | None = None,
    tags: tuple[str, ...] = (),
) -> bytes:
    """A new note: frontmatter, then the text, ended by a line break. Each value is one line."""
    keys = (("title", title), ("subtype", subtype), ("status", status), ("description", description))
    lines = ["---", *(f"{key}: {scalar(value)}" for key, value in keys if value is not None)]
    if tags:
        lines += ["tags:", *(f"  - {scalar(tag)}" for tag in tags)]
    return ("\n".join([*lines, "---", ended(text)])).encode()


def appended(data: bytes, text: str) -> bytes:
    """The note with the text as a paragraph at its end. What was there stays, byte for byte; the line ends of the
    first line are used."""
    crlf = data.partition(b"\n")[0].endswith(b"\r")
    added = ended(text).replace("\r\n", "\n")
    more = (added.replace("\n", "\r\n") if crlf else added).encode()
    line = b"\r\n" if crlf else b"\n"
    if not data:
        return more
    gap = b"" if data.endswith((line * 2, b"\n\n")) else line if data.endswith(b"\n") else line * 2
    return data + gap + more


def has_frontmatter(text: str) -> bool:
    """Whether a text brings a frontmatter block of its own."""
    return OPENING.match(text) is not None


def ended(text: str) -> str:
    """The text, ended by a line break."""
    return text if text.endswith("\n") else text + "\n"


def scalar(text: str) -> str:
    """One line as a YAML value: as it is where that says the same, else in double quotes."""
    if PLAIN.match(text) and text.lower() not in SPECIAL:
        return text
    return json.dumps(text, ensure_ascii=False)
