"""The tags dictionary: rows of tables, what an author is told, what a session sees."""

from __future__ import annotations

import pytest

from iapeer_memory.vault.locales import LOCALES, locale
from iapeer_memory.vault.tags import clipped, dictionary, problems, projection

TABLES = """\
# Tags

| Tag | Boundary |
|-----|:--------:|
| alpha | What begins; not what ends |
| `beta` | — |
|#gamma|-|
| delta |
| alpha | second |
| pipe | a \\| b |

| Other | Table |
| --- | --- |
| имя | Имена
text | no row

```
| example | not one |
```
| last | row |
"""


def test_dictionary() -> None:
    assert list(dictionary(TABLES).items()) == [
        ("alpha", "What begins; not what ends"),
        ("beta", ""),
        ("gamma", ""),
        ("delta", ""),
        ("pipe", "a | b"),
        ("имя", "Имена"),
        ("last", "row"),
    ]
    assert dictionary(TABLES.replace("\n", "\r\n")) == dictionary(TABLES)
    assert dictionary("") == dictionary("|\n||\n| |\n") == {}


@pytest.mark.parametrize("name", LOCALES)
def test_a_seed_is_a_dictionary_without_tags(name: str) -> None:
    seeds = locale(name).seeds
    assert dictionary(seeds[locale(name).tags_file]) == {}
    assert dictionary(seeds[locale(name).tags_file] + "| a | b |\n") == {"a": "b"}


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        (("alpha",), ()),
        (("#Alpha", "beta/part/sub"), ()),
        ((), ("no tags",)),
        (("", "#"), ("no tags",)),
        (("alpha", "new", "new", "x/beta"), ("«new»", "«x/beta»")),
        (("a\nb",), ("«a b»",)),
        (("q" * 200,), ("«" + "q" * 80 + "…»",)),
    ],
)
def test_problems(tags: tuple[str, ...], told: tuple[str, ...]) -> None:
    found = problems(tags, dictionary(TABLES), path="99_System/Tags.md")
    assert len(found) == len(told)
    assert all(words in line and "99_System/Tags.md" in line for words, line in zip(told, found, strict=True))


def test_a_flood_of_unknown_tags_is_bounded() -> None:
    found = problems([f"t{n}" for n in range(1000)], {}, path="Tags.md")
    assert len(found) == 11
    assert found[-1] == "990 more tags are not in Tags.md."


def test_projection() -> None:
    known = {"alpha": "word " * 40, "beta": "", "gamma": "x" * 200, "delta": "short"}
    lines = projection(known).splitlines()
    assert lines[0] == "alpha — " + ("word " * 32).strip() + "…"
    assert lines[1:] == ["beta", "gamma — " + "x" * 160 + "…", "delta — short"]
    assert projection({}) == ""


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("1234567890", "1234567890"),
        ("1234567 901", "1234567…"),
        ("12 45678901", "12 4567890…"),
        ("12345678901", "1234567890…"),
    ],
)
def test_clipped(text: str, after: str) -> None:
    assert clipped(text, 10) == after
