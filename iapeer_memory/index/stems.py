"""From a text to the stems that are stored and looked for: one rule for both sides. Never opens anything.

A word is a run of letters and digits, without letter case, composed, without diacritics (ё is е, й stays й), and
without its ending: English and Russian, by the word's script. What is joined by other marks (`foo_bar`, `a.b.c`, a
path, an error text) is its parts one after the other, so the whole is found as a phrase. `camelCase` is one word, and
its parts follow the text it stands in. A word with a digit keeps its ending. In scripts without blanks each sign is a
word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from threading import Lock

from snowballstemmer import stemmer  # type: ignore[import-untyped]

STEMMER = "snowball-3:en+ru:1"
"""Names these rules; an index made with others is made anew."""

LONGEST = 128
"""Characters of a word that count."""

KEPT = 32_768
"""Words whose stems are remembered."""

WORD = re.compile(r"[\w\u0300-\u036f]+")
CAMEL = re.compile(r"[A-ZА-ЯЁ](?:(?<=[a-zа-яё][A-ZА-ЯЁ])|[A-ZА-ЯЁ][a-zа-яё]{2})")
HUMP = re.compile(r"[A-ZА-ЯЁ]+(?![a-zа-яё])|[A-ZА-ЯЁ]?[a-zа-яё]+|[^\W\d_]+|\d+")
MARKS = re.compile(r"[\u0300-\u036f]")
CYRILLIC = re.compile(r"[а-яѐ-џ]")
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
SIGNS = re.compile(rf"{UNSPACED.pattern}|[^\W_]+?(?={UNSPACED.pattern}|\Z)")
BREVE = re.compile("и\u0306")
PLAIN = re.compile("[0-9a-zа-я]+")
"""A word without marks: й is a letter of its own, ё is not."""


class Stemmer:
    """Stems with a memory. Any thread, unless it has somebody to tell what it learns or to ask."""

    __slots__ = ("_known",)

    def __init__(
        self,
        learn: Callable[[str, str], None] | None = None,
        *,
        recall: Callable[[str], str | None] | None = None,
        kept: int = KEPT,
    ) -> None:
        """`learn`: told of each form and its stem, at least at its first sight. `recall`: the stem of a form that
        somebody has learnt, None for any other: to ask is quicker than to work it out."""
        self._known = _Known(learn, recall, kept)

    def stream(self, text: str) -> str:
        """All stems of a text in order, blanks between, as they are stored."""
        text = composed(text)
        stems = " ".join(map(self._known.__getitem__, WORD.findall(text.lower())))
        if CAMEL.search(text):
            parts = (self._known[hump] for word in WORD.findall(text) if CAMEL.search(word) for hump in _humps(word))
            return f"{stems} {' '.join(parts)}"
        return stems

    def stems(self, text: str) -> tuple[str, ...]:
        """The stems of a question's words, in order."""
        if text in self._known:
            return tuple(self._known[text].split())
        return tuple(stem for word in WORD.findall(composed(text).lower()) for stem in self._known[word].split())

    def places(self, text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        """Where each word of a composed text begins and ends, and its stems with those of its parts."""
        for found in WORD.finditer(text):
            word = found[0]
            stems = self._known[word.lower()].split()
            if CAMEL.search(word):
                stems += (self._known[hump] for hump in _humps(word))
            if stems:
                yield found.start(), found.end(), tuple(stems)

    def forget(self) -> None:
        """Remember nothing; every form is learnt again."""
        self._known.forget()


class _Known(dict[str, str]):
    """A word in small letters → its stems, blanks between. What was not asked for lately is dropped."""

    __slots__ = ("_before", "_english", "_kept", "_learn", "_one", "_recall", "_russian")

    def __init__(
        self, learn: Callable[[str, str], None] | None, recall: Callable[[str], str | None] | None, kept: int
    ) -> None:
        super().__init__()
        self._before: dict[str, str] = {}
        self._learn = learn
        self._recall = recall
        self._kept = kept
        self._one = Lock()
        self._english = stemmer("english").stemWord
        self._russian = stemmer("russian").stemWord

    def __missing__(self, word: str) -> str:
        if len(self) >= self._kept:
            self._before = dict(self)
            self.clear()
        value = self._before.get(word)
        if value is None:
            found = forms(word[:LONGEST])
            value = self._stem(word) if found == [word] else " ".join(self[form] for form in found)
        self[word] = value
        return value

    def forget(self) -> None:
        self.clear()
        self._before.clear()

    def _stem(self, form: str) -> str:
        if not form.isalpha():
            return form
        if self._recall is not None and (known := self._recall(form)):
            return form if known == form else known
        with self._one:  # the library's stemmers have a state
            stem: str = (self._russian if CYRILLIC.search(form) else self._english)(form) or form
        if self._learn is not None:
            self._learn(form, stem)
        return form if stem == form else stem


def composed(text: str) -> str:
    """The text with every letter and its marks as one character, where there is one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def forms(text: str) -> list[str]:
    """The words of a text as they are compared without stemming."""
    found: list[str] = []
    for word in WORD.findall(composed(text)):
        for part in word.split("_"):
            form = folded(part)
            if UNSPACED.search(form):
                found.extend(SIGNS.findall(form))
            elif form:
                found.append(form)
    return found


def folded(word: str) -> str:
    """Without letter case and diacritics."""
    if word.isascii():
        return word.lower()
    small = word.casefold()
    if PLAIN.fullmatch(small):
        return small
    plain = BREVE.sub("й", unicodedata.normalize("NFD", small))
    return unicodedata.normalize("NFC", MARKS.sub("", plain))


def _humps(word: str) -> list[str]:
    """The parts of camelCase, folded."""
    return [folded(hump) for hump in HUMP.findall(word)]
