"""Standard output as a channel of events: whole lines, at once. Text for people goes elsewhere."""

from __future__ import annotations

import sys


def say(line: bytes) -> None:
    """Write a line and hand it over. Raises OSError when nobody reads any more."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
