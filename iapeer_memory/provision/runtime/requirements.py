"""The lock of dependencies: which distributions, in which version, on this interpreter. Pure.

Reads `name==version [; marker]` lines with `--hash=` continuations, as a lock writer emits them. Never resolves
anything: a lock that leaves a choice open is refused. Source: the requirements file format of pip, and PEP 508 for
markers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from iapeer_memory.domain.errors import InstallFailed

PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(?:;\s*(.*))?\Z", re.ASCII)
TOKEN = re.compile(r"\s*(?:(==|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b)|(and\b|or\b|\(|\))|'([^']*)'|\"([^\"]*)\"|([a-z_]+))")


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked distribution; `name` is normalised."""

    name: str
    version: str


def normal(name: str) -> str:
    """The normalised name of a distribution. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str, environment: Mapping[str, str]) -> tuple[Pin, ...]:
    """Every pin that applies here, in file order. Raises InstallFailed on a line that is not a pin."""
    pins = []
    for number, line in logical_lines(text):
        if line.startswith("-"):
            continue
        requirement = re.sub(r"\s+--hash=\S+", "", line).strip()
        match = PIN.match(requirement)
        if not match:
            raise InstallFailed(f"the lock of dependencies leaves a choice open at line {number}: {requirement[:80]}")
        name, version, marker = match.groups()
        if marker is None or applies(marker, environment):
            pins.append(Pin(normal(name), version))
    return tuple(pins)


def logical_lines(text: str) -> list[tuple[int, str]]:
    """(number of the first line, text with continuations joined), without comments and blank lines."""
    lines: list[tuple[int, str]] = []
    held, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        start = start or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        if (held + line).strip():
            lines.append((start, (held + line).strip()))
        held, start = "", 0
    if held.strip():
        lines.append((start, held.strip()))
    return lines


def applies(marker: str, environment: Mapping[str, str]) -> bool:
    """Whether a marker holds. Raises InstallFailed on one that we do not understand."""
    tokens = tokenise(marker)
    value, rest = any_of(tokens, environment)
    if rest:
        raise InstallFailed(f"a marker in the lock of dependencies is not understood: {marker}")
    return value


Tokens = list[tuple[str, str]]
Comparable = TypeVar("Comparable", str, tuple[int, ...])


def tokenise(marker: str) -> Tokens:
    """(kind, text) with kind op, word, text or name."""
    tokens: Tokens = []
    position = 0
    marker = marker.rstrip()
    while position < len(marker):
        match = TOKEN.match(marker, position)
        if not match:
            raise InstallFailed(f"a marker in the lock of dependencies is not understood: {marker}")
        op, word, single, double, name = match.groups()
        if op:
            tokens.append(("op", " ".join(op.split())))
        elif word:
            tokens.append(("word", word))
        elif name:
            tokens.append(("name", name))
        else:
            tokens.append(("text", single if single is not None else double))
        position = match.end()
    return tokens


def any_of(tokens: Tokens, environment: Mapping[str, str]) -> tuple[bool, Tokens]:
    """A chain of `or`."""
    value, tokens = all_of(tokens, environment)
    while tokens and tokens[0] == ("word", "or"):
        other, tokens = all_of(tokens[1:], environment)
        value = value or other
    return value, tokens


def all_of(tokens: Tokens, environment: Mapping[str, str]) -> tuple[bool, Tokens]:
    """A chain of `and`."""
    value, tokens = one(tokens, environment)
    while tokens and tokens[0] == ("word", "and"):
        other, tokens = one(tokens[1:], environment)
        value = value and other
    return value, tokens


def one(tokens: Tokens, environment: Mapping[str, str]) -> tuple[bool, Tokens]:
    """A comparison, or a whole expression in brackets."""
    if tokens and tokens[0] == ("word", "("):
        value, rest = any_of(tokens[1:], environment)
        if not rest or rest[0] != ("word", ")"):
            raise InstallFailed("a marker in the lock of dependencies has an open bracket")
        return value, rest[1:]
    if len(tokens) < 3 or tokens[1][0] != "op" or {tokens[0][0], tokens[2][0]} - {"name", "text"}:
        raise InstallFailed("a marker in the lock of dependencies is not a comparison")
    names = [text for kind, text in (tokens[0], tokens[2]) if kind == "name"]
    unknown = [name for name in names if name not in environment]
    if unknown:
        raise InstallFailed(f"a marker in the lock of dependencies names {unknown[0]}, which is not known here")
    left, right = (environment[text] if kind == "name" else text for kind, text in (tokens[0], tokens[2]))
    as_version = any(name in ("python_version", "python_full_version") for name in names)
    return compare(left, tokens[1][1], right, as_version), tokens[3:]


def compare(left: str, operator: str, right: str, as_version: bool) -> bool:
    """One comparison; versions by number, everything else by text."""
    if operator == "in":
        return left in right
    if operator == "not in":
        return left not in right
    return ordered(release(left), operator, release(right)) if as_version else ordered(left, operator, right)


def ordered(left: Comparable, operator: str, right: Comparable) -> bool:
    """The comparisons that both kinds have."""
    return {
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def release(version: str) -> tuple[int, ...]:
    """`3.11.7+` → (3, 11, 7); trailing zeros do not count."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(p) for p in match[0].split(".")] if match else [0]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
