"""The locales are whole, and answer what the rest asks of them."""

from __future__ import annotations

import pytest

from iapeer_memory.domain.errors import ConfigError
from iapeer_memory.vault import skeleton
from iapeer_memory.vault.layout import MONITORED, Locale
from iapeer_memory.vault.locales import LOCALES, locale


@pytest.mark.parametrize("preset", LOCALES.values(), ids=lambda p: p.id)
def test_a_locale_is_whole(preset: Locale) -> None:
    assert len(set(preset.folders.values())) == 8
    assert set(preset.genres) == set(MONITORED) == set(preset.sections)
    tokens = [t for group in preset.statuses.values() for t in group]
    assert len(tokens) == len(set(tokens))
    assert all(preset.group(genre.status) == "active" for genre in preset.genres.values())
    assert preset.tags_file in preset.seeds
    assert len(preset.seeds) == 3


@pytest.mark.parametrize(
    ("name", "status", "group"),
    [
        ("en", "current", "active"),
        ("en", " Outdated ", "stale"),
        ("en", "planned", "pending"),
        ("en", "whatever", None),
        ("en", None, None),
        ("ru", "на паузе", "pending"),
        ("ru", "ОТМЕНЕНА", "stale"),
    ],
)
def test_group(name: str, status: str | None, group: str | None) -> None:
    assert locale(name).group(status) == group


def test_places() -> None:
    en = locale(" EN ")
    assert en.folder_of("06_Agent_Memory/alpha/x.md") == "agent_memory"
    assert en.owner_of("06_Agent_Memory/alpha/x.md") == "alpha"
    assert en.owner_of("06_Agent_Memory/x.md") is None
    assert en.folder_of("01_Knowledge") is None
    assert en.folder_of("Elsewhere/x.md") is None


def test_an_unknown_locale_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'de'") as caught:
        locale("de")
    assert "en or ru" in caught.value.line()


def test_skeleton() -> None:
    folders = skeleton.folders(locale("en"))
    assert folders[0] == "01_Knowledge"
    assert "99_System/Templates" in folders
    seeds = dict(skeleton.seeds(locale("en")))
    assert set(seeds) == {"99_System/Templates/Draft.md", "99_System/Tags.md", "99_System/Templates/Overview.md"}
    assert b"{{title}}" in seeds["99_System/Templates/Draft.md"]
    assert b"| Tag | Boundary |" in seeds["99_System/Tags.md"]
    for preset in LOCALES.values():
        assert {path.rpartition("/")[0] for path, _ in skeleton.seeds(preset)} <= set(skeleton.folders(preset))
