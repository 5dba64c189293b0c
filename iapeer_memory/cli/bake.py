"""`bake`: say who edited notes that were written around the hook, and when. Touches those two keys and nothing else;
a note that has no frontmatter yet is stamped as the hook would.

Source of flags and exit codes: the reference package's note tools.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from iapeer_memory.cli.notebook import Notebook, agent_of, known_locale, notebook, told
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import UsageError, printable
from iapeer_memory.vault.block import frontmatter_of
from iapeer_memory.vault.service import bake


def main(
    files: Annotated[list[str], typer.Argument(metavar="FILE...")],
    agent: Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Who wrote.")] = None,
    vault: Annotated[str | None, typer.Option("--vault", metavar="PATH")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Stamp notes that were written around the hook."""
    host = open_host()
    known_locale(host)
    writer = agent_of(host, agent)
    if writer is None:
        raise UsageError("nobody said who wrote", remedy="iapeer-memory bake --agent NAME FILE")
    out = Output(host.env, as_json=as_json)
    rows: list[dict[str, object]] = []
    with notebook(host, vault=vault, dry_run=dry_run) as book:
        for file in files:
            path = book.relative(file)
            if path is None or not path.endswith(".md"):
                continue
            changed = book.change(path, baking(book, path, writer), by=writer)
            if changed.status == "gone":
                continue
            done = "would stamp" if dry_run else "stamped"
            said = {"written": done, "same": "unchanged"}.get(changed.status, "refused")
            rows.append({"file": file, "said": said, "reason": told(changed) if said == "refused" else ""})
    for row in rows:
        out.line(f"{row['said']} {printable(str(row['file']))}" + (f": {row['reason']}" if row["reason"] else ""))
    if not rows:
        out.line("no note of the vault among these files")
    out.document("bake", {"agent": writer, "dry_run": dry_run, "files": rows})
    return 1 if any(row["said"] == "refused" for row in rows) else 0


def baking(book: Notebook, path: str, writer: str) -> Callable[[bytes], bytes]:
    """What is done to a note's bytes."""

    def edit(data: bytes) -> bytes:
        if frontmatter_of(data) is None:
            return book.stamped(data, path, by=writer)
        return bake(data, writer=writer, now=book.now())

    return edit
