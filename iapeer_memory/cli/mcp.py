"""`mcp`: the words of the stdio bridge, for `--help`; the bridge itself starts without an argument parser."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.bridge import bridge

HOST = "A host whose memory it is: ssh://[USER@]HOST[:PORT]. Else this one."


def main(
    harness: Annotated[str, typer.Option("--harness", metavar="NAME", help="Else as the environment tells.")] = "",
    session: Annotated[str, typer.Option("--session", metavar="ID", help="Else one of its own.")] = "",
    project: Annotated[str, typer.Option("--project", metavar="DIR", help="Else the current folder.")] = "",
    host: Annotated[str | None, typer.Option("--host", metavar="URL", help=HOST)] = None,
) -> int:
    """Serve MCP on stdin and stdout for one session; memoryd answers."""
    far = [] if host is None else [f"--host={host}"]
    return bridge([f"--harness={harness}", f"--session={session}", f"--project={project}", *far])
