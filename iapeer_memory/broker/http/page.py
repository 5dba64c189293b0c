"""The one page that shows the pages of all backends: a tab each. It loads nothing but them, and trusts none of them.

A backend's page is another origin than ours (another port), in a sandbox that lets it run its own scripts and nothing
else: it cannot leave its frame, open windows or steer this page. Source: the running-process broker v2, aggregator.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

TITLE = "running-process broker-v2 aggregator"
STARTING = "(starting…)"
EMPTY = "no backends registered yet"
REFRESH_SECONDS = 2
SANDBOX = "allow-scripts allow-forms allow-same-origin"
"""same-origin is the frame's own origin, never ours: without it a page could not ask its own server for data."""

STYLE = """
html,body{height:100%;margin:0}
body{display:flex;flex-direction:column;font:15px/1.4 system-ui,sans-serif;color:#1c2126;background:#fff}
#bar{display:flex;flex-wrap:wrap;gap:4px;padding:6px 8px 0;background:#eceff1;border-bottom:1px solid #b0bec5}
#bar button{font:inherit;padding:6px 14px;border:1px solid #b0bec5;border-bottom:0;border-radius:6px 6px 0 0;
background:#dfe4e7;color:inherit;cursor:pointer}
#bar button[aria-selected=true]{background:#fff;font-weight:600}
#bar button:disabled{color:#5f6b73;cursor:default}
#bar button:focus-visible{outline:2px solid #0b63c4;outline-offset:1px}
#bar p{margin:0 0 6px}
iframe{flex:1;width:100%;border:0}
iframe[hidden]{display:none}
@media (prefers-color-scheme:dark){body{color:#e6eaed;background:#14181b}#bar{background:#1f262b;border-color:#3b464d}
#bar button{background:#2a3338;border-color:#3b464d}#bar button[aria-selected=true]{background:#14181b}
#bar button:disabled{color:#93a1aa}}
"""
SCRIPT = """
"use strict";
const tabs = [...document.querySelectorAll("#bar button[aria-controls]")];
function show(chosen) {
  for (const tab of tabs) {
    const on = tab === chosen;
    tab.setAttribute("aria-selected", String(on));
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
  }
}
for (const tab of tabs) tab.addEventListener("click", () => show(tab));
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A document, and the policy that it is served under."""

    body: bytes
    policy: str


def digest(text: str) -> str:
    """What a content security policy calls an inline text by."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


BASE_POLICY = (
    f"default-src 'none'; style-src {digest(STYLE)}; script-src {digest(SCRIPT)}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; frame-src "
)


def origin(port: int) -> str:
    """Where a backend's page is."""
    return f"http://127.0.0.1:{port}"


def page(backends: Sequence[tuple[str, int | None]]) -> Page:
    """The page of these backends: (id, port; None while it has not told one), in this order."""
    ready = [(number, name, port) for number, (name, port) in enumerate(backends) if port is not None]
    first = ready[0][0] if ready else -1
    tabs = [tab(number, name, port, first) for number, (name, port) in enumerate(backends)] or [f"<p>{EMPTY}</p>"]
    frames = [frame(number, name, port, first) for number, name, port in ready]
    # While somebody is still starting, the page looks again by itself.
    again = "" if len(ready) == len(backends) > 0 else f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">\n'
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{again}<title>{TITLE}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<nav id="bar" role="tablist" aria-label="Backends">\n{chr(10).join(tabs)}\n</nav>\n'
        f"{chr(10).join(frames)}\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
    sources = " ".join(dict.fromkeys(origin(port) for _, _, port in ready)) or "'none'"
    return Page(text.encode(), BASE_POLICY + sources)


def tab(number: int, name: str, port: int | None, first: int) -> str:
    """The button of one backend."""
    shown = escape(name)
    if port is None:
        return f'<button type="button" role="tab" aria-selected="false" disabled>{shown} {STARTING}</button>'
    chosen = str(number == first).lower()
    return f'<button type="button" role="tab" aria-selected="{chosen}" aria-controls="frame-{number}">{shown}</button>'


def frame(number: int, name: str, port: int, first: int) -> str:
    """The page of one backend; hidden ones are not loaded before they are looked at."""
    hidden = "" if number == first else " hidden"
    return (
        f'<iframe id="frame-{number}" role="tabpanel" title="{escape(name)}" src="{origin(port)}/" '
        f'sandbox="{SANDBOX}" referrerpolicy="no-referrer" loading="lazy"{hidden}></iframe>'
    )
