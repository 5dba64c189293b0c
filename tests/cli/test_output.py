"""What comes out: the exact columns of steps and checks, one JSON document, the settings, backups and logs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory.cli.output import Output
from iapeer_memory.domain.finding import Finding, Outcome
from tests.support.bed import Bed, bed_in


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[Bed]:
    """One host with one peer, for everything that only looks."""
    with bed_in(tmp_path_factory.mktemp("output"), runtime) as bed:
        bed.prepare()
        bed.peer("alpha").mkdir(parents=True)
        (bed.peer("alpha") / ".mcp.json").write_text('{"mcpServers": {}}\n')
        bed.ok("init", "--peer", f"alpha={bed.peer('alpha')}", "--non-interactive")
        yield bed


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_columns_of_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output({})
    out.outcome(Outcome("fleet", True, "2 peer(s)"))
    out.outcome(Outcome("surfaces", False, "1/2 in place", ("alpha:claude: mcp: bad",)))
    assert shown(capsys) == [
        "ok    fleet       2 peer(s)",
        "FAIL  surfaces    1/2 in place",
        "      surfaces    alpha:claude: mcp: bad",
    ]


def test_the_columns_of_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output({})
    out.findings(
        (
            Finding("config", "ok", "vault /v"),
            Finding("memory-slot", "fail", "empty", why="because", remedy="iapeer-memory init"),
            Finding("fleet-map", "repaired", "written"),
            Finding("peers", "skip", "see config"),
            Finding("trust", "warn", "untrusted"),
        )
    )
    assert shown(capsys) == [
        "ok       config       vault /v",
        "FAIL     memory-slot  empty",
        "                      because",
        "                      fix: iapeer-memory init",
        "repaired fleet-map    written",
        "skip     peers        see config",
        "warn     trust        untrusted",
    ]


def test_colours_never_change_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    for env in ({}, {"FORCE_COLOR": "1"}):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        Output(env).findings((Finding("x", "fail", "bad", why="why", remedy="fix it"),))
        texts.append(stream.getvalue())
    plain, painted = texts
    for code in ("31", "2", "0"):
        painted = painted.replace(f"\x1b[{code}m", "")
    assert painted == plain and texts[0] != texts[1]


JSON = {
    "update": ("update", "--json"),
    "update dry": ("update", "--dry-run", "--json"),
    "init": ("init", "--non-interactive", "--json"),
    "init dry": ("init", "--non-interactive", "--dry-run", "--json"),
    "verify": ("verify", "--json"),
    "verify repair": ("verify", "--repair", "--json"),
    "verify repair dry": ("verify", "--repair", "--dry-run", "--json"),
    "status": ("status", "--json"),
    "peer list": ("peer", "list", "--json"),
    "peer pause": ("peer", "pause", "alpha", "--json"),
    "peer resume": ("peer", "resume", "alpha", "--json"),
    "search": ("search", "nothing", "--json"),
    "logs": ("logs", "--json"),
    "config list": ("config", "list", "--json"),
    "backup list": ("backup", "list", "--json"),
    "install-binary": ("install-binary", "--json"),
    "uninstall dry": ("uninstall", "--dry-run", "--json"),
}


@pytest.mark.parametrize("name", JSON)
def test_json_is_one_document_and_the_only_thing_on_stdout(host: Bed, name: str) -> None:
    ran = host.run(*JSON[name])
    document = json.loads(ran.out)
    assert ran.code == 0 and ran.err == "", ran
    assert document["schema"] == 1 and document["kind"] and document["version"]
    if "dry" in name:
        assert isinstance(document["plan"], list)


def test_peer_verbs_in_json(host: Bed) -> None:
    words = ("--cwd", str(host.peer("alpha")), "--runtime", "claude")
    for verb in ("unprovision-peer", "provision-peer"):
        ran = host.ok(verb, *words, *(("--personality", "alpha") if verb == "provision-peer" else ()), "--json")
        assert json.loads(ran.out)["ok"] is True


def test_errors_are_one_line_also_with_json(host: Bed) -> None:
    ran = host.run("config", "get", "FROB")
    assert ran.out == "" and len(ran.err.splitlines()) == 1
    ran = host.run("update", "--json", "--from", "x", "--rollback")
    assert ran.out == "" and len(ran.err.splitlines()) == 1


def test_settings_are_listed_read_and_set_with_their_source(bed: Bed) -> None:
    bed.init("alpha")
    file = bed.config_dir / "config.env"
    before = file.read_bytes()
    rows = {row["name"]: row for row in bed.ok("config", "list", "--json").json()["settings"]}
    assert (rows["VAULT_PATH"]["value"], rows["VAULT_PATH"]["source"]) == (str(bed.vault), "config.env")
    assert rows["SUPERVISOR"]["source"] == "environment" and rows["MAX_RESULTS"]["source"] == "default"
    assert bed.ok("config", "get", "iapeer_memory_max_results").out == "6\n"
    bed.ok("config", "set", "MAX_RESULTS", "9")
    assert bed.ok("config", "get", "MAX_RESULTS").out == "9\n"
    assert file.read_bytes() == before + b"IAPEER_MEMORY_MAX_RESULTS=9\n"
    bed.ok("config", "set", "HUMAN_NAME", "  Ada # one ")
    assert bed.ok("config", "get", "HUMAN_NAME").out == "  Ada # one \n"
    ran = bed.run("config", "set", "HUMAN_NAME", "a\nb")
    assert ran.code == 2 and len(ran.err.splitlines()) == 1
    assert "stronger" in bed.ok("config", "set", "SUPERVISOR", "unit").out
    assert bed.ok("config", "path").out == f"{file}\n"


def test_a_backup_is_listed_and_restored_and_the_present_is_kept(host: Bed) -> None:
    path = host.peer("alpha") / ".mcp.json"
    rows = host.ok("backup", "list", str(path), "--json").json()["backups"]
    assert rows and rows[-1]["path"] == str(path)
    present = path.read_bytes()
    host.ok("backup", "restore", rows[-1]["id"])
    assert path.read_text() == '{"mcpServers": {}}\n'
    assert host.run("verify").code == 1
    newest = host.ok("backup", "list", str(path), "--json").json()["backups"][0]
    host.ok("backup", "restore", newest["id"][:8])
    assert path.read_bytes() == present and host.run("verify").code == 0
    assert host.ok("backup", "list", "/nowhere").out == "no earlier versions are kept of /nowhere\n"
    line = host.ok("backup", "list", str(path)).out.splitlines()[0]
    assert line.split("  ")[0] == newest["id"] or len(line.split("  ")) == 3
    bad = host.run("backup", "restore", "zzz")
    assert (
        bad.code == 1
        and bad.err == "iapeer-memory backup: no version has the id 'zzz'; fix: iapeer-memory backup list\n"
    )


def test_logs_show_the_latest_lines_and_no_control_characters(host: Bed) -> None:
    log = host.root / "logs" / "iapeer-memory" / "hook-errors.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(50)) + b"evil \x1b[31m \xff\n")
    out = host.ok("logs", "hooks", "-n", "2").out.splitlines()
    assert out[0] == f"hooks: {log}" and out[1] == "  line 49" and "\x1b" not in out[2] and len(out) == 3
    assert "memoryd" in host.ok("logs").out


def test_an_interrupted_command_is_told_and_finished(host: Bed) -> None:
    ran = host.run("update", env={"IAPEER_MEMORY_FAULT": "die:3"})
    assert ran.code == 137
    again = host.ok("update").out.splitlines()
    assert again[1].startswith("the last update (") and again[1].endswith("; finishing it now")
    assert host.ok("update").out.count("interrupted") == 0
    host.run("update", env={"IAPEER_MEMORY_FAULT": "die:3"})
    found = host.ok("verify", "--repair").out
    assert "to finish it: iapeer-memory update" in found
