"""From a question of the port to FTS5's language and to SQL conditions. Pure; every word is quoted: none is syntax."""

from __future__ import annotations

from collections.abc import Callable

from iapeer_memory.index.records import Filter, Match, Phrase, Term, Word
from iapeer_memory.index.sqlite import rows
from iapeer_memory.index.stems import Stemmer, forms

MOST_TERMS = 64
"""Groups of a question that count, and alternatives of a group."""

MOST_TOKENS = 64
"""Words of a phrase that count."""

Beginnings = Callable[[str], tuple[str, ...]]
"""A form → stems of known forms that begin with it, but not with the stem itself."""


def groups(match: Match, stemmer: Stemmer, beginnings: Beginnings) -> tuple[str, ...]:
    """Each group of the question in FTS5's language, once; () when no word is left of it."""
    groups: dict[str, None] = {}
    for terms in match.terms[:MOST_TERMS]:
        found: dict[str, None] = {}
        for term in terms[:MOST_TERMS]:
            found.update(dict.fromkeys(_term(term, stemmer, beginnings)))
        if found:
            groups["(" + " OR ".join(found) + ")" if len(found) > 1 else next(iter(found))] = None
    return tuple(groups)


def _term(term: Term, stemmer: Stemmer, beginnings: Beginnings) -> list[str]:
    """Alternatives, one of which must be there; [] for a term without a letter."""
    if isinstance(term, Phrase):
        *before, last = term.words or (Word(""),)
        stems = [stem for word in before for stem in stemmer.stems(word.text)]
        return _word(last, stems[:MOST_TOKENS], stemmer, beginnings)
    return _word(term, [], stemmer, beginnings)


def _word(word: Word, before: list[str], stemmer: Stemmer, beginnings: Beginnings) -> list[str]:
    stems = [*before, *stemmer.stems(word.text)][:MOST_TOKENS]
    if not stems:
        return []
    found = [_quoted(stems)]
    if word.prefix and (parts := forms(word.text)):
        begun = [*stems[: len(stems) - 1], parts[-1]]
        found.append(_quoted(begun) + " *")
        if len(stems) == 1:
            found += [_quoted([stem]) for stem in beginnings(parts[-1])]
    return found


def _quoted(stems: list[str]) -> str:
    # A stem holds no quote and no blank; NUL would end the text.
    return '"' + " ".join(stems).replace('"', "").replace("\0", "") + '"'


def condition(only: Filter | None) -> tuple[str, tuple[str, ...]]:
    """The filter as a condition on `notes` and its values; ("", ()) when it allows all."""
    if only is None or only.empty:
        return "", ()
    parts: list[str] = []
    values: list[str] = []
    for kind, wanted in (("type", only.types), ("status", only.statuses), ("tag", only.tags), ("author", only.authors)):
        if wanted:
            parts.append("(" + " OR ".join("instr(notes.facets, ?)" for _ in wanted) + ")")
            values += [rows.facet(kind, value.removeprefix("#") if kind == "tag" else value) for value in wanted]
    if only.folders:
        parts.append("(" + " OR ".join("instr(folder(notes.path), ?) = 1" for _ in only.folders) + ")")
        values += [rows.folded(folder).strip("/") + "/" for folder in only.folders]
    if only.since:
        parts.append("notes.since >= ?")
        values.append(only.since)
    return " AND ".join(parts), tuple(values)
