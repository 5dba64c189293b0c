"""When a note says that it was edited, and whether that is just now. Pure.

Stamps are local time without a zone. Source: the reference core's stamp forms and its rule of freshness.
"""

from __future__ import annotations

import time

FORMS = {19: "%Y-%m-%d %H:%M:%S", 16: "%Y-%m-%d %H:%M", 10: "%Y-%m-%d"}
"""By length: seconds, minutes (older notes), a day."""

WINDOW = 90.0
"""Seconds for which a stamp counts as fresh."""


def stamp_text(now: float) -> str:
    """A moment as a stamp, local time."""
    return time.strftime(FORMS[19], time.localtime(now))


def day_text(moment: float) -> str:
    """The day of a moment, local time, as `created` has it."""
    return time.strftime(FORMS[10], time.localtime(moment))


def parse(stamp: str | None) -> float | None:
    """Seconds since the epoch; None for what is no stamp."""
    text = (stamp or "").strip()
    form = FORMS.get(len(text))
    if form is None:
        return None
    try:
        # The last field leaves it to the zone's rules whether summer time was on.
        return time.mktime((*time.strptime(text, form)[:8], -1))
    except (ValueError, OverflowError):
        return None


def younger(stamp: str | None, now: float, window: float) -> bool:
    """Whether the stamp is less than `window` seconds old; one in the future is."""
    moment = parse(stamp)
    return moment is not None and now - moment < window


def fresh(stamp: str | None, mtime: float, now: float, window: float) -> bool:
    """Whether the stamp was set just now, or together with the file's last write (an event may come hours late)."""
    moment = parse(stamp)
    return moment is not None and (now - moment < window or abs(moment - mtime) <= window)
