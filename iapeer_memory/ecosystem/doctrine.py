"""A role peer's doctrine, `<peer>/.iapeer/IAPEER.md`: whose it is, whether it is whole, and how ours is made. Pure.

Source: the reference package's doctrine chapter (marker line, ownership test, placeholder).
"""

from __future__ import annotations

import re
from typing import Literal

from iapeer_memory.domain.paths import PRODUCT

Ownership = Literal["ours", "scaffold", "none", "foreign"]

MARKER = re.compile(rf"^<!-- {PRODUCT} doctrine v(.*?) -->\r?$", re.MULTILINE)
OUR_MARK = f"<!-- {PRODUCT} doctrine"
SCAFFOLD = "An empty doctrine launches a bare peer"
VAULT_FIELD = "{{VAULT_PATH}}"
NO_VAULT = "<unknown — see IAPEER_MEMORY_VAULT_PATH in the package config.env>"
NO_VAULT_MARK = "<unknown — see IAPEER_MEMORY_VAULT_PATH"
FRONTMATTER = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*\r?\n?", re.MULTILINE | re.DOTALL)


def doctrine_version(text: str) -> str | None:
    """The version in the marker line, wherever it stands; None without one."""
    found = MARKER.search(text)
    return found[1] if found else None


def ownership(text: str | None) -> Ownership:
    """Whether we may write it: ours, the core's empty scaffold, not there, or somebody's own words."""
    if text is None:
        return "none"
    if OUR_MARK in text:
        return "ours"
    return "scaffold" if not text.strip() or SCAFFOLD in text else "foreign"


def doctrine_problem(text: str | None, version: str) -> str | None:
    """What is wrong with it against the installed version, or None. A missing vault path is damage at any version."""
    if text is None:
        return "missing"
    found = doctrine_version(text)
    if found is None:
        return "has no version marker"
    if found != version:
        return f"is of v{found}, package is v{version}"
    return "was rendered without a vault path" if NO_VAULT_MARK in text else None


def render_doctrine(template: str, version: str, vault: str | None) -> str:
    """The doctrine: the marker line, then the template without its frontmatter, the vault's path filled in."""
    body = FRONTMATTER.sub("", template.removeprefix("\ufeff"), count=1).lstrip("\r\n")
    return f"{OUR_MARK} v{version} -->\n\n{body.replace(VAULT_FIELD, vault or NO_VAULT)}"
