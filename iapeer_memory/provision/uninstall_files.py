"""What uninstall takes out file by file: texts, state, runtimes. The notes and the settings stay."""

from __future__ import annotations

from os.path import dirname, join
from shlex import quote

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.ecosystem.doctrine import ownership
from iapeer_memory.egress.foreign import Policy, edit_foreign
from iapeer_memory.egress.host import uid
from iapeer_memory.egress.temps import sweep_temps
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.peers import mapped_peers
from iapeer_memory.provision.roles import load_roles
from iapeer_memory.provision.runtime.command import remove_command
from iapeer_memory.provision.steps.doctrines import doctrine_path, read_doctrine

Row = tuple[bool, str, tuple[str, ...]]
"""Whether it is out, in how few words, and further lines."""

# Beginnings of the names that we and the reference provider give to files in these folders.
STATE_NAMES = (
    "memoryd.", "attach.", "roles.json", "fleet.json", "host.json", "ledger.json", "journal.json", "provision.lock",
    "install.lock", "runtimes.lock", "verify-kick.stamp", "indexes", "context", "paused", "host-id",
)  # fmt: skip
KEPT_NAMES = ("backups", "history", "migrate-backups")
"""What the user's files and notes once said is the user's; each stays as long as there is anything in it."""
CACHE_NAMES = (
    ".running-process-manifest", "index.db", "memoryd.", "tags-dictionary.md", "tags-projection.md", "deep-",
    ".install-",
)  # fmt: skip
LOG_NAMES = ("memoryd.log", "broker.log", "repair.log", "hook-errors.log")


def said(ok: bool, detail: str) -> Row:
    """A row without sub-lines."""
    return ok, detail, ()


def doctrines(host: Host) -> Row:
    """The curators' doctrines, where they are still ours; the peers themselves stay with the core."""
    roles = load_roles(host)
    lines: list[str] = []
    removed = 0
    for role in () if isinstance(roles, str) else roles:
        try:
            if ownership(read_doctrine(host, role)) == "ours":
                change = edit_foreign(
                    host.door,
                    doctrine_path(role),
                    lambda _old: None,
                    policy=Policy(inside=role.peer_cwd, uid=uid()),
                    backups=host.backups,
                )
                removed += change == "removed"
        except FileRefused as error:
            lines.append(error.line())
    return True, f"{removed} removed", tuple(lines)


def texts(host: Host) -> Row:
    """Guide, fragments, templates, shims, launcher, gate, pre-rendered contexts."""
    files = host.door.files
    removed = 0
    places = [
        host.paths.guide,
        host.paths.launcher,
        host.paths.dream_gate,
        host.paths.post_write_shim,
        host.paths.session_start_shim,
    ]
    peers = mapped_peers(host)
    for peer in () if isinstance(peers, NoMap) else peers:
        fragment = join(peer.cwd, ".iapeer", "fragments", "iapeer-memory.md")
        stat = files.lstat(fragment)
        if (
            stat is not None
            and stat.kind == "file"
            and files.realpath(fragment) == join(files.realpath(peer.cwd), ".iapeer", "fragments", "iapeer-memory.md")
        ):
            places.append(fragment)
    for path in places:
        removed += files.remove(path)
    if files.lstat(host.paths.templates) is not None:
        files.remove_tree(host.paths.templates)
        removed += 1
    files.rmdir(host.paths.hooks_dir)
    return said(True, f"{removed} removed")


def state(host: Host) -> Row:
    """State, cache and logs, by our own names: a folder that a setting moved may hold somebody else's files too.

    What the user's files and notes once said stays where there is any of it.
    """
    files = host.door.files
    for folder, names in (
        (host.paths.state_dir, STATE_NAMES),
        (host.paths.cache_dir, CACHE_NAMES),
        (host.paths.logs_dir, LOG_NAMES),
    ):
        sweep(host, folder)
        for name in files.list(folder):
            if name.startswith(names):
                clear(files, join(folder, name))
    kept = [join(host.paths.state_dir, name) for name in KEPT_NAMES if holds_anything(host, name)]
    for name in KEPT_NAMES:
        if join(host.paths.state_dir, name) not in kept:
            files.remove_tree(join(host.paths.state_dir, name))
    words = " ".join(map(quote, kept))
    note = f"removed; earlier versions of your files and notes stay in {words} (delete them with: rm -r {words})"
    return said(True, note if kept else "removed")


def sweep(host: Host, folder: str) -> None:
    """Take away what writers of ours that were killed left half-written."""
    sweep_temps(host.door.files, folder, uid=uid(), now=host.door.clock.now())


def holds_anything(host: Host, name: str) -> bool:
    """Whether one of the kept folders has something in it that somebody may want back."""
    if name == "backups":
        return bool(host.backups.list())
    folder = join(host.paths.state_dir, name)
    return bool(host.door.files.list(join(folder, "blobs") if name == "history" else folder))


def clear(files: Files, path: str) -> None:
    """Remove a file, a link or a folder of ours."""
    stat = files.lstat(path)
    if stat is not None and stat.kind == "dir":
        files.remove_tree(path)
    else:
        files.remove(path)


def binary(host: Host, *, keep_binary: bool) -> Row:
    """The stable command and every runtime, last of all: this program may be running from one."""
    if keep_binary:
        return said(True, f"kept: {host.paths.stable_binary}")
    files = host.door.files
    removed = remove_command(host.door, host.paths)
    files.remove_tree(host.paths.runtimes)
    files.remove(host.paths.operation_lock)
    for top in (host.paths.state_dir, host.paths.cache_dir, host.paths.logs_dir):
        folder = top
        while folder.startswith(host.paths.root) and files.rmdir(folder):
            folder = dirname(folder)
    words = {"removed": "removed", "absent": "was not there", "foreign": "left: it is not a command that we wrote"}
    return said(True, f"{host.paths.stable_binary}: {words[removed]}")
