"""A user's broker files in a test's folder: definitions, registry, caches, sidecars, and a host to judge them by."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from iapeer_memory.broker.cleanup.request import Cleaned, Request
from iapeer_memory.broker.cleanup.run import clean
from iapeer_memory.broker.manifest_builder import ManifestBuilder, cache_manifest
from iapeer_memory.broker.manifest_file import write_central
from iapeer_memory.broker.service_file import Generation
from iapeer_memory.broker.surroundings import Surroundings, surroundings
from iapeer_memory.broker.wire_v1.manifest import CacheManifest
from iapeer_memory.domain.door import Door

UID = os.getuid()
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Desk:
    """`around`: everything that doctor and cleanup are given. `home`: where all of it lies."""

    home: Path
    around: Surroundings

    @property
    def door(self) -> Door:
        return self.around.door

    @property
    def definitions(self) -> Path:
        return Path(self.around.definitions.path)

    @property
    def registry(self) -> Path:
        return Path(self.around.registry.path)

    def now_ms(self) -> int:
        return int(self.door.clock.now() * 1000)

    def manifest(self, service: str = "memoryd", version: str = "1.0.0", *, age_days: float = 0) -> ManifestBuilder:
        """A manifest of this host, last active that long ago."""
        then = self.now_ms() - int(age_days * DAY_MS)
        return cache_manifest(service, version, host=self.around.here, now_unix_ms=then)

    def register(self, manifest: CacheManifest, generation: Generation = 1) -> Path:
        """Put a manifest into the registry; its path."""
        written = write_central(self.door.files, str(self.registry), manifest, generation, uid=UID)
        return Path(written.path)

    def folder(self, name: str, *files: str) -> Path:
        """A folder with files of a few bytes each."""
        made = self.home / name
        made.mkdir(parents=True, exist_ok=True)
        for file in files or ("a", "sub/b"):
            (made / file).parent.mkdir(parents=True, exist_ok=True)
            (made / file).write_text("some text\n")
        return made

    def clean(self, request: Request, *, confirm: bool = True, never: tuple[str, ...] = ()) -> Cleaned:
        return clean(self.around, request, never=never, confirm=confirm)

    def uninstall(self, service: str = "memoryd", *, confirm: bool = True, **words: object) -> Cleaned:
        return self.clean(replace(Request("uninstall", service=service), **words), confirm=confirm)  # type: ignore[arg-type]


def desk_in(door: Door, folder: Path, *, env: dict[str, str] | None = None) -> Desk:
    """A desk; its home and runtime folder are below the folder."""
    home = folder / "h"
    for path in (home, folder / "r"):
        path.mkdir(mode=0o700, exist_ok=True)
    given = {"XDG_RUNTIME_DIR": str(folder / "r"), **(env or {})}
    around = surroundings(door, given, home=str(home), uid=UID, hostname="here", platform=sys.platform)
    return Desk(home, around)


def reasons(cleaned: Cleaned) -> dict[str, str | None]:
    """Why each path stayed, by the last part of its name; None for what went."""
    return {os.path.basename(action.path): action.skip_reason for action in cleaned.actions}
