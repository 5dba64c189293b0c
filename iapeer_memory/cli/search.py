"""`search QUERY`: the same engine as the agents', for people at a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, printable
from iapeer_memory.index.sqlite.reader import open_reader
from iapeer_memory.search.engine import search
from iapeer_memory.vault.layout import locale


def main(
    query: Annotated[list[str], typer.Argument(metavar="QUERY...")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=50)] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Search the notes."""
    host = open_host(readonly=True)
    out = Output(host.env, as_json=as_json)
    if host.door.files.stat(host.paths.index_db) is None:
        raise ConfigError("there is no index yet", remedy="iapeer-memory verify --repair")
    with open_reader(host.paths.index_db) as reader:
        answer = search(reader, locale(host.settings.locale), " ".join(query), limit=limit)
    for result in answer["results"]:
        out.line(f"{out.paint(printable(result['title']), 'bold')}  {out.paint(printable(result['path']), 'dim')}")
        out.line(f"    {printable(result['snippet'])}")
    if not answer["results"]:
        out.line("nothing found")
    out.document("search", answer)
    return 0
