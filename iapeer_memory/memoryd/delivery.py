"""Brings each peer what its sessions start with: a context in our state folder, or a fragment that the core reads.

Without a core: `<state>/context/by-path/<the peer's folder>/context.txt`, private, written only when it changes; its
mtime says that memoryd lives. With one: `<peer>/.iapeer/fragments/iapeer-memory.md`. Beside both: each peer's author
index in the state folder, the tags mirror and projection in the cache. Never reads a peer's folder for content, never
makes one, never follows a link out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from os.path import dirname, normpath

from iapeer_memory.context import author_index, files, fragment, notes, projects, session, tags
from iapeer_memory.context.author_index import Known
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.peer import Peer
from iapeer_memory.ecosystem.slot import parse as parse_slot
from iapeer_memory.egress.foreign import Policy, edit_foreign, resolve
from iapeer_memory.fleet.map import FleetMap, load
from iapeer_memory.index.port import NoteSummary
from iapeer_memory.memoryd.log import Log
from iapeer_memory.vault.layout import Locale

RECENT = 15
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
CONTEXT = "context.txt"
LARGEST_DICTIONARY = 1 << 20


class Delivery:
    """One thread at a time. `vault`: the folder as the user gave it. `core`: whether the ecosystem's core is here; it
    stitches the fragments. `projects_root`: where projects lie, `~` allowed; `widest`: characters of a tag's boundary.
    """

    def __init__(
        self,
        door: Door,
        paths: Paths,
        vault: str,
        locale: Locale,
        *,
        core: bool,
        uid: int,
        projects_root: str,
        widest: int,
        log: Log,
    ) -> None:
        self._projects_root = projects_root
        self._widest = widest
        self._door = door
        self._files = door.files
        self._paths = paths
        self._vault = vault
        self._locale = locale
        self._core = core
        self._uid = uid
        self._log = log
        self._contexts: set[str] = set()

    def deliver(self, fleet: FleetMap | None, summaries: Sequence[NoteSummary], linked: Mapping[str, int]) -> None:
        """Render every peer of the fleet; None changes nothing. `linked`: as `Reader.linked` tells it."""
        dictionary = self._tags()
        if fleet is None:
            return
        every = notes.live(summaries, self._locale)
        own = notes.by_owner(every, self._locale)
        known = Known((), every, linked, self._places_of_projects(every))
        foreign = self._core and self._slot_is_foreign()
        texts: dict[str, str] = {}
        indexes: dict[str, str] = {}
        for peer in fleet.peers:
            mine = replace(known, own=own.get(peer.personality, ()))
            if foreign or (self._core and not peer.harnesses()):
                continue
            index = self._index(peer.personality, mine, indexes)
            if self._core:
                self._guarded(peer.cwd, partial(self._fragment, peer, dictionary, index))
            else:
                self._guarded(peer.cwd, partial(self._plan, texts, peer, mine, summaries, dictionary))
        for place, text in (texts | indexes).items():
            self._guarded(place, partial(self._private, place, text.encode("utf-8", "replace")))
        self._guarded(self._by_path, partial(self._prune, self._by_path, set(texts)))
        self._contexts = set(texts)

    def _index(self, peer: str, known: Known, indexes: dict[str, str]) -> str:
        """The peer's capped author index; both of its files are added to `indexes`."""
        full_file = f"{self._paths.state_dir}/{files.INDEXES}/{files.index_name(peer, full=True)}"
        shown = files.shown_path(full_file, self._paths.home)
        capped = author_index.author_index(peer, self._locale, known, shown)
        full = author_index.author_index(peer, self._locale, known, shown, full=True)
        for file in files.index_files(peer, capped, full):
            indexes[f"{self._paths.state_dir}/{file.name}"] = file.text
        return capped

    def _tags(self) -> str:
        """The projection of the vault's tags; its file and the mirror's are brought up to date."""
        source: bytes | None = None
        try:
            place = f"{self._vault}/{self._locale.folders['system']}/{self._locale.tags_file}"
            source = self._files.read_optional(place, limit=LARGEST_DICTIONARY)
        except (ProductError, OSError) as error:
            self._log.warn(f"the tags dictionary cannot be read: {_words(error)}")
        mirror = files.mirrored(source)
        if mirror is None:
            return ""
        projection = tags.projected(mirror.text, widest=self._widest)
        for file in (mirror, files.projected(projection)):
            if file is not None:
                place = f"{self._paths.cache_dir}/{file.name}"
                self._guarded(place, partial(self._kept, place, file.text.encode()))
        return projection

    def _places_of_projects(self, every: Sequence[NoteSummary]) -> projects.Places:
        """Which of the folders that projects may have are there."""
        home = self._paths.home
        root = f"{home}{self._projects_root[1:]}" if self._projects_root.startswith("~") else self._projects_root
        places = projects.Places(home, root)
        return replace(
            places, existing=frozenset(filter(self._is_folder, projects.candidates(every, self._locale, places)))
        )

    def _is_folder(self, place: str) -> bool:
        try:
            found = self._files.stat(place)
        except (ProductError, OSError, ValueError):
            return False
        return found is not None and found.kind == "dir"

    def alive(self) -> bool:
        """Say by their mtime that the contexts are watched over; False when one is missing and all are due."""
        whole = True
        for place in self._contexts:
            if self._files.lstat(place) is None:
                whole = False
            else:
                self._guarded(place, partial(self._files.touch, place))
        return whole

    def _slot_is_foreign(self) -> bool:
        """Whether the core was handed to another provider: then nothing of ours belongs into a peer's prompt."""
        try:
            slot = parse_slot(self._files.read_optional(self._paths.slot, limit=1 << 20))
        except (ProductError, OSError):
            return True
        return slot is not None and not slot.ours

    @property
    def _by_path(self) -> str:
        return f"{self._paths.contexts}/by-path"

    def fleet(self) -> FleetMap | None:
        """Who is there; None when the map is missing or malformed."""
        try:
            fleet = load(self._files.read_optional(self._paths.fleet_map))
        except (ProductError, OSError) as error:
            self._log.warn(f"the fleet map cannot be read: {_words(error)}")
            return None
        return fleet if isinstance(fleet, FleetMap) else None

    def _places(self, peer: Peer) -> tuple[str, ...]:
        """Where a session of this peer looks: by the folder as the fleet knows it, and as the system does."""
        if not peer.cwd.startswith("/") or "\0" in peer.cwd:
            return ()
        folders = (normpath(peer.cwd), self._files.realpath(peer.cwd))
        return tuple(dict.fromkeys(f"{self._by_path}/{folder.lstrip('/')}/{CONTEXT}" for folder in folders))

    def _plan(
        self, texts: dict[str, str], peer: Peer, known: Known, summaries: Sequence[NoteSummary], dictionary: str
    ) -> None:
        """Add a peer's contexts; of two peers with one folder the first is served. Raises Unreadable."""
        recent = notes.recent(summaries, self._locale, peer.personality, RECENT)
        text = session.session_text(peer.personality, self._vault, self._locale, known, recent, tags=dictionary)
        for place in self._places(peer):
            texts.setdefault(place, text)

    def _fragment(self, peer: Peer, dictionary: str, index: str) -> None:
        """Write a peer's fragment; a peer whose folder is gone is passed over. Raises UnsafePath, OSError."""
        folder = self._files.stat(peer.cwd)
        if folder is None or folder.kind != "dir":
            return
        text = fragment.fragment_text(
            peer.personality, self._vault, self._paths, self._locale, tags=dictionary, index=index
        )
        data = text.encode("utf-8", "replace")
        policy = Policy(inside=peer.cwd, uid=self._uid)
        path = f"{peer.cwd}/{fragment.FILE}"
        self._folders(dirname(resolve(self._files, path, policy)))
        edit_foreign(self._door, path, lambda _: data, policy=policy, backups=None, mode=PRIVATE_FILE)

    def _private(self, path: str, data: bytes) -> None:
        """Write a file of ours below the state folder if it differs. Raises OSError, UnsafePath."""
        self._kept(resolve(self._files, path, Policy(inside=self._paths.state_dir, uid=self._uid)), data)

    def _kept(self, place: str, data: bytes) -> None:
        """Write a file if it differs. Raises OSError."""
        if self._files.read_optional(place) != data:
            self._folders(dirname(place))
            self._files.write(place, data, mode=PRIVATE_FILE)

    def _folders(self, folder: str) -> None:
        """Make a folder and its parents, each one private."""
        missing: list[str] = []
        while self._files.lstat(folder) is None:
            missing.append(folder)
            folder = dirname(folder)
        for place in reversed(missing):
            self._files.mkdir(place, mode=PRIVATE_FOLDER)

    def _prune(self, folder: str, wanted: set[str]) -> None:
        """Remove contexts that nobody is meant to read any more, and the folders that they leave empty."""
        for name in self._files.list(folder):
            place = f"{folder}/{name}"
            found = self._files.lstat(place)
            if found is not None and found.kind == "dir":
                self._prune(place, wanted)
                self._files.rmdir(place)
            elif name == CONTEXT and place not in wanted:
                self._files.remove(place)

    def _guarded(self, what: str, act: Callable[[], object]) -> None:
        """Do it; one peer's failure does not stop the others."""
        try:
            act()
        except (ProductError, OSError, ValueError) as error:
            self._log.warn(f"no context for {printable(what)}: {_words(error)}")


def _words(error: ProductError | OSError | ValueError) -> str:
    return error.line() if isinstance(error, ProductError) else str(error)
