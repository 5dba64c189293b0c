"""Renaming a peer on the disk: its notes, what names it, the daemon's memory of both, our registry.

Every part can be done again: after a kill the same command does what is left. The name in the registry changes when the
notes are done, so that until then the old name is still the peer's. Never overwrites a note or a file, never rewrites a
note that it has not read, and keeps what each has said in history. The caller holds the operation lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from os.path import join

from iapeer_memory.context.files import index_name
from iapeer_memory.curation.sight import Seen as Baseline
from iapeer_memory.curation.state import State
from iapeer_memory.curation.stored import load_state, save_state
from iapeer_memory.domain.errors import ConfigError, DaemonFailed, LockBusy, printable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.egress.host import hostname
from iapeer_memory.egress.notefile import VaultRoot
from iapeer_memory.egress.noteseen import Seen as Obstacle
from iapeer_memory.egress.vaultdoor import open_vault
from iapeer_memory.fleet import registry_edits
from iapeer_memory.notes.archive import Move
from iapeer_memory.notes.history import History
from iapeer_memory.notes.leasing import Leasing
from iapeer_memory.notes.rename import Naming
from iapeer_memory.notes.write import NoteWriter
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.rebaseline import put_back, rekey, set_aside
from iapeer_memory.provision.rename_survey import Survey, survey
from iapeer_memory.vault.service import service

SLICE = 64
"""Versions kept with one append."""
TRIES, LOCK_SECONDS = 3, 3.0

Reindex = Callable[[Sequence[str]], str | None]
"""Bring the index to what the vault holds at and below these vault-relative paths; why not, in words, or None."""


@contextmanager
def daemon_stopped(host: Host) -> Iterator[str]:
    """memoryd is stopped and cannot start until the end; in words. Raises DaemonFailed, LockBusy.

    A supervisor that starts it again at once loses the race for the lock that memoryd needs.
    """
    for left in reversed(range(TRIES)):
        stopped, words = host.supervisor.remove()
        if not stopped:
            raise DaemonFailed(f"memoryd must not write meanwhile: {words}", remedy="iapeer-memory verify --repair")
        with ExitStack() as held:
            try:
                held.enter_context(host.door.locks.hold(host.paths.daemon_lock, wait=LOCK_SECONDS, what="memoryd"))
            except LockBusy:
                if not left:
                    raise
                continue
            yield words
            return


def rename_notes(host: Host, vault: str, naming: Naming, reindex: Reindex) -> tuple[str, tuple[str, ...]]:
    """Everything in the vault and what is remembered of it: (what was done, a line for each thing that could not be).

    `vault`: its absolute path as the daemon spells it.
    Raises ConfigError where another host writes the vault, OSError and ProductError for what stopped it.
    """
    take_lease(host, vault, naming)
    plan = survey(host.door.files, vault, naming)
    plan.refuse()
    state = load_state(host.door.files, host.paths.state_dir, vault)
    kept = state.baseline
    rekey(state, plan.naming)
    aside = set_aside(state, plan.edits)
    if kept:
        save_state(host.door.files, host.paths.state_dir, vault, state)
    root = open_vault(host.door, vault)
    try:
        problems, written = change_notes(host, root, plan, state, aside)
    finally:
        root.close()
    if kept:
        save_state(host.door.files, host.paths.state_dir, vault, state)
    scopes = [folder for pair in naming.folders() for folder in pair]
    note = reindex([*scopes, *plan.edits])
    done = f"{len(plan.moves)} moved, {written} changed" + (f"; the index: {note}" if note else "")
    return done, problems


def change_notes(
    host: Host, root: VaultRoot, plan: Survey, state: State, aside: Mapping[str, Baseline]
) -> tuple[tuple[str, ...], int]:
    """Move, then edit: (a line for each that could not be, how many were edited). Raises OSError."""
    files = host.door.files
    history = History(files, host.paths.history, host.door.clock.now)
    writer = NoteWriter(root, history)
    problems = [*move_notes(writer, plan.moves), *move_others(root, plan.others)]
    for folder in plan.folders:
        files.rmdir(f"{root.path}/{folder}")
    fresh: list[tuple[str, bytes, str]] = []
    written = 0
    for path in plan.edits:
        done = writer.change(path, plan.naming.edit, keep_times=True)
        if not done.done:
            problems.append(f"{printable(path)}: {done.reason or done.status}")
        elif done.status == "written":
            written += 1
            fresh.append((path, done.after, service(done.after).last_edited_by or ""))
        if done.done and path in aside:
            put_back(state, aside[path], path, done.before, done.after)
        if len(fresh) >= SLICE:
            history.keep_all(fresh)
            fresh = []
    if fresh:
        history.keep_all(fresh)
    if written:
        files.sync(history.folder)
    return tuple(problems), written


def move_notes(writer: NoteWriter, moves: Sequence[Move]) -> Iterator[str]:
    """Move each; a line for each that stays. One that is gone has been moved."""
    for move in moves:
        done = writer.move(move.path, move.target)
        if not done.done and done.status != "gone":
            yield f"{printable(move.path)}: {done.reason or done.status}"


def move_others(root: VaultRoot, moves: Sequence[Move]) -> Iterator[str]:
    """Move files that are no notes; never onto another. A line for each that stays. Raises OSError."""
    for move in moves:
        place = root.place(move.path, "move")
        if isinstance(place, Obstacle):
            yield f"{printable(move.path)}: {place.reason}"
            continue
        with place:
            there = root.place(move.target, "create", make=True)
            if isinstance(there, Obstacle):
                yield f"{printable(move.target)}: {there.reason}"
                continue
            with there:
                if not place.move_to(there):
                    yield f"{printable(move.target)}: there is a file of that name"


def take_lease(host: Host, vault: str, naming: Naming) -> None:
    """In a vault that is synced between hosts, be the one that writes it. Raises ConfigError."""
    files = host.door.files
    files.create(host.paths.host_id, f"{host.door.random.token(16)}\n".encode(), mode=0o600)
    us = files.read(host.paths.host_id, limit=4096).decode("utf-8", "replace").strip()
    leasing = Leasing(host.door, vault, naming.locale.folders["system"], host=us, name=hostname())
    if not leasing.stamps():
        raise held_elsewhere(leasing.holder() or "another host")


def held_elsewhere(name: str) -> ConfigError:
    """The refusal where another host writes the vault."""
    return ConfigError(
        f"{printable(name)} writes this vault now, and two hosts must not", remedy="run the command there"
    )


def rename_entry(host: Host, naming: Naming) -> str:
    """The registry's entry and its pause; what was done. Raises ConfigError, Malformed, OSError."""
    files, path = host.door.files, host.paths.registry
    before = files.read_optional(path, limit=4 << 20)
    after = registry_edits.rename(before, naming.old, naming.new, path, realpath=files.realpath)
    if after == (before or b""):
        return f"{naming.old} is not in it"
    files.write(path, after)
    return f"{naming.old} is {naming.new} now"


def drop_texts(host: Host, naming: Naming, peers: Sequence[Peer]) -> int:
    """Remove what was rendered in the old name; how many files. Raises OSError."""
    files = host.door.files
    places = [host.paths.state("indexes", index_name(naming.old, full=full)) for full in (False, True)]
    for peer in peers:
        if peer.personality in (naming.old, naming.new):
            folders = dict.fromkeys((peer.cwd, files.realpath(peer.cwd)))
            places += [join(host.paths.contexts, "by-path", cwd.lstrip("/"), "context.txt") for cwd in folders]
    return sum(files.remove(place) for place in places)
