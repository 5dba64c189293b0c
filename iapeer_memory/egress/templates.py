"""The one reader of `templates/`: every text that we write into somebody else's place. Never renders, never writes."""

from __future__ import annotations

import os

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACES = (os.path.join(PACKAGE, "_templates"), os.path.join(os.path.dirname(PACKAGE), "templates"))
"""In a wheel; in a checkout."""


def templates_folder() -> str:
    """Where the templates of this build are; raises FileNotFoundError when the build is broken."""
    for place in PLACES:
        if os.path.isdir(place):
            return place
    raise FileNotFoundError(f"the package has no templates ({PLACES[0]})")


def template(name: str) -> str:
    """The text of `templates/<name>` (`hooks/post-write.sh`), line breaks as they stand.

    Raises FileNotFoundError for a name that is not there and ValueError for one that leaves the folder.
    """
    parts = name.split("/")
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\0" in name:
        raise ValueError(f"not a template name: {name!r}")
    with open(os.path.join(templates_folder(), *parts), encoding="utf-8", newline="") as file:
        return file.read()


def template_names(folder: str = "") -> tuple[str, ...]:
    """Names of all templates below a folder, sorted."""
    top = templates_folder()
    found = []
    for place, _, names in os.walk(os.path.join(top, folder) if folder else top):
        found += [os.path.relpath(os.path.join(place, name), top) for name in names]
    return tuple(sorted(found))
