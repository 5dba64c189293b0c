"""What `render` knows of a vault without a daemon: its notes, their links, its tags, the folders of its projects."""

from __future__ import annotations

from iapeer_memory.cli.session import announce
from iapeer_memory.context import links
from iapeer_memory.context.author_index import Known
from iapeer_memory.context.links import Linked
from iapeer_memory.context.notes import own
from iapeer_memory.context.projects import Places, candidates
from iapeer_memory.context.survey import survey
from iapeer_memory.context.tags import projected
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.memoryd.checks import rules_of
from iapeer_memory.memoryd.record import record
from iapeer_memory.provision.host import Host
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.note import NOTE_LIMIT, parse
from iapeer_memory.vault.walk import walk

TAGS_LIMIT = 4 << 20
WIDEST = 160


def known_of(host: Host, vault: str, locale: Locale, peer: str, projects_root: str) -> Known:
    """What a peer's index is made from, read from the vault. A note that cannot be read is passed over, with a word."""
    files = host.door.files
    rules = rules_of(host.settings, locale).read(files, vault)
    summaries, linked = [], []
    for entry in walk(files, vault, rules):
        if entry.kind != "note":
            continue
        try:
            data = files.read_optional(f"{vault}/{entry.path}", limit=NOTE_LIMIT)
        except (ProductError, OSError) as error:
            announce(f"{printable(entry.path)} cannot be read: {error}")
            continue
        if data is None:
            continue
        made = record(parse(entry.path, data), locale)
        summary = made.summary
        summaries.append(summary)
        linked.append(Linked(entry.path, (summary.title, *summary.aliases), tuple(k.target for k in made.links)))
    places = Places(host.paths.home, projects_root)
    found = survey(summaries, locale)
    existing = frozenset(f for f in candidates(found.overviews, found.projects, places) if _is_folder(host, f))
    places = Places(places.home, places.root, existing)
    return Known(own(summaries, locale, peer), found.overviews, links.of_notes(linked), places)


def tags_of(host: Host, vault: str, locale: Locale) -> str:
    """The projection of the vault's tags dictionary; "" where it cannot be read."""
    place = f"{vault}/{locale.folders['system']}/{locale.tags_file}"
    try:
        data = host.door.files.read_optional(place, limit=TAGS_LIMIT) or b""
    except (ProductError, OSError):
        return ""
    text = host.settings["TAGS_BOUNDARY_MAXLEN"].strip()
    widest = int(text) if text.isascii() and text.isdecimal() and 0 < int(text) < 10_000 else WIDEST
    return projected(data.decode("utf-8-sig", "replace"), widest=widest)


def _is_folder(host: Host, path: str) -> bool:
    try:
        found = host.door.files.stat(path)
    except (ProductError, OSError):
        return False
    return found is not None and found.kind == "dir"
