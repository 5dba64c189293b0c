"""CURATOR_TICK: the one line that memoryd ever says on stdout, when, and when not."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from tests.support.tended import World, agents, keys

TICK = "CURATOR_TICK: "
RU = "01_Знания/Лиса.md"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {"CURATOR_TICK_SECS": "1"})
    made.with_core()
    return made


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return tmp_path / "events"


def told(events: Path) -> list[list[str]]:
    """Every line so far; each is exactly as the notifier reads it."""
    lines = events.read_bytes().decode().splitlines(keepends=True)
    pages = [json.loads(line.removeprefix(TICK)) for line in lines]
    assert lines == [TICK + json.dumps(page, ensure_ascii=False, separators=(",", ":")) + "\n" for page in pages]
    return pages


def anchor(world: World) -> int | None:
    value = world.batches().get("lastCuratorTickAt")
    return value if isinstance(value, int) else None


def remember(world: World, **more: object) -> None:
    """State files as an existing host has them."""
    world.state.mkdir(parents=True, exist_ok=True)
    (world.state / "memoryd.batches.json").write_text(json.dumps({"permanent": {}, "silentStamps": {}, **more}))


def test_the_queue_is_told_at_each_tick_until_it_is_empty(world: World, events: Path) -> None:
    """Incident 42: a one-shot diff was consumed unheard, and flagged notes piled up."""
    world.settings["LOCALE"] = "ru"
    first = world.put("06_Оперативка_агентов/alpha/Первая.md", agents("alpha", world.now() - 5000, "x", review="true"))
    second = world.put(RU, agents("alpha", world.now() - 400, "Рыжая лиса.", review="true # скоро"))
    world.put("07_Архив/Старая.md", agents("alpha", world.now() - 5000, "x", review="true"))
    world.put("01_Знания/Чистая.md", agents("alpha", world.now() - 5000, "x"))
    with world.daemon(events=events) as daemon:
        daemon.until(lambda: len(told(events)) >= 2)
        assert told(events)[:2] == [[str(first), str(second)]] * 2

        before = len(told(events))
        touched = agents("index", world.now(), "Рыжая лиса.", review="true", author="alpha")
        world.put(RU, touched)
        daemon.until(lambda: len(told(events)) >= before + 2)
        assert told(events)[-1] == [str(first), str(second)], "a touch of service keys ends nothing"

        world.put(RU, touched.replace("лиса", "лисица"))
        world.put(RU, agents("index", world.now() + 1, "Рыжая лисица.", review="true", author="alpha"))
        daemon.until(lambda: keys(world.read(RU))["needs_review"] == "false")
        daemon.until(lambda: told(events)[-1] == [str(first)])
        world.put(str(first.relative_to(world.vault)), first.read_text().replace("review: true", "review: false"))
        daemon.wait(lambda health: health["queue"] == 0)
        silent, then = len(told(events)), anchor(world)
        daemon.until(lambda: (anchor(world) or 0) > (then or 0) + 1000)
        assert len(told(events)) == silent, "an empty queue is not told"


def test_a_long_queue_is_told_a_page_at_a_time_and_everybody_has_a_turn(world: World, events: Path) -> None:
    for n in range(120):
        world.put(f"01_Knowledge/{n:03}.md", agents("alpha", world.now() - 90_000 + 60 * n, "x", review="true"))
    with world.daemon(events=events) as daemon:
        daemon.until(lambda: len(told(events)) >= 3)
        pages = told(events)[:3]
        assert [len(page) for page in pages] == [50, 50, 50]
        assert len({path for page in pages for path in page}) == 120
        assert pages[0][0].endswith("/000.md")


def test_a_lean_host_hears_nothing_and_the_clock_of_the_ticks_goes_on(world: World, events: Path) -> None:
    world.settings["MODE"] = "lean"
    world.put("01_Knowledge/Fox.md", agents("alpha", world.now() - 5000, "x", review="true"))
    with world.daemon(events=events) as daemon:
        daemon.said("no curator is woken")
        then = anchor(world)
        daemon.until(lambda: (anchor(world) or 0) > (then or 0))
    assert told(events) == []


def test_a_restart_goes_on_with_the_period_that_was_running(world: World, events: Path) -> None:
    """Incident 20: a timer from the start of the process starved curation on a day of many restarts."""
    world.settings["CURATOR_TICK_SECS"] = "3600"
    world.put("01_Knowledge/Fox.md", agents("alpha", world.now() - 5000, "x", review="true"))
    then = int((time.time() - 1800) * 1000)
    remember(world, lastCuratorTickAt=then)
    for _ in range(2):
        with world.daemon(events=events) as daemon:
            assert daemon.stop() == 0
        assert anchor(world) == then
    assert told(events) == []


def test_a_tick_that_is_overdue_comes_after_the_floor_not_after_a_period(world: World, events: Path) -> None:
    world.settings["CURATOR_TICK_SECS"] = "40"
    fox = world.put("01_Knowledge/Fox.md", agents("alpha", world.now() - 5000, "x", review="true"))
    remember(world, lastCuratorTickAt=int((time.time() - 86_400) * 1000))
    with world.daemon(events=events) as daemon:
        assert daemon.until(lambda: told(events) == [[str(fox)]])


def test_the_first_anchor_is_kept_at_once(world: World) -> None:
    """Incident 20 again: a host that kills its daemon before the first chores would never come to a tick."""
    world.settings["CURATOR_TICK_SECS"] = "3600"
    with world.daemon(chores=3600.0) as daemon:
        daemon.until(lambda: anchor(world) is not None)
        then = anchor(world)
        daemon.stop(9)
    with world.daemon(chores=3600.0) as daemon:
        assert anchor(world) == then
        daemon.stop(9)
    assert anchor(world) == then


@pytest.mark.parametrize("garbage", [b"\xff{", b"[]", b'{"lastCuratorTickAt": "soon", "silentStamps": 7}'])
def test_a_state_that_cannot_be_read_counts_as_none(world: World, events: Path, garbage: bytes) -> None:
    world.settings["CURATOR_TICK_SECS"] = "3600"
    world.state.mkdir(parents=True, exist_ok=True)
    for name in ("memoryd.batches.json", "memoryd.hashes.json"):
        (world.state / name).write_bytes(garbage)
    began = int(time.time() * 1000)
    with world.daemon(events=events) as daemon:
        assert daemon.stop() == 0
    assert began <= (anchor(world) or 0) <= time.time() * 1000
    assert told(events) == []


def test_the_state_of_an_existing_host_stays_valid(world: World) -> None:
    """Core 2.9 and 6.8: its baselines are read, nothing settled is judged anew, and what came since is."""
    world.settings |= {"HUMAN_NAME": "Dana", "CURATOR_TICK_SECS": "3600"}
    names = ("Known", "Edited", "Bare")
    texts = {f"01_Knowledge/{name}.md": agents("alpha", world.now() - 20, f"{name} fox.") for name in names[:2]}
    texts["01_Knowledge/Bare.md"] = "Nobody has signed this.\n"
    for path, text in texts.items():
        world.put(path, text)
    stamps = {path: {"hash": smart(text), **stamp_of(text)} for path, text in texts.items()}
    remember(world, permanent={path: row["hash"] for path, row in stamps.items()}, silentStamps=stamps)
    full = {str(world.vault / path): hashlib.sha256(text.encode()).hexdigest() for path, text in texts.items()}
    (world.state / "memoryd.hashes.json").write_text(json.dumps(full))
    edited = world.put("01_Knowledge/Edited.md", texts["01_Knowledge/Edited.md"].replace("fox", "bear"))
    with world.daemon() as daemon:
        daemon.until(lambda: "last_edited_by: unstamped" in edited.read_text())
        world.looked(daemon)
        for path in ("01_Knowledge/Known.md", "01_Knowledge/Bare.md"):
            assert world.read(path) == texts[path]
    kept = world.batches()
    assert kept["silentStamps"]["01_Knowledge/Known.md"] == stamps["01_Knowledge/Known.md"]
    assert kept["permanent"]["01_Knowledge/Bare.md"] == smart(texts["01_Knowledge/Bare.md"])
    hashes = json.loads((world.state / "memoryd.hashes.json").read_text())
    assert hashes[str(world.vault / "01_Knowledge/Known.md")] == full[str(world.vault / "01_Knowledge/Known.md")]


def smart(text: str) -> str:
    """The smart hash, by the words of the contract."""
    parts = text.split("---\n", 2)
    if len(parts) == 3:
        service = ("last_edited_by:", "updated:", "needs_review:")
        block = "".join(line for line in parts[1].splitlines(keepends=True) if not line.startswith(service))
        text = f"{block}\n---\n{parts[2]}"
    return hashlib.sha256(text.encode()).hexdigest()


def stamp_of(text: str) -> dict[str, str | None]:
    found = keys(text) if text.startswith("---\n") else {}
    return {"updated": found.get("updated"), "leb": found.get("last_edited_by")}
