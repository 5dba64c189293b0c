"""The tags dictionary of a vault: what it knows, what a note's tags lack, and how a session sees it. Pure.

Source: the reference core's tag gate and tag projection.
"""

from __future__ import annotations

from iapeer_memory.vault.code import masked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SELF_EVIDENT = ("", "-", "—")
SHOWN = 10
"""Unknown tags that are named to an author at once."""
WIDEST = 80
"""Characters of an unknown tag that are shown."""
TOLD = {
    "en": (
        "The note has no tags; give it at least one from {path}.",
        "The tag «{tag}» is not in {path}: register it there first or use another.",
        "{count} more tags are not in {path}.",
    ),
    "ru": (
        "У заметки нет тегов; дайте ей хотя бы один из {path}.",
        "Тега «{tag}» нет в {path}: сначала добавьте его туда или возьмите другой.",
        "Ещё тегов, которых нет в {path}: {count}.",
    ),
}
"""In each language: no tags at all, one that is unknown, and how many more."""


def dictionary(text: str) -> dict[str, str]:
    """Tag to boundary, in order, from the rows of every markdown table; a boundary that says nothing is "".

    A row above a separator row is a header. The first of two equal tags wins.
    """
    found: dict[str, str] = {}
    above: list[str] | None = None
    for line in [*masked(text.replace("\r\n", "\n"), spans=False).split("\n"), ""]:
        cells = _cells(line)
        if above and not (cells and _is_separator(cells)):
            tag = above[0].strip("`").removeprefix("#").strip()
            boundary = above[1] if len(above) > 1 else ""
            if tag:
                found.setdefault(tag, "" if boundary in SELF_EVIDENT else boundary)
        above = cells if cells and not _is_separator(cells) else None
    return found


def problems(tags: Iterable[str], known: Iterable[str], *, path: str, language: str = "en") -> tuple[str, ...]:
    """What to tell the author of a canon note about its tags, a line each; empty when nothing is to be fixed.

    A tag is known if it is in the dictionary, or the part before its first `/` is; letter case aside. `path`: of the
    dictionary, as the author can open it. `language`: of the lines, en or ru.
    """
    none, one, more = TOLD[language]
    names = [tag.removeprefix("#").strip() for tag in tags]
    names = [name for name in names if name]
    if not names:
        return (none.format(path=path),)
    words = {word.casefold() for word in known}
    unknown = [name for name in dict.fromkeys(names) if not {name.casefold(), _root(name)} & words]
    told = [one.format(tag=clipped(" ".join(name.split()), WIDEST), path=path) for name in unknown[:SHOWN]]
    if len(unknown) > SHOWN:
        told.append(more.format(count=len(unknown) - SHOWN, path=path))
    return tuple(told)


def projection(known: Mapping[str, str], *, widest: int = 160) -> str:
    """The dictionary as a session sees it: `tag` or `tag — boundary` a line. `widest`: characters of a boundary."""
    return "".join(f"{tag} — {clipped(text, widest)}\n" if text else f"{tag}\n" for tag, text in known.items())


def clipped(text: str, widest: int) -> str:
    """The text, cut with `…` where it is longer: between words if that keeps more than 60 %."""
    if len(text) <= widest:
        return text
    cut = text[:widest]
    blank = cut.rfind(" ")
    return (cut[:blank] if blank > widest * 0.6 else cut).rstrip() + "…"


def _root(tag: str) -> str:
    return tag.partition("/")[0].casefold()


def _cells(line: str) -> list[str] | None:
    """The cells of a table row, None for any other line. `\\|` is a pipe within a cell."""
    text = line.strip()
    if not text.startswith("|") or len(text) < 2:
        return None
    parts = text.replace("\\|", "\0").split("|")[1:]
    if parts and not parts[-1].strip():
        parts.pop()
    return [" ".join(part.replace("\0", "|").split()) for part in parts] or None


def _is_separator(cells: list[str]) -> bool:
    return all(cell.strip(":").strip("-") == "" and cell.count("-") > 1 for cell in cells)
