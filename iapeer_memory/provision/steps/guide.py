"""guide: the host-wide page that every peer of the core reads. Its presence is the operator's consent."""

from __future__ import annotations

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.egress.templates import template
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Seen, Step
from iapeer_memory.surfaces.shims import render


class GuideStep(Step):
    """init writes it; update and repair rewrite it only where it is."""

    name = "guide"
    needs_core = True

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Whether a rolled-out guide says what it should."""
        data = host.door.files.read_optional(host.paths.guide)
        if data is None:
            return (Finding("guide", "skip", "not rolled out on this host"),)
        text = guide_text(host)
        if text is None:
            return (
                Finding(
                    "guide",
                    "fail",
                    "rolled out, but no vault is set",
                    where=host.paths.guide,
                    remedy="iapeer-memory init --vault PATH",
                ),
            )
        if data == text:
            return (Finding("guide", "ok", host.paths.guide),)
        return (
            Finding(
                "guide", "fail", f"{host.paths.guide} differs", remedy="iapeer-memory verify --repair", healable=True
            ),
        )

    def apply(self, host: Host, done: Done) -> Outcome:
        """Write the guide where consent is given."""
        answers = host.wishes.answers
        data = host.door.files.read_optional(host.paths.guide)
        if answers is not None and (answers.skip_guide or answers.skip_ecosystem) and data is None:
            return self.ok("skipped")
        slot = done.get("slot")
        if slot is not None and not slot.ok and data is None:
            return self.ok("skipped: the slot is not ours")
        if answers is None and data is None:
            return self.ok("not rolled out here; nothing to do")
        text = guide_text(host)
        if text is None:
            return self.fail("the guide is rolled out, but no vault is set")
        if data == text:
            return self.ok("identical")
        host.door.files.write(host.paths.guide, text)
        return self.ok(f"written {host.paths.guide}; sessions read it at their next start", changed=True)


def guide_text(host: Host) -> bytes | None:
    """The guide with the vault's path in it; None where the vault is unknown."""
    if host.settings.vault is None:
        return None
    return render(template(f"guide/{host.settings.locale}.md"), {"VAULT_PATH": host.settings.vault}).encode()
