"""What a new vault consists of: its folders and its three seed files. Pure; whoever writes it never overwrites.

Source: the reference package's vault skeleton.
"""

from __future__ import annotations

from iapeer_memory.vault.layout import Locale


def folders(locale: Locale) -> tuple[str, ...]:
    """Vault-relative folders, in order, parents first."""
    seeded = {f"{locale.folders['system']}/{path.rpartition('/')[0]}" for path in locale.seeds if "/" in path}
    return (*locale.folders.values(), *sorted(seeded))


def seeds(locale: Locale) -> tuple[tuple[str, bytes], ...]:
    """(vault-relative path, bytes) of each seed: draft template, tags dictionary, project overview template."""
    return tuple((f"{locale.folders['system']}/{path}", text.encode()) for path, text in locale.seeds.items())
