"""The guard stops an editor that is wrong: each sabotage below would otherwise have been written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.edits import json_edit, toml_edit
from iapeer_memory.edits.engine import Grammar, run, run_undo
from iapeer_memory.edits.ops import Set, Step, Undo
from iapeer_memory.edits.splice import Splice

JSON = b'{\n  "a": 1,\n  "b": [1.0, "x"],\n  "b": true\n}\n'
TOML = b'# top\na = 1\n[t]\nb = [1.0, "x"] # why\n'
Sabotage = Callable[[str, list[Splice]], list[Splice]]
EVERYWHERE: dict[str, Sabotage] = {
    "nothing is done": lambda text, step: [],
    "a foreign number changes": lambda text, step: [(text.index("1"), text.index("1") + 1, "2"), *step],
    "a foreign type changes": lambda text, step: [(text.index("1.0"), text.index("1.0") + 3, "1"), *step],
    "a foreign key goes": lambda text, step: [(text.index("x"), text.index("x") + 1, ""), *step],
    "it no longer parses": lambda text, step: [*step[:-1], (*step[-1][:2], step[-1][2] + "}]")],
    "splices overlap": lambda text, step: [*step, *step] if step[0][0] < step[0][1] else [(5, 2, ""), *step],
    "our value is another": lambda text, step: [(one[0], one[1], one[2].replace("ours", "theirs")) for one in step],
}
ONLY_JSON: dict[str, Sabotage] = {
    "a repeated key goes": lambda text, step: [(text.index('"b": ['), text.rindex('"b": true'), ""), *step],
    "a number is spelled anew": lambda text, step: [(text.index("1.0"), text.index("1.0") + 3, "1.00"), *step],
}
ONLY_TOML: dict[str, Sabotage] = {
    "a comment goes": lambda text, step: [(0, 6, ""), *step],
}


def sabotaged(grammar: Grammar, sabotage: Sabotage) -> Grammar:
    def edit(text: str, step: Step, name: str) -> tuple[list[Splice], Undo | None]:
        splices, part = grammar.edit(text, step, name)
        return sabotage(text, splices), part

    return replace(grammar, edit=edit)


RUNS = [("json", JSON, name, cut) for name, cut in (EVERYWHERE | ONLY_JSON).items()]
RUNS += [("toml", TOML, name, cut) for name, cut in (EVERYWHERE | ONLY_TOML).items()]


@pytest.mark.parametrize(("language", "data", "name", "cut"), RUNS, ids=[f"{one[0]}: {one[2]}" for one in RUNS])
def test_the_guard_trips(language: str, data: bytes, name: str, cut: Sabotage) -> None:
    grammar = json_edit.GRAMMAR if language == "json" else toml_edit.GRAMMAR
    ops = [Set(("new", "key"), "ours")]
    assert run(grammar, data, ops, name="f").changed
    with pytest.raises(FileRefused) as refused:
        run(sabotaged(grammar, cut), data, ops, name="f")
    assert "guard" in refused.value.reason and refused.value.remedy


def test_the_guard_watches_undo_too() -> None:
    edited = run(json_edit.GRAMMAR, JSON, [Set(("new",), "ours")], name="f")
    undo = edited.undo | {"back": None}
    assert run_undo(json_edit.GRAMMAR, edited.data, undo, name="f") == JSON
    broken = sabotaged(json_edit.GRAMMAR, EVERYWHERE["a foreign number changes"])
    with pytest.raises(FileRefused, match="guard"):
        run_undo(broken, edited.data, undo, name="f")
