"""The text that a session starts with where no core delivers fragments. Pure.

A harness cuts long hook output down to its beginning: the essentials stand in the first 2,000 characters, the whole
keeps within 9,500. Lengths are characters of the text.
"""

from __future__ import annotations

from collections.abc import Sequence

from iapeer_memory.context import notes as shown
from iapeer_memory.context.notes import clip, line
from iapeer_memory.index.port import NoteSummary
from iapeer_memory.vault.layout import Folder, Locale

ESSENTIALS = 2_000
WHOLE = 9_500
RECENT_SHARE = 2_500
LONGEST_PATH = 600
KINDS: tuple[tuple[Folder, str], ...] = (
    ("knowledge", "facts, research, lessons"),
    ("decisions", "a decision, its reasons and what else was weighed"),
    ("projects", "one folder a project"),
    ("ideas", "unverified thoughts"),
    ("lists", "registries"),
)


def session_text(
    peer: str, vault: str, locale: Locale, own: Sequence[NoteSummary], recent: Sequence[NoteSummary]
) -> str:
    """Essentials, then a map of the peer's own notes, then what others changed last; one final newline."""
    text = essentials(peer, vault, locale)
    tail = _section("Changed last by others", [line(n) for n in recent], RECENT_SHARE) if recent else ""
    text += _own(own, locale, WHOLE - len(text) - len(tail))
    return text + tail


def essentials(peer: str, vault: str, locale: Locale) -> str:
    """What an agent must know to use the memory, in at most 2,000 characters."""
    folders = locale.folders
    place = vault if len(vault) <= LONGEST_PATH else clip(vault, LONGEST_PATH)
    genres = "\n".join(f"  - `{folders[key]}/`: {what}" for key, what in KINDS)
    return f"""\
# Shared memory (iapeer-memory)

You are `{peer}`. All agents of this host share one long-term memory: plain markdown notes in the vault
`{place}`

- **Search first.** Before you answer from memory, decide, or start work: call the MCP tool `memory_search` with a few
  telling words (server `iapeer-memory`). Open a note that it names by its path below the vault. Notes with a stale
  status are still found: mind the status.
- **Write it down.** What will matter to another session or another agent goes into a note, one thought a note, with a
  title that says it. A note is a file `<title>.md` in the folder of its kind:
{genres}
  - `{folders["agent_memory"]}/{peer}/`: what only you need; folders beside it belong to other agents, leave them be.
- **Form.** Begin with frontmatter: `title`, `status`, `tags` (a list), `author: {peer}`. Link other notes as
  `[[Title]]`. Improve an existing note rather than write a second one; mark what no longer holds with the status
  `{locale.statuses["stale"][0]}`, never delete it. Files below `{folders["system"]}/` are not notes.
"""


def _own(own: Sequence[NoteSummary], locale: Locale, room: int) -> str:
    """The map of the peer's own notes within that many characters: every section gets a share, none is forgotten."""
    heading = "\n## Your notes\n"
    if not own:
        text = f"{heading}\nNone yet.\n"
        return text if len(text) <= room else ""
    parts = shown.sections(own, locale)
    left = room - len(heading)
    text = heading
    for at, (title, lines) in enumerate(parts):
        part = _section(title, lines, left // (len(parts) - at), level="###")
        text += part
        left -= len(part)
    return text


def _section(title: str, lines: Sequence[str], room: int, *, level: str = "##") -> str:
    """A heading and as many lines as fit, with a word on how many were left out; "" where not even one fits."""
    text = f"\n{level} {title}\n\n"
    more = "- … and {} more: search for them\n"
    kept: list[str] = []
    length = len(text)
    for at, item in enumerate(lines):
        rest = len(lines) - at - 1
        needed = len(item) + 1 + (len(more.format(rest)) if rest else 0)
        if length + needed > room:
            break
        kept.append(item)
        length += len(item) + 1
    if not kept:
        return ""
    left_out = len(lines) - len(kept)
    return text + "".join(f"{item}\n" for item in kept) + (more.format(left_out) if left_out else "")
