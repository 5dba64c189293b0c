"""`fm-update`: edit the frontmatter of notes by key, and stamp them; without edits, a stamp alone.

Its flags take one or two words and may be repeated, so they are read by hand. Source of flags, order and exit codes:
the reference package's note tools.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from iapeer_memory.cli.notebook import Notebook, agent_of, known_locale, notebook, told
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import UsageError, printable
from iapeer_memory.provision.host import Host
from iapeer_memory.vault.fields import Kind, Op, edit_fields

OPS: dict[str, tuple[Kind, int]] = {
    "--set": ("set", 2),
    "--unset": ("unset", 1),
    "--list-add": ("list-add", 2),
    "--list-remove": ("list-remove", 2),
}
"""Flag → the edit and how many words it takes."""

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@dataclass(frozen=True, slots=True)
class Words:
    """The command's words, read."""

    ops: tuple[Op, ...] = ()
    files: tuple[str, ...] = ()
    agent: str | None = None
    vault: str | None = None
    stamped: bool = True
    dry_run: bool = False
    as_json: bool = False


@app.command(
    context_settings={"ignore_unknown_options": True},
    epilog="--set KEY VALUE  --unset KEY  --list-add KEY VALUE  --list-remove KEY VALUE (each as often as you like)  "
    "--agent NAME  --vault PATH  --no-stamp  --dry-run  --json",
)
def main(words: Annotated[list[str] | None, typer.Argument(metavar="[FLAGS] FILE...")] = None) -> int:
    """Edit the frontmatter of notes, and stamp them. Other files are passed over."""
    read = parse(words or [])
    if not read.files:
        raise UsageError("name at least one file", remedy="iapeer-memory fm-update --set KEY VALUE FILE")
    host = open_host()
    known_locale(host)
    agent = agent_of(host, read.agent)
    out = Output(host.env, as_json=read.as_json)
    rows = update(host, read, agent)
    for row in rows:
        out.line(f"{row['said']} {printable(str(row['file']))}" + (f": {row['reason']}" if row["reason"] else ""))
    if agent is None and read.stamped:
        out.line(out.paint("not stamped: nobody said who writes (--agent NAME)", "warn"))
    out.document("fm-update", {"agent": agent, "dry_run": read.dry_run, "files": rows})
    return 1 if any(row["said"] == "refused" for row in rows) else 0


def parse(words: list[str]) -> Words:
    """Read the words in any order; the last of a flag wins. A value is taken as it comes. Raises UsageError."""
    ops: list[Op] = []
    files: list[str] = []
    named: dict[str, str] = {}
    plain: set[str] = set()
    rest = list(words)

    def value(flag: str) -> str:
        if not rest:
            raise UsageError(f"{flag} wants a value")
        return rest.pop(0)

    while rest:
        word = rest.pop(0)
        if word in OPS:
            kind, count = OPS[word]
            ops.append(Op(kind, value(word), value(word) if count == 2 else ""))
        elif word in ("--agent", "--vault"):
            named[word] = value(word)
        elif word in ("--no-stamp", "--dry-run", "--json"):
            plain.add(word)
        elif word.startswith("-"):
            raise UsageError(f"unknown flag: {word}")
        else:
            files.append(word)
    return Words(
        tuple(ops), tuple(files), named.get("--agent"), named.get("--vault"),
        stamped="--no-stamp" not in plain, dry_run="--dry-run" in plain, as_json="--json" in plain,
    )  # fmt: skip


def update(host: Host, words: Words, agent: str | None) -> list[dict[str, object]]:
    """Edit each file; one row each. Files that are missing or no markdown are left out."""
    edit_fields(b"", words.ops)  # a key that is none is a fault of the words, not of a file
    files = [file for file in words.files if file.endswith(".md")]
    if words.vault is None and host.settings.vault is None:
        return [row for file in files if (row := loose(host, words, file)) is not None]
    with notebook(host, vault=words.vault, dry_run=words.dry_run) as book:
        rows = []
        for file in files:
            path = book.relative(file)
            row = loose(host, words, file) if path is None else one(book, words, file, path, agent)
            if row is not None:
                rows.append(row)
        return rows


def one(book: Notebook, words: Words, file: str, path: str, agent: str | None) -> dict[str, object] | None:
    """Edit and stamp a note of the vault."""
    changed = book.change(path, editing(book, words, path, agent), by=agent or "")
    if changed.status == "gone":
        return None
    said = {"written": "would update" if book.dry_run else "updated", "same": "unchanged"}.get(
        changed.status, "refused"
    )
    return row(file, said, told(changed) if said == "refused" else "")


def editing(book: Notebook, words: Words, path: str, agent: str | None) -> Callable[[bytes], bytes]:
    """What is done to a note's bytes."""

    def edit(data: bytes) -> bytes:
        data = edit_fields(data, words.ops)
        return book.stamped(data, path, by=agent) if agent is not None and words.stamped else data

    return edit


def loose(host: Host, words: Words, file: str) -> dict[str, object] | None:
    """Edit a file outside of the vault, which nobody stamps; what it said is kept among the backups."""
    files = host.door.files
    found = files.stat(file)
    if found is None or found.kind != "file":
        return None
    data = files.read(file, limit=64 << 20)
    after = edit_fields(data, words.ops)
    if after == data:
        return row(file, "unchanged", "")
    if not words.dry_run:
        host.backups.keep(file, data, found.mode)
        files.write(file, after)
    return row(file, "would update" if words.dry_run else "updated", "")


def row(file: str, said: str, reason: str) -> dict[str, object]:
    """One JSON row."""
    return {"file": file, "said": said, "reason": reason}
