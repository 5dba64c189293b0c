"""What a daemon is put together from. Data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.memoryd.backend import Offer
from iapeer_memory.memoryd.delivery import Delivery
from iapeer_memory.memoryd.health import Identity
from iapeer_memory.memoryd.keeping import Keeping
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.models import Models
from iapeer_memory.memoryd.passes import Vault
from iapeer_memory.memoryd.searching import Searching
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.tending import Tending
from iapeer_memory.memoryd.timings import Timings
from iapeer_memory.memoryd.writing import Pen


@dataclass(frozen=True, slots=True)
class Kit:
    """What a daemon is put together from. `results`: of a search that does not say how many. `nameless`: who asks
    where nothing else tells. `emit`: writes an event to stdout; None: nobody receives any. `period`: between curator
    ticks, ms. `mcp` False: only index, watch and answer the probe. `outdated`: whether the
    settings have changed since, and can be used."""

    door: Door
    paths: Paths
    vault: Vault
    identity: Identity
    offer: Offer
    store: Store
    tending: Tending
    keeping: Keeping
    delivery: Delivery
    pen: Pen
    models: Models
    searching: Searching | None
    results: int
    nameless: str | None
    emit: Callable[[bytes], None] | None
    period: int
    mcp: bool
    timings: Timings
    log: Log
    outdated: Callable[[], bool]
