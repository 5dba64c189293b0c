"""The finished product before the real harnesses, in their default modes: one yes, then whole sessions."""

from __future__ import annotations

import pytest

from tests.support.harness.bed import SERVER
from tests.support.harness.model import Say, Step
from tests.support.harness.product import TEXT, Product, a_note_travels, edits, search, two_agents, writes

pytestmark = pytest.mark.harness
KINDS = ("claude", "codex")


def test_both_accept_what_we_wrote_and_list_nothing_of_ours_afterwards(product: Product) -> None:
    alpha, beta = two_agents(product)
    for folder in (alpha, beta):
        assert product.claude.mcp_list(str(folder)).status(SERVER) == "connected"
        doctor = product.claude.doctor(str(folder))
        assert "Invalid settings" not in doctor.out and "No installation issues found" in doctor.out, str(doctor)
        assert product.codex.mcp_list(str(folder)).server(SERVER) is not None
        assert product.git(folder, "status", "--porcelain") == ""
    hooks = product.codex.hooks(str(alpha), str(beta))
    assert len(hooks) == 4 and {hook.trust for hook in hooks} == {"trusted"}
    assert product.run("verify", "--strict").code == 0, product.run("verify").out
    assert product.starts() == []
    deep = product.findings("--deep")
    asked = {name: row for name, row in deep.items() if name.startswith("deep")}
    assert len(asked) == 5 and {row["status"] for row in asked.values()} == {"ok"}, asked

    product.ok("uninstall")
    for folder in (alpha, beta):
        assert product.claude.mcp_list(str(folder)).status(SERVER) is None
        assert product.codex.mcp_list(str(folder)).server(SERVER) is None
        assert product.git(folder, "status", "--porcelain", "--ignored") == ""
    assert product.codex.hooks(str(alpha), str(beta)) == ()
    assert product.daemons() == []


def test_a_note_of_codex_reaches_claude(product: Product) -> None:
    """The other way round is told in the short form."""
    answer = a_note_travels(product, "codex", "claude")
    assert "Harbour" in answer and "seven" in answer, answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_survives_a_restart_and_an_update(product: Product, kind: str) -> None:
    alpha, _ = two_agents(product)
    (product.vault / "Harbour.md").write_text(TEXT.format(title="Harbour", birds="gannets"))
    product.indexed("gannets", "Harbour")
    note = product.vault / "Shoal.md"
    steps: list[Step] = [
        search(kind, "gannets"),
        search(kind, "lighthouse", product.restart),
        search(kind, "keeper", lambda: product.ok("update")),
        writes(kind, note, TEXT.format(title="Shoal", birds="terns")),
        edits(kind, note, "Second line.", "Third line."),
        Say("finished"),
    ]
    model = product.session(kind, alpha, steps)
    assert not any(one.failed for one in model.results), model.results
    assert all("Harbour" in one.text for one in model.results[:3])
    assert "Third line." in note.read_text()
