"""The finished product before the real harnesses, in default modes, with the stdio bridge in place of the port."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.support.bed import until
from tests.support.harness.bed import SERVER
from tests.support.harness.model import Say, Step, Use
from tests.support.harness.product import TEXT, Product, search, two_agents, writes
from tests.support.stamped import keys

pytestmark = pytest.mark.harness
KINDS = ("claude", "codex")


@pytest.fixture
def bridged(product: Product) -> Product:
    """A host whose sessions attach."""
    product.env["IAPEER_MEMORY_TRANSPORT"] = "attach"
    return product


def sessions(product: Product) -> list[dict[str, Any]]:
    """Who is attached now."""
    found: list[dict[str, Any]] = product.ok("sessions", "--json").json()["sessions"]
    return found


def remembers(kind: str, title: str, text: str) -> Use:
    """The model writes a note by the memory's own tool."""
    arguments = {"title": title, "text": text, "folder": "knowledge", "tags": ["birds"]}
    if kind == "claude":
        return Use("mcp__iapeer-memory__memory_write", arguments)
    return Use("memory_write", arguments, namespace="mcp__iapeer_memory")


@pytest.mark.parametrize(("kind", "other"), [KINDS, KINDS[::-1]], ids=KINDS)
def test_what_one_session_writes_another_finds(bridged: Product, kind: str, other: str) -> None:
    alpha, beta = two_agents(bridged)
    meanwhile: list[dict[str, Any]] = []
    steps: list[Step] = [
        writes(kind, bridged.vault / "01_Knowledge/Harbour.md", TEXT.format(title="Harbour", birds="gannets")),
        remembers(kind, "Shoal", "Nine terns nest on the shoal."),
        search(kind, "keeper", lambda: meanwhile.extend(sessions(bridged))),
        Say("finished"),
    ]
    model = bridged.session(kind, alpha, steps)
    assert not any(one.failed for one in model.results), [one.text[:300] for one in model.results]
    (row,) = meanwhile
    assert (row["harness"], row["peer"], row["project"]) == (kind, "alpha", str(alpha))
    for title in ("Harbour", "Shoal"):
        (note,) = bridged.vault.rglob(f"{title}.md")
        assert keys(note)["author"] == "alpha"
    until(lambda: not sessions(bridged), "its server ends with it")
    bridged.indexed("gannets", "Harbour")
    bridged.indexed("terns", "Shoal")
    model = bridged.session(other, beta, [search(other, "gannets"), search(other, "terns"), Say("finished")])
    assert [one.failed for one in model.results] == [False, False], model.results
    assert "Harbour" in model.results[0].text and "Shoal" in model.results[1].text


def test_both_accept_what_we_wrote_and_list_nothing_of_ours_afterwards(bridged: Product) -> None:
    alpha, beta = two_agents(bridged)
    command = str(bridged.home / ".local/bin/iapeer-memory")
    for folder in (alpha, beta):
        assert bridged.claude.mcp_list(str(folder)).status(SERVER) == "connected"
        doctor = bridged.claude.doctor(str(folder))
        assert "Invalid settings" not in doctor.out and "No installation issues found" in doctor.out, str(doctor)
        server = bridged.codex.mcp_list(str(folder)).server(SERVER)
        assert server is not None and server["enabled"]
        assert (server["transport"]["type"], server["transport"]["command"]) == ("stdio", command)
        assert bridged.git(folder, "status", "--porcelain") == ""
    assert bridged.run("verify", "--strict").code == 0, bridged.run("verify").out
    deep = bridged.findings("--deep")
    asked = {name: row for name, row in deep.items() if name.startswith("deep")}
    assert len(asked) == 5 and {row["status"] for row in asked.values()} == {"ok"}, asked
    bridged.ok("uninstall")
    for folder in (alpha, beta):
        assert bridged.claude.mcp_list(str(folder)).status(SERVER) is None
        assert bridged.codex.mcp_list(str(folder)).server(SERVER) is None
        assert bridged.git(folder, "status", "--porcelain", "--ignored") == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_that_starts_before_memoryd_has_memory(bridged: Product, kind: str) -> None:
    """The heartbeat of the one that was killed is fresh, so no hook steps in: it is the bridge that starts another, and
    tells its tools before that is there."""
    alpha, _ = two_agents(bridged)
    (bridged.vault / "Harbour.md").write_text(TEXT.format(title="Harbour", birds="gannets"))
    bridged.indexed("gannets", "Harbour")
    bridged.reboot()
    model = bridged.session(kind, alpha, [search(kind, "gannets"), search(kind, "keeper"), Say("finished")])
    assert not any(one.failed for one in model.results)
    assert all("Harbour" in one.text for one in model.results)
    assert len(bridged.daemons()) == 1
    assert not (bridged.state / "verify-kick.stamp").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_survives_restarts_and_an_update(bridged: Product, kind: str) -> None:
    alpha, _ = two_agents(bridged)
    (bridged.vault / "Harbour.md").write_text(TEXT.format(title="Harbour", birds="gannets"))
    bridged.indexed("gannets", "Harbour")

    def killed() -> None:
        (old,) = bridged.daemons()
        os.kill(old, signal.SIGKILL)
        until(lambda: not bridged.daemons(), "memoryd ends")

    seen: list[dict[str, Any]] = []
    steps: list[Step] = [
        search(kind, "gannets"),
        search(kind, "lighthouse", bridged.restart),
        search(kind, "keeper", killed),
        search(kind, "seven", lambda: bridged.ok("update")),
        remembers(kind, "Shoal", "Nine terns nest on the shoal."),
        search(kind, "counts", lambda: seen.extend(sessions(bridged))),
        Say("finished"),
    ]
    model = bridged.session(kind, alpha, steps)
    assert not any(one.failed for one in model.results), [one.text[:300] for one in model.results]
    assert all("Harbour" in model.results[number].text for number in (0, 1, 2, 3, 5))
    assert len(list(bridged.vault.rglob("Shoal*.md"))) == 1
    assert [row["peer"] for row in seen] == ["alpha"] and len(bridged.daemons()) == 1


def test_entries_that_a_team_s_agents_share_take_the_peer_from_the_folder(bridged: Product) -> None:
    """Claude's local scope and the user's Codex configuration name nobody; a switch reaches them too."""
    bridged.prepare()
    tracked = {".mcp.json": '{"mcpServers": {}}\n', ".codex/config.toml": "# nothing yet\n"}
    team = bridged.repository("team", {**tracked, **{f"sub/{name}": text for name, text in tracked.items()}})
    below = team / "sub"
    bridged.join(team, below)
    bridged.trust(team)
    (bridged.vault / "Harbour.md").write_text(TEXT.format(title="Harbour", birds="gannets"))
    bridged.indexed("gannets", "Harbour")
    seen: list[dict[str, Any]] = []
    for kind in KINDS:
        look = search(kind, "keeper", lambda: seen.extend(sessions(bridged)))
        model = bridged.session(kind, below, [search(kind, "gannets"), look, Say("finished")])
        assert "Harbour" in model.results[0].text and not model.results[0].failed
        until(lambda: not sessions(bridged), "its server ends with it")
    assert [(row["harness"], row["peer"]) for row in seen] == [(kind, "sub") for kind in KINDS]
    bridged.env["IAPEER_MEMORY_TRANSPORT"] = "http"
    bridged.ok("update", "--skip-binary")
    assert bridged.claude.mcp_list(str(below)).status(SERVER) == "connected"
    for kind in KINDS:
        model = bridged.session(kind, below, [search(kind, "gannets"), Say("finished")])
        assert "Harbour" in model.results[0].text and not model.results[0].failed
    assert sessions(bridged) == []
    bridged.ok("uninstall")
    assert bridged.git(team, "status", "--porcelain", "--ignored") == ""
    assert bridged.claude.mcp_list(str(below)).status(SERVER) is None
    assert bridged.codex.mcp_list(str(below)).server(SERVER) is None
