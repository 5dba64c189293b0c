"""The first session after a reboot has its memory tools: nothing runs, and it is the session's own bridge, or its hook,
that has memoryd started through the broker."""

from __future__ import annotations

import pytest

from tests.support.bed import until
from tests.support.harness.model import Say, Step
from tests.support.harness.product import TEXT, Product, search, two_agents

pytestmark = pytest.mark.harness
KINDS = ("claude", "codex")


@pytest.fixture
def bridged(product: Product) -> Product:
    """A host whose sessions attach."""
    product.env["IAPEER_MEMORY_TRANSPORT"] = "attach"
    return product


def reboots(host: Product, kind: str, times: int) -> None:
    """So many reboots, a session after each; every one of them finds the note."""
    alpha, _ = two_agents(host)
    (host.vault / "Harbour.md").write_text(TEXT.format(title="Harbour", birds="gannets"))
    host.indexed("gannets", "Harbour")
    for turn in range(times):
        host.reboot()
        for name in ("memoryd.heartbeat", "verify-kick.stamp"):
            (host.state / name).unlink(missing_ok=True)
        steps: list[Step] = [search(kind, "gannets"), Say("finished")]
        model = host.session(kind, alpha, steps)
        (answer,) = model.results
        assert not answer.failed and "Harbour" in answer.text, (turn, answer)
        until(lambda: len(host.daemons()) == 1 == len(host.brokers()), f"one of each after reboot {turn}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_session_after_a_reboot_has_memory(bridged: Product, kind: str) -> None:
    reboots(bridged, kind, 2)
    assert len(bridged.daemons()) == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_times_of_twenty(bridged: Product, kind: str) -> None:
    reboots(bridged, kind, 20)
    assert len(bridged.daemons()) == 1
