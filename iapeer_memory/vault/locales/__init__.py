"""The locales that a vault may have. A new one is a file here and a row in `LOCALES`."""

from __future__ import annotations

from iapeer_memory.domain.errors import ConfigError
from iapeer_memory.vault.locales import en, ru

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from iapeer_memory.vault.layout import Locale

LOCALES: Mapping[str, Locale] = {preset.id: preset for preset in (en.LOCALE, ru.LOCALE)}


def locale(name: str) -> Locale:
    """The preset of that name, letter case and blanks aside. Raises ConfigError."""
    found = LOCALES.get(name.strip().lower())
    if found is None:
        known = " or ".join(LOCALES)
        raise ConfigError(f"unknown locale {name!r}", remedy=f"set IAPEER_MEMORY_LOCALE to {known} in config.env")
    return found
