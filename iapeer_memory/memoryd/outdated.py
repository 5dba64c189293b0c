"""Whether memoryd runs with other settings than config.env has by now."""

from __future__ import annotations

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.settings import ConfigLine, Settings, parse_env
from iapeer_memory.memoryd import checks
from iapeer_memory.vault.locales import locale


def config_lines(door: Door, paths: Paths) -> tuple[ConfigLine, ...] | None:
    """The lines of config.env; None while they cannot be read."""
    try:
        data = door.files.read_optional(paths.config_file, limit=1 << 20)
        return parse_env((data or b"").decode("utf-8"))[0]
    except (ProductError, OSError, UnicodeDecodeError):
        return None


def outdated(door: Door, paths: Paths, before: tuple[ConfigLine, ...] | None) -> bool:
    """Whether config.env says something else by now, and names a vault and a locale that memoryd can start with."""
    now = config_lines(door, paths)
    values = [{line.key: line.value for line in lines} for lines in (before or (), now or ())]
    if now is None or values[0] == values[1]:
        return False
    settings = Settings(door.processes.environment(), now)
    try:
        checks.vault_of(door, settings)
        locale(settings.locale)
    except ProductError:
        return False
    return True
