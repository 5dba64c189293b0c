"""`note history|show|restore|unarchive`: what a note said before, putting it back, and out of the archive."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, FileRefused, ProductError, UsageError, printable
from iapeer_memory.egress.vaultdoor import open_vault
from iapeer_memory.notes.archive import came_from, unarchive
from iapeer_memory.notes.burst import before_burst
from iapeer_memory.notes.history import History
from iapeer_memory.notes.late import take_in
from iapeer_memory.notes.log import read_version, records
from iapeer_memory.notes.versions import Version, pick, versions
from iapeer_memory.notes.write import Changed, NoteWriter
from iapeer_memory.provision.host import Host
from iapeer_memory.vault.locales import locale as locale_of
from iapeer_memory.vault.sha256 import sha256_hex

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="What a note said before.")(lambda: None)

Note = Annotated[str, typer.Argument(metavar="NOTE", help="Its path, in the vault or absolute.")]
Chosen = Annotated[str | None, typer.Argument(metavar="VERSION", help="From `note history`; else the one before.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The vault and the history of a host."""

    host: Host
    vault: str
    folder: str

    def versions(self, path: str) -> tuple[Version, ...]:
        """As `notes.versions`."""
        return versions(self.host.door.files, self.folder, path)

    def read(self, version: Version) -> bytes:
        """The bytes of a version. Raises Unreadable."""
        return read_version(self.host.door.files, self.folder, version.digest)

    def present(self, path: str) -> bytes | None:
        """What the note says now; None where there is none. Raises Unreadable."""
        return self.host.door.files.read_optional(f"{self.vault}/{path}")


@app.command("history")
def history(note: Note, as_json: AsJson = False) -> int:
    """List the versions that are kept, newest first."""
    shelf = shelf_of(open_host(readonly=True))
    out = Output(shelf.host.env, as_json=as_json)
    path = relative(shelf, note)
    found = shelf.versions(path)
    for version in found:
        out.line(event_line(version))
    if not found:
        out.line(f"no earlier versions of {printable(path)} are kept")
    out.document("note-history", {"path": path, "versions": [row(version) for version in found]})
    return 0


@app.command("show")
def show(note: Note, version: Chosen = None, as_json: AsJson = False) -> int:
    """Print a version; the newest that differs from the note as it is."""
    shelf = shelf_of(open_host(readonly=True))
    path = relative(shelf, note)
    chosen = choose(shelf, path, version)
    data = shelf.read(chosen)
    if as_json:
        out = Output(shelf.host.env, as_json=True)
        out.document("note-version", {**row(chosen), "text": data.decode("utf-8", "replace")})
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    return 0


@app.command("restore")
def restore(
    note: Annotated[str | None, typer.Argument(metavar="NOTE", help="Its path, in the vault or absolute.")] = None,
    version: Chosen = None,
    to: Annotated[str | None, typer.Option("--to", metavar="PATH", help="As a new note; never over another.")] = None,
    snapshot: Annotated[str | None, typer.Option("--snapshot", metavar="ID", help="All notes of a burst.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: AsJson = False,
) -> int:
    """Put a version back; what the note says now is kept first."""
    if (note is None) == (snapshot is None):
        raise UsageError("name a note, or a snapshot", remedy="iapeer-memory note restore NOTE [VERSION]")
    shelf = shelf_of(open_host(readonly=dry_run))
    out = Output(shelf.host.env, as_json=as_json)
    if note is not None:
        path = relative(shelf, note)
        wanted = {relative(shelf, to) if to else path: choose(shelf, path, version).digest}
    else:
        wanted = dict(snapshot_of(shelf, snapshot or ""))
    rows = [restored(shelf, path, digest, new=to is not None, dry_run=dry_run) for path, digest in wanted.items()]
    if snapshot is not None and not dry_run:
        History(shelf.host.door.files, shelf.folder, shelf.host.door.clock.now).happened("restored", "", token=snapshot)
    for answer in rows:
        out.line(f"{answer['said']} {printable(str(answer['path']))}")
    if not rows:
        out.line("nothing to put back: these notes were made by what changed them, and none stood there before")
    elif not dry_run:
        out.line("what stood there is kept too (iapeer-memory note history NOTE)")
    out.document("note-restored", {"dry_run": dry_run, "notes": rows})
    return 0


@app.command("unarchive")
def unarchive_(
    note: Note,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: AsJson = False,
) -> int:
    """Bring an archived note back to where it lay. Unless it gets another status, it goes again in ten minutes."""
    shelf = shelf_of(open_host(readonly=dry_run))
    out = Output(shelf.host.env, as_json=as_json)
    path = relative(shelf, note)
    archive = locale_of(shelf.host.settings.locale).folders["archive"]
    if not path.startswith(f"{archive}/"):
        raise UsageError(f"{printable(path)} does not lie in {archive}", remedy="name a note of the archive")
    target = came_from(shelf.host.door.files, shelf.folder, path, archive=archive)
    if not dry_run:
        root = open_vault(shelf.host.door, shelf.vault)
        try:
            kept = History(shelf.host.door.files, shelf.folder, shelf.host.door.clock.now)
            done = unarchive(NoteWriter(root, kept), path, target)
        finally:
            root.close()
        if not done.done:
            raise FileRefused(path, done.reason or done.status)
        # A stale note has its time from its last change: without this the daemon would take the undo back at once.
        shelf.host.door.files.touch(f"{shelf.vault}/{target}")
    out.line(f"{'would move' if dry_run else 'moved'} {printable(path)} to {printable(target)}")
    out.document("note-unarchived", {"dry_run": dry_run, "path": path, "target": target})
    return 0


def restored(shelf: Shelf, path: str, digest: str, *, new: bool, dry_run: bool) -> dict[str, object]:
    """Put one version at one path; the row that tells it. Raises ProductError, Unreadable."""
    files = shelf.host.door.files
    data = read_version(files, shelf.folder, digest)
    if dry_run:
        now = shelf.present(path)
        if new and now is not None:
            raise FileRefused(path, "there is a note of that name", remedy="choose another path for --to")
        said = "would leave" if now == data else "would restore"
        return {"path": path, "digest": digest, "said": said, "changed": now != data}
    root = open_vault(shelf.host.door, shelf.vault)
    try:
        kept = History(files, shelf.folder, shelf.host.door.clock.now)
        writer = NoteWriter(root, kept)
        take_in(files, kept, writer, now=shelf.host.door.clock.now())
        done = Changed("gone") if new else writer.change(path, lambda _: data, event="restored")
        if done.status == "gone":
            done = writer.create(path, data)
    finally:
        root.close()
    if not done.done:
        raise FileRefused(path, done.reason or done.status)
    return {"path": path, "digest": digest, "said": "left" if done.status == "same" else "restored",
            "changed": done.status != "same"}  # fmt: skip


def choose(shelf: Shelf, path: str, name: str | None) -> Version:
    """The version that the words mean. Raises ProductError."""
    now = shelf.present(path)
    return pick(shelf.versions(path), name, path, unlike="" if now is None else sha256_hex(now))


def snapshot_of(shelf: Shelf, name: str) -> Mapping[str, str]:
    """What the notes of a burst said before it, by path. Raises ProductError."""
    found = before_burst(records(shelf.host.door.files, shelf.folder), name)
    if found is None:
        raise ProductError(f"no snapshot has the id {name!r}", remedy="iapeer-memory status")
    return found


def shelf_of(host: Host) -> Shelf:
    """Where the notes and their history are. Raises ConfigError."""
    vault = host.settings.vault
    if vault is None:
        raise ConfigError("no vault is set", remedy="iapeer-memory init")
    return Shelf(host, host.door.files.realpath(vault), host.paths.state("history"))


def relative(shelf: Shelf, note: str) -> str:
    """The path in the vault that the words mean. Raises UsageError for one outside."""
    files = shelf.host.door.files
    if not note.startswith("/"):
        path = note.removeprefix("./")
    else:
        folder, _, name = note.rpartition("/")
        place = f"{files.realpath(folder or '/')}/{name}"
        if not place.startswith(shelf.vault + "/"):
            raise UsageError(f"{note} is not in the vault {shelf.vault}")
        path = place[len(shelf.vault) + 1 :]
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise UsageError(f"{note} is not a plain path in the vault")
    return path if path.endswith(".md") else f"{path}.md"


def event_line(version: Version) -> str:
    """One line of `note history`."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(version.time))
    by = f" by {printable(version.writer)}" if version.writer else ""
    to = f" to {printable(version.other)}" if version.other else ""
    return f"{version.id or '-':10}  {when}  {version.event}{by}{to}  {version.size} bytes"


def row(version: Version) -> dict[str, object]:
    """One JSON row."""
    return {
        "id": version.id, "digest": version.digest, "time": version.time, "event": version.event,
        "writer": version.writer, "size": version.size, "path": version.path, "other": version.other,
    }  # fmt: skip
