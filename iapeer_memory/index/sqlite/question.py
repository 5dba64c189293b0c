"""From a question of the port to FTS5's language and to SQL conditions. Pure; every word is quoted: none is syntax."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from iapeer_memory.index.port import Filter, Match, Phrase, Term, Word
from iapeer_memory.index.sqlite import rows
from iapeer_memory.index.stems import Stemmer, composed, folded, forms

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


def wants_exact(match: Match) -> bool:
    """Whether some word must be there as it was written."""
    return any(word.exact for terms in match.terms for term in terms for word in _words(term))


def holds(match: Match, text: str, stemmer: Stemmer) -> bool:
    """Whether a passage (with its title, headings and keys) holds what was asked, its exact words as written."""
    plain = folded(composed(text))
    if not _all_or_any(match, (any(_plausible(term, plain) for term in terms) for terms in _groups(match))):
        return False
    written = f" {' '.join(forms(text))} "
    stemmed = f" {stemmer.stream(text)} "
    return _all_or_any(
        match, (any(_there(term, written, stemmed, stemmer) for term in terms) for terms in _groups(match))
    )


def _groups(match: Match) -> list[tuple[Term, ...]]:
    return [terms for terms in match.terms[:MOST_TERMS] if terms]


def _all_or_any(match: Match, told: Iterable[bool]) -> bool:
    return all(told) if match.every else any(told)


def _plausible(term: Term, plain: str) -> bool:
    """Whether a folded text may hold the term: quick, and never wrongly False."""
    return all(form in plain for word in _words(term) if word.exact for form in forms(word.text))


def _there(term: Term, written: str, stemmed: str, stemmer: Stemmer) -> bool:
    words = _words(term)
    text = " ".join(word.text for word in words)
    end = "" if words and words[-1].prefix else " "
    if any(word.exact for word in words):
        said = " ".join(forms(text))
        return not said or f" {said}{end}" in written
    stems = " ".join(stemmer.stems(text))
    return not stems or f" {stems} " in stemmed or (not end and f" {' '.join(forms(text))}" in written)


def _words(term: Term) -> tuple[Word, ...]:
    return term.words if isinstance(term, Phrase) else (term,)


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
