"""`memory_write`: a note, or more text at a note's end, for agents whose sandbox keeps them out of the vault.

Never overwrites, never writes outside canon and the caller's own memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from iapeer_memory.memoryd.tools import draft, guide, schema
from iapeer_memory.memoryd.tools.asker import Asker
from iapeer_memory.memoryd.tools.compact import compact
from iapeer_memory.memoryd.tools.memory import Append, Create, Memory, WriteArguments
from iapeer_memory.memoryd.tools.places import file_name, folders_for_words, home_of, may_write, relative
from iapeer_memory.memoryd.tools.reading import Given
from iapeer_memory.memoryd.tools.tool import Outcome, Tool
from iapeer_memory.vault.layout import Locale

NAME = "memory_write"
MODES = ("create", "append")
LONGEST_TITLE = 200
LONGEST_LINE = 500
LONGEST_PATH = 1_024
LONGEST_TEXT = 200_000
TAG = re.compile(r"[\w][\w/.-]*\Z")

INPUTS: Mapping[str, Any] = {
    "mode": {"type": "string", "enum": list(MODES), "default": MODES[0]},
    "title": schema.text("create: one line; it names the file.", minLength=1),
    "text": schema.text("Markdown, without frontmatter.", minLength=1),
    "folder": schema.text(
        "create: knowledge, decisions, projects/NAME, ideas, lists, agent_memory (default: your own)."
    ),
    "subtype": schema.text("Own memory: its kind."),
    "status": schema.text("Default: the folder's first."),
    "tags": {"type": "array", "items": schema.TEXT, "description": "Shared folders: at least one."},
    "description": schema.text("Own memory: one line."),
    "path": schema.text("append: the note."),
}
ONLY_CREATE = ("title", "folder", "subtype", "status", "tags", "description")
TOOL = Tool(
    name=NAME,
    title="Write into the shared memory",
    description=("Create a note, or append to one; never overwrites. For agents that cannot write files in the vault."),
    input_schema=schema.inputs(INPUTS, "text"),
    output_schema=schema.whole(path=schema.TEXT, mode=schema.TEXT, hints=schema.TEXTS),
    read_only=False,
)


def read(arguments: Mapping[str, Any], caller: str | None, locale: Locale, vault: str) -> WriteArguments:
    """The arguments, checked and resolved to a path. Raises BadArguments."""
    given = Given(NAME, arguments, INPUTS)
    text = given.text("text", LONGEST_TEXT)
    if text is None or not text.strip() or "\0" in text:
        raise given.wrong("text must be some text, without NUL")
    if given.choice("mode", MODES) == "append":
        return _append(given, text, caller, locale, vault)
    return _create(given, text, caller, locale)


async def call(arguments: WriteArguments, asker: Asker, memory: Memory) -> Outcome:
    """Write. Raises ProductError."""
    language = asker.settings.language or guide.USUAL
    written = await memory.write(arguments, asker.caller, key=asker.key, language=language)
    mode = "create" if isinstance(arguments, Create) else "append"
    payload = compact({"path": written.path, "mode": mode, "hints": list(written.hints)})
    return Outcome(payload, payload)


def _append(given: Given, text: str, caller: str | None, locale: Locale, vault: str) -> Append:
    strange = [name for name in ONLY_CREATE if given.has(name)]
    if strange:
        raise given.wrong(f"append takes path and text, not {', '.join(strange)}")
    path = given.text("path", LONGEST_PATH)
    if path is None:
        raise given.wrong("append needs path, as memory_search gives it")
    path = relative(path, vault)
    if not may_write(path, caller, locale):
        raise given.wrong(f"path must be a note (.md) in {_allowed(caller, locale)}")
    return Append(path, text)


def _create(given: Given, text: str, caller: str | None, locale: Locale) -> Create:
    title = given.line("title", LONGEST_TITLE)
    if title is None or given.has("path"):
        raise given.wrong("create needs title and takes no path; the title names the file")
    if draft.has_frontmatter(text):
        raise given.wrong("text must not begin with frontmatter; give title, status, tags as arguments")
    folder = given.line("folder", LONGEST_PATH)
    home = home_of(folder, caller, locale)
    if home is None:
        raise given.wrong(f"folder must be one of {_allowed(caller, locale)}, or a folder below")
    name = file_name(title)
    if name is None:
        raise given.wrong("title must hold letters or digits; it names the file")
    own = locale.folder_of(f"{home}/{name}") == "agent_memory"
    data = draft.note(
        title,
        text,
        subtype=_subtype(given, locale, own),
        status=_status(given, locale),
        description=given.line("description", LONGEST_LINE),
        tags=_tags(given, own),
    )
    return Create(f"{home}/{name}", data)


def _subtype(given: Given, locale: Locale, own: bool) -> str | None:
    subtype = given.line("subtype", LONGEST_LINE)
    if subtype is not None and (not own or subtype not in locale.subtypes):
        raise given.wrong(f"subtype is for your own memory: one of {', '.join(locale.subtypes)}")
    return subtype


def _status(given: Given, locale: Locale) -> str | None:
    status = given.line("status", LONGEST_LINE)
    if status is not None and locale.group(status) is None:
        known = (token for tokens in locale.statuses.values() for token in tokens)
        raise given.wrong(f"status must be one of {', '.join(known)}")
    return status


def _tags(given: Given, own: bool) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(tag.lstrip("#") for tag in given.lines("tags", LONGEST_TITLE)))
    if own and tags:
        raise given.wrong("notes of your own memory carry no tags")
    if not own and not tags:
        raise given.wrong("a note in a shared folder needs at least one tag")
    if not all(map(TAG.match, tags)):
        raise given.wrong("a tag is letters, digits, - _ . and /")
    return tags


def _allowed(caller: str | None, locale: Locale) -> str:
    """Where this caller may write, for a message."""
    own = f"your own memory ({locale.folders['agent_memory']}/{caller})" if caller else "your own memory (name unknown)"
    return f"{folders_for_words(locale)} or {own}"
