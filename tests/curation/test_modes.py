"""Who is woken and whether edits ask for a curator, by settings and by whether there is a core."""

from __future__ import annotations

import pytest

from iapeer_memory.curation.modes import Curation, curation
from iapeer_memory.domain.settings import ConfigLine, Settings

ALL = ("index", "scriber", "dreamweaver")


def settings(**values: str) -> Settings:
    return Settings({}, tuple(ConfigLine(f"IAPEER_MEMORY_{key}", value, 1) for key, value in values.items()))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, Curation(ALL, "scriber", True, True)),
        ({"MODE": "curated"}, Curation(ALL, "scriber", True, True)),
        ({"MODE": "anything"}, Curation(ALL, "scriber", True, True)),
        ({"MODE": "LEAN"}, Curation((), None, False, True)),
        ({"PROACTIVE_SCRIBER": "no"}, Curation(("index", "dreamweaver"), "index", True, True)),
        ({"PROACTIVE_DREAMWEAVER": "off"}, Curation(("index", "scriber"), "scriber", False, True)),
        ({"MODE": "lean", "PROACTIVE_INDEX": "Y"}, Curation(("index",), "index", False, True)),
        ({"MODE": "lean", "PROACTIVE_DREAMWEAVER": "1"}, Curation(("dreamweaver",), None, True, True)),
        ({"MODE": "lean", "PROACTIVE_INDEX": "perhaps"}, Curation((), None, False, True)),
    ],
)
def test_with_a_core(given: dict[str, str], wanted: Curation) -> None:
    assert curation(settings(**given), with_core=True) == wanted


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, None),
        ({"MODE": "lean"}, None),
        ({"MODE": "lean", "PROACTIVE_INDEX": "0"}, None),
        ({"MODE": "curated"}, "IAPEER_MEMORY_MODE: "),
        ({"MODE": "lean", "PROACTIVE_INDEX": "1"}, "IAPEER_MEMORY_PROACTIVE_INDEX: "),
        ({"MODE": "curated", "PROACTIVE_SCRIBER": "on"}, "IAPEER_MEMORY_MODE and IAPEER_MEMORY_PROACTIVE_SCRIBER: "),
    ],
)
def test_without_a_core_nobody_is_woken_and_nothing_is_flagged(given: dict[str, str], refused: str | None) -> None:
    made = curation(settings(**given), with_core=False)
    assert (made.roles, made.target, made.dream, made.review) == ((), None, False, False)
    assert made.refused is None if refused is None else (made.refused or "").startswith(refused)
