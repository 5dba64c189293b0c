"""The curators' queue and its tick: who is in it, in what order, when, and the bytes of the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iapeer_memory.curation.moment import stamp_text
from iapeer_memory.curation.queue import Waiting, page, read
from iapeer_memory.curation.tick import FLOOR_MS, PERIOD_MS, delay, line, tick
from iapeer_memory.vault.locales.en import LOCALE
from iapeer_memory.vault.walk import Rules
from tests.support.curated import CANON, NOON, Curated, stamped

RULES = Rules.of(("99_System",))
HOUR = 3_600_000


def queue_of(bed: Curated) -> tuple[Waiting, ...]:
    return read(bed.noted.door.files, str(bed.vault), LOCALE, RULES)


def lines_of(bed: Curated, offered: dict[str, int] | None = None) -> list[str]:
    told = tick(queue_of(bed), offered or {}, 1, str(bed.vault)).line
    assert told == b"" or (told.startswith(b"CURATOR_TICK: [") and told.endswith(b"]\n") and told.count(b"\n") == 1)
    return json.loads(told.removeprefix(b"CURATOR_TICK: ")) if told else []


@pytest.mark.parametrize(
    ("path", "flag", "queued"),
    [
        ("01_Knowledge/a.md", "true", True),
        ("03_Projects/deep/er/a.md", "true", True),
        ("06_Agent_Memory/alpha/a.md", "true", True),
        ("06_Agent_Memory/a.md", "true", True),
        ("01_Knowledge/a.md", "true  # look at this", True),
        ("01_Knowledge/a.md", '"true"', True),
        ("01_Knowledge/a.md", "false", False),
        ("01_Knowledge/a.md", "truely", False),
        ("01_Knowledge/a.md", "", False),
        ("07_Archive/a.md", "true", False),
        ("99_System/a.md", "true", False),
        ("a.md", "true", False),
        ("01_Knowledge/.trash/a.md", "true", False),
        ("01_Knowledge/a.txt", "true", False),
    ],
)
def test_who_is_in_the_queue(tmp_path: Path, path: str, flag: str, queued: bool) -> None:
    bed = Curated(tmp_path)
    bed.put(f"---\ntitle: x\nneeds_review: {flag}\n---\n\nneeds_review: true\n", path)
    assert lines_of(bed) == ([f"{bed.vault}/{path}"] if queued else [])


def test_the_oldest_is_told_first_and_a_note_without_a_stamp_by_its_mtime(tmp_path: Path) -> None:
    bed = Curated(tmp_path)
    for name, age in (("a", 10), ("c", 30), ("d", 5)):
        bed.put(stamped(NOON - age), f"01_Knowledge/{name}.md")
    bed.put("---\nneeds_review: true\n---\n", "05_Lists/b.md", mtime=NOON - 20)
    assert [path.rpartition("/")[2] for path in lines_of(bed)] == ["c.md", "b.md", "a.md", "d.md"]


def test_a_note_is_told_again_until_its_flag_is_cleared(tmp_path: Path) -> None:
    bed = Curated(tmp_path)
    bed.put(stamped(NOON - 86400))
    bed.look()
    assert lines_of(bed) == lines_of(bed) == [f"{bed.vault}/{CANON}"]
    bed.put(stamped(NOON, editor="index"))  # the service keys alone
    bed.look()
    assert lines_of(bed) != []
    bed.put(stamped(NOON, editor="index", body="Mended."))
    bed.look()
    bed.put(stamped(NOON + 1, editor="index", body="Mended twice."))
    bed.look()
    assert lines_of(bed) == []


def test_a_long_queue_is_paged_and_everyone_has_a_turn() -> None:
    queue = [Waiting(f"{number:02}.md", float(number)) for number in range(7)]
    offered: dict[str, int] = {}
    told = []
    for now in range(1, 7):
        made = tick(queue, offered, now, "/v", size=3)
        offered = dict(made.offered)
        told.append([path.removeprefix("/v/") for path in json.loads(made.line[14:])])
    assert told[0] == ["00.md", "01.md", "02.md"] and told[1] == ["03.md", "04.md", "05.md"]
    assert told[2] == ["00.md", "01.md", "06.md"], "the rest, and then those told longest ago"
    assert all(sum(f"{number:02}.md" in page for page in told) >= 2 for number in range(7))
    # What left the queue is not remembered; what comes to it is told before what was told already.
    made = tick([Waiting("00.md", 0.0), Waiting("new.md", 99.0)], offered, 9, "/v", size=1)
    assert made.line == b'CURATOR_TICK: ["/v/new.md"]\n'
    assert set(made.offered) == {"00.md", "new.md"}


def test_a_page_is_in_the_order_of_age() -> None:
    queue = [Waiting("b.md", 2.0), Waiting("a.md", 2.0), Waiting("z.md", 1.0)]
    assert page(queue, {"z.md": 1}) == ("z.md", "a.md", "b.md")


def test_the_line_is_compact_and_keeps_letters_as_they_are() -> None:
    paths = ["/v/Ёж и «ёлка».md", "/v/и\u0306.md", '/v/a"b\\c\n.md', "/v/😀.md"]
    told = line(paths)
    assert told == ('CURATOR_TICK: ["/v/Ёж и «ёлка».md","/v/и\u0306.md","/v/a\\"b\\\\c\\n.md","/v/😀.md"]\n'.encode())
    assert json.loads(told[len("CURATOR_TICK: ") :]) == paths
    assert line([]) == b""


@pytest.mark.parametrize(
    ("anchor", "now", "period", "wait"),
    [
        (None, 50 * HOUR, PERIOD_MS, 6 * HOUR),  # no anchor: a whole period
        (50 * HOUR, 50 * HOUR, PERIOD_MS, 6 * HOUR),
        (50 * HOUR, 52 * HOUR, PERIOD_MS, 4 * HOUR),  # a restart in mid-period sleeps the rest
        (50 * HOUR, 56 * HOUR - 1, PERIOD_MS, FLOOR_MS),  # nearly due
        (50 * HOUR, 90 * HOUR, PERIOD_MS, FLOOR_MS),  # overdue
        (50 * HOUR, 20 * HOUR, PERIOD_MS, 6 * HOUR),  # the clock was set back: one period at most
        (10**300, 50 * HOUR, PERIOD_MS, 6 * HOUR),
        (-(10**300), 50 * HOUR, PERIOD_MS, FLOOR_MS),
        (0, 0, 1000, 1000),
        (0, 5000, 1000, 50),  # a twentieth of a short period
        (0, 5000, 19, 1),
        (0, 5000, 0, 1),
    ],
)
def test_when_the_next_tick_is(anchor: int | None, now: int, period: int, wait: int) -> None:
    assert delay(anchor, now, period) == wait


def test_restarts_do_not_starve_the_tick() -> None:
    """A daemon that lives an hour at a time ticks as often as one that lives for ever."""
    now, anchor, ticks = 0, 0, 0
    for _ in range(48):
        wait = delay(anchor, now)
        if wait <= HOUR:
            anchor = now + wait
            ticks += 1
        now += HOUR
    assert ticks == 8


def test_a_note_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    bed = Curated(tmp_path)
    bed.put(stamped(NOON), "01_Knowledge/a.md")
    (bed.vault / "01_Knowledge/loop.md").symlink_to("loop.md")
    (bed.vault / "01_Knowledge/folder.md").mkdir()
    bed.put(b"---\nneeds_review: true\nx: \xff\n---\n", "01_Knowledge/bytes.md")
    assert [note.path for note in queue_of(bed)] == ["01_Knowledge/a.md", "01_Knowledge/bytes.md"]
    assert stamp_text(queue_of(bed)[0].since) == stamp_text(NOON)
