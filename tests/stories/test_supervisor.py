"""Who keeps memoryd alive, as an operator sees it: the broker of this installation, and nothing of it afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

from tests.support.bed import Bed, bed_in, until

ROOT = Path(__file__).resolve().parents[2]


def test_init_starts_both_and_uninstall_leaves_neither(bed: Bed) -> None:
    bed.init("alpha")
    assert len(bed.daemons()) == 1 == len(bed.brokers())
    row = bed.findings()["supervisor"]
    assert row["status"] == "ok" and row["detail"].startswith("broker: memoryd is started through its broker")
    status = bed.ok("broker", "status", "--json").json()
    assert status["broker_pid"] == bed.brokers()[0]
    assert [one["pid"] for one in status["backends"]] == bed.daemons()
    bed.ok("uninstall")
    assert (bed.daemons(), bed.brokers()) == ([], [])
    assert [path for path in bed.run_folder.rglob("*") if not path.is_dir()] == []


def test_a_crash_is_mended_without_anybody(bed: Bed) -> None:
    bed.init("alpha")
    (old,) = bed.daemons()
    os.kill(old, signal.SIGKILL)
    until(lambda: bed.daemons() not in ([], [old]), "the broker starts another")
    until(lambda: bed.findings()["memoryd-heartbeat"]["status"] == "ok", "it answers")
    assert old not in bed.daemons() and len(bed.daemons()) == 1


def test_a_host_that_says_detached_goes_on_with_the_broker(bed: Bed) -> None:
    bed.init("alpha")
    host_json, config = bed.state / "host.json", bed.config_dir / "config.env"
    host_json.write_text(json.dumps({**json.loads(host_json.read_text()), "supervisor": "detached"}))
    config.write_text(config.read_text().replace("SUPERVISOR=broker", "SUPERVISOR=detached"))
    bed.env.pop("IAPEER_MEMORY_SUPERVISOR")
    found = bed.findings()
    assert found["supervisor"]["detail"].startswith("broker: ")
    assert found["config-words"]["remedy"] == "iapeer-memory config set SUPERVISOR broker"
    bed.ok("update")
    assert json.loads(host_json.read_text())["supervisor"] == "broker"
    assert "SUPERVISOR=detached" in config.read_text(), "the settings are the user's"
    bed.ok("config", "set", "SUPERVISOR", "broker")
    assert "config-words" not in bed.findings()


def test_a_dry_run_stops_and_starts_nobody(bed: Bed) -> None:
    bed.init("alpha")
    before = bed.daemons(), bed.brokers()
    bed.ok("uninstall", "--dry-run")
    assert (bed.daemons(), bed.brokers()) == before
    for pid in before[0] + before[1]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not bed.daemons() and not bed.brokers(), "they end")
    bed.run("verify", "--repair", "--dry-run")
    assert (bed.daemons(), bed.brokers()) == ([], [])


def test_a_dry_run_of_an_update_to_another_build_says_that_it_would_work(bed: Bed, tmp_path: Path) -> None:
    bed.init("alpha")
    before = bed.daemons(), bed.brokers()
    newer = tmp_path / "newer"
    shutil.copytree(ROOT, newer, ignore=shutil.ignore_patterns(".*", "tests", "docs", "ADRs", "__pycache__"))
    (newer / "iapeer_memory" / "newer.py").write_text('"""Of another build."""\n')
    assert "would be restarted" in bed.ok("update", "--from", str(newer), "--dry-run").out
    assert (bed.daemons(), bed.brokers()) == before


def test_a_bed_leaves_no_process(tmp_path: Path, runtime: Path) -> None:
    with bed_in(tmp_path, runtime) as bed:
        bed.init("alpha")
        assert bed.daemons() and bed.brokers()
    assert (bed.daemons(), bed.brokers(), bed.run_folder.exists()) == ([], [], False)
