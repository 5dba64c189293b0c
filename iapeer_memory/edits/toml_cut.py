"""Taking our part out of a TOML text: whole lines, members and elements, with the commas and blank lines they brought.

Comments that stand after the last key of a section belong to what follows and stay. Never cuts into a statement
that is not ours.
"""

from __future__ import annotations

from iapeer_memory.edits.splice import Splice, joined, trimmed
from iapeer_memory.edits.toml_find import Found, section_end
from iapeer_memory.edits.toml_scan import Inside, line_rest, past_loose


def cut(text: str, found: Found, *, inner: str | None = None, tail: str | None = None) -> list[Splice]:
    """The splices that take away everything found.

    inner: the blank text that an inline table held before we came; used when it becomes empty.
    tail: the line ends that the file ended with before we came; used when nothing but blanks follows.
    """
    if found.holder is not None:
        gone = [at for at, one in enumerate(found.holder.members) if one in found.members]
        return _cut_members(text, found.holder, gone, inner)
    ours = {one.section for one in found.headers}
    sections = near(text, [(one.start, section_end(found.all, one)) for one in found.headers])
    lines = [(one.start, one.end) for one in found.pairs if one.section not in ours]
    ranges = joined([with_blanks(text, *span) for span in sections] + [_with_newline(text, *span) for span in lines])
    splices = [(start, end, "") for start, end in ranges]
    if tail is not None and splices and not text[splices[-1][1] :].strip(" \t\r\n"):
        start = content_end(text[: splices[-1][0]])
        splices[-1] = trimmed(text, min(start, splices[-1][0]), len(text), tail)
    return splices


def cut_element(text: str, here: Inside, index: int, inner: str | None = None) -> list[Splice]:
    """One element out of an array; an element on a line of its own goes with its line."""
    element = here.members[index]
    last = index == len(here.members) - 1
    rest = text[here.open + 1 : element.start] + text[element.end : here.close]
    if len(here.members) == 1 and (inner is not None and rest.strip(" \t\r\n,") == inner.strip()):
        return [trimmed(text, here.open + 1, here.close, inner)]
    after = past_loose(text, element.end)
    end = after + 1 if text[after] == "," else element.end
    start = text.rfind("\n", 0, element.start) + 1
    stop = line_rest(text, end)
    if text[start : element.start].strip() or text[stop : stop + 1] not in ("\r", "\n") or start <= here.open:
        return _cut_members(text, here, [index], None)
    splices: list[Splice] = [(start, text.index("\n", stop) + 1, "")]
    if last and text[after] != "," and index:
        comma = past_loose(text, here.members[index - 1].end)
        splices.insert(0, (comma, comma + 1, ""))
    return splices


def content_end(text: str) -> int:
    """The end of the last line that is not blank, without its line end (0: there is none)."""
    end = len(text.rstrip(" \t\r\n"))
    while end and end < len(text) and text[end] in " \t":
        end += 1
    return end


def _cut_members(text: str, here: Inside, gone: list[int], inner: str | None) -> list[Splice]:
    if len(gone) == len(here.members):
        return [trimmed(text, here.open + 1, here.close, inner or "")]
    splices: list[Splice] = []
    kept = False
    for at, member in enumerate(here.members):
        if at not in gone:
            kept = True
        elif kept:
            splices.append((here.members[at - 1].end, member.end, ""))
        else:
            splices.append((member.start, here.members[at + 1].start, ""))
    return splices


def near(text: str, sections: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sections with nothing but blanks between them are one."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(sections):
        if result and not text[result[-1][1] : start].strip():
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def with_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """The blank lines before go too where blank lines or nothing follow, so that one separation stays."""
    top = 1 if text.startswith("\ufeff") else 0
    line_end = text.find("\n", end)
    following = text[end:] if line_end < 0 else text[end:line_end]
    if following.strip():
        return start, end
    while start > top:
        line = text.rfind("\n", 0, start - 1) + 1
        if text[max(line, top) : start].strip():
            break
        start = max(line, top)
    if start == top:
        blank = len(text) - len(text[end:].lstrip(" \t\r\n"))
        end = text.rfind("\n", 0, blank) + 1 if blank < len(text) else blank
    return start, max(end, start)


def _with_newline(text: str, start: int, end: int) -> tuple[int, int]:
    """A last line that has no line end takes the one before it along, so that the file still ends without one."""
    if end == len(text) and not text.endswith("\n") and start:
        return start - (2 if text[start - 2 : start] == "\r\n" else 1), end
    return start, end
