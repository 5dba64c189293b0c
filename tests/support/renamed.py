"""A vault in which one peer has notes and others name it, and what it must be once that peer is called otherwise."""

from __future__ import annotations

import http.client
import json
import os
import time
from pathlib import Path
from typing import Any

from tests.support.bed import Bed, tree, until

HEAD = """\
---
title: {title}
author: {author}
coauthors:
  - beta
  - alpha
last_edited_by: {author}
updated: 2026-01-02 03:04:05
---
"""
LINKS = """\
[[{0}/sub folder/Deep#Top|deep]] [[Note 1]] ![[{0}/picture.png]] `[[{0}/Note 1]]`
[[{0}/Note 2.md]] [[07_Archive/{0}/Old]]
"""
HUMAN = "olga"
MINE = "06_Agent_Memory/alpha"
NOW = "06_Agent_Memory/gamma"
PICTURE = b"\x89PNG\r\n\x1a\n\x00\xff"
UNTOUCHED = {
    "01_Knowledge/Other.md": b"---\ntitle: Other\nauthor: beta\n---\r\nalpha is a word, and alphabet too. [[Deep]]\n",
    "06_Agent_Memory/beta/Own.md": b"---\nauthor: beta\n---\nNothing of alpha's: [[06_Agent_Memory/alphabet/x]]\n",
    "06_Agent_Memory/alphabet/x.md": b"---\nauthor: alphabet\n---\nlinked\n",
    "02_Decisions/Torn.md": b"---\n<<<<<<< HEAD\nauthor: alpha\n=======\nauthor: beta\n>>>>>>> x\n---\n",
    ".memoryignore": b"08_Private/\n",
    "08_Private/Left out.md": b"---\nauthor: alpha\n---\n",
    "01_Knowledge/Not utf8.md": b"---\nauthor: beta\n---\n\xff\xfe alpha\n",
}


def lived_in(bed: Bed) -> None:
    """A host with alpha and beta, whose daemon has seen their notes, and would tell what a human edits."""
    bed.prepare()
    with (bed.config_dir / "config.env").open("a") as config:
        config.write(f"IAPEER_MEMORY_HUMAN_NAME={HUMAN}\n")
    for name in ("alpha", "beta"):
        bed.peer(name).mkdir(parents=True)
    peers = [word for name in ("alpha", "beta") for word in ("--peer", f"{name}={bed.peer(name)}")]
    bed.ok("init", "--non-interactive", *peers)
    furnish(bed)
    ready(bed)


def furnish(bed: Bed) -> None:
    """A vault in which alpha has notes, in memory and in the archive, and others name it and link to it."""
    for path, data in UNTOUCHED.items():
        put(bed, path, data)
    for n in range(15):
        put(bed, f"{MINE}/Note {n}.md", HEAD.format(title=f"Note {n}", author="alpha") + f"quartz{n} reservoir\n")
    put(bed, f"{MINE}/sub folder/Deep.md", HEAD.format(title="Deep", author="alpha") + "Deep water.\n")
    put(bed, f"{MINE}/picture.png", PICTURE)
    put(bed, f"07_Archive/{MINE}/Old.md", HEAD.format(title="Old", author="alpha") + "Retired lantern.\n")
    put(bed, "99_System/Templates/Mine.md", HEAD.format(title="{{title}}", author="alpha"))
    put(bed, "01_Knowledge/Links.md", HEAD.format(title="Links", author="beta") + LINKS.format(MINE))


def put(bed: Bed, path: str, data: str | bytes) -> Path:
    """A note of the vault, an hour old."""
    note = bed.vault / path
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_bytes(data.encode() if isinstance(data, str) else data)
    os.utime(note, (time.time() - 3600, time.time() - 3600))
    return note


def ask(bed: Bed, query: str, **only: Any) -> list[str]:
    """The paths that a search of beta's finds."""
    connection = http.client.HTTPConnection("127.0.0.1", bed.port, timeout=30)
    try:
        call = {"name": "memory_search", "arguments": {"query": query, "limit": 30, **only}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        head = {"Content-Type": "application/json", "Accept": "application/json", "X-IAPeer-Identity": "codex-beta"}
        connection.request("POST", "/mcp", json.dumps(body).encode(), head)
        answer = json.loads(connection.getresponse().read())["result"]
    finally:
        connection.close()
    assert not answer.get("isError"), answer
    return sorted(row["path"] for row in answer["structuredContent"]["results"])


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {name: data for name, data in tree(folder).items() if isinstance(data, bytes)}


def expected(before: dict[str, bytes]) -> dict[str, bytes]:
    """The vault as it must be, made from what it was by plain words."""
    after = {}
    for path, data in before.items():
        if path not in UNTOUCHED and path.endswith(".md") and b"author" in data:
            data = data.replace(b"author: alpha\n", b"author: gamma\n").replace(b"by: alpha\n", b"by: gamma\n")
            data = data.replace(b"  - alpha\n", b"  - gamma\n")
            data = data.replace(LINKS.format(MINE).encode(), LINKS.format(NOW).encode())
            data = data.replace(f"`[[{NOW}/".encode(), f"`[[{MINE}/".encode())
        after[path.replace(f"{MINE}/", f"{NOW}/")] = data
    return after


def ready(bed: Bed) -> None:
    """The daemon has seen every note of alpha's."""
    until(lambda: ask(bed, "quartz3 reservoir", author="alpha") != [], "alpha's notes are found")


def judged(bed: Bed) -> dict[str, Any]:
    """What the daemon says of itself once it has looked at every note."""
    told: dict[str, Any] = {}

    def whole() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", bed.port, timeout=30)
        try:
            connection.request("GET", "/health")
            told.update(json.load(connection.getresponse()))
        finally:
            connection.close()
        return bool(told["ready"])

    until(whole, "the first whole pass")
    return told


def converged(bed: Bed, before: dict[str, bytes]) -> None:
    """Everything is as one whole renaming leaves it."""
    assert files(bed.vault) == expected(before)
    assert not (bed.vault / MINE).exists() and not (bed.vault / "07_Archive" / MINE).exists()
    until(lambda: ask(bed, "reservoir", author="gamma") == sorted(f"{NOW}/Note {n}.md" for n in range(15)), "found")
    assert ask(bed, "reservoir", author="alpha") == []
    peers = {row["name"]: row for row in bed.ok("peer", "list", "--json").json()["peers"]}
    assert sorted(peers) == ["beta", "gamma"] and peers["gamma"]["dir"] == str(bed.peer("alpha"))
    for file in (".mcp.json", ".codex/config.toml"):
        text = (bed.peer("alpha") / file).read_text()
        assert "-gamma" in text and "-alpha" not in text
    assert not list(bed.state.glob("journal.json*")) and len(bed.daemons()) == 1
    assert not list((bed.state / "indexes").glob("alpha-*"))
    until(lambda: "gamma" in context(bed), "the context is rendered")
    assert judged(bed)["held"] == 0
    assert {row["status"] for row in bed.findings().values()} <= {"ok", "warn"}
    assert files(bed.vault) == expected(before)


def context(bed: Bed) -> str:
    """What alpha's sessions start with."""
    file = bed.state / "context/by-path" / str(bed.peer("alpha")).lstrip("/") / "context.txt"
    return file.read_text() if file.exists() else ""
