"""`search QUERY`: the same engine as the agents', for people at a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, printable
from iapeer_memory.egress.host import uid
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.memoryd.checks import results_of
from iapeer_memory.memoryd.models import models
from iapeer_memory.search.engine import MOST_RESULTS, Finder, Question
from iapeer_memory.vault.locales import locale as locale_of


def main(
    query: Annotated[list[str], typer.Argument(metavar="QUERY...")],
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, max=MOST_RESULTS)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Search the notes."""
    host = open_host(readonly=True)
    out = Output(host.env, as_json=as_json)
    if host.door.files.stat(host.paths.index_db) is None:
        raise ConfigError("there is no index yet", remedy="iapeer-memory verify --repair")
    reader = SqliteEngine(host.door.files, host.paths.index_db, uid=uid()).reader()
    served = models(host.settings, open_host().door.net, host.door.clock)
    finder = Finder(
        locale_of(host.settings.locale), embedder=served.embedder, reranker=served.reranker, fusion=served.fusion
    )
    try:
        found = finder.answer(reader, Question(" ".join(query), limit=limit or results_of(host.settings)))
    finally:
        reader.close()
    for result in found["results"]:
        out.line(f"{out.paint(printable(result['title']), 'bold')}  {out.paint(printable(result['path']), 'dim')}")
        out.line(f"    {printable(result['snippet'])}")
    if not found["results"]:
        out.line("nothing found")
    out.document("search", found)
    return 0
