"""Doctrines of role peers: whose, whole, and how they are made."""

from __future__ import annotations

import pytest

from iapeer_memory.ecosystem.doctrine import NO_VAULT, doctrine_problem, doctrine_version, ownership, render_doctrine

TEMPLATE = "---\nrole: index\nlocale: en\n---\n\n# Index\n\nThe vault: {{VAULT_PATH}}\n\n---\n\nend\n"


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        (None, "none"),
        ("", "scaffold"),
        (" \n\n", "scaffold"),
        ("# x\n\n> An empty doctrine launches a bare peer.\n", "scaffold"),
        ("<!-- iapeer-memory doctrine v0.4.17 -->\nhand-edited", "ours"),
        ("# note\n<!-- iapeer-memory doctrine", "ours"),
        ("# My own words\n", "foreign"),
    ],
)
def test_ownership(text: str | None, whose: str) -> None:
    assert ownership(text) == whose


def test_rendering() -> None:
    text = render_doctrine(TEMPLATE, "0.5.0", "/v a")
    assert text == "<!-- iapeer-memory doctrine v0.5.0 -->\n\n# Index\n\nThe vault: /v a\n\n---\n\nend\n"
    assert ownership(text) == "ours"
    assert doctrine_problem(text, "0.5.0") is None
    assert render_doctrine("# bare\n---\nx\n", "1", "/v") == "<!-- iapeer-memory doctrine v1 -->\n\n# bare\n---\nx\n"
    assert NO_VAULT in render_doctrine(TEMPLATE, "0.5.0", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "missing"),
        ("# x", "has no version marker"),
        ("x <!-- iapeer-memory doctrine v1 -->\n", "has no version marker"),
        ("# x\n<!-- iapeer-memory doctrine v0.4.17 -->\r\n", "is of v0.4.17, package is v0.5.0"),
        (render_doctrine(TEMPLATE, "0.5.0", None), "was rendered without a vault path"),
    ],
)
def test_problems(text: str | None, problem: str) -> None:
    assert doctrine_problem(text, "0.5.0") == problem


def test_the_version_is_read_wherever_the_marker_stands() -> None:
    assert doctrine_version("a\n<!-- iapeer-memory doctrine v1.2-rc.1 -->\nb") == "1.2-rc.1"
