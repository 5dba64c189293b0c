"""What is wrong with a service definition or a cache manifest. Never holds more than text.

Bad input is refused with the file, the reason and, where there is one, the command that mends it; nothing is changed.
"""

from __future__ import annotations

from typing import Literal

from iapeer_memory.domain.errors import FileRefused

DefinitionFault = Literal["insecure-folder", "name", "unreadable", "decode", "mismatch", "path", "version", "isolation"]
ManifestFault = Literal["insecure-folder", "name", "unreadable", "decode", "corrupt", "schema-too-new"]


class DefinitionRefused(FileRefused):
    """A service definition that is not used."""

    def __init__(self, fault: DefinitionFault, path: str, reason: str, *, remedy: str | None = None) -> None:
        super().__init__(path, reason, remedy=remedy)
        self.fault = fault


class ManifestRefused(FileRefused):
    """A cache manifest that is not believed."""

    def __init__(self, fault: ManifestFault, path: str, reason: str, *, remedy: str | None = None) -> None:
        super().__init__(path, reason, remedy=remedy)
        self.fault = fault
