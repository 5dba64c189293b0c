"""The links heading: two places, one spelling, nothing moved."""

from __future__ import annotations

import pytest

from iapeer_memory.vault.links_heading import canonical


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("\n# links\n- [[a]]\n***\ntext\n", "\n## Links\n- [[a]]\n---\ntext\n"),
        ("### LINKS  \n\n- [[a]]\n  more\n\n_ _ _\n", "## Links\n\n- [[a]]\n  more\n\n---\n"),
        ("##Links\n- [[a]]", "## Links\n- [[a]]"),
        ("text\n\n---\n#   Links\n- [[a]]\n\n* [[b]]\n", "text\n\n---\n## Links\n- [[a]]\n\n* [[b]]\n"),
        ("text\n# links", "text\n## Links"),
        ("text\r\n# links\t\r\n- [[a]]\r\n", "text\r\n## Links\r\n- [[a]]\r\n"),
        # a leading and a trailing one
        ("# links\n- a\n\ntext\n\n# links\n- b\n", "## Links\n- a\n\ntext\n\n## Links\n- b\n"),
        # not it
        ("## Links and more\n- [[a]]\n", None),
        ("#links\n- [[a]]\n", None),
        ("text\n# links\n- [[a]]\nmore text\n", None),
        ("Links\n- [[a]]\n", None),
        ("# links\ntext\n***\n", "## Links\ntext\n***\n"),
        ("# Other\n***\n", None),
        ("", None),
        ("\n\n", None),
    ],
)
def test_english(body: str, after: str | None) -> None:
    once = canonical(body.encode(), "Links")
    assert once.decode() == (body if after is None else after)
    assert canonical(once, "Links") == once


def test_russian() -> None:
    assert canonical("#  СВЯЗИ \n- [[a]]".encode(), "Связи").decode() == "## Связи\n- [[a]]"
    assert canonical("## Связи2\n- [[a]]".encode(), "Связи").decode() == "## Связи2\n- [[a]]"
