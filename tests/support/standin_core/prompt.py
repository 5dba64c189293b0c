"""Test-only: the text that a session of a peer would start with, put together from the five layers."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.standin_core.state import Refusal, Root


def prompt(root: Root, name: str) -> str:
    """The system prompt of one peer."""
    row = root.peer(name)
    if row is None:
        raise Refusal(f'iapeer prompt: unknown peer "{name}"')
    cwd = Path(row["cwd"])
    facts = {"personality": name, "description": row["description"], "peer-cwd": row["cwd"]}
    layers = ["\n".join(["---", *(f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in facts.items()), "---"])]
    layers += [_text(root.path / "IAPEER.md"), _text(cwd / ".iapeer/IAPEER.md")]
    known = [
        f"- {peer['personality']} — {peer['description']} ({peer['default_runtime']}; {', '.join(peer['runtimes'])}; "
        f"{peer['intelligence']})"
        for peer in root.peers()
    ]
    layers.append("\n".join(["## Known peers", *known]))
    layers += sections(root.path, cwd / ".iapeer", skip="iapeer.md")
    layers += sections(root.path / "fragments", cwd / ".iapeer/fragments")
    return "\n\n".join(part for part in layers if part.strip()) + "\n"


def sections(host: Path, peer: Path, skip: str = "") -> list[str]:
    """Every `*.md` of both folders by name, the host's half first. A link counts only beside a real namesake."""
    names = {
        entry.name
        for folder in (host, peer)
        if folder.is_dir()
        for entry in os.scandir(folder)
        if entry.is_file(follow_symlinks=False) and entry.name.lower().endswith(".md") and entry.name.lower() != skip
    }
    found = []
    for name in sorted(names):
        for folder in (host, peer):
            text = _text(folder / name)
            if text.strip("\n"):
                shown = str(folder / name).replace(os.environ.get("HOME", "\0"), "~", 1)
                found.append(f"<!-- {shown} -->\n{text}")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text().rstrip("\n")
    except (FileNotFoundError, IsADirectoryError):
        return ""
