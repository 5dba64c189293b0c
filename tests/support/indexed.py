"""An index beside its vault, to be tampered with: as a check, a repair and a stranger see it."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from iapeer_memory.domain.finding import Finding
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.compose import OwnProgram, open_door
from iapeer_memory.egress.readonly import read_only
from iapeer_memory.provision.host import Host, Wishes, load_host, read_config
from iapeer_memory.provision.steps.index import IndexStep
from iapeer_memory.provision.verify import repair, verify
from tests.support.daemon import environment, write

LONG_AGO = time.time() - 3600
BLIND = 600.0


@dataclass
class Place:
    """A home with a vault of twelve notes that nobody has touched for an hour."""

    home: Path
    vault: Path

    @property
    def index(self) -> Path:
        return self.home / ".iapeer" / "cache" / "iapeer-memory" / "index.db"

    def note(self, name: str, text: str) -> Path:
        return write(self.vault, f"01_Knowledge/{name}.md", text)

    def age(self) -> None:
        """As if everything had been done long ago."""
        for folder, _, names in os.walk(self.vault):
            for path in (folder, *(f"{folder}/{name}" for name in names)):
                os.utime(path, (LONG_AGO, LONG_AGO))

    def host(self, port: int, *, thorough: bool = False) -> Host:
        """The host as the command line sees it. `thorough`: as for a repair."""
        env = environment(self.home, self.vault, MCP_PORT=str(port))
        paths = Paths.from_env(env, os_home=str(self.home))
        door = open_door(env, own=OwnProgram(interpreter=sys.executable, stable_command=paths.stable_binary))
        config = read_config(door, paths.config_file)
        wishes = Wishes(thorough=thorough)
        return load_host(door, env, config, paths, version="v", build="b", wishes=wishes)

    def look(self, port: int, *, thorough: bool = False) -> Finding:
        """What a check says of the index, through a door that cannot write."""
        host = self.host(port, thorough=thorough)
        return verify(replace(host, door=read_only(host.door)), [IndexStep()])[0]

    def mend(self, port: int) -> Finding:
        """What a repair says of it."""
        return repair(self.host(port, thorough=True), [IndexStep()])[0]

    def sql(self, *statements: str) -> None:
        """Write into the index as a stranger."""
        connection = sqlite3.connect(self.index)
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
