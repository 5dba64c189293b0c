"""binary: the private, versioned runtime under the state directory, and the stable command that runs it."""

from __future__ import annotations

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.runtime.command import command_problem, place_command
from iapeer_memory.provision.runtime.install import Installed, install_running
from iapeer_memory.provision.runtime.shelf import Shelf
from iapeer_memory.provision.runtime.source import install_from, rollback
from iapeer_memory.provision.step import Done, Seen, Step


class BinaryStep(Step):
    """Works afterwards with the checkout, the environment and every cache deleted."""

    name = "binary"

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Whether the stable command and the runtime under it are whole."""
        shelf = Shelf(host.door, host.paths)
        current = shelf.current()
        if current is None or shelf.info(current) is None:
            return (
                Finding(
                    "binary",
                    "fail",
                    "no runtime is installed",
                    where=host.paths.runtimes,
                    remedy="iapeer-memory update",
                    healable=True,
                ),
            )
        damage = shelf.damage(current)
        if damage:
            return (
                Finding(
                    "binary",
                    "fail",
                    f"{current} is damaged: {damage[0]}{' and more' if damage[1:] else ''}",
                    where=host.paths.runtimes,
                    remedy="./install.sh in a checkout, or iapeer-memory update --from SOURCE",
                ),
            )
        problem = command_problem(host.door.files, host.paths)
        if problem:
            return (
                Finding(
                    "binary",
                    "fail",
                    problem,
                    where=host.paths.stable_binary,
                    remedy="iapeer-memory verify --repair",
                    healable=True,
                ),
            )
        return (Finding("binary", "ok", f"{host.paths.stable_binary} → {current}"),)

    def apply(self, host: Host, done: Done) -> Outcome:
        """Install, switch or go back; then the command."""
        if host.wishes.skip_binary:
            return self.ok("skipped (--skip-binary)")
        installed = self.install(host)
        placed = place_command(host.door, host.paths, host.backups)
        return self.ok(
            f"{installed.line()}; {host.paths.stable_binary} ({placed})",
            changed=installed.changed or placed == "written",
        )

    def repair(self, host: Host, found: tuple[Finding, ...]) -> Outcome:
        """Only what this program can put back by itself."""
        installed = install_running(host.door, host.paths)
        placed = place_command(host.door, host.paths, host.backups)
        return self.ok(f"{installed.line()}; {host.paths.stable_binary} ({placed})")

    def install(self, host: Host) -> Installed:
        """By what the words asked for."""
        if host.wishes.rollback:
            return rollback(host.door, host.paths)
        if host.wishes.source is not None:
            cwd = host.door.files.realpath(".")
            return install_from(host.door, host.paths, host.wishes.source, cwd=cwd)
        return install_running(host.door, host.paths)
