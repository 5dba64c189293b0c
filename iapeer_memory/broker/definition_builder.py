"""Service definitions, put together step by step. Each step gives a new value; nothing is written before `install`.

    shared_broker("memoryd", "/opt/memoryd/bin/memoryd").min_version("1.2.0").install_in(files, folder, uid=uid)

Source of the steps and defaults: the running-process broker, builders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.service_file import Generation, install, problem
from iapeer_memory.broker.wire_v1.service import Isolation
from iapeer_memory.broker.wire_v2.service import HttpServer, ServiceDefinition
from iapeer_memory.domain.door import Files

if TYPE_CHECKING:
    from iapeer_memory.broker.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class DefinitionBuilder:
    """A service definition in the making."""

    definition: ServiceDefinition

    def per_version_binary_dir(self, folder: str) -> Self:
        """Absolute: the broker starts the binary only from within."""
        return self._with(per_version_binary_dir=folder)

    def min_version(self, version: str) -> Self:
        """Clients that want an older one are refused."""
        return self._with(min_version=version)

    def version_allow_list(self, *versions: str) -> Self:
        """Only these may be wanted; none: every version."""
        return self._with(version_allow_list=versions)

    def label(self, key: str, value: str) -> Self:
        """One label more."""
        return self._with(labels=MappingProxyType({**self.definition.labels, key: value}))

    def http_server(self, *, bind_addr: str = "", health_path: str = "", display_name: str = "") -> Self:
        """The backend serves HTTP. Told by generation 2 alone. Empty: 127.0.0.1, /health, the service's name."""
        return self._with(
            http_server=HttpServer(bind_addr=bind_addr, health_path=health_path, display_name=display_name)
        )

    def build(self) -> ServiceDefinition:
        """The definition. Raises DefinitionRefused for one that no broker would load."""
        wrong = problem(self.definition, self.definition.service_name)
        if wrong is not None:
            raise DefinitionRefused(wrong[0], self.definition.service_name or "service definition", wrong[1])
        return self.definition

    def install_in(self, files: Files, folder: str, *, uid: int, generation: Generation = 2) -> str:
        """Write it into a folder of definitions; its path. Raises DefinitionRefused, OSError."""
        return install(files, folder, self.build(), generation, uid=uid)[0]

    def install(self, around: Surroundings, *, generation: Generation = 2) -> str:
        """Write it into the user's folder of definitions; its path. Raises DefinitionRefused, OSError."""
        return self.install_in(around.door.files, around.definitions.path, uid=around.uid, generation=generation)

    def _with(self, **changes: object) -> Self:
        return replace(self, definition=replace(self.definition, **changes))  # type: ignore[arg-type]


def private_broker(name: str, binary_path: str) -> DefinitionBuilder:
    """A service with a broker of its own."""
    return _builder(name, binary_path, Isolation.PRIVATE_BROKER)


def shared_broker(name: str, binary_path: str) -> DefinitionBuilder:
    """A service behind the broker that all of the user's share."""
    return _builder(name, binary_path, Isolation.SHARED_BROKER)


def explicit_instance(name: str, binary_path: str, instance: str) -> DefinitionBuilder:
    """A service behind the broker of that name."""
    return _builder(name, binary_path, Isolation.EXPLICIT_INSTANCE, instance)


def _builder(name: str, binary_path: str, isolation: int, instance: str = "") -> DefinitionBuilder:
    return DefinitionBuilder(
        ServiceDefinition(service_name=name, binary_path=binary_path, isolation=isolation, explicit_instance=instance)
    )
