"""What follows a write into the vault: the notes are stamped, and their author is told what there is to know.

Loaded by `post_write` once a note of the vault is at hand. A stamp that cannot be made is a line in the log and no
more: memoryd sees every note. Imports nothing heavy; never raises for what a note or a host holds.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix
from time import monotonic, strftime, time

from iapeer_memory.domain.errors import ConfigError
from iapeer_memory.hooks.post_write import Written, parse_json, read_file, setting
from iapeer_memory.hooks.told import Note, as_output, of_note, of_shell
from iapeer_memory.hooks.writer import named_by, owner_of
from iapeer_memory.vault.locales import locale

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from iapeer_memory.vault.layout import Locale

PATIENCE = 0.02
"""Seconds to wait for whoever has a note open: the harness has closed it long ago."""

MARGIN = 0.02
"""Seconds before the deadline at which we begin nothing new."""

OFF = ("0", "off", "false", "no", "n")
QUIET = ("written", "same", "gone", "link")
"""Outcomes of a stamp that nobody has to look into."""


class Host:
    """Where we are, in the words of the shim. `folder`: the session's. `fail`: puts a line into the log."""

    __slots__ = ("core", "fail", "folder", "mirror", "port", "state")

    def __init__(
        self, state: str, mirror: str, port: int, core: bool, folder: str, fail: Callable[[object], None]
    ) -> None:
        self.state = state
        self.mirror = mirror
        self.port = port
        self.core = core
        self.folder = folder
        self.fail = fail


class Rules:
    """What config.env says about stamping."""

    __slots__ = ("_text", "locale")

    def __init__(self, text: str) -> None:
        self._text = text
        self.locale: Locale = locale(self.get("LOCALE") or "en")

    def get(self, name: str) -> str:
        """The value, "" where there is none."""
        return setting(self._text, f"IAPEER_MEMORY_{name}")

    def stamps(self) -> bool:
        """Whether notes of this vault are stamped at all."""
        return self.get("STAMPING").lower() not in OFF

    def is_curator(self, writer: str) -> bool:
        """Whether the writer curates."""
        names = self.get("CURATOR_SET") or "index,scriber,dreamweaver"
        return writer in [name.strip() for name in names.split(",")]

    def share(self, name: str, default: float) -> float:
        """A number from 0 to 1."""
        try:
            value = float(self.get(name) or default)
        except ValueError:
            return default
        return value if 0 <= value <= 1 else default


def follow(written: Written, host: Host, deadline: float) -> bytes:
    """Stamp the notes, and what is to be printed about them: one line of JSON, or nothing. `deadline`: by the monotonic
    clock."""
    end = deadline - MARGIN
    try:
        rules = Rules(written.config)
    except ConfigError as error:
        host.fail(error)
        return b""
    writer = who(written, rules, host)
    may = rules.stamps() and is_ours_to_stamp(written.vault, rules.locale, host)
    if written.by_shell:
        return as_output(of_shell(written.notes, rules.locale)) if may and writer is not None else b""
    notes = [Note(path, place) for path, place in written.notes.items()]
    if may and writer is not None:
        stamp_all(notes, written.vault, writer, rules, host, end)
    told: list[str] = []
    for note in notes:
        try:
            told += of_note(note, written.vault, writer, rules, host, end)
        except FileNotFoundError:
            continue  # somebody has renamed or removed it since
        except (OSError, ValueError) as error:
            host.fail(error)
    return as_output(told)


def who(written: Written, rules: Rules, host: Host) -> str | None:
    """The peer that wrote, None where nothing tells."""
    named = named_by(posix.environ)
    if named is not None:
        return named
    project = posix.environ.get(b"CLAUDE_PROJECT_DIR", b"").decode("utf-8", "surrogateescape")
    cwd = written.event.get("cwd")
    folders = [project, host.folder, cwd if isinstance(cwd, str) else ""]
    try:
        folders.insert(2, posix.getcwd())
        fleet = parse_json(read_file(f"{host.state}/fleet.json").decode("utf-8-sig", "replace"))
    except FileNotFoundError:
        fleet = None
    except (OSError, ValueError, StopIteration, RecursionError) as error:
        host.fail(error)
        fleet = None
    return owner_of(folders, fleet) or named_by({b"PEER_PERSONALITY": rules.get("AGENT_NAME").encode()})


def is_ours_to_stamp(vault: str, words: Locale, host: Host) -> bool:
    """Whether no other host that shares the vault stamps its notes."""
    from iapeer_memory.notes.lease import LEASE_NAME, may_stamp, read_lease

    try:
        lease = read_lease(read_file(f"{vault}/{words.folders['system']}/{LEASE_NAME}"))
    except OSError:
        return True
    try:
        us = read_file(f"{host.state}/host-id").decode("utf-8", "replace").strip()
    except OSError:
        us = ""
    return may_stamp(lease, host=us, now=time())


def stamp_all(notes: list[Note], vault: str, writer: str, rules: Rules, host: Host, end: float) -> None:
    """Stamp each note; what cannot be is a line in the log."""
    from iapeer_memory.egress.barefiles import BareFiles
    from iapeer_memory.egress.notefile import VaultRoot
    from iapeer_memory.notes.history import History
    from iapeer_memory.notes.write import NoteWriter
    from iapeer_memory.vault.stamp import stamp

    curator = rules.is_curator(writer)
    now = strftime("%Y-%m-%d %H:%M:%S")
    history = History(BareFiles(), f"{host.state}/history", time)
    try:
        pen = NoteWriter(VaultRoot(vault), history, patience=PATIENCE)
    except OSError as error:
        host.fail(error)
        return
    for number, note in enumerate(notes):
        if monotonic() > end:
            host.fail(f"out of time: {len(notes) - number} of {len(notes)} notes are not stamped")
            return

        def edit(data: bytes, place: str = note.place) -> bytes:
            return stamp(
                data, place, locale=rules.locale, writer=writer, curator=curator, review=host.core, now=now
            )  # fmt: skip

        # The deadline must not strike between a draft and the exchange: it would leave the draft behind.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGALRM,))
        try:
            changed = pen.change(note.place, edit, writer=writer)
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            host.fail(f"{note.place}: {type(error).__name__}: {error}")
            continue
        finally:
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGALRM,))
        if changed.status in ("written", "same"):
            note.data = changed.after
        if changed.status not in QUIET:
            host.fail(f"{note.place} is not stamped: {changed.reason}")
