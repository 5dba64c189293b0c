"""`broker serve|status|stop|backends|servicedef …|cleanup …`: the broker by hand; most hosts never need it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from os import getuid
from typing import Annotated

import typer

from iapeer_memory.broker import names, privilege
from iapeer_memory.broker.ask import admin, ask, client_seconds
from iapeer_memory.broker.client_errors import BrokerUnreachable
from iapeer_memory.broker.http.port import parsed
from iapeer_memory.broker.wire_v1.admin import AdminReply, AdminVerb
from iapeer_memory.brokerd.options import DRAIN_MS, Options
from iapeer_memory.cli import broker_cleanup, broker_definitions
from iapeer_memory.cli.doctor import around
from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import DaemonFailed, UsageError
from iapeer_memory.provision.host import Host

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="Who starts daemons for many callers, and what they keep on disk.")(lambda: None)
app.add_typer(broker_definitions.app, name="servicedef")
app.add_typer(broker_cleanup.app, name="cleanup")
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Socket = Annotated[str, typer.Option("--socket", metavar="PATH", help="Another broker's socket.")]


@app.command("serve")
def serve(
    program: Annotated[str, typer.Option("--program", metavar="NAME", help="Another broker, for all services.")] = "",
    http_port: Annotated[str, typer.Option("--http-port", metavar="N|dynamic", help="Serve a page too.")] = "",
    session_tokens: Annotated[bool, typer.Option("--session-tokens", help="Backends get tokens.")] = False,
) -> int:
    """Run a broker in the foreground until told to stop; without a name, the one that starts memoryd alone."""
    from iapeer_memory.brokerd.app import run

    http = parsed(http_port) if http_port else None
    if http_port and http is None:
        raise UsageError(f"--http-port must be a port or `dynamic`, not {http_port!r:.40}")
    host = open_host()
    options = Options(instance=program, program=program) if program else own_options(host)
    return run(host.door, replace(options, http=http, session_tokens=session_tokens))


def own_options(host: Host) -> Options:
    """Of the broker that starts memoryd."""
    service = host.paths.service
    return Options(instance=service, program=service, only=service, log=host.paths.daemon_log)


@app.command("status")
def status(socket: Socket = "", as_json: Json = False) -> int:
    """Whether the broker serves, and what it knows."""
    return _told(AdminVerb.STATUS, socket, as_json=as_json)


@app.command("backends")
def backends(
    service: Annotated[str, typer.Argument(metavar="SERVICE")] = "", socket: Socket = "", as_json: Json = False
) -> int:
    """The daemons of a service that the broker knows, and how they are."""
    return _told(AdminVerb.BACKEND_HEALTH, socket, as_json=as_json, service=service)


@app.command("stop")
def stop(socket: Socket = "", as_json: Json = False) -> int:
    """Tell the broker to end; the daemons that it has started go on."""
    return _told(AdminVerb.SHUTDOWN, socket, as_json=as_json, drain_ms=DRAIN_MS)


def _told(verb: int, socket: str, *, as_json: bool, service: str = "", drain_ms: int = 0) -> int:
    """Ask the broker and repeat what it says; its exit code."""
    host = open_host()
    clock = host.door.clock
    asked = admin(verb, json=as_json, service=service or host.paths.service, drain_ms=drain_ms)
    named = socket or host.env.get("RUNNING_PROCESS_BROKER_V1_SOCKET", "")
    place, deadline = named or _socket(host), clock.monotonic() + client_seconds(host.env)
    try:
        reply: AdminReply = ask(asked, place, uid=getuid(), clock=clock, deadline=deadline)
    except BrokerUnreachable as error:
        raise DaemonFailed(error.line(), remedy=_remedy(host, verb, named=named)) from None
    if as_json and reply.content_type != "application/json":
        sys.stdout.write(json.dumps({"schema_version": 1, "text": reply.body.strip()}) + "\n")
    elif as_json:
        sys.stdout.write(reply.body.rstrip("\n") + "\n")
    else:
        Output(host.env).line(reply.body.rstrip("\n"))
    return reply.exit_code


def _socket(host: Host) -> str:
    """Where our own broker listens for clients of generation 1."""
    here = around(host)
    return names.v1_socket(here.place, names.instance_leaf(here.user(), host.paths.service))


def _remedy(host: Host, verb: int, *, named: str) -> str | None:
    """What gives an answer; None for who wants no broker anyway. `named`: a socket that is not our own broker's."""
    if named:
        return "name the socket of a broker that serves, or none for this installation's"
    if verb == AdminVerb.SHUTDOWN:
        return None
    leave = f"{privilege.ALLOW}=1 " if privilege.objection(getuid(), host.env) else ""
    return f"{leave}iapeer-memory broker serve"
