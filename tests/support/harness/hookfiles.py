"""Codex hooks files that are dead as a whole, and those that live although a part of them is odd.

Source: what `hooks/list` of the pinned Codex says of them; a test there keeps it true.
"""

from __future__ import annotations

OURS = {"type": "command", "command": "/srv/iapeer-memory.post-write.sh"}
DEAD: list[tuple[object, str]] = [
    ({"mine": 1, "hooks": {}}, "mine is not a key"),
    ({"hooks": []}, "hooks is not an object"),
    ({"hooks": {"Stop": [{"hooks": [{**OURS, "timeout": "5"}]}]}}, "timeout has the wrong type"),
    ({"hooks": {"Stop": [{"hooks": [{**OURS, "timeout": -1}]}]}}, "timeout is negative"),
    ({"hooks": {"Stop": [{"hooks": [{**OURS, "timeout": True}]}]}}, "timeout has the wrong type"),
    ({"hooks": {"Stop": [{"hooks": [{**OURS, "async": None}]}]}}, "async has the wrong type"),
    ({"hooks": {"Stop": [{"hooks": [{**OURS, "statusMessage": 3}]}]}}, "statusMessage has the wrong type"),
    ({"hooks": {"Stop": [{"hooks": [{"type": "http", "url": "u"}]}]}}, "unknown type 'http'"),
    ({"hooks": {"Stop": [{"hooks": [{"type": "command"}]}]}}, "no command"),
    ({"hooks": {"Stop": [{"matcher": 3, "hooks": []}]}}, "matcher is not a text"),
    ({"hooks": {"Stop": [{"hooks": None}]}}, "no list of hooks"),
]
ALIVE: list[object] = [
    {}, {"description": "x", "hooks": {"Stop": [{}]}}, {"hooks": {"Nope": {}}}, {"hooks": {"Nope": [{"matcher": 3}]}},
    {"hooks": {"Stop": [{"matcher": None, "hooks": [{**OURS, "timeout": None, "statusMessage": None}]}]}},
    {"hooks": {"Stop": [{"hooks": [{"type": "prompt", "prompt": 3}, {"type": "agent"}]}]}},
]  # fmt: skip
