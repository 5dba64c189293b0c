"""Paths and variables that a note names and that are not there on this host. Finds them; whether they exist is asked.

Only what is plainly meant as one place is judged: a pattern, a placeholder or a part of an address is no reference.
Source: the reference package's `broken-ref` flag (its list of roots and of variable prefixes).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

ROOTS = "Users|home|root|private|tmp|var|opt|usr|etc|Volumes|Applications|mnt|srv"
PATH = re.compile(rf"(?<![\w/.~:@%=?&$}}-])(?:~|/(?:{ROOTS}))/[^\s`'\"<>()\[\]{{}}|*?,;…«»“”]+(?P<next>.?)")
VARIABLE = re.compile(r"\$\{?((?:IAPEER|MERGEMIND)[A-Z0-9_]*)")
OPEN = frozenset("<{[*?…(")
"""What follows a path that is only the beginning of one."""
LINE_NUMBER = re.compile(r":\d+(?::\d+)?\Z")


def broken(text: str, *, home: str, env: Mapping[str, str], exists: Callable[[str], bool]) -> bool:
    """Whether the text names something that is not there. `home`: what `~` stands for; `exists`: asked for paths."""
    if any(not env.get(name) for name in VARIABLE.findall(text)):
        return True
    return any(not exists(path) for path in paths(text, home=home))


def paths(text: str, *, home: str) -> tuple[str, ...]:
    """The absolute paths that a text names, each once, in order."""
    found: dict[str, None] = {}
    for match in PATH.finditer(text):
        if match["next"] in OPEN and match["next"]:
            continue
        named = match[0].removesuffix(match["next"]) if match["next"] else match[0]
        named = LINE_NUMBER.sub("", named.rstrip(".:!")).rstrip("/")
        found[home + named[1:] if named.startswith("~") else named] = None
    return tuple(found)
