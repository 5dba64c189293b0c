"""What waits for the archive: everything is looked at in its time, a few at once."""

from __future__ import annotations

from iapeer_memory.memoryd.shelf import AT_ONCE, Shelf


def test_what_is_due_is_taken_a_few_at_once_and_all_of_it_in_the_end() -> None:
    shelf = Shelf(again=60.0)
    shelf.add((f"{n}.md" for n in range(AT_ONCE + 5)), 10.0)
    first = shelf.take(10.0)
    assert len(first) == AT_ONCE
    shelf.told(first, first, None, 10.0)
    rest = shelf.take(10.0)
    assert len(rest) == 5
    assert not first & rest
    shelf.told(rest, rest, None, 10.0)
    assert shelf.first is None


def test_a_note_that_must_wait_comes_back_in_its_time_and_holds_up_no_other() -> None:
    shelf = Shelf(again=60.0)
    shelf.add(("a.md",), 0.0)
    shelf.told(shelf.take(0.0), (), 600.0, 0.0)
    assert shelf.first == 600.0
    shelf.add(("b.md",), 5.0)
    assert shelf.take(5.0) == {"b.md"}
    shelf.told({"b.md"}, (), None, 5.0)
    assert shelf.first == 65.0, "one of which nothing is known is asked for again"
    assert shelf.take(600.0) == {"a.md", "b.md"}


def test_a_whole_look_forgets_what_is_stale_no_more() -> None:
    shelf = Shelf(again=60.0)
    shelf.add(("a.md", "b.md"), 0.0)
    shelf.only(frozenset({"b.md"}))
    assert shelf.take(0.0) == {"b.md"}
