"""What an author is told about a note just written: bounded single lines that begin with our name. Silent when all is
well.

A credential is named by its line and kind, never by its value. What others wrote (titles) is shown as one printable
line. Imports nothing heavy: the post-write hook comes this way.
"""

from __future__ import annotations

from iapeer_memory.hooks.post_write import read_file
from iapeer_memory.vault.privacy import findings, for_index, unclosed
from iapeer_memory.vault.zone import zone_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from iapeer_memory.hooks.after_write import Host, Rules
    from iapeer_memory.vault.layout import Locale

NAME = "[iapeer-memory]"
SECRETS = 5
"""Credentials that are named one by one."""

SHOWN = 5
"""Notes that are named in one line."""

LARGEST = 1 << 20
"""Bytes of a note that we read for hints; a larger one is stamped and left alone."""

WIDEST = 120
"""Characters of a title."""


class Note:
    """A note just written. `path`: as the call named it; `place`: vault-relative; `data`: its bytes once they are
    known."""

    __slots__ = ("data", "path", "place")

    def __init__(self, path: str, place: str) -> None:
        self.path = path
        self.place = place
        self.data: bytes | None = None


def as_output(told: list[str]) -> bytes:
    """The one line of JSON by which a hook speaks to the model; nothing where there is nothing to say.

    Source: the harnesses' PostToolUse answer (hookSpecificOutput.additionalContext).
    """
    if not told:
        return b""
    from _json import encode_basestring_ascii

    text = encode_basestring_ascii("\n".join(f"{NAME} {line}" for line in told))
    answer = f'{{"hookSpecificOutput":{{"hookEventName":"PostToolUse","additionalContext":{text}}}}}\n'
    return answer.encode()


def of_shell(notes: Mapping[str, str], words: Locale) -> list[str]:
    """The reminder after a shell command that wrote notes which are stamped."""
    paths = [quoted(path) for path, place in notes.items() if zone_of(place, words) is not None]
    if not paths:
        return []
    first = f" ({SHOWN} of {len(paths)} here)" if len(paths) > SHOWN else ""
    return [f"a shell command does not stamp notes{first}; run: iapeer-memory bake {' '.join(paths[:SHOWN])}"]


def of_note(note: Note, vault: str, writer: str | None, rules: Rules, host: Host, end: float) -> list[str]:
    """Everything that there is to say about one note. `end`: by the monotonic clock. Raises OSError, ValueError."""
    if note.data is None:
        note.data = read_file(f"{vault}/{note.place}")
    if len(note.data) > LARGEST:
        return []
    text = note.data.decode("utf-8", "replace")
    told = of_secrets(note.place, text)
    zone = zone_of(note.place, rules.locale)
    if zone is None:
        return told
    if not zone.canon:
        if writer is not None and writer != zone.owner and not rules.is_curator(writer):
            told.append(
                f"{shown(note.place)} is in the memory of {shown(zone.owner or '')}, which only its owner edits; "
                "write what is for everybody into a shared folder"
            )
        return told
    told += of_tags(note.place, note.data, vault, rules.locale, host)
    if rules.get("EMBEDDING_ENDPOINT"):
        try:
            told += of_similar(note, text, rules, host, end)
        except (OSError, ValueError) as error:
            host.fail(error)
    return told


def of_secrets(place: str, text: str) -> list[str]:
    """Lines that look like credentials, and a private span that nobody closes."""
    found = findings(text)
    told = [
        f"{shown(place)}, line {secret.line}, looks like a credential ({secret.kind}): it is kept out of search, "
        "but stays in the file; better take it out"
        for secret in found[:SECRETS]
    ]
    if len(found) > SECRETS:
        told.append(f"{shown(place)} has {len(found) - SECRETS} more lines that look like credentials")
    if (line := unclosed(text)) is not None:
        told.append(f"{shown(place)}, line {line}: <private> is never closed, so nothing after it is found")
    return told


def of_tags(place: str, data: bytes, vault: str, words: Locale, host: Host) -> list[str]:
    """What the tags of a canon note lack; nothing where there is no dictionary."""
    from iapeer_memory.vault.tags import dictionary, problems

    original = f"{vault}/{words.folders['system']}/{words.tags_file}"
    for path in (host.mirror, original):
        try:
            known = dictionary(read_file(path).decode("utf-8-sig", "replace"))
        except OSError:
            continue
        if known:
            return [f"{shown(place)}: {line}" for line in problems(tags_of(data), known, path=original)]
    return []


def tags_of(data: bytes) -> tuple[str, ...]:
    """The tags in the frontmatter."""
    from iapeer_memory.vault.block import decode, entries, frontmatter_of
    from iapeer_memory.vault.items import items_of

    found = frontmatter_of(data)
    block = entries(decode(data[found.block : found.closing])) if found else []
    return next((items_of(entry) for entry in block if entry.key == "tags"), ())


def of_similar(note: Note, text: str, rules: Rules, host: Host, end: float) -> list[str]:
    """Notes that say the same, and notes that deserve a link. Raises OSError, ValueError."""
    from iapeer_memory.hooks.similar import similar_notes

    twin, link = rules.share("DEDUP_THRESHOLD", 0.78), rules.share("LINK_HINT_THRESHOLD", 0.68)
    found = similar_notes(host, for_index(text), duplicate=twin, link=link, end=end)
    others = [match for match in found if not is_same(match.path, note.place) and is_linkable(match.title)]
    twins = [f"[[{shown(m.title)}]] ({m.similarity:.0%})" for m in others if m.similarity >= twin]
    links = [f"[[{shown(m.title)}]] ({m.similarity:.0%})" for m in others if link <= m.similarity < twin]
    told = []
    if twins:
        told.append(f"{shown(note.place)} may repeat {', '.join(twins[:SHOWN])}: merge them, or say how they differ")
    if links:
        told.append(f"{shown(note.place)} may deserve a link to {', '.join(links[:SHOWN])}")
    return told


def is_same(path: str, place: str) -> bool:
    """Whether two vault-relative paths name one file, letters composed or not; a bare name is compared as one."""
    if path == place:
        return True
    if path.isascii() and place.isascii():
        return "/" not in path and path == place.rpartition("/")[2]
    from unicodedata import normalize

    path, place = normalize("NFC", path), normalize("NFC", place)
    return path in (place, place.rpartition("/")[2])


def is_linkable(title: str) -> bool:
    """Whether the title can stand in a wikilink."""
    return bool(title.strip()) and not any(mark in title for mark in "[]|#^\n")


def shown(text: str) -> str:
    """One printable line: no controls, no marks that turn or hide text."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: WIDEST * 2])
    line = " ".join(line.split())
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"


def quoted(path: str) -> str:
    """The path as a word of a shell."""
    return "'" + path.replace("'", "'\\''") + "'"
