"""Questions on a terminal. Asked only where somebody can answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

import typer

from iapeer_memory.domain.errors import UsageError

RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?\Z", re.ASCII)


def ask(question: str, default: str) -> str:
    """A line of text, the default on Enter."""
    return str(typer.prompt(question, default=default))


def ask_yes(question: str, *, default: bool) -> bool:
    """Yes or no."""
    return bool(typer.confirm(question, default=default))


def choose_many(question: str, rows: Sequence[str]) -> frozenset[int]:
    """Indexes of the picked rows: `all`, `none`, or numbers like `1,3-5`. Asks again after anything else."""
    for number, row in enumerate(rows, 1):
        typer.echo(f"  {number:3}  {row}")
    while True:
        try:
            return parse_choice(ask(f"{question} (all, none, or numbers like 1,3-5)", "all"), len(rows))
        except UsageError as error:
            typer.echo(error.line())


def parse_choice(text: str, count: int) -> frozenset[int]:
    """`1,3-5` → {0, 2, 3, 4}. Raises UsageError."""
    words = text.strip().lower()
    if words == "all":
        return frozenset(range(count))
    picked: set[int] = set()
    for part in words.replace(" ", "").split(",") if words not in ("", "none") else ():
        found = RANGE.match(part)
        if found is None:
            raise UsageError(f"{part!r} is no number of the list", remedy="all, none, or numbers like 1,3-5")
        low, high = int(found[1]), int(found[2] or found[1])
        if not 1 <= low <= high <= count:
            raise UsageError(f"{part!r} is not in the list, which goes from 1 to {count}")
        picked.update(range(low - 1, high))
    return frozenset(picked)
