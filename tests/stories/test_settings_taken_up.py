"""A setting that is changed is taken up by the memoryd that runs: the same process, at once, with nothing lost."""

from __future__ import annotations

from tests.support.bed import Bed, until


def test_a_changed_setting_is_taken_up_by_the_running_daemon(bed: Bed) -> None:
    bed.init("alpha")
    for name in ("One", "Two", "Three"):
        (bed.vault / "01_Knowledge" / f"{name}.md").write_text(f"{name} harbour\n")
    until(lambda: bed.ok("search", "harbour").out.count(".md") == 3, "three notes are found")
    (before,) = bed.daemons()
    log = bed.root / "logs/iapeer-memory/memoryd.log"
    starts = log.read_text().count(" up: ")
    said = bed.ok("config", "set", "MAX_RESULTS", "2").out
    assert "memoryd has taken it up" in said
    assert bed.run("verify").code == 0
    until(lambda: log.read_text().count(" up: ") == starts + 1, "it has started anew with the setting")
    assert bed.run("search", "harbour").out.count(".md") == 2, "two of them are shown"
    assert bed.daemons() == [before]
    again = bed.ok("config", "set", "MAX_RESULTS", "2").out
    assert "up;" not in again
    bed.ok("verify")


def test_settings_with_which_memoryd_could_not_start_are_not_taken_up(bed: Bed) -> None:
    bed.init("alpha")
    (before,) = bed.daemons()
    said = bed.ok("config", "set", "VAULT_PATH", str(bed.home / "nowhere")).out
    assert "up;" not in said
    assert bed.daemons() == [before]
