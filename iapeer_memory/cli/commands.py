"""Every command as one table: its module, its line of help, whether it is shown, and what it may do to the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Effect = Literal["read", "write", "destructive"]


@dataclass(frozen=True, slots=True)
class CommandRow:
    """`module` under `iapeer_memory.cli`; `effect`: read changes nothing, write changes the host, destructive
    removes something."""

    module: str
    about: str
    effect: Effect
    shown: bool = True


COMMANDS: dict[str, CommandRow] = {
    "init": CommandRow("init", "Give the agents of this host a shared memory.", "write"),
    "update": CommandRow("update", "Bring everything we placed on this host to this version.", "write"),
    "status": CommandRow("status", "Show what works, and how search answers.", "read"),
    "verify": CommandRow("verify", "Check everything; with --repair, heal what drifted.", "write"),
    "doctor": CommandRow("doctor", "Look for everything that may be wrong.", "read"),
    "uninstall": CommandRow("uninstall", "Take out all that was placed; notes and settings stay.", "destructive"),
    "peer": CommandRow("peer", "List, add, remove, rename, pause or resume agents.", "write"),
    "search": CommandRow("search", "Search the notes.", "read"),
    "note": CommandRow("note", "Show what a note said before, and bring it back.", "write"),
    "migrate": CommandRow("migrate", "Bring a harness's own memory files into the vault.", "write"),
    "sessions": CommandRow("sessions", "List the sessions that are attached.", "read"),
    "logs": CommandRow("logs", "Show the latest log lines.", "read"),
    "config": CommandRow("config", "Show or change settings.", "write"),
    "backup": CommandRow("backup", "List or restore earlier versions of files we changed.", "write"),
    "fm-update": CommandRow("fm_update", "Change keys of notes' frontmatter.", "write", shown=False),
    "bake": CommandRow("bake", "Stamp notes that were written around the hook.", "write", shown=False),
    "archive-stale": CommandRow("archive_stale", "Move stale notes to the archive.", "write", shown=False),
    "dream-collect": CommandRow("dream_collect", "Collect the tasks of the weekly maintenance.", "read", shown=False),
    "provision-peer": CommandRow("provision_peer", "Give one agent its part.", "write", shown=False),
    "unprovision-peer": CommandRow("unprovision_peer", "Take one agent's part out.", "destructive", shown=False),
    "broker": CommandRow("broker", "Run or ask the broker.", "write", shown=False),
    "memoryd": CommandRow("memoryd", "Run the daemon in the foreground.", "write", shown=False),
    "mcp": CommandRow("mcp", "Serve MCP on stdin and stdout for one session.", "read", shown=False),
    "hook": CommandRow("hook", "Answer a harness hook.", "write", shown=False),
    "render": CommandRow("render", "Render a text that we place.", "write", shown=False),
    "install-binary": CommandRow("install_binary", "Install the stable command.", "write", shown=False),
    "version": CommandRow("version", "Print the version.", "read", shown=False),
    "demo": CommandRow("demo", "Tell the whole story in a throw-away home.", "write", shown=False),
}
