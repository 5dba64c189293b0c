"""vault: the folder of notes and its skeleton. Creates what is missing; never changes what is there.

A vault that is adopted, and one whose notes are not stamped, is left as it is.
"""

from __future__ import annotations

from os.path import dirname, join

from iapeer_memory.domain.finding import Outcome
from iapeer_memory.egress.host import uid
from iapeer_memory.egress.temps import sweep_temps
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Step
from iapeer_memory.vault.locales import locale as locale_of
from iapeer_memory.vault.skeleton import folders, seeds


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
        if (answers is not None and answers.adopt) or not host.settings.stamping:
            return self.ok(f"{vault}: adopted as it is, nothing in it is changed")
        locale = locale_of(answers.locale if answers is not None else host.settings.locale)
        wanted = ("", *folders(locale))
        new_folders = [folder for folder in wanted if files.stat(join(vault, folder)) is None]
        for folder in new_folders:
            files.mkdir(join(vault, folder))
        planted = [files.create(join(vault, path), data) for path, data in seeds(locale)]
        for folder in {dirname(join(vault, path)) for path, _ in seeds(locale)}:
            sweep_temps(files, folder, uid=uid(), now=host.door.clock.now())  # an init that was killed at a seed
        created = len(new_folders) + sum(planted)
        kept = len(wanted) + len(planted) - created
        return self.ok(f"{vault}: {created} created, {kept} kept", changed=created > 0)
