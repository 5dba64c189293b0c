"""Pages of the manual that are generated from the code. `python -m tests.support.docs write` rewrites them."""

from __future__ import annotations

import sys
from pathlib import Path

from iapeer_memory.attach.settings import KEYS
from iapeer_memory.attach.tier_files import PLACE
from iapeer_memory.broker.privilege import Privileged
from iapeer_memory.brokerd.sockets import AlreadyServing
from iapeer_memory.cli.commands import COMMANDS
from iapeer_memory.domain import errors
from iapeer_memory.domain.paths import PRODUCT, Paths
from iapeer_memory.domain.settings import PREFIX, SETTINGS

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILES = (
    ("config_file", "your settings; written once, never changed by us but by `config set`"),
    ("session_settings", "settings of your sessions; yours alone, never written by us"),
    ("registry", "peers on a host without the core, and who is paused"),
    ("hooks_dir", "the programs that the harnesses' hooks run"),
    ("launcher", "what a supervisor runs"),
    ("templates", "doctrines and guide of the active language (with the core)"),
    ("host_json", "what was decided for this host: supervisor, port, core, your yes"),
    ("ledger", "what was put into whose file, and how to take it out again"),
    ("fleet_map", "the peers, as the sweep and the daemon read them"),
    ("roles", "the curator peers (with the core)"),
    ("journal", "only while a command changes the host: how far it is"),
    ("backups", "earlier versions of files of yours; private, pruned after 90 days"),
    ("runtimes", "versions of the program; `current` is the active one"),
    ("contexts", "texts that session starts print (without the core)"),
    ("heartbeat", "touched by memoryd every 30 s"),
    ("pid_file", "memoryd's process id"),
    ("daemon_identity", "who memoryd says it is; believed only when it proves it"),
    ("daemon_outside", "what memoryd has outside these folders, so that it can be taken away"),
    ("daemon_environment", "memoryd's settings where a broker starts it, by its executable alone"),
    ("attach_socket", "where sessions attach to memoryd; only your user may open it"),
    ("receipts", "writes of sessions that may be asked for twice; the last 500, no text of a note"),
    ("index_db", "the search index; can be deleted at any time"),
    ("daemon_log", "memoryd's log, rotated"),
    ("broker_log", "what the broker of this installation said"),
    ("repair_log", "what background repairs said"),
    ("hook_log", "errors of hooks"),
    ("slot", "our declaration to the core"),
    ("guide", "the page that every peer of the core reads"),
    ("stable_binary", "the command"),
)


def settings_page() -> str:
    """Every setting."""
    rows = [f"| `{PREFIX}{s.name}` | {s.default and f'`{s.default}`'} | {s.about} |" for s in SETTINGS]
    head = (
        "Flag over environment over `config.env` over default. Show them: `iapeer-memory config list`; back to a\n"
        "default: `iapeer-memory config set NAME ''`."
    )
    keys = [f"| `{key.name}` | {key.about} |" for key in KEYS]
    files = f"In your own `memory.jsonc` beside `config.env`, and in a project's `{PLACE}`."
    return "\n".join(
        ["# Settings", "", head, "", "| name | default | what it is for |", "|---|---|---|", *rows, "",
         "## Of a session", "", files, "", "| key | what it is for |", "|---|---|", *keys, ""]
    )  # fmt: skip


def files_page() -> str:
    """Every file of ours, with the environment variable that moves its folder."""
    paths = Paths.from_env({}, os_home="~home")
    short = paths.home
    rows = [f"| `{getattr(paths, name).replace(short, '~')}` | {about} |" for name, about in FILES]
    moved = (
        "`IAPEER_ROOT` moves `~/.iapeer`; `IAPEER_MEMORY_CONFIG_FILE`, `_STATE_DIR`, `_CACHE_DIR`, `_LOGS_DIR`, "
        "`_DB_PATH` and `_BINARY_PATH` move one part each."
    )
    outside = [
        f"| `{place}` | {what} |"
        for place, what in (
            (f"~/.config/running-process/services/{PRODUCT}-*.servicedef*", "how brokers start memoryd"),
            (f"~/.local/share/running-process/manifests/{PRODUCT}-*.pb", "what memoryd keeps on disk"),
            (f"$XDG_RUNTIME_DIR/running-process/*/*{PRODUCT}-*", "sockets and claims of memoryd and its broker"),
        )
    ]
    return "\n".join(["# Files", "", moved, "", "| file | what it is |", "|---|---|", *rows, *outside, ""])


def exit_codes_page() -> str:
    """Exit codes and the error tree."""
    kinds = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.ProductError)]
    rows = [f"| {cls.exit_code} | {sentence(cls.__doc__ or '')} |" for cls in kinds]
    general = [
        "| 0 | It worked; `verify` found nothing, or only warnings. |",
        "| 2 | A flag or a command is unknown. |",
        "| 130 | Interrupted from the keyboard. |",
        f"| {AlreadyServing.exit_code} | `broker serve`: another broker of that name serves already. |",
        f"| {Privileged.exit_code} | `broker serve`: it does not run as root without leave. |",
        "| 78 | memoryd's own executable, started without arguments, finds no settings beside its runtime. |",
    ]
    commands = [f"| `{name}` | {row.effect} |" for name, row in COMMANDS.items() if row.shown]
    return "\n".join(
        ["# Exit codes", "", "| code | when |", "|---|---|", *general, *rows, "", "## What a command may do", "",
         "| command | effect |", "|---|---|", *commands, ""]
    )  # fmt: skip


def sentence(text: str) -> str:
    """The first one."""
    head, stop, _ = " ".join(text.split()).partition(". ")
    return head + stop.rstrip()


PAGES = {"settings.md": settings_page, "files.md": files_page, "exit-codes.md": exit_codes_page}

if __name__ == "__main__":
    if sys.argv[1:] != ["write"]:
        sys.exit("usage: python -m tests.support.docs write")
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
