"""A dry run: nothing on the disk moves, reads see what would be, and the plan is what the real run then does."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.egress.effect import Effect
from iapeer_memory.egress.overlay import overlay
from iapeer_memory.egress.recording import recording
from tests.support.confined import confined_door

NUMBER = itertools.count()
PLACES = ("a", "b", "d", "d/a", "d/e", "d/e/a", "l", "l/a", "n/n/a")
STARTS = ("empty", "files", "links")
place = st.sampled_from(PLACES)
data = st.sampled_from((b"", b"1", b"22"))
op = st.one_of(
    st.tuples(st.just("write"), place, data),
    st.tuples(st.just("create"), place, data),
    st.tuples(st.just("append"), place, data),
    st.tuples(st.just("mkdir"), place),
    st.tuples(st.just("remove"), place),
    st.tuples(st.just("rmdir"), place),
    st.tuples(st.just("remove_tree"), place),
    st.tuples(st.just("symlink"), st.sampled_from(("d", "a", "nowhere", "d/a")), st.sampled_from(("l", "b", "d/e"))),
    st.tuples(st.just("chmod"), place, st.sampled_from((0o700, 0o750))),
    st.tuples(st.just("rename"), place, place),
)


def lay(folder: Path, start: str) -> None:
    folder.mkdir(parents=True)
    if start != "empty":
        (folder / "d/e").mkdir(parents=True)
        for name in ("a", "d/a", "d/e/a"):
            (folder / name).write_bytes(name.encode())
            (folder / name).chmod(0o644)
    if start == "links":
        (folder / "l").symlink_to("d")
        (folder / "b").symlink_to("nowhere")


def act(door: Door, top: str, step: tuple[object, ...]) -> object:
    """Do one step; the answer, or that it failed."""
    verb, *words = step
    if verb == "symlink":
        words = [words[0], f"{top}/{words[1]}"]
    else:
        words = [f"{top}/{word}" if isinstance(word, str) else word for word in words]
    try:
        return getattr(door.files, str(verb))(*words)
    except (OSError, FileRefused):
        return "failed"


def look(door: Door, top: str) -> dict[str, object]:
    """Everything that the door shows below a folder."""
    seen: dict[str, object] = {}
    pending = [top]
    while pending:
        folder = pending.pop()
        for name in door.files.list(folder):
            path = f"{folder}/{name}"
            found = door.files.lstat(path)
            assert found is not None
            key = path[len(top) :]
            if found.kind == "dir":
                pending.append(path)
                seen[key] = "dir"
            elif found.kind == "link":
                seen[key] = ("link", door.files.readlink(path), leads_to(door, path))
            else:
                seen[key] = (found.mode, found.size, door.files.read(path))
    return seen


def leads_to(door: Door, path: str) -> str | None:
    try:
        found = door.files.stat(path)
    except FileRefused:
        return "round in circles"
    return None if found is None else found.kind


def relative(effects: list[Effect], top: str) -> list[tuple[object, ...]]:
    return [(e.verb, str(e.target).replace(top, ""), e.detail.replace(top, ""), e.data) for e in effects]


@given(start=st.sampled_from(STARTS), steps=st.lists(op, max_size=8))
@settings(max_examples=150, deadline=None)
def test_the_overlay_is_what_would_be(
    tmp_path_factory: pytest.TempPathFactory, start: str, steps: list[tuple[object, ...]]
) -> None:
    base = tmp_path_factory.getbasetemp() / f"overlay-{next(NUMBER)}"
    lay(base / "planned", start)
    lay(base / "done", start)
    planned, plan = overlay(confined_door(str(base)))
    done, effects = recording(confined_door(str(base)))
    before = look(done, f"{base}/planned")
    for step in steps:
        # A rename of a folder into itself, or onto something that is there, differs between systems.
        if step[0] == "rename" and (
            str(step[2]).startswith(str(step[1])) or done.files.lstat(f"{base}/done/{step[2]}")
        ):
            continue
        assert act(planned, f"{base}/planned", step) == act(done, f"{base}/done", step), step
    assert look(planned, f"{base}/planned") == look(done, f"{base}/done")
    assert relative(plan.effects, f"{base}/planned") == relative(effects, f"{base}/done")
    assert look(done, f"{base}/planned") == before, "the dry run wrote"


def test_programs_signals_and_waiting_are_planned(door: Door, tmp_path: Path) -> None:
    planned, plan = overlay(door, probes=[lambda argv: argv[0] == "echo"])
    mark = tmp_path / "mark"
    started = planned.clock.monotonic()
    assert planned.processes.run(["echo", "asked"], timeout=9).stdout == "asked\n"
    assert planned.processes.run(["touch", str(mark)], timeout=9).ok
    assert planned.processes.start_detached(["touch", str(mark)], env={}, log=f"{tmp_path}/log").started
    assert planned.processes.info(os.getpid()) is not None
    assert planned.processes.signal(os.getpid(), 15)
    assert planned.processes.info(os.getpid()) is None, "as if it had ended"
    assert planned.net.fetch("http://127.0.0.1:1/x", method="POST", timeout=1).status == 200
    planned.clock.sleep(1000)
    assert planned.clock.monotonic() - started >= 1000
    with planned.locks.hold(f"{tmp_path}/lock", wait=0, what="x"):
        pass
    assert [(e.verb, e.target) for e in plan.effects] == [
        ("run", ("touch", str(mark))), ("start", ("touch", str(mark))), ("signal", str(os.getpid())),
        ("fetch", "http://127.0.0.1:1/x"),
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_home"]
    assert plan.as_json()[0] == {"verb": "run", "target": ["touch", str(mark)], "detail": ""}


def test_a_last_look_runs_in_a_dry_run_too(door: Door, tmp_path: Path) -> None:
    planned, plan = overlay(door)

    def no() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        planned.files.write(f"{tmp_path}/f", b"", before=no)
    assert not plan.effects and planned.files.lstat(f"{tmp_path}/f") is None
