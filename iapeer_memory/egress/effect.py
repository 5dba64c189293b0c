"""What a door was asked to change, as a value: the line of a dry run, of a recording and of a fault. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Effect:
    """One change of the host.

    `verb`: write, create, append, mkdir, remove, rmdir, remove_tree, rename, symlink, chmod, touch, sync, run,
    interact, start, replace, signal, fetch. `target`: the path, or argv as a tuple, or the pid or URL as text.
    `detail`: what a reader wants to know beyond it. `data`: the new bytes of a file, not part of what makes two
    effects equal.
    """

    verb: str
    target: str | tuple[str, ...]
    detail: str = ""
    data: bytes | None = field(default=None, compare=False, repr=False)

    def as_json(self) -> dict[str, object]:
        """The effect as JSON-able data; `target` is a text or a list of words."""
        target = list(self.target) if isinstance(self.target, tuple) else self.target
        return {"verb": self.verb, "target": target, "detail": self.detail}


def ran(verb: str, argv: Sequence[str]) -> Effect:
    """The effect of starting a program."""
    return Effect(verb, tuple(argv))


def mode_text(mode: int | None) -> str:
    """`mode 0600`, or nothing where the mode is left as it is."""
    return "" if mode is None else f"mode {mode:04o}"


def write_detail(existed: bool, mode: str) -> str:
    """new or changed, and the mode (as `mode_text`) where one is set."""
    return ", ".join(text for text in ("changed" if existed else "new", mode) if text)
