"""The texts that we write into somebody else's place: both languages, true words, real commands, sound formats."""

from __future__ import annotations

import configparser
import plistlib
import re
import tomllib

import pytest

from iapeer_memory.cli.commands import COMMANDS
from iapeer_memory.domain.settings import CURATORS
from iapeer_memory.ecosystem.doctrine import doctrine_problem, render_doctrine
from iapeer_memory.egress.templates import template, template_names
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.locales import en, ru

LOCALES = {"en": en.LOCALE, "ru": ru.LOCALE}
SKILLS = tuple(f"iapeer-memory-{name}" for name in ("init", "status", "migrate", "distill"))
TEXTS = tuple(name for name in template_names() if name.endswith((".md", ".txt", ".toml")))
FIELD = re.compile(r"\{\{(.*?)\}\}")
COMMAND = re.compile(r"`iapeer-memory ([a-z-]+)")


def frontmatter(text: str) -> dict[str, str]:
    """The flat `key: value` lines between the first two fences."""
    head, _, _ = text.removeprefix("---\n").partition("\n---\n")
    assert text.startswith("---\n")
    return dict(line.split(": ", 1) for line in head.split("\n"))


def folders_in(text: str) -> set[str]:
    return set(re.findall(r"`(\d\d_\w+)", text))


def test_both_languages_have_the_same_texts() -> None:
    def of(locale: str) -> set[str]:
        marks = (f"/{locale}/", f"/{locale}.")
        return {
            name.replace(mark, mark.replace(locale, "*")) for name in template_names() for mark in marks if mark in name
        }

    assert of("en") == of("ru")
    assert len(of("en")) == 1 + len(CURATORS) + len(SKILLS) + 1


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_in_a_text_exists(name: str) -> None:
    named = set(COMMAND.findall(template(name)))
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_tidy(name: str) -> None:
    text = template(name)
    assert set(FIELD.findall(text)) <= {"VAULT_PATH"}
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not [line for line in text.split("\n") if line != line.rstrip()]
    assert "\r" not in text


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES)
def test_the_guide_speaks_the_vault_s_own_words(locale: Locale) -> None:
    text = template(f"guide/{locale.id}.md")
    assert folders_in(text) == set(locale.folders.values())
    for genre in locale.genres.values():
        assert f"`{genre.type}`" in text
        assert f"`{genre.status}`" in text
    for subtype in locale.subtypes:
        assert f"`{subtype}`" in text
    head = text[:2000]
    assert "{{VAULT_PATH}}" in head
    assert "memory_search" in head
    assert len(text) < 6500


@pytest.mark.parametrize("role", CURATORS)
@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES)
def test_a_role_s_doctrine(role: str, locale: Locale) -> None:
    text = template(f"roles/{locale.id}/{role}.md")
    assert frontmatter(text) == {"role": role, "locale": locale.id}
    assert folders_in(text) <= set(locale.folders.values())
    doctrine = render_doctrine(text, "1.0", "/the/vault")
    assert doctrine_problem(doctrine, "1.0") is None
    assert "`/the/vault`" in doctrine
    assert "{{" not in doctrine
    assert "self-done" in doctrine


def test_each_role_is_described_in_one_sentence() -> None:
    described = tomllib.loads(template("roles/descriptions.toml"))
    assert set(described) == set(LOCALES)
    for sentences in described.values():
        assert set(sentences) == set(CURATORS)
        for sentence in sentences.values():
            assert 20 < len(sentence) <= 450
            assert sentence.endswith(".")
            assert sentence.count(". ") == 0


@pytest.mark.parametrize("skill", SKILLS)
@pytest.mark.parametrize("locale", LOCALES)
def test_a_skill_s_head(skill: str, locale: str) -> None:
    text = template(f"skills/{locale}/{skill}/SKILL.md")
    head = frontmatter(text)
    want = {"name", "description", "allowed-tools"} | ({"argument-hint"} if skill.endswith("migrate") else set())
    assert set(head) == want
    assert head["name"] == skill
    assert 40 < len(head["description"]) < 300
    assert "{{" not in text
    words = {word for locale_ in LOCALES.values() for word in locale_.folders.values()}
    assert folders_in(text) <= words


@pytest.mark.parametrize("locale", LOCALES)
def test_the_weekly_message_is_one_line(locale: str) -> None:
    text = template(f"dream-tick/{locale}.txt").strip()
    assert text.startswith("DREAM_TICK: ")
    assert "\n" not in text


def test_the_units_say_how_memoryd_is_kept_alive() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(template("systemd.service").replace("{{LAUNCHER}}", "/l").replace("{{LOG}}", "/o"))
    service = unit["Service"]
    assert (service["ExecStart"], service["Restart"], service["RestartPreventExitStatus"]) == ("/l", "always", "78")
    assert int(service["RestartSec"]) * int(unit["Unit"]["StartLimitBurst"]) < int(
        unit["Unit"]["StartLimitIntervalSec"]
    )
    text = template("launchd.plist")
    assert set(FIELD.findall(text)) == {"LABEL", "LAUNCHER", "LOG"}
    filled = plistlib.loads(FIELD.sub("/x", text).encode())
    assert filled["ProgramArguments"] == ["/x"]
    assert (filled["KeepAlive"], filled["RunAtLoad"], filled["Umask"]) == (True, True, 0o077)
