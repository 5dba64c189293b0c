"""Who defines a path in a TOML text: headers, pairs, dotted keys and inline tables, in whatever spelling.

Never edits.
"""

from __future__ import annotations

from typing import NamedTuple

from iapeer_memory.edits.toml_scan import Inside, Member, Statement, inside, statements

Keys = tuple[str, ...]


class Found(NamedTuple):
    """What stands at a path or below it.

    all: every statement of the text.
    headers, pairs: the statements whose path is this one or goes through it.
    holder: the inline table on the way that must be edited instead, and the rest of the path inside it; its
            `members` are those at the rest or below.
    """

    all: list[Statement]
    headers: list[Statement]
    pairs: list[Statement]
    holder: Inside | None
    rest: Keys
    members: list[Member]

    def exact(self, path: Keys) -> Statement | Member | None:
        """The pair or member whose value is the value of the path, if it is written as one value."""
        for pair in self.pairs:
            if pair.path == path:
                return pair
        for member in self.members:
            if member.key is not None and member.key.path == self.rest:
                return member
        return None


def find(text: str, path: Keys) -> Found:
    """Looks for the path in a valid text. The path must not lead through an array of tables."""
    every = statements(text)
    size = len(path)
    headers = [one for one in every if one.kind != "=" and one.path[:size] == path]
    pairs = [one for one in every if one.kind == "=" and one.path[:size] == path]
    if not headers and not pairs:
        for one in every:
            depth = len(one.path)
            if one.kind == "=" and depth < size and path[:depth] == one.path and text[one.value] == "{":
                holder, rest = _deepest(text, inside(text, one.value), path[depth:])
                return Found(every, [], [], holder, rest, _under(holder, rest))
    return Found(every, headers, pairs, None, (), [])


def _deepest(text: str, here: Inside, rest: Keys) -> tuple[Inside, Keys]:
    for member in here.members:
        key = member.key.path if member.key else ()
        if len(key) < len(rest) and rest[: len(key)] == key and text[member.value] == "{":
            return _deepest(text, inside(text, member.value), rest[len(key) :])
    return here, rest


def _under(here: Inside, rest: Keys) -> list[Member]:
    return [one for one in here.members if one.key is not None and one.key.path[: len(rest)] == rest]


def section_end(every: list[Statement], header: Statement) -> int:
    """The end of the last pair of the header's section, or of the header when it has none."""
    return max((one.end for one in every if one.section == header.section), default=header.end)


def line_of_path(text: str, path: Keys) -> int:
    """The number of the first line that defines the path or something below it (1 when nothing does)."""
    for depth in range(len(path), 0, -1):
        found = find(text, path[:depth])
        places = [one.start for one in (*found.headers, *found.pairs)] + [one.start for one in found.members]
        if places:
            at = min(places)
            return text.count("\n", 0, at) + 1
    return 1
