"""What of a note is indexed."""

from __future__ import annotations

import pytest

from iapeer_memory.memoryd.record import record, without_links
from iapeer_memory.vault.locales import locale
from iapeer_memory.vault.note import parse


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("text\n\n---\n\n## Links\n\n- [[A]] — why\n", "text\n\n"),
        ("text\n\n## Links\n- [[A]]\n", "text"),
        ("## Links\n- [[A]]\n\n---\n\ntext", "\n\ntext"),
        ("## Links\n\ntext without a rule", "## Links\n\ntext without a rule"),
        ("text\n\n## Links\n\nprose here\n", "text\n\n## Links\n\nprose here\n"),
        ("text\n\n## Linkserver\n\n- x", "text\n\n## Linkserver\n\n- x"),
    ],
)
def test_links_are_not_indexed(body: str, kept: str) -> None:
    assert without_links(body, "Links") == kept


def test_record() -> None:
    text = "---\ntitle: Title\ntags: [one, two]\ndescription: what\n---\nBody.\n\n## Links\n- [[Other]]\n"
    found = record(parse("01_Knowledge/File name.md", text.encode()), locale("en"))
    assert found.keys == "one two what File name"
    assert [p.text for p in found.passages] == ["Body."]
