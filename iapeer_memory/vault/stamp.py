"""The fill: what a note gets when somebody wrote it. Line surgery on bytes; pure.

Only our own keys, scalars that YAML would misread, the links heading and the blank line after the fence are touched;
every other byte stays. Stamping twice with the same `now` gives the same bytes. No bytes are refused.

Source: the reference core's fill of a written note.
"""

from __future__ import annotations

from iapeer_memory.vault import items, safe_yaml
from iapeer_memory.vault.block import SERVICE, Entry, decode, encode, entries, frontmatter_of, joined
from iapeer_memory.vault.fences import start_of
from iapeer_memory.vault.links_heading import canonical
from iapeer_memory.vault.service import apart, ending_of, line
from iapeer_memory.vault.zone import zone_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from iapeer_memory.vault.layout import Locale

LISTS = ("tags", "coauthors")
TOKENS = ("type", "subtype", "status", "created", "author")
"""Keys whose values are words: there a ` #` begins a comment."""


def stamp(
    data: bytes,
    path: str,
    *,
    locale: Locale,
    writer: str,
    curator: bool,
    review: bool,
    now: str,
    created: str | None = None,
) -> bytes:
    """The note as it should stand after `writer` wrote it; the data itself where nobody stamps.

    `path`: vault-relative, with `/`. `now`: `YYYY-MM-DD HH:MM:SS`, local. `created`: `YYYY-MM-DD`, the day of `now`
    if None. `review`: whether a write asks for a curator; a curator's own never does, and nobody's lowers the flag.
    """
    zone = zone_of(path, locale)
    if zone is None:
        return data
    found = frontmatter_of(data)
    ending = ending_of(data, found)
    fence = f"---{ending}\n".encode()
    head, foot, body = data[: start_of(data)] + fence, fence, data[start_of(data) :]
    block: list[Entry] = []
    if found is not None:
        head, foot, body = data[: found.block], data[found.closing : found.body], data[found.body :]
        block = [entry for entry in entries(decode(data[found.block : found.closing])) if not _is_void(entry)]

    flag = "true" if review and not curator else None
    if flag is None and not any(entry.key == "needs_review" for entry in block):
        flag = "false"
    who = _name(writer)
    values = {"last_edited_by": safe_yaml.plain(who), "updated": now, "needs_review": flag}
    block, trio = apart(block, values, ending)
    block = [_tidied(entry) for entry in entries(joined(block))]  # lines below a key that left have another owner now
    wanted = {
        "title": _name(path.rpartition("/")[2].removesuffix(".md")),
        "type": zone.genre.type,
        "status": zone.genre.status,
        "created": created or now[:10],
    }
    if zone.owner is not None:
        wanted["author"] = _name(zone.owner)
    elif not curator:
        wanted["author"] = who
    have = {entry.key for entry in block}
    block += [line(key, safe_yaml.plain(text), ending) for key, text in wanted.items() if key not in have]
    if zone.canon and not curator:
        block = _credited(block, who, ending)
    body = canonical(body, locale.links_heading)
    return head + encode(joined([*block, *trio])) + foot + _gap(foot, body, ending) + body


def _credited(block: list[Entry], who: str, ending: str) -> list[Entry]:
    """The block with `who` among its coauthors, where somebody else is the author."""
    author = next((entry for entry in block if entry.key == "author"), None)
    if author is None or not items.items_of(author) or who in items.items_of(author):
        return block
    at = next((at for at, entry in enumerate(block) if entry.key == "coauthors"), None)
    if at is None:
        return [*block, items.fresh("coauthors", (who,), ending)]
    return [*block[:at], items.added(block[at], who), *block[at + 1 :]]


def _tidied(entry: Entry) -> Entry:
    """The entry with its scalar as every YAML reader takes it."""
    if entry.key is None or not entry.single or entry.key in LISTS or entry.key in SERVICE:
        return entry
    raw = safe_yaml.safe(entry.raw, comments=entry.key in TOKENS)
    if raw == entry.raw:
        return entry
    return Entry(entry.key, raw, [f"{entry.lines[0].partition(':')[0]}: {raw}{entry.ending}"])


def _is_void(entry: Entry) -> bool:
    return entry.key in LISTS and items.is_empty(entry)


def _gap(foot: bytes, body: bytes, ending: str) -> bytes:
    """The blank line between the fence and a text; none before the end of the file."""
    first = body[: body.find(b"\n") + 1] or body
    return f"{ending}\n".encode() if foot.endswith(b"\n") and first.strip(b" \t\r\n") else b""


def _name(text: str) -> str:
    """A name that came from the file system, as text: bytes that are not UTF-8 become U+FFFD."""
    return encode(text).decode("utf-8", "replace")
