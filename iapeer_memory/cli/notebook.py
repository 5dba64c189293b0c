"""What the note tools share: the vault of a host, its writer, who writes, and a dry run that writes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os.path import abspath, isabs, join

from iapeer_memory.curation.modes import curation
from iapeer_memory.curation.moment import stamp_text
from iapeer_memory.domain.errors import ConfigError, Unreadable, UsageError, printable
from iapeer_memory.domain.peer import is_personality
from iapeer_memory.egress.vaultdoor import open_vault
from iapeer_memory.notes.history import History
from iapeer_memory.notes.write import Changed, NoteWriter
from iapeer_memory.provision.host import Host
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.locales import locale as locale_of
from iapeer_memory.vault.note import NOTE_LIMIT
from iapeer_memory.vault.stamp import stamp


@dataclass(frozen=True, slots=True)
class Notebook:
    """The vault's real path, its locale and its writer; `dry_run`: nothing is written."""

    host: Host
    vault: str
    locale: Locale
    writer: NoteWriter
    dry_run: bool

    @property
    def review(self) -> bool:
        """Whether an edit asks for a curator on this host."""
        return curation(self.host.settings, with_core=self.host.with_core).review

    def now(self) -> str:
        """This moment as a stamp."""
        return stamp_text(self.host.door.clock.now())

    def relative(self, file: str) -> str | None:
        """The vault-relative path of a file as the words name it; None for one outside of the vault."""
        place = file if isabs(file) else join(os.getcwd(), file)
        folder, _, name = abspath(place).rpartition("/")
        place = f"{self.host.door.files.realpath(folder or '/')}/{name}"
        return place[len(self.vault) + 1 :] if place.startswith(self.vault + "/") else None

    def change(self, path: str, edit: Callable[[bytes], bytes], *, by: str) -> Changed:
        """Change a note, or in a dry run say what would come of it."""
        if not self.dry_run:
            return self.writer.change(path, edit, writer=by)
        data = self.read(path)
        if data is None:
            return Changed("gone", "is not there")
        after = edit(data)
        return Changed("same" if after == data else "written", before=data, after=after)

    def stamped(self, data: bytes, path: str, *, by: str) -> bytes:
        """The note as the hook would leave it."""
        curator = by in self.host.settings.curators
        return stamp(
            data, path, locale=self.locale, writer=by, curator=curator, review=self.review, now=self.now()
        )  # fmt: skip

    def read(self, path: str) -> bytes | None:
        """A note's bytes; None where there is none. Raises Unreadable."""
        return self.host.door.files.read_optional(f"{self.vault}/{path}", limit=NOTE_LIMIT)


@contextmanager
def notebook(host: Host, *, vault: str | None = None, dry_run: bool = False) -> Iterator[Notebook]:
    """The notebook of a host. `vault`: instead of the one in the settings. Raises ConfigError, OSError."""
    root = vault_root(host, vault)
    held = open_vault(host.door, root)
    try:
        history = History(host.door.files, host.paths.state("history"), host.door.clock.now)
        yield Notebook(host, root, locale_of(host.settings.locale), NoteWriter(held, history), dry_run)
    finally:
        held.close()


def vault_root(host: Host, vault: str | None) -> str:
    """The vault's real path. Raises ConfigError where there is none."""
    given = vault or host.settings.vault
    if given is None:
        raise ConfigError("no vault is set", remedy="iapeer-memory init --vault PATH")
    root = host.door.files.realpath(abspath(given))
    try:
        found = host.door.files.stat(root)
    except Unreadable as error:
        raise ConfigError(f"the vault cannot be read: {error.line()}") from None
    if found is None or found.kind != "dir":
        remedy = "iapeer-memory config set VAULT_PATH PATH"
        raise ConfigError(f"the vault {printable(root)} is not there", remedy=remedy)
    return root


def agent_of(host: Host, flag: str | None) -> str | None:
    """Who writes: the flag, else PEER_PERSONALITY, else IAPEER_MEMORY_AGENT_NAME; never the folder. Raises UsageError
    for a name that no peer can have."""
    name = flag or host.env.get("PEER_PERSONALITY") or host.settings["AGENT_NAME"] or None
    if name is not None and not is_personality(name) and name != host.settings["HUMAN_NAME"]:
        raise UsageError(f"{name!r} cannot name an agent", remedy="a to z, 0 to 9 and -, at most 32, a letter first")
    return name


def known_locale(host: Host) -> None:
    """Raises UsageError for a locale that there is not: to these tools that is a matter of words."""
    try:
        locale_of(host.settings.locale)
    except ConfigError as error:
        raise UsageError(error.reason, remedy=error.remedy) from None


def told(changed: Changed) -> str:
    """Why a change was not made, in words."""
    return changed.reason or changed.status
