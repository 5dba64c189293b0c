"""templates: the doctrines and the guide of the active locale, materialised where roles.json points to."""

from __future__ import annotations

from os.path import join

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.egress.templates import template
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Seen, Step

ROLES = ("index", "scriber", "dreamweaver")


def wanted(locale: str) -> dict[str, bytes]:
    """File name → bytes of a locale's templates."""
    texts = {f"{role}.md": template(f"roles/{locale}/{role}.md") for role in ROLES}
    texts["guide.md"] = template(f"guide/{locale}.md")
    return {name: text.encode() for name, text in texts.items()}


class TemplatesStep(Step):
    """Writes templates whose bytes differ."""

    name = "templates"
    needs_core = True

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Which templates are missing or differ."""
        differing = self.differing(host)
        if not differing:
            return (Finding("templates", "ok", f"4 in place ({host.settings.locale})"),)
        names = ", ".join(sorted(differing))
        return (
            Finding(
                "templates",
                "fail",
                f"missing or changed: {names}",
                remedy="iapeer-memory verify --repair",
                healable=True,
            ),
        )

    def apply(self, host: Host, done: Done) -> Outcome:
        """Write what differs."""
        differing = self.differing(host)
        for name, data in differing.items():
            host.door.files.write(join(host.paths.templates, host.settings.locale, name), data)
        return self.ok(f"{len(differing)} written, {4 - len(differing)} identical", changed=bool(differing))

    def differing(self, host: Host) -> dict[str, bytes]:
        """Templates whose bytes on disk are not ours."""
        folder = join(host.paths.templates, host.settings.locale)
        return {
            name: data
            for name, data in wanted(host.settings.locale).items()
            if host.door.files.read_optional(join(folder, name)) != data
        }
