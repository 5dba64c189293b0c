"""`dream-collect [--gate]`: what the weekly maintenance has to look at, as JSON; no model is woken, nothing is written.

`--gate` prints nothing and says by its exit code whether there is anything. Source of the document and the exit codes:
the reference package's note tools.
"""

from __future__ import annotations

import json
import sys
from os.path import abspath
from typing import Annotated

import typer

from iapeer_memory.cli.notebook import vault_root
from iapeer_memory.cli.session import open_host
from iapeer_memory.curation.dream import DAY, Judge, Limits, Memory, collect, document
from iapeer_memory.curation.transcripts import Transcripts
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import CoreFailed, ProductError
from iapeer_memory.fleet.source import NoPeers
from iapeer_memory.provision.host import Wishes
from iapeer_memory.provision.peers import asked_peers
from iapeer_memory.provision.settle import settle
from iapeer_memory.vault.locales import locale as locale_of

HEAD_LIMIT = 256 << 20


def main(
    gate: Annotated[bool, typer.Option("--gate", help="Only tell by the exit code whether there is anything.")] = False,
    iapeer_bin: Annotated[str | None, typer.Option("--iapeer-bin", metavar="PATH", help="The core's command.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What it prints is JSON anyway.")] = False,  # noqa: ARG001
    dry_run: Annotated[bool, typer.Option("--dry-run", help="It changes nothing anyway.")] = False,  # noqa: ARG001
) -> int:
    """Collect what is new in the agents' memories."""
    host = open_host(readonly=True, wishes=Wishes(core_flag=iapeer_bin))
    files = host.door.files
    vault_root(host, None)
    root = abspath(host.settings.vault or "")  # as the agents know it, links and all
    locale = locale_of(host.settings.locale)
    limits = Limits.of(host.settings)
    since = host.door.clock.now() - limits.window_days * DAY
    memory = Memory(files, root, locale, since)
    if gate:
        return 0 if memory.active() else 1
    asked = asked_peers(settle(host))
    if isinstance(asked, NoPeers):
        raise CoreFailed(f"nobody said who the peers are: {asked.reason}", remedy="iapeer-memory peer list")
    for problem in asked.problems:
        sys.stderr.write(f"iapeer-memory dream-collect: {problem}\n")
    transcripts = Transcripts(files, host.paths, since, lambda path: first_line(files, path))
    judge = Judge(limits.longest, host.paths.home, host.env, lambda path: is_there(files, path))
    active, idle = collect(memory, asked.peers, transcripts, judge, limits)
    sys.stdout.write(json.dumps(document(root, active, idle, limits), indent=2, ensure_ascii=False) + "\n")
    return 0


def first_line(files: Files, path: str) -> bytes:
    """The first line of a file, b"" where it cannot be read."""
    try:
        return files.read(path, limit=HEAD_LIMIT).split(b"\n", 1)[0]
    except (ProductError, OSError):
        return b""


def is_there(files: Files, path: str) -> bool:
    """Whether something is at the path; what may not be looked at is."""
    try:
        return files.stat(path) is not None
    except (ProductError, OSError):
        return True
