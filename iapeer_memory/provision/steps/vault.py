"""vault: the folder of notes and its skeleton. Creates what is missing; never changes what is there."""

from __future__ import annotations

from os.path import join

from iapeer_memory.domain.finding import Outcome
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Step
from iapeer_memory.vault.skeleton import skeleton


class VaultStep(Step):
    """Makes the folders of the locale and three seeds, each only where nothing is."""

    name = "vault"
    heals = False

    def apply(self, host: Host, done: Done) -> Outcome:
        """Create what is missing and count it."""
        answers = host.wishes.answers
        vault = answers.vault if answers is not None else host.settings.vault
        if vault is None:
            return self.fail("no vault is set; give one: iapeer-memory init --vault PATH")
        files = host.door.files
        plan = skeleton(answers.locale if answers is not None else host.settings.locale)
        new_folders = [folder for folder in ("", *plan.folders) if files.stat(join(vault, folder)) is None]
        for folder in new_folders:
            files.mkdir(join(vault, folder))
        seeds = [files.create(join(vault, path), data) for path, data in plan.seeds]
        created = len(new_folders) + sum(seeds)
        kept = len(plan.folders) + 1 - len(new_folders) + len(seeds) - sum(seeds)
        return self.ok(f"{vault}: {created} created, {kept} kept", changed=created > 0)
