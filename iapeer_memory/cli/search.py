"""`search QUERY`: the same engine as the agents', with the same filters, for people at a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, printable
from iapeer_memory.egress.host import uid
from iapeer_memory.index.records import Filter
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.memoryd.checks import results_of
from iapeer_memory.memoryd.models import models
from iapeer_memory.memoryd.tools.places import folders_named
from iapeer_memory.search.engine import MOST_RESULTS, MOST_SKIPPED, Finder, Question
from iapeer_memory.vault.locales import locale as locale_of


def main(
    query: Annotated[list[str], typer.Argument(metavar="QUERY...")],
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, max=MOST_RESULTS)] = None,
    offset: Annotated[int, typer.Option("--offset", min=0, max=MOST_SKIPPED, help="Results to skip.")] = 0,
    types: Annotated[list[str] | None, typer.Option("--type", help="May be repeated, as the next three.")] = None,
    statuses: Annotated[list[str] | None, typer.Option("--status")] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A tag holds those below it.")] = None,
    authors: Annotated[list[str] | None, typer.Option("--author")] = None,
    folder: Annotated[str | None, typer.Option("--folder", help="A path, or knowledge, decisions, projects, …")] = None,
    since: Annotated[datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Search the notes."""
    host = open_host(readonly=True)
    out = Output(host.env, as_json=as_json)
    if host.door.files.stat(host.paths.index_db) is None:
        raise ConfigError("there is no index yet", remedy="iapeer-memory verify --repair")
    locale = locale_of(host.settings.locale)
    only = Filter(
        types=tuple(types or ()),
        statuses=tuple(statuses or ()),
        tags=tuple(tags or ()),
        authors=tuple(authors or ()),
        folders=folders_named(folder, locale, host.settings.vault or "") if folder else (),
        since=since.date().isoformat() if since else None,
    )
    reader = SqliteEngine(host.door.files, host.paths.index_db, uid=uid()).reader()
    served = models(host.settings, open_host().door.net, host.door.clock)
    finder = Finder(locale, embedder=served.embedder, reranker=served.reranker, fusion=served.fusion)
    asked = Question(" ".join(query), limit=limit or results_of(host.settings), offset=offset, only=only)
    try:
        found = finder.answer(reader, asked)
    finally:
        reader.close()
    for result in found["results"]:
        out.line(f"{out.paint(printable(result['title']), 'bold')}  {out.paint(printable(result['path']), 'dim')}")
        out.line(f"    {printable(result['snippet'])}")
    if not found["results"]:
        out.line("nothing found")
    out.document("search", found)
    return 0
