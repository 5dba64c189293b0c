"""Other stems of the same word, where a stemmer gives one word two. Pure.

Irregular English forms, Russian vowels and consonants that come and go, Russian verbs in -овать. What is proposed is
stemmed like a word, but need not be one.
"""

from __future__ import annotations

import re

IRREGULAR = """
be was been; become became; begin began begun; bite bit bitten; blow blew blown; break broke broken; bring brought;
build built; buy bought; catch caught; choose chose chosen; child children; come came; deal dealt; dig dug;
draw drew drawn; dream dreamt; drink drank drunk; drive drove driven; eat ate eaten; fall fell fallen; feed fed;
feel felt; fight fought; find found; fly flew flown; foot feet; forbid forbade forbidden; forget forgot forgotten;
forgive forgave forgiven; freeze froze frozen; get got gotten; give gave given; go went gone; grow grew grown;
hang hung; hear heard; hide hid hidden; hold held; keep kept; know knew known; lead led; learn learnt; leave left;
lend lent; life lives; lose lost; make made; man men; mean meant; meet met; mouse mice; pay paid; person people;
ride rode ridden; ring rang rung; rise rose risen; run ran; say said; see saw seen; seek sought; sell sold; send sent;
shake shook shaken; shoot shot; show showed shown; sing sang sung; sink sank sunk; sit sat; sleep slept;
speak spoke spoken; spend spent; stand stood; steal stole stolen; stick stuck; strike struck; swear swore sworn;
swim swam swum; take took taken; teach taught; tear tore torn; tell told; think thought; throw threw thrown;
tooth teeth; understand understood; wake woke woken; wear wore worn; wife wives; win won; woman women; write wrote
written; datum data; index indices; criterion criteria; matrix matrices; vertex vertices
"""
FAMILIES = tuple(tuple(family.split()) for family in IRREGULAR.split(";"))
KIN = {form: tuple(other for other in family if other != form) for family in FAMILIES for form in family}

CYRILLIC = re.compile(r"[а-яё]+")
VOWELS = "аеёиоуыэюя"
SHORTEST = 3
LONG = 6
"""Letters of a stem whose last consonant may change: in shorter ones that makes too many other words."""

SOFTENED = {"с": "ш", "ш": "с", "з": "ж", "д": "ж", "ж": "зд", "т": "ч", "ч": "т"}
"""`переношу` and `переносить`, `провожу` and `проводить`: the consonants that give way to each other."""


def kindred(word: str, stem: str) -> tuple[str, ...]:
    """Further words or stems to look for. `word`: folded; `stem`: its own."""
    if CYRILLIC.fullmatch(stem):
        return tuple(dict.fromkeys(other for other in _russian(stem) if other != stem and len(other) >= SHORTEST))
    return KIN.get(word) or KIN.get(stem, ())


def _russian(stem: str) -> list[str]:
    """`ошибк` and `ошибок`, `настройк` and `настроек`, `планирова` and `планир`."""
    found: list[str] = []
    if stem.endswith(("ок", "ек")) and len(stem) > SHORTEST:
        root = stem[:-2]
        found += [root + "йк", root + "к"] if root[-1] in VOWELS else [root + "к", root + "ьк"]
    elif stem.endswith("к") and len(stem) > SHORTEST and stem[-2] not in VOWELS:
        root = stem[:-1]
        found += [root[:-1] + "ек"] if root[-1] in "йь" else [root + "ок", root + "ек"]
    if stem.endswith("ирова"):
        found.append(stem[:-3] + "ует")
    elif stem.endswith("ир"):
        found.append(stem + "овать")
    if stem.endswith(("ат", "ят")) and len(stem) > SHORTEST + 2:
        found.append(stem[:-2])
    if len(stem) >= LONG:
        if stem[-1] in "жчшщ":
            found.append(stem + "ат")
        found += [stem[:-1] + other for other in SOFTENED.get(stem[-1], "")]
    return found
