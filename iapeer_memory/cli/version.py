"""`version`: the bare version string."""

from __future__ import annotations

import sys

from iapeer_memory import __version__


def main() -> int:
    """Print the version."""
    sys.stdout.write(__version__ + "\n")
    return 0
