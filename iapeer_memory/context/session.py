"""The text that a session starts with where no core delivers fragments. Pure.

A harness cuts long hook output down to its beginning: the essentials stand in the first 2,000 characters, the whole
keeps within 9,500. Lengths are counted as harnesses count them.
"""

from __future__ import annotations

from collections.abc import Sequence

from iapeer_memory.context import author_index as index
from iapeer_memory.context import plain
from iapeer_memory.context.author_index import Known
from iapeer_memory.context.budget import characters
from iapeer_memory.context.essentials import essentials
from iapeer_memory.context.selection import select
from iapeer_memory.context.words import WORDS, Words
from iapeer_memory.index.records import NoteSummary
from iapeer_memory.vault.layout import Locale

ESSENTIALS = 2_000
WHOLE = 9_500
RECENT_SHARE = 2_000
TAGS_SHARE = 1_200


def session_text(
    peer: str, vault: str, locale: Locale, known: Known, recent: Sequence[NoteSummary], *, tags: str = ""
) -> str:
    """Essentials, a map of the peer's own notes, the vault's tags, what others changed last; one final newline.
    `recent`: from `survey`; `tags`: from `tags.projected`."""
    words = WORDS[locale.id]
    text = essentials(peer, vault, locale)
    lines = [_framed(note, peer, locale, known) for note in recent]
    others = _section(f"## {words.others}", lines, RECENT_SHARE, words, frame=words.frame) if lines else ""
    named = [f"- {row}" for row in tags.splitlines() if row.strip()]
    listed = _section(f"## {words.tags}", named, TAGS_SHARE, words) if named else ""
    room = WHOLE - characters(text) - characters(others) - characters(listed)
    return text + _own(peer, locale, known, room) + listed + others


def _framed(note: NoteSummary, peer: str, locale: Locale, known: Known) -> str:
    """A note of somebody else as a line, with its author where the last editor is another."""
    author = plain.word(note.author) if note.author and note.author != note.last_edited_by else ""
    said = f" · {WORDS[locale.id].author.format(author)}" if author else ""
    return index.line(note, peer, locale, known.links) + said


def _own(peer: str, locale: Locale, known: Known, room: int) -> str:
    """The map of the peer's own notes within that many characters: every section gets a share, none is forgotten."""
    words = WORDS[locale.id]
    heading = f"\n## {words.yours}\n"
    if not known.own:
        return f"{heading}\n{words.empty}\n"
    mine = index.shown(peer, locale, known.own)
    chosen = select(mine, locale, known.links)
    hidden = (chosen.left_out.get(folder, 0) for folder in index.FOLDERS)
    listed = zip(index.sections(peer, locale, known, chosen), hidden, strict=True)
    parts = [(title, lines, more) for (title, lines), more in listed if lines]
    kept_out = "".join(f"\n{notice}\n" for notice in index.unvouched(len(known.own) - len(mine), locale))
    text = heading
    left = room - characters(heading) - characters(kept_out)
    for at, (title, lines, more) in enumerate(parts):
        part = _section(f"### {title}", lines, left // (len(parts) - at), words, hidden=more)
        text += part
        left -= characters(part)
    return text + kept_out


def _section(heading: str, lines: Sequence[str], room: int, words: Words, *, frame: str = "", hidden: int = 0) -> str:
    """A heading and as many lines as fit, with a word on how many notes were left out, `hidden` ones among them; ""
    where not even one fits."""
    text = f"\n{heading}\n\n" + (f"{frame}\n\n" if frame else "")
    more = f"- {words.more}\n"
    kept: list[str] = []
    left = room - characters(text)
    for at, item in enumerate(lines):
        rest = _notes(lines[at + 1 :]) + hidden
        needed = characters(item) + 1 + (characters(more.format(rest)) if rest else 0)
        if needed > left:
            break
        kept.append(item)
        left -= characters(item) + 1
    while kept and not kept[-1].startswith("- "):  # a project's heading without its notes
        kept.pop()
    if not kept:
        return ""
    left_out = _notes(lines) - _notes(kept) + hidden
    return text + "".join(f"{item}\n" for item in kept) + (more.format(left_out) if left_out else "")


def _notes(lines: Sequence[str]) -> int:
    return sum(item.startswith("- ") for item in lines)
