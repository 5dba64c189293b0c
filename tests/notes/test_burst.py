"""Many notes at once by one author: when it is a burst, and what it takes back."""

from __future__ import annotations

import pytest

from iapeer_memory.notes.burst import Touch, before_burst, bursts, line, open_marks, put_back, snapshot_record
from iapeer_memory.notes.record import Record


def touches(count: int, *, every: float, writer: str = "alpha", start: float = 0.0) -> list[Touch]:
    return [Touch(start + n * every, writer, f"{n}.md", deleted=n % 2 == 0) for n in range(count)]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (touches(20, every=1), []),
        (touches(21, every=1), [21]),
        (touches(21, every=3.1), []),
        (touches(300, every=0.1), [300]),
        ([*touches(15, every=1), *touches(15, every=1, writer="beta")], []),
        ([Touch(n * 0.1, "alpha", "same.md") for n in range(50)], []),
        ([*touches(25, every=1), *touches(25, every=1, start=500)], [25, 25]),
    ],
)
def test_which_touches_are_a_burst(given: list[Touch], found: list[int]) -> None:
    assert [len(burst.paths) for burst in bursts(sorted(given, key=lambda touch: touch.time))] == found


def test_what_is_said_of_it() -> None:
    (burst,) = bursts(touches(21, every=1))
    assert burst.line("abc") == (
        "21 notes changed by alpha within 20 s, 11 of them deleted; put back: iapeer-memory note restore --snapshot abc"
    )


def test_what_the_notes_said_before() -> None:
    (burst,) = bursts(touches(21, every=1, start=100))
    old, new = "a" * 64, "b" * 64
    log = [Record(1, "seen", "beta", old, "0.md"), Record(2, "seen", "alpha", old, "1.md")]
    log += [Record(touch.time, "seen", "alpha", new, touch.path) for touch in touches(21, every=1, start=100)]
    log += [Record(105, "seen", "beta", new, "unrelated.md"), snapshot_record(burst, "abc", 130)]
    assert before_burst(log, "abc") == {"0.md": old, "1.md": old}
    assert before_burst(log, "other") is None


def test_a_note_that_was_caught_half_written_is_not_what_it_said_before() -> None:
    old, torn, new = "a" * 64, "b" * 64, "c" * 64
    burst = bursts([Touch(100 + n, "beta", f"{n}.md") for n in range(25)])[0]
    log = [
        Record(10, "seen", "alpha", old, "3.md"),
        Record(103, "seen", "", torn, "3.md"),
        Record(103.2, "seen", "beta", new, "3.md"),
        snapshot_record(burst, "abc", 130),
    ]
    assert before_burst(log, "abc") == {"3.md": old}
    typed = [Record(10, "seen", "", torn, "3.md"), *log[2:]]
    assert before_burst(typed, "abc") == {"3.md": torn}, "what stood for long is what it said"


def test_a_burst_that_goes_on_is_marked_anew_and_told_once_until_it_is_put_back() -> None:
    touches = [Touch(100 + n, "beta", f"{n}.md") for n in range(30)]
    marks = [snapshot_record(bursts(touches[:count])[0], "abc", 200) for count in (22, 30)]
    assert [line(mark).partition(";")[0] for mark in open_marks(marks).values()] == [
        "30 notes changed by beta within 29 s"
    ]
    last = [Record(10, "seen", "alpha", "a" * 64, "29.md"), Record(129, "seen", "beta", "c" * 64, "29.md")]
    assert before_burst([*last, *marks], "abc") == {"29.md": "a" * 64}
    assert open_marks([*marks, Record(300, "restored", "", "", "", token="abc")]) == {}
    undo = [Record(400, "restored", "", "a" * 64, f"{n}.md") for n in range(30)]
    assert put_back(undo, bursts(touches)[0])
    assert not put_back(undo[:9], bursts(touches)[0])
