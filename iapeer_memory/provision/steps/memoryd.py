"""memoryd: the daemon runs, is ours, is of the installed build, and somebody keeps it alive.

Never signals without proof; a daemon that answers is healthy however old its heartbeat looks.
"""

from __future__ import annotations

from shlex import quote

from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.domain.ports import DaemonReport
from iapeer_memory.egress.host import uid
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.runtime.shelf import Shelf
from iapeer_memory.provision.step import Done, Seen, Step
from iapeer_memory.supervise.identity import prove
from iapeer_memory.supervise.table import retire_others

REPAIR = "iapeer-memory verify --repair"
STALE_SECONDS = 120.0


class MemorydStep(Step):
    """Last of all, so that it starts on what was written."""

    name = "memoryd"

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """The contract's `memoryd-heartbeat` check, by identity first and by file second."""
        report = host.daemon.verify()
        found = (heartbeat_finding(host, report), *supervisor_finding(host), *build_finding(host, report))
        return (*found, *identity_finding(host, report), *socket_finding(host, report))

    def apply(self, host: Host, done: Done) -> Outcome:
        """Have it run, and on the installed build."""
        config = seen_config(host)
        if config is not None:
            return self.fail(config)
        before = host.daemon.verify()
        retire_others(host.supervisor.name, host.door, host.paths, host.port, env=host.env)
        if any(finding.healable for finding in socket_finding(host, before)):
            host.daemon.stop()
        ok, detail = host.supervisor.ensure()
        if not ok and host.door.kind == "overlay":
            return self.ok("would be started", changed=True)  # in a dry run nothing comes up that could answer
        if not ok:
            return self.fail(detail)
        report = host.daemon.verify()
        installed = Shelf(host.door, host.paths).current()
        if report.state == "answering" and installed and report.build != installed:
            ok, restarted = host.supervisor.restart()
            if not ok and host.door.kind == "overlay":
                return self.ok("would be restarted", changed=True)
            return Outcome(self.name, ok, restarted, changed=True)
        return self.ok(detail, changed=(before.state, before.pid) != (report.state, report.pid))


def seen_config(host: Host) -> str | None:
    """Why memoryd cannot run with these settings, or None."""
    from iapeer_memory.provision.steps.config import config_problem

    problem = config_problem(host)
    return None if problem is None else f"not started: {problem.detail}"


def heartbeat_finding(host: Host, report: DaemonReport) -> Finding:
    """ok where it answers; the rest says what is wrong and whether a repair may mend it."""
    name = "memoryd-heartbeat"
    age = f", heartbeat {report.heartbeat_age:.0f} s ago" if report.heartbeat_age is not None else ""
    match report.state:
        case "answering" if not report.watch:
            return Finding(name, "fail", f"answers, but no longer watches the vault{age}", remedy=REPAIR, healable=True)
        case "answering":
            return Finding(name, "ok", f"pid {report.pid}, port {host.port}{age}")
        case "stranger":
            return Finding(
                name, "fail", report.detail, why="the agents would talk to somebody else", remedy=f"{REPAIR} --new-port"
            )
        case "silent":
            return Finding(name, "fail", report.detail, remedy=REPAIR, healable=True)
        case _:
            return Finding(name, "fail", report.detail or "not running", remedy=REPAIR, healable=True)


def supervisor_finding(host: Host) -> tuple[Finding, ...]:
    """Whether somebody will start it again."""
    ok, detail = host.supervisor.status()
    if ok:
        return (Finding("supervisor", "ok", f"{host.supervisor.name}: {detail}"),)
    return (Finding("supervisor", "fail", f"{host.supervisor.name}: {detail}", remedy=REPAIR, healable=True),)


def identity_finding(host: Host, report: DaemonReport) -> tuple[Finding, ...]:
    """Whether brokers, and an update that has to stop it, can prove that it is the one."""
    if report.state != "answering":
        return ()
    name, found = "memoryd-identity", prove(host.door, host.paths, uid=uid())
    if found is None:
        return (Finding(name, "warn", f"it has no socket for brokers; {host.paths.daemon_log} says why"),)
    if isinstance(found, NotThatDaemon):
        return (Finding(name, "warn", f"brokers cannot find it: {found.line()}"),)
    with found:
        endpoint = found.process.ipc_endpoint
        return (Finding(name, "ok", f"{host.paths.service}, proved on {endpoint.path if endpoint else ''}"),)


def build_finding(host: Host, report: DaemonReport) -> tuple[Finding, ...]:
    """Whether the build that answers is the installed one."""
    installed = Shelf(host.door, host.paths).current()
    if report.state != "answering" or installed is None or report.build == installed:
        return ()
    return (
        Finding(
            "memoryd-build", "fail", f"runs {report.build}, installed is {installed}", remedy=REPAIR, healable=True
        ),
    )


def socket_finding(host: Host, report: DaemonReport) -> tuple[Finding, ...]:
    """Whether the socket is there by which sessions attach, where they do; a memoryd binds one when it starts."""
    path = host.paths.attach_socket
    if host.choices.transport != "attach" or report.state != "answering":
        return ()
    stat = host.door.files.lstat(path)
    if stat is None:
        return (Finding("attach-socket", "fail", f"{path} is gone", remedy=REPAIR, healable=True),)
    if stat.kind != "socket":
        fix = f"mv {quote(path)} {quote(path + '.old')} && {REPAIR}"
        return (Finding("attach-socket", "fail", f"{path} is no socket, so nobody can attach", remedy=fix),)
    return ()
