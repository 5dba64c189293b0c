"""`memoryd`: run the daemon in the foreground, as a supervisor does."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import UsageError
from iapeer_memory.domain.settings import PREFIX, Settings
from iapeer_memory.memoryd.app import run


def main(
    mcp_port: Annotated[int | None, typer.Option("--mcp-port", metavar="N", help="0 to 65535; 0 takes any.")] = None,
    no_mcp: Annotated[bool, typer.Option("--no-mcp", help="Index and watch only.")] = False,
    human: Annotated[str | None, typer.Option("--human", metavar="NAME", help="Whose the other edits are.")] = None,
) -> int:
    """Index the vault, watch it, and answer searches until told to stop."""
    if mcp_port is not None and not 0 <= mcp_port < 65536:
        raise UsageError(f"--mcp-port must be 0 to 65535, not {mcp_port}")
    host = open_host()
    env = {**host.env, f"{PREFIX}HUMAN_NAME": human} if human else host.env
    settings = Settings(env, host.config.lines)
    return run(
        host.door,
        host.paths,
        settings,
        host.choices,
        port=mcp_port if mcp_port is not None else host.port,
        mcp=not no_mcp,
    )
