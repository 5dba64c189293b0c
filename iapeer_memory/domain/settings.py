"""Every setting as one table, the syntax of `config.env`, and the precedence flag > environment > file > default. Pure.

Source: the reference package's configuration chapter. The file is the user's; only `IAPEER_MEMORY_*` keys of it
are applied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "IAPEER_MEMORY_"
BOM = b"\xef\xbb\xbf"
LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)\Z", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: its name without the prefix, its default as text, and what it is for. `secret`: its value is not
    shown."""

    name: str
    default: str
    about: str
    secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("VAULT_PATH", "", "the folder of notes; required"),
    Setting("LOCALE", "en", "en or ru: names of folders, types and statuses"),
    Setting("HUMAN_NAME", "", "the person to whom edits outside the agents are attributed"),
    Setting("MODE", "curated", "lean or curated: whether curator agents are woken"),
    Setting("MCP_PORT", "", "overrides the port kept in host.json"),
    Setting("EMBEDDING_ENDPOINT", "", "full URL of an embedding route; empty switches vectors off"),
    Setting("EMBEDDING_PROVIDER", "openai", "openai or tei"),
    Setting("EMBEDDING_MODEL", "Qwen/Qwen3-Embedding-8B", "model name sent to the endpoint"),
    Setting("EMBEDDING_DIMENSIONS", "4096", "length of the model's vectors"),
    Setting("EMBEDDING_BATCH_SIZE", "32", "passages in one request"),
    Setting("EMBEDDING_API_KEY", "", "sent to the endpoint as a bearer token", secret=True),
    Setting("EMBEDDING_TIMEOUT_MS", "60000", "how long indexing waits for one request"),
    Setting("EMBEDDING_QUERY_PREFIX", "", "put before a question, for models that expect an instruction"),
    Setting("RERANKER_ENDPOINT", "", "full URL of a reranking route; empty switches it off"),
    Setting("RERANKER_PROVIDER", "tei", "tei, cohere, nvidia, jina or none"),
    Setting("RERANKER_MODEL", "BAAI/bge-reranker-v2-m3", "model name sent to the endpoint"),
    Setting("RERANKER_TOP_K", "20", "results that are reranked"),
    Setting("RERANKER_WEIGHT", "0.7", "share of the reranker in a score, 0 to 1"),
    Setting("RERANKER_API_KEY", "", "sent to the endpoint as a bearer token", secret=True),
    Setting("RRF_K", "60", "how much the first ranks count where words and vectors are joined"),
    Setting("STAMPING", "on", "on or off: whether notes get their frontmatter from us"),
    Setting("HISTORY_DAYS", "90", "days that a former version of a note is kept"),
    Setting("HISTORY_MB", "512", "megabytes of former versions beyond which the oldest go"),
    Setting("AGENT_NAME", "", "who asks and writes where nothing else tells"),
    Setting("CURATOR_SET", "index,scriber,dreamweaver", "names of the curator agents"),
    Setting("INDEX_AGENT", "index", "the curator whose edit ends a review"),
    Setting("CURATOR_TICK_SECS", "21600", "seconds between two review queues for the curators"),
    Setting("FRESH_EDIT_WINDOW_S", "90", "seconds during which a stamp is taken for that of the last write"),
    Setting("PROJECTS_ROOT", "~/Projects", "where projects lie whose overview names no folder"),
    Setting("TAGS_BOUNDARY_MAXLEN", "160", "longest tag description in the projection, in characters"),
    Setting("DEDUP_THRESHOLD", "0.78", "similarity from which a note is called a duplicate"),
    Setting("LINK_HINT_THRESHOLD", "0.68", "similarity from which a link is suggested"),
    Setting("DREAM_CRON", "0 4 * * 1", "when the weekly maintenance wakes, as five cron fields"),
    Setting("DREAM_WINDOW_DAYS", "7", "days of activity that the weekly maintenance looks at"),
    Setting("DREAM_DESC_MAXLEN", "250", "longest description before it is flagged, in characters"),
    Setting("DREAM_BATCH_THRESHOLD", "20", "new notes from which a folder is a task of its own"),
    Setting("DREAM_GROUP_CAP", "20", "new notes in a grouped task"),
    Setting("DREAM_TRANSCRIPT_CAP", "20", "transcripts a folder; 0 means no cap"),
    Setting("PROACTIVE_INDEX", "", "1 or 0: overrides the mode for the index role"),
    Setting("PROACTIVE_SCRIBER", "", "1 or 0: overrides the mode for the scriber role"),
    Setting("PROACTIVE_DREAMWEAVER", "", "1 or 0: overrides the mode for the dreamweaver role"),
    Setting("MAX_RESULTS", "6", "results of one search"),
    Setting("EXCLUDE_FOLDERS", "", "comma-separated folder names that are not indexed; empty: the system folder"),
    Setting("SUPERVISOR", "", "notifier, unit or broker: overrides who keeps memoryd alive"),
    Setting("TRANSPORT", "", "http or attach: overrides how sessions reach memory"),
    Setting("ALLOW_MASS_DELETE", "", "1 lets one pass forget more than a fifth of the notes"),
)
BY_NAME: Mapping[str, Setting] = {s.name: s for s in SETTINGS}
CURATORS = ("index", "scriber", "dreamweaver")


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """One assignment of `config.env`."""

    key: str
    value: str
    number: int


def parse_env(text: str) -> tuple[tuple[ConfigLine, ...], tuple[int, ...]]:
    """(assignments in order, numbers of lines that are neither blank, comment nor assignment).

    `KEY=VALUE` or `export KEY=VALUE`; one level of equal quotes is taken off and its content kept verbatim;
    otherwise the value ends at the first ` #`. No escapes, no expansion; the last assignment of a key wins.
    """
    lines: list[ConfigLine] = []
    bad: list[int] = []
    for number, raw in enumerate(text.lstrip("\ufeff").split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.match(line)
        if not match or "\0" in line:
            bad.append(number)
            continue
        value = match[2].strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        else:
            value = value.split(" #", 1)[0].rstrip()
        lines.append(ConfigLine(match[1], value, number))
    return tuple(lines), tuple(bad)


def quote(value: str) -> str:
    """The value as `parse_env` reads it back; quoted only where it must be. Raises ValueError on a line break."""
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError("a setting cannot hold a line break")
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    if quoted or " #" in value or value != value.strip() or value.startswith("#"):
        return f'"{value}"'
    return value


class Settings:
    """The effective values: `settings["VAULT_PATH"]`; where a value came from: `settings.source("VAULT_PATH")`."""

    __slots__ = ("_values",)

    def __init__(self, env: Mapping[str, str], config: tuple[ConfigLine, ...] = ()) -> None:
        from_file = {c.key: c.value for c in config}
        values: dict[str, tuple[str, str]] = {}
        for setting in SETTINGS:
            key = PREFIX + setting.name
            if env.get(key):
                values[setting.name] = (env[key], "environment")
            elif from_file.get(key):
                values[setting.name] = (from_file[key], "config.env")
            else:
                values[setting.name] = (setting.default, "default")
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name][0]

    def source(self, name: str) -> str:
        """environment, config.env or default."""
        return self._values[name][1]

    def number(self, name: str, *, most: int | None = None) -> int:
        """A whole number, at most `most`; text that is none counts as the default."""
        text = self[name].strip()
        value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else int(BY_NAME[name].default)
        return value if most is None else min(value, most)

    def share(self, name: str) -> float:
        """A number with a fraction; text that is none counts as the default."""
        text = self[name].strip()
        good = text.isascii() and len(text) < 20 and text.replace(".", "", 1).isdecimal()
        return float(text if good else BY_NAME[name].default)

    @property
    def curators(self) -> tuple[str, ...]:
        """Names of the curator agents."""
        return tuple(name for name in (part.strip() for part in self["CURATOR_SET"].split(",")) if name)

    @property
    def stamping(self) -> bool:
        """Whether notes are stamped at all."""
        return self["STAMPING"].strip().lower() not in ("0", "off", "false", "no", "n")

    @property
    def vault(self) -> str | None:
        """The vault's path as given, or None."""
        return self["VAULT_PATH"] or None

    @property
    def locale(self) -> str:
        """en or ru; anything else is left for the config check to report."""
        return self["LOCALE"]

    @property
    def lean(self) -> bool:
        """Whether the mode is lean; anything else, absent included, is curated."""
        return self["MODE"].strip().lower() == "lean"

    def role_on(self, role: str) -> bool:
        """Whether a curator role is woken: its own switch, else the mode."""
        word = self["PROACTIVE_" + role.upper()].strip().lower()
        if word in ("1", "on", "true", "yes", "y"):
            return True
        if word in ("0", "off", "false", "no", "n"):
            return False
        return not self.lean

    @property
    def event_target(self) -> str | None:
        """Which curator receives memoryd's events."""
        return next((role for role in ("scriber", "index") if self.role_on(role)), None)


def set_line(data: bytes, key: str, value: str) -> bytes:
    """`config.env` with one assignment changed or added; every other byte stays.

    The last active assignment of the key is replaced in its place; where there is none, a line is added at the end.
    Raises ValueError for a value that a line cannot hold.
    """
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    wanted = f"{key}={quote(value)}".encode()
    lines = data.split(b"\n")
    for number in range(len(lines) - 1, -1, -1):
        match = LINE.match(lines[number].decode("utf-8", "replace").strip().lstrip("\ufeff"))
        if match and match[1] == key:
            mark = BOM if lines[number].startswith(BOM) else b""
            carriage = b"\r" if lines[number].endswith(b"\r") else b""
            lines[number] = mark + wanted + carriage
            return b"\n".join(lines)
    gap = b"" if not data or data.endswith(b"\n") else newline
    return data + gap + wanted + newline
