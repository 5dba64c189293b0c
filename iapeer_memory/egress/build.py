"""Which build of the package is running. Never guesses from a version alone: two builds may share one."""

from __future__ import annotations

import json
import os
import sys

from iapeer_memory import __version__
from iapeer_memory.domain.door import Files

RECORD = "runtime.json"


def running_build(files: Files, prefix: str = sys.prefix) -> str:
    """The key `build` of `<prefix>/runtime.json`, else `dev-<version>` (a checkout, or a record that says nothing)."""
    data = files.read_optional(os.path.join(prefix, RECORD), limit=1 << 20)
    if data is not None:
        try:
            record = json.loads(data)
        except ValueError:
            record = None
        if isinstance(record, dict) and isinstance(record.get("build"), str) and record["build"]:
            return str(record["build"])
    return f"dev-{__version__}"
