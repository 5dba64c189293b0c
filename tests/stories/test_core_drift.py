"""What drifts on a host with the core, outside the peers' surfaces: each is seen, named, and healed by repair."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.core_bed import CoreBed, core_bed_in, snapshot


@contextmanager
def curated(folder: Path, runtime: Path) -> Iterator[CoreBed]:
    with core_bed_in(folder, runtime) as made:
        config = made.bed.config_dir / "config.env"
        config.write_text(config.read_text().replace("MODE=lean", "MODE=curated"))
        made.init()
        yield made


@pytest.fixture
def host(tmp_path: Path, runtime: Path) -> Iterator[CoreBed]:
    """A host of its own."""
    with curated(tmp_path, runtime) as made:
        yield made


@pytest.fixture(scope="module")
def healed(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[CoreBed]:
    """One host for all that drifts and is whole again when its test ends."""
    with curated(tmp_path_factory.mktemp("healed"), runtime) as made:
        yield made


def edit_triggers(host: CoreBed, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    path = host.peer("index") / ".iapeer/peer-profile.json"
    profile = json.loads(path.read_text())
    profile["notifier"]["triggers"] = change(profile["notifier"]["triggers"])
    path.write_text(json.dumps(profile, indent=2) + "\n")


def each(**changes: Any) -> Callable[[CoreBed, str], None]:
    def act(host: CoreBed, trigger: str) -> None:
        edit_triggers(host, lambda known: [{**t, **changes} if t["id"] == trigger else t for t in known])

    return act


WATCHER, DREAM = "iapeer-memory-memoryd", "iapeer-memory-dream-tick"
TRIGGERS: dict[str, tuple[str, Callable[[CoreBed], None]]] = {
    "watcher gone": ("notifier-watcher", lambda h: edit_triggers(h, lambda k: [t for t in k if t["id"] != WATCHER])),
    "watcher of another script": ("notifier-watcher", lambda h: each(script="/opt/old/launcher.sh")(h, WATCHER)),
    "watcher wakes another": ("notifier-watcher", lambda h: each(target="index")(h, WATCHER)),
    "watcher of another owner": ("notifier-watcher", lambda h: each(owner="alpha")(h, WATCHER)),
    "dream gone": ("dream-timer", lambda h: edit_triggers(h, lambda k: [t for t in k if t["id"] != DREAM])),
    "dream at another time": ("dream-timer", lambda h: each(when="0 5 * * 1")(h, DREAM)),
    "dream wakes another": ("dream-timer", lambda h: each(target="alpha")(h, DREAM)),
    "dream without our gate": ("dream-timer", lambda h: each(check="/bin/true")(h, DREAM)),
}


def test_triggers_that_drift_are_registered_again(healed: CoreBed) -> None:
    whole = healed.triggers()
    for what, (check, damage) in TRIGGERS.items():
        damage(healed)
        assert list(healed.failing()) == [check], what
        assert healed.findings("--repair")[check]["status"] == "repaired", what
        known = [t for t in healed.triggers().values() if t["owner"] == "index"]
        assert sorted(known, key=lambda t: t["id"]) == sorted(whole.values(), key=lambda t: t["id"]), what


def test_a_dream_timer_whose_role_is_off_is_taken_back(host: CoreBed) -> None:
    host.bed.ok("config", "set", "PROACTIVE_DREAMWEAVER", "0")
    assert "though the role is off" in host.failing()["dream-timer"]
    assert host.findings("--repair")["dream-timer"]["status"] == "repaired"
    assert list(host.triggers()) == [WATCHER] and not host.failing()
    host.bed.ok("config", "set", "PROACTIVE_SCRIBER", "0")
    assert "wakes scriber, not index" in host.failing()["notifier-watcher"]
    host.ok("update")
    assert host.triggers()[WATCHER]["target"] == "index" and not host.failing()


def test_a_notifier_that_is_deaf_is_told_and_not_believed(healed: CoreBed) -> None:
    healed.core.turn(deaf=["watcher", "timer"])
    TRIGGERS["watcher gone"][1](healed)
    found = healed.findings("--repair")
    assert found["notifier-watcher"]["status"] == "fail"
    assert "not registered within 5 s" in found["notifier-watcher"]["detail"]
    healed.core.turn(deaf=None)
    assert healed.findings("--repair")["notifier-watcher"]["status"] == "repaired"


def doctrine(host: CoreBed, role: str = "scriber") -> Path:
    return host.peer(role) / ".iapeer/IAPEER.md"


DOCTRINES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "gone": ("missing", lambda p: p.unlink()),
    "old": ("is of v0.1.0", lambda p: p.write_text("<!-- iapeer-memory doctrine v0.1.0 -->\nold\n")),
    "the core's scaffold": (
        "no version marker",
        lambda p: p.write_text("# x\n\nAn empty doctrine launches a bare peer\n"),
    ),
    "empty": ("no version marker", lambda p: p.write_text("")),
    "without its vault": (
        "without a vault path",
        lambda p: p.write_text(p.read_text() + "<unknown — see IAPEER_MEMORY_VAULT_PATH in the package config.env>"),
    ),
}


def test_doctrines_that_drift_are_rendered_again(healed: CoreBed) -> None:
    file = doctrine(healed)
    whole = file.read_bytes()
    for what, (problem, damage) in DOCTRINES.items():
        damage(file)
        failing = healed.failing()
        assert list(failing) == ["doctrine[scriber]"] and problem in failing["doctrine[scriber]"], what
        assert healed.findings("--repair")["doctrine[scriber]"]["status"] == "repaired", what
        assert file.read_bytes() == whole, what


def test_a_doctrine_of_somebody_else_is_left_alone_and_its_remedy_works(healed: CoreBed) -> None:
    file = doctrine(healed)
    file.write_text("# I write poems\n")
    found = healed.findings("--repair")["doctrine[scriber]"]
    assert (found["status"], found["healable"]) == ("fail", False)
    assert healed.run("update").code == 1 and file.read_text() == "# I write poems\n"
    move, _, command = found["remedy"].partition(" && ")
    assert move == f"mv {file} {file}.mine" and command == "iapeer-memory verify --repair"
    file.rename(f"{file}.mine")
    healed.ok("verify", "--repair")
    assert not healed.failing() and "doctrine v" in file.read_text()


def test_roles_json_that_is_gone_or_broken(healed: CoreBed) -> None:
    manifest = healed.state / "roles.json"
    whole = manifest.read_bytes()
    manifest.write_text("[")
    assert healed.findings()["role-doctrines"]["remedy"] == "iapeer-memory init"
    healed.init()
    assert manifest.read_bytes() == whole and not healed.failing()
    manifest.unlink()
    assert healed.findings()["role-doctrines"]["status"] == "skip"
    healed.init()
    assert manifest.read_bytes() == whole


def test_descriptions_and_role_peers(healed: CoreBed) -> None:
    before = {row["personality"]: row["description"] for row in healed.core.registry()}
    registry = healed.core.root / "peers-profiles.json"
    document = json.loads(registry.read_text())
    for row in document["peers"]:
        if row["personality"] in ("index", "alpha"):
            row["description"] = ""
    registry.write_text(json.dumps(document, indent=2) + "\n")
    assert healed.failing() == {"role-descriptions": "empty: index"}
    assert healed.findings("--repair")["role-descriptions"]["status"] == "repaired"
    assert {row["personality"]: row["description"] for row in healed.core.registry()} == {**before, "alpha": ""}
    healed.core.ok("remove", "scriber")
    found = healed.findings()["role-descriptions"]
    assert (found["status"], found["remedy"]) == ("fail", "iapeer-memory init") and "scriber" in found["detail"]
    assert healed.findings("--repair")["role-descriptions"]["status"] == "fail", "repair creates nobody"
    healed.init()
    assert not healed.failing()


def test_templates_and_the_guide(host: CoreBed) -> None:
    templates = host.bed.config_dir / "templates/en"
    whole = snapshot(templates)
    (templates / "index.md").unlink()
    (templates / "guide.md").write_text("mine")
    assert host.failing() == {"templates": "missing or changed: guide.md, index.md"}
    assert host.findings("--repair")["templates"]["status"] == "repaired" and snapshot(templates) == whole
    guide = host.core.root / "fragments/iapeer-memory.md"
    text = guide.read_bytes()
    guide.write_text("old words")
    assert list(host.failing()) == ["guide"]
    assert host.findings("--repair")["guide"]["status"] == "repaired" and guide.read_bytes() == text
    guide.unlink()
    assert host.findings("--repair")["guide"]["status"] == "skip" and not guide.exists()
    host.ok("update")
    assert not guide.exists(), "taking it away takes the consent back"


def test_slot_drift(healed: CoreBed) -> None:
    whole = json.loads(healed.slot.read_text())
    drifts: dict[str, tuple[dict[str, Any] | None, str]] = {
        "gone": (None, "declaration missing at"),
        "older": ({**whole, "version": "0.1.0"}, "declares v0.1.0, package is v"),
        "no provision": ({k: v for k, v in whole.items() if k != "provision"}, "provision-command block missing"),
        "other words": (
            {**whole, "unprovision": {**whole["unprovision"], "args": ["x"]}},
            "unprovision-command block drifted",
        ),
        "the reference's package": ({**whole, "package": "@agfpd/iapeer-memory"}, "@agfpd/iapeer-memory"),
        "extra": ({**whole, "version": "0", "theirs": 1}, "declares v0"),
    }
    for what, (document, problem) in drifts.items():
        if document is None:
            healed.slot.unlink()
        else:
            healed.slot.write_text(json.dumps(document))
        failing = healed.failing()
        assert list(failing) == ["memory-slot"] and problem in failing["memory-slot"], what
        assert healed.findings("--repair")["memory-slot"]["status"] == "repaired", what
        declared = json.loads(healed.slot.read_text())
        theirs = {"theirs": 1} if what == "extra" else {}
        assert {**declared, "registeredAt": ""} == {**whole, "registeredAt": "", **theirs}, what
