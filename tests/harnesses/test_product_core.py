"""The finished product beside the ecosystem's core (its stand-in), before the real harnesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bed import until
from tests.support.core_bed import CoreBed, joined, notifier
from tests.support.harness.bed import SERVER
from tests.support.harness.model import Say, Step
from tests.support.harness.product import TEXT, Product, edits, search, writes

pytestmark = pytest.mark.harness


def test_what_the_core_births_both_harnesses_accept(product: Product) -> None:
    """The identity comes from the session; Codex's bearer variable is named; trust goes through the core's own verb."""
    core = joined(product, product.home.parent)
    core.ok("install-runtime", "notifier")
    core.ok("create", "alpha")
    product.prepare()
    host = CoreBed(product, core)
    with notifier(host):
        host.init("--allow")
        until(lambda: product.daemons() != [], "the notifier runs memoryd")
        core.ok("create", "beta")
        alpha, beta = (Path(host.peer(name)) for name in ("alpha", "beta"))
        product.trust(alpha, beta)
        # Alpha was born before memory came: Codex's question about its folder is the user's to answer.
        (asked,) = (row for name, row in host.findings().items() if name.startswith("folder"))
        assert asked["status"] == "warn" and str(alpha) in asked["where"], asked
        with (product.home / ".codex" / "config.toml").open("a") as config:
            config.write(f'\n[projects."{alpha}"]\ntrust_level = "trusted"\n')
        (product.vault / "Harbour.md").write_text(TEXT.format(title="Harbour", birds="gannets"))
        product.indexed("gannets", "Harbour")
        for folder in (alpha, beta):
            assert product.claude.mcp_list(str(folder)).status(SERVER) == "connected", folder
            server = product.codex.mcp_list(str(folder)).server(SERVER)
            assert server is not None
            assert server["transport"]["bearer_token_env_var"] == "IAPEER_BEARER"
            assert product.own_hooks(folder) == ["trusted", "trusted"], folder
        assert ["trust-hooks", f"{beta}/.codex/hooks.json"] in core.calls("trust-hooks")
        for kind, folder in (("claude", alpha), ("codex", beta)):
            note = product.vault / f"{kind}.md"
            steps: list[Step] = [search(kind, "gannets"), Say("finished")]
            if kind == "claude":
                steps[1:1] = [writes(kind, note, TEXT.format(title="Shoal", birds="terns")),
                              edits(kind, note, "Second line.", "Third line.")]  # fmt: skip
            extra = {"PEER_IDENTITY": f"{kind}-{folder.name}", "IAPEER_BEARER": "none"}
            model = product.session(kind, folder, steps, extra=extra)
            assert not any(one.failed for one in model.results), model.results
            assert "Harbour" in model.results[0].text
        host.ok("verify", "--repair")  # the map learns of beta
        assert not host.failing()
