"""`migrate`: move what a harness has remembered by itself into an agent's memory in the vault.

A dry run unless `--apply` is given. For each file: a copy in the backup, then the note, then the source goes; a note of
the vault is never overwritten. Source of flags, counts and exit codes: the reference package's note tools.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from os.path import abspath
from typing import Annotated

import typer

from iapeer_memory.cli.notebook import Notebook, agent_of, notebook, told
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, ProductError, UsageError, printable
from iapeer_memory.notes import migrate
from iapeer_memory.notes.migrate import Item, MigrationPlan, converted, is_codex

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700


@dataclass(slots=True)
class Result:
    """What was done: names of notes, (name, reason) of errors, and whether the source folder is gone."""

    migrated: list[str]
    skipped: list[str]
    errors: list[tuple[str, str]]
    backup: str
    source_removed: bool = False

    def row(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "migrated": self.migrated,
            "skipped": self.skipped,
            "errors": [{"name": name, "error": reason} for name, reason in self.errors],
            "backupDir": self.backup,
            "sourceRemoved": self.source_removed,
        }


def main(
    source: Annotated[str, typer.Option("--source", metavar="DIR", help="The harness's folder of memories.")],
    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="Whose memory it becomes.")],
    apply: Annotated[bool, typer.Option("--apply", help="Move them; else only say what would move.")] = False,
    backup_root: Annotated[str | None, typer.Option("--backup-root", metavar="DIR")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="As without --apply.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Move a harness's own memories into the vault."""
    host = open_host()
    out = Output(host.env, as_json=as_json)
    name = agent_of(host, agent)
    if name is None:
        raise UsageError("--agent wants a name")
    apply = apply and not dry_run
    result = None
    with notebook(host, dry_run=not apply) as book:
        found = planned(book, abspath(source), name)
        tell_plan(out, found, apply=apply)
        if apply:
            when = time.strftime("%Y%m%d-%H%M%S", time.localtime(host.door.clock.now()))
            root = abspath(backup_root) if backup_root else host.paths.state("migrate-backups")
            result = migrated(book, found, name, f"{root}/{name}-{when}")
    if result is not None:
        tell_result(out, result)
    out.document("migrate", {"plan": found.row(), "result": result.row() if result else None})
    return 1 if result is not None and result.errors else 0


def planned(book: Notebook, source: str, agent: str) -> MigrationPlan:
    """Read the source and decide. Raises ConfigError for what is no folder of memories."""
    files = book.host.door.files
    stat = files.stat(source)
    if stat is None or stat.kind != "dir":
        raise ConfigError(f"{printable(source)} is not a folder", remedy="name the harness's folder of memories")
    if f"{files.realpath(source)}/".startswith(f"{book.vault}/"):
        raise ConfigError(f"{printable(source)} lies in the vault already")
    codex = is_codex(files.list(source))
    names = [name for name in files.list(source) if is_file(book, f"{source}/{name}")]
    if codex:
        below = migrate.CODEX_SUMMARIES
        names += [f"{below}/{n}" for n in files.list(f"{source}/{below}") if is_file(book, f"{source}/{below}/{n}")]
    contents = {name: content(book, f"{source}/{name}") for name in names if name.endswith(".md")}
    folder = f"{book.locale.folders['agent_memory']}/{agent}"
    taken = files.list(f"{book.vault}/{folder}")
    return migrate.plan(source, names, contents, folder, taken, book.locale, codex=codex)


def is_file(book: Notebook, path: str) -> bool:
    """Whether it is a plain file that is not hidden."""
    found = book.host.door.files.lstat(path)
    return found is not None and found.kind == "file" and not path.rpartition("/")[2].startswith(".")


def content(book: Notebook, path: str) -> bytes | str:
    """The bytes of a note of the source, or why they cannot be had."""
    try:
        return book.host.door.files.read(path, limit=64 << 20)
    except ProductError as error:
        return error.reason
    except OSError as error:
        return error.strerror or "cannot be read"


def migrated(book: Notebook, plan: MigrationPlan, agent: str, backup: str) -> Result:
    """Do it. What goes wrong with one file leaves that file where it is."""
    result = Result([], [], [(item.name, item.error) for item in plan.items if item.error], backup)
    for item in plan.good:
        one(book, plan.source, item, agent, result)
    for name in (*plan.system, *(name for name, _ in plan.present), *plan.other):
        try:
            keep(book, plan.source, name, backup)
            book.host.door.files.remove(f"{plan.source}/{name}")
            result.skipped.append(name)
        except (ProductError, OSError) as error:
            result.errors.append((name, reason_of(error)))
    below = f"{plan.source}/{migrate.CODEX_SUMMARIES}"
    if not result.errors:
        book.host.door.files.rmdir(below)
        result.source_removed = book.host.door.files.rmdir(plan.source)
    return result


def one(book: Notebook, source: str, item: Item, agent: str, result: Result) -> None:
    """Backup, note, and only then the source goes."""
    files = book.host.door.files
    try:
        data = keep(book, source, item.name, result.backup)
        stat = files.lstat(f"{source}/{item.name}")
        created = time.strftime("%Y-%m-%d", time.gmtime(stat.mtime_ns / 1e9 if stat else book.host.door.clock.now()))
        note = converted(item, data, agent=agent, locale=book.locale, created=created)
        done = book.writer.create(item.target, note, writer=agent)
        if not done.done:
            result.errors.append((item.name, told(done)))
            return
        files.remove(f"{source}/{item.name}")
    except (ProductError, OSError) as error:
        result.errors.append((item.name, reason_of(error)))
    else:
        result.migrated.append(item.name)


def keep(book: Notebook, source: str, name: str, backup: str) -> bytes:
    """Copy a file of the source to the backup, on the disk before we go on; its bytes."""
    files = book.host.door.files
    data = files.read(f"{source}/{name}", limit=1 << 30)
    place = f"{backup}/{name}"
    files.mkdir(place.rpartition("/")[0], mode=PRIVATE_FOLDER)
    if not files.create(place, data, mode=PRIVATE) and files.read(place) != data:
        raise ConfigError(f"{printable(place)} is there already", remedy="name another --backup-root")
    return data


def reason_of(error: Exception) -> str:
    """An error as one line."""
    if isinstance(error, ProductError):
        return error.line()
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)


def tell_plan(out: Output, plan: MigrationPlan, *, apply: bool) -> None:
    """What becomes of each file."""
    out.line(f"{printable(plan.source)} → {printable(plan.target)}")
    for item in plan.items:
        what = f"!! {item.error}" if item.error else f"{item.old_type or '(no type)'} → {item.subtype}"
        out.line(f"  {printable(item.name)}  {what}")
    for name in plan.system:
        out.line(f"  {printable(name)}  index, kept in the backup alone")
    for name, target in plan.present:
        out.line(f"  {printable(name)}  {printable(target)} is there already; the source's copy goes to the backup")
    for name in plan.other:
        out.line(f"  {printable(name)}  no note; it will be REMOVED from the source and kept in the backup")
    for subtype, count in plan.counts.items():
        out.line(f"  {subtype}: {count}")
    out.line(f"{len(plan.good)} to migrate" + ("" if apply else "; nothing was changed, --apply moves them"))


def tell_result(out: Output, result: Result) -> None:
    """What was done."""
    out.line(f"{len(result.migrated)} migrated; backup in {printable(result.backup)}")
    for name, reason in result.errors:
        out.line(out.paint(f"!! {printable(name)}: {reason}", "fail"))
    if result.source_removed:
        out.line("the source folder was empty and is gone")
