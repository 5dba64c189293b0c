"""`archive-stale [--commit]`: move every note with a stale status to the archive now, without the daemon's wait.

A dry run unless `--commit` is given. Source of flags and exit codes: the reference package's note tools (always 0;
words that mean nothing here are passed over).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from iapeer_memory.cli.notebook import Notebook, notebook, told
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.curation.queue import monitored
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.memoryd.checks import rules_of
from iapeer_memory.notes.archive import Candidate, Move, archive_note, plan_archive
from iapeer_memory.notes.conflict import has_conflict_marks, is_conflict_copy
from iapeer_memory.vault.service import service

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def main(
    commit: Annotated[bool, typer.Option("--commit", help="Move them; else only say what would move.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="As without --commit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Move notes with a stale status to the archive."""
    host = open_host()
    out = Output(host.env, as_json=as_json)
    commit = commit and not dry_run
    rows: list[dict[str, object]] = []
    with notebook(host, dry_run=not commit) as book:
        for move in stale(book):
            rows.append(moved(book, move) if commit else row(move, move.target, "would move"))
    for one in rows:
        reason = f": {one['reason']}" if one["reason"] else ""
        out.line(f"{one['said']} {printable(str(one['from']))} → {printable(str(one['to']))}{reason}")
    if not rows:
        out.line("no note has a stale status")
    elif not commit:
        out.line("nothing was moved; --commit moves them")
    out.document("archive-stale", {"commit": commit, "notes": rows})
    return 0


def stale(book: Notebook) -> tuple[Move, ...]:
    """The stale notes and where they go."""
    locale = book.locale
    plan = plan_archive(
        candidates(book),
        archive=locale.folders["archive"],
        stale=locale.statuses["stale"],
        taken=lambda path: book.host.door.files.lstat(f"{book.vault}/{path}") is not None,
        now=book.host.door.clock.now(),
        grace=0,
    )
    return plan.moves


def candidates(book: Notebook) -> Iterator[Candidate]:
    """Every monitored note that can be read, with its status; what hosts are in conflict about waits for its owner."""
    files = book.host.door.files
    rules = rules_of(book.host.settings, book.locale).read(files, book.vault)
    for path in monitored(files, book.vault, book.locale, rules):
        try:
            data = book.read(path)
        except (ProductError, OSError):
            continue
        conflict = is_conflict_copy(path.rpartition("/")[2]) or has_conflict_marks(data or b"")
        if data is not None and not conflict:
            yield Candidate(path, service(data).status, 0.0)


def moved(book: Notebook, move: Move) -> dict[str, object]:
    """Move one, if it says what was read; the row that tells it."""
    data = book.read(move.path)
    if data is None or book.locale.group(service(data).status) != "stale":
        return row(move, move.target, "left", "says something else by now")
    changed, target = archive_note(book.writer, move, expect=data)
    return row(move, target, "moved") if changed.done else row(move, target, "left", told(changed))


def row(move: Move, target: str, said: str, reason: str = "") -> dict[str, object]:
    """One JSON row."""
    return {"from": move.path, "to": target, "said": said, "reason": reason}
