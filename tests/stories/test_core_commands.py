"""Words, documents and dry runs on a host with the core."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory import __version__
from iapeer_memory.cli.commands import COMMANDS
from tests.support.bed import until
from tests.support.core_bed import NOISE, CoreBed, changed_paths, core_bed_in, reference_bed_in, snapshot


@pytest.fixture
def host(tmp_path: Path, runtime: Path) -> Iterator[CoreBed]:
    with core_bed_in(tmp_path, runtime) as made:
        made.init()
        yield made


PARENTS = {"peer": "list", "config": "list", "backup": "list", "hook": "post-write", "broker": "status"}


def test_unknown_flags_are_one_line_and_exit_2(host: CoreBed) -> None:
    before = snapshot(host.core.root / "peers", host.bed.config_dir)
    for name in COMMANDS:
        words = (name, PARENTS[name]) if name in PARENTS else (name,)
        if name in ("hook", "render", "memoryd", "version", "archive-stale"):
            continue  # what a harness or a supervisor calls, what takes no flags, and what passes over strange ones
        ran = host.bed.run(*words, "--no-such-flag")
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), (words, ran)
        assert "--no-such-flag" in ran.err and ran.err.startswith(f"iapeer-memory {name}"), ran.err
    assert changed_paths(before, snapshot(host.core.root / "peers", host.bed.config_dir)) == set()
    assert host.bed.run("nonsense").code == 2


DOCUMENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("verify", ("verify", "--json")),
    ("verify", ("verify", "--repair", "--json")),
    ("verify", ("verify", "--repair", "--dry-run", "--json")),
    ("status", ("status", "--json")),
    ("update", ("update", "--json")),
    ("update", ("update", "--dry-run", "--json")),
    ("init", ("init", "--non-interactive", "--json")),
    ("init", ("init", "--non-interactive", "--dry-run", "--json")),
    ("peers", ("peer", "list", "--json")),
    ("peer", ("peer", "pause", "alpha", "--json")),
    ("peer", ("peer", "resume", "alpha", "--json")),
    ("settings", ("config", "list", "--json")),
    ("backups", ("backup", "list", "--json")),
    ("uninstall", ("uninstall", "--dry-run", "--json")),
    ("uninstall", ("uninstall", "--json")),
)


def test_every_document_parses_and_says_what_it_is(host: CoreBed) -> None:
    for kind, words in DOCUMENTS:
        named = words[0] in ("verify", "update", "init", "uninstall")
        ran = host.run(*words) if named else host.bed.run(*words)
        document = ran.json()
        assert list(document)[:3] == ["schema", "kind", "version"], words
        assert (document["schema"], document["kind"], document["version"]) == (1, kind, __version__), words
        assert ran.code == 0 and document.get("ok", True) is True, (words, ran.out)
        assert "\x1b" not in ran.out


CORES = ("/peer-profile.json", "/.codex/config.toml")
"""What the core and its notifier write when we ask them: the plan tells the question, not their file."""


def planned_paths(document: dict[str, Any]) -> tuple[set[str], list[list[str]]]:
    """(paths that the plan would touch, programs that it would start)."""
    paths, programs = set(), []
    for effect in document["plan"]:
        if isinstance(effect["target"], str):
            paths.add(effect["target"])
        else:
            programs.append(effect["target"])
    return paths, programs


def quiet(paths: set[str], home: Path) -> set[str]:
    host_codex = str(home / ".codex/config.toml")
    return {p for p in paths if not any(n in p for n in NOISE) and not p.endswith(CORES[0]) and p != host_codex}


def test_a_dry_update_of_a_taken_over_host_is_what_the_update_then_does(tmp_path: Path, runtime: Path) -> None:
    with reference_bed_in(tmp_path, runtime) as (host, _):
        # what stays out of the comparison: the command's own runtime, which depends on the tree under test
        host.bed.ok("install-binary")
        before = snapshot(host.home)
        document = host.ok("update", "--dry-run", "--json").json()
        dry = {p for p in changed_paths(before, snapshot(host.home)) if "/standin/" not in p}
        assert dry == set()
        assert host.bed.daemons() == []
        planned, programs = planned_paths(document)
        asked = [tuple(words[1:3]) for words in programs if words[0] == str(host.core.binary)]
        host.core.forget()
        real = host.ok("update", "--json").json()
        assert asked == [tuple(c[:2]) for c in host.core.calls() if c[0] in ("send", "trust-hooks", "create")]
        done = {p for p in changed_paths(before, snapshot(host.home)) if Path(p).exists() or p in before}
        want, have = quiet(planned, host.home), quiet(done, host.home)
        files = {p for p in want if not Path(p).is_dir()}
        assert files - have == set(), "planned and not done"
        assert have - files == set(), "done and not planned"
        assert [r["step"] for r in real["steps"]] == [r["step"] for r in document["steps"]]
        told = [{r["step"]: r["changed"] for r in run["steps"] if r["step"] != "memoryd"} for run in (real, document)]
        assert told[0] == told[1]


def test_a_dry_uninstall_is_what_the_uninstall_then_does(host: CoreBed) -> None:
    before = snapshot(host.home)
    (daemon,) = host.bed.daemons()
    document = host.ok("uninstall", "--dry-run", "--json").json()
    after = snapshot(host.home)
    assert quiet(changed_paths(before, after), host.home) == set() and host.bed.daemons() == [daemon]
    planned, _ = planned_paths(document)
    host.ok("uninstall")
    gone = changed_paths(before, snapshot(host.home))
    covered = {p for p in gone if p in planned or any(p.startswith(f"{top}/") for top in planned)}
    assert quiet(gone, host.home) - covered == set(), "done and not planned"
    left = {p for p in planned if not Path(p).is_dir() and p in before and p not in gone}
    assert quiet(left, host.home) == set(), "planned and not done"


def test_a_dry_repair_names_what_it_would_mend_and_leaves_it(host: CoreBed) -> None:
    guide = host.core.root / "fragments/iapeer-memory.md"
    guide.write_text("old\n")
    (host.state / "fleet.json").unlink()
    before = snapshot(host.core.root / "peers", host.bed.config_dir, guide.parent)
    ran = host.run("verify", "--repair", "--dry-run")
    assert f"would write {guide}" in ran.out and f"would write {host.state}/fleet.json" in ran.out
    assert changed_paths(before, snapshot(host.core.root / "peers", host.bed.config_dir, guide.parent)) == set()
    assert not (host.state / "fleet.json").exists()
    host.ok("verify", "--repair")


def test_status_asks_the_daemon_and_shows_the_slot(host: CoreBed) -> None:
    until(lambda: "a session start" in host.bed.ok("status").out, "the contexts are brought")
    ran = host.bed.ok("status")
    tail = [line.split(maxsplit=1) for line in ran.out.splitlines()[-6:]]
    assert [row[0] for row in tail] == ["slot-file", "mcp-endpoint", "search", "transport", "context", "notes"]
    assert tail[0][1].startswith(f"iapeer-memory v{__version__}, registered ")
    assert "listening" in tail[1][1] and "bm25" in tail[2][1]
    assert tail[3][1].startswith("http: ") and tail[5][1].endswith("indexed")
    host.slot.unlink()
    ran = host.bed.run("status", "--json")
    assert ran.code == 1 and ran.json()["probes"]["slot-file"] == "empty"


def test_a_core_that_arrives_later_is_taken_up_by_the_next_init(tmp_path: Path, runtime: Path) -> None:
    with core_bed_in(tmp_path, runtime) as host:
        host.bed.peer("solo").mkdir(parents=True)
        host.bed.ok("init", "--non-interactive", "--peer", f"solo={host.bed.peer('solo')}")
        assert json.loads((host.state / "host.json").read_text())["core"] is None and host.map_names() == ["solo"]
        path = f"{host.core.binary.parent}:/usr/bin:/bin"
        ran = host.bed.run("init", "--non-interactive", env={"PATH": path})
        assert ran.code == 0 and "ok    roles       skipped in the sandbox" in ran.out, ran
        host.init()
        assert json.loads((host.state / "host.json").read_text())["core"] == str(host.core.binary)
        assert "solo" not in host.map_names() and "alpha" in host.map_names()
        found = host.findings()
        assert not [row for row in found.values() if row["status"] == "fail"], found
        assert any("solo" in row["detail"] for row in found.values() if row["status"] == "warn")


def test_flags_that_contradict_the_settings_are_refused_with_the_command_that_changes_them(host: CoreBed) -> None:
    config = (host.bed.config_dir / "config.env").read_bytes()
    for name, words in {"MODE": ("--mode", "curated"), "VAULT_PATH": ("--vault", str(host.home / "other"))}.items():
        ran = host.run("init", "--non-interactive", *words)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1) and f"config set {name}" in ran.err, ran
    assert (host.bed.config_dir / "config.env").read_bytes() == config
    host.bed.ok("config", "set", "MODE", "curated")
    host.ok("init", "--non-interactive", "--mode", "curated", "--vault", str(host.bed.vault))
    assert "iapeer-memory-dream-tick" in host.triggers()
