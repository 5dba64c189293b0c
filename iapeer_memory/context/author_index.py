"""A peer's own notes as text: the index that its fragment carries, and the full one beside it. Pure.

Source: the reference core's author index, format chapter. Every word out of a note goes through `plain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.context import plain, projects
from iapeer_memory.context.notes import changed, vouched
from iapeer_memory.context.projects import Places
from iapeer_memory.context.selection import Selection, select
from iapeer_memory.context.words import WORDS
from iapeer_memory.index.records import NoteSummary
from iapeer_memory.vault.layout import CANON, Folder, Locale

FOLDERS: tuple[Folder, ...] = ("agent_memory", *CANON)
"""The sections, in order."""

Section = tuple[str, tuple[str, ...]]
"""A heading and its lines; a line that begins with `### ` is a heading too."""


@dataclass(frozen=True, slots=True)
class Known:
    """What an index is made from. `own`: the peer's own live notes; `overviews`: those that say where a project
    is; `links`: path → how many notes it is linked with; `places`: where projects are."""

    own: Sequence[NoteSummary]
    overviews: Sequence[NoteSummary]
    links: Mapping[str, int]
    places: Places


def author_index(peer: str, locale: Locale, known: Known, full_file: str, *, full: bool = False) -> str:
    """The whole text with a final newline; all six sections, also for a peer without notes. `full_file`: where the
    full index lies, as it is shown; `full`: leave nothing out."""
    words = WORDS[locale.id]
    mine = shown(peer, locale, known.own)
    chosen = select(mine, locale, known.links, full=full)
    text = [f"# {words.title.format(peer)}", "", f"<!-- {words.generated} -->"]
    for heading, lines in sections(peer, locale, known, chosen):
        text += ["", f"## {heading}", "", *(lines or (f"_{words.empty}_",))]
    notices = (*unvouched(len(known.own) - len(mine), locale), *_cut(chosen, locale, full_file))
    if notices:
        text += ["", "---"]
    for notice in notices:
        text += ["", f"_{notice}_"]
    return "\n".join(text) + "\n"


def shown(peer: str, locale: Locale, own: Sequence[NoteSummary]) -> tuple[NoteSummary, ...]:
    """Those whose words may enter the peer's context by themselves."""
    return tuple(n for n in own if vouched(n, peer, locale))


def unvouched(count: int, locale: Locale) -> tuple[str, ...]:
    """A sentence on so many notes that are kept out; () when there are none."""
    return (WORDS[locale.id].unvouched.format(count),) if count else ()


def sections(peer: str, locale: Locale, known: Known, chosen: Selection) -> tuple[Section, ...]:
    """The six sections in order, empty ones too."""
    return tuple((_heading(folder, peer, locale), _lines(folder, peer, locale, known, chosen)) for folder in FOLDERS)


def line(note: NoteSummary, peer: str, locale: Locale, links: Mapping[str, int]) -> str:
    """`- [[title]] · status · tag, tag · N links · YYYY-MM-DD`, for agent memory `- [[title]] · subtype · status ·
    «description» · N links · YYYY-MM-DD`; who wrote last, where that was somebody else. Missing parts are left out."""
    words = WORDS[locale.id]
    if locale.owner_of(note.path):
        parts = [plain.word(note.subtype), plain.word(note.status), plain.described(note.description)]
    else:
        tags = [tag for tag in map(plain.word, note.tags[: plain.TAGS]) if tag]
        parts = [plain.word(note.status), ", ".join(tags)]
    count = links.get(note.path, 0)
    parts += [f"{count} {words.links}" if count else "", plain.word(changed(note).partition(" ")[0])]
    if note.last_edited_by not in (None, peer):
        parts.append(words.edited.format(plain.word(note.last_edited_by)))
    return "- " + " · ".join([plain.name(note.title, note.path), *filter(None, parts)])


def _heading(folder: Folder, peer: str, locale: Locale) -> str:
    below = {"agent_memory": f"{peer}/", "projects": f"<{WORDS[locale.id].project}>/"}.get(folder, "")
    return f"{locale.sections[folder]} — `{locale.folders[folder]}/{below}`"


def _lines(folder: Folder, peer: str, locale: Locale, known: Known, chosen: Selection) -> tuple[str, ...]:
    if folder == "projects":
        lines: list[str] = []
        for project in projects.group(chosen.projects, known.overviews, peer, locale, known.links, known.places):
            if project.heading:
                lines += [*([""] if lines else []), f"### {project.heading}", ""]
            lines += [line(n, peer, locale, known.links) for n in project.notes]
        return tuple(lines)
    notes = chosen.memory if folder == "agent_memory" else chosen.canon.get(folder, ())
    return tuple(line(n, peer, locale, known.links) for n in notes)


def _cut(chosen: Selection, locale: Locale, full_file: str) -> tuple[str, ...]:
    """What was cut, and where all of it stands; () when nothing was."""
    if not chosen.cut:
        return ()
    words = WORDS[locale.id]
    parts = []
    if len(chosen.memory) < chosen.memory_total:
        parts.append(words.cut_memory.format(len(chosen.memory), chosen.memory_total))
    if chosen.canon_kept < chosen.canon_total:
        parts.append(words.cut_canon.format(chosen.canon_kept, chosen.canon_total))
    if chosen.trimmed:
        parts.append(words.cut_projects.format(chosen.trimmed))
    return (words.cut.format("; ".join(parts), full_file),)
