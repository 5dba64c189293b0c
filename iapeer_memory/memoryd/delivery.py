"""Brings each peer what its sessions start with: a context in our state folder, or a fragment that the core reads.

Without a core: `<state>/context/by-path/<the peer's folder>/context.txt`, private, written only when it changes; its
mtime says that memoryd lives. With one: `<peer>/.iapeer/fragments/iapeer-memory.md`. Beside both: each peer's author
index in the state folder, the tags mirror and projection in the cache. Of what lies in a peer's folder it reads only
how long a context its sessions want; never makes one, never follows a link out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os.path import dirname, normpath

from iapeer_memory.context import author_index, files, fragment, notes, session, tags
from iapeer_memory.context.author_index import Known
from iapeer_memory.context.budget import beginning
from iapeer_memory.context.projects import Places, candidates
from iapeer_memory.context.survey import Survey, survey
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.peer import Peer
from iapeer_memory.ecosystem.slot import parse as parse_slot
from iapeer_memory.fleet.map import FleetMap, load
from iapeer_memory.index.port import Reader
from iapeer_memory.index.records import NoteSummary
from iapeer_memory.memoryd.budgets import Budgets
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.placing import CONTEXT, Placing
from iapeer_memory.vault.layout import Locale

RECENT = 15
LARGEST_DICTIONARY = 1 << 20


@dataclass(frozen=True, slots=True)
class Brought:
    """What a peer was brought: a mark of what its texts were made from, and the size of each file."""

    mark: int
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Own:
    """A peer's own notes, and of each note that it is shown how many links it has."""

    notes: tuple[NoteSummary, ...]
    links: Mapping[str, int]


class Delivery:
    """`begin`, then `own` and `bring` for one peer after the other, then `end`: one thread at a time.

    `vault`: the folder as the user gave it. `core`: whether the ecosystem's core is here; it stitches the fragments.
    `projects_root`: where projects lie, `~` allowed; `widest`: characters of a tag's boundary.
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
        self._files = door.files
        self._paths = paths
        self._vault = vault
        self._locale = locale
        self._core = core
        self._placing = Placing(door, paths.state_dir, uid)
        self._budgets = Budgets(door.files, paths.session_settings)
        self._log = log
        self._contexts: set[str] = set()
        self._brought: dict[str, Brought] = {}
        self._before: dict[str, Brought] = {}
        self._seen = Survey({}, (), ())
        self._dictionary = ""
        self._places = Places(paths.home, "")
        self._foreign = False

    def survey(self, reader: Reader, peers: Sequence[Peer]) -> Survey:
        """What all notes together tell these peers."""
        names = () if self._core else tuple(peer.personality for peer in peers)
        return survey(reader.summaries(), self._locale, names, RECENT)

    def own(self, reader: Reader, peer: Peer) -> Own:
        """What a peer's texts are made from besides."""
        wanted = notes.where_own(self._locale, peer.personality)
        found = {note.path: note for only in wanted for note in reader.summaries(only)}
        mine = notes.own(found.values(), self._locale, peer.personality)
        recent = self._seen.recent.get(peer.personality, ())
        return Own(mine, reader.linked(note.path for note in (*mine, *recent)))

    def begin(self, seen: Survey) -> None:
        """A delivery begins: the vault's tags are brought, every peer is due."""
        self._seen = seen
        self._dictionary = self._tags()
        self._places = self._places_of_projects(seen)
        self._foreign = self._core and self._slot_is_foreign()
        self._before, self._brought, self._contexts = self._brought, {}, set()
        self._budgets.forget()

    def bring(self, peer: Peer, own: Own) -> None:
        """Bring a peer what it is due."""
        if not (self._foreign or (self._core and not peer.harnesses())):
            self._guarded(peer.cwd, partial(self._bring, peer, own))

    def end(self) -> None:
        """Every peer was brought what it is due: what else lies there is taken away."""
        self._guarded(self._by_path, partial(self._placing.prune, self._by_path, self._contexts))

    def context(self, folder: str) -> str:
        """What a session in that folder starts with: the nearest, from the folder upwards. "" where there is none, and
        with a core, which hands it out itself. Any thread may ask. Raises Unreadable."""
        while folder.strip("/") and not self._core:
            found = self._files.read_optional(f"{self._by_path}{folder}/{CONTEXT}")
            if found is not None:
                return found.decode("utf-8", "replace")
            folder = dirname(folder)
        return ""

    def _bring(self, peer: Peer, own: Own) -> None:
        """Render a peer, unless it would be brought what it was brought before and still has."""
        known = Known(own.notes, self._seen.overviews, own.links, self._places)
        recent, dictionary = self._seen.recent.get(peer.personality, ()), self._dictionary
        before = self._before.get(peer.personality)
        name, locale = peer.personality, self._locale
        # Of two peers with one folder the first is served.
        contexts = () if self._core else tuple(place for place in self._looked(peer) if place not in self._contexts)
        self._contexts.update(contexts)
        fragments = self._fragment_of(peer)
        capped_file, full_file = (f"{self._paths.state_dir}/{file}" for file in files.index_files(name))
        places = (capped_file, full_file, *contexts, *fragments)
        budget = self._budgets.found(peer.cwd) if contexts else None
        mark = _mark(peer, known, recent, dictionary, budget)
        if before is not None and before == self._lying(places, mark):
            self._brought[name] = before
            return
        shown = files.shown_path(full_file, self._paths.home)
        capped = author_index.author_index(name, locale, known, shown)
        texts = {capped_file: capped, full_file: author_index.author_index(name, locale, known, shown, full=True)}
        if contexts:
            text = session.session_text(name, self._vault, locale, known, recent, tags=dictionary)
            texts |= dict.fromkeys(contexts, text if budget is None else beginning(text, budget))
        done = [self._guarded(place, partial(self._placing.private, place, text)) for place, text in texts.items()]
        for path in fragments:
            whole = fragment.fragment_text(name, self._vault, self._paths, locale, tags=dictionary, index=capped)
            place = partial(self._placing.foreign, peer.cwd, path, whole)
            done.append(self._guarded(peer.cwd, place))
        brought = self._lying(places, mark)
        if all(done) and brought is not None:
            self._brought[name] = brought

    def _lying(self, places: Sequence[str], mark: int) -> Brought | None:
        """What lies there; None when a file is missing."""
        sizes = {place: found.size for place in places if (found := self._files.lstat(place)) is not None}
        return Brought(mark, sizes) if len(sizes) == len(places) else None

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
                self._guarded(place, partial(self._placing.kept, place, file.text))
        return projection

    def _places_of_projects(self, seen: Survey) -> Places:
        """Which of the folders that projects may have are there."""
        home = self._paths.home
        root = f"{home}{self._projects_root[1:]}" if self._projects_root.startswith("~") else self._projects_root
        places = Places(home, root)
        possible = candidates(seen.overviews, seen.projects, places)
        return replace(places, existing=frozenset(filter(self._is_folder, possible)))

    def _is_folder(self, place: str) -> bool:
        try:
            found = self._files.stat(place)
        except (ProductError, OSError, ValueError):
            return False
        return found is not None and found.kind == "dir"

    def alive(self) -> bool:
        """Say by their mtime that the contexts are watched over; False when one is missing or is wanted otherwise, and
        all are due."""
        whole = not self._budgets.changed()
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

    def _looked(self, peer: Peer) -> tuple[str, ...]:
        """Where a session of this peer looks: by the folder as the fleet knows it, and as the system does."""
        if not peer.cwd.startswith("/") or "\0" in peer.cwd:
            return ()
        folders = (normpath(peer.cwd), self._files.realpath(peer.cwd))
        return tuple(dict.fromkeys(f"{self._by_path}/{folder.lstrip('/')}/{CONTEXT}" for folder in folders))

    def _fragment_of(self, peer: Peer) -> tuple[str, ...]:
        """Where a peer's fragment lies; () without a core, and while the peer's folder is gone."""
        return (f"{peer.cwd}/{fragment.FILE}",) if self._core and self._is_folder(peer.cwd) else ()

    def _guarded(self, what: str, act: Callable[[], object]) -> bool:
        """Do it; one peer's failure does not stop the others. Whether it was done."""
        try:
            act()
        except (ProductError, OSError, ValueError) as error:
            self._log.warn(f"no context for {printable(what)}: {_words(error)}")
            return False
        return True


def _mark(peer: Peer, known: Known, recent: Sequence[NoteSummary], dictionary: str, budget: int | None) -> int:
    """Differs where anything differs that a peer's texts are made from."""
    links = tuple(known.links.get(note.path, 0) for note in (*known.own, *recent))
    return hash((peer, known.own, known.overviews, known.places, recent, links, dictionary, budget))


def _words(error: ProductError | OSError | ValueError) -> str:
    return error.line() if isinstance(error, ProductError) else str(error)
