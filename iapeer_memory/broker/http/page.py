"""The one page that shows the pages of all backends: a tab each. It loads nothing but them, and trusts none of them.

A backend's page is another origin than ours (another port), in a sandbox that lets it run its own scripts and nothing
else: it cannot leave its frame, open windows or steer this page. Every two seconds the page asks whether there is
another one by now; only then is it loaded again, with the same tab in front.
Source: the running-process broker v2, aggregator.
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
HINT = "A daemon has its tab here once a client has asked the broker for it and it has told where it serves HTTP."
LOST = "the broker does not answer"
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
#bar button:focus-visible{outline:2px solid #0b63c4;outline-offset:-3px}
#lost{margin:0;padding:4px 12px;background:#b3261e;color:#fff}
main{margin:auto;padding:16px;max-width:32em;text-align:center}
main p{margin:0 0 6px}
main p+p{color:#5f6b73}
iframe{flex:1;width:100%;border:0;background:#fff}
[hidden]{display:none!important}
@media (prefers-color-scheme:dark){body{color:#e6eaed;background:#14181b}#bar{background:#1f262b;border-color:#3b464d}
#bar button{background:#2a3338;border-color:#3b464d}#bar button[aria-selected=true]{background:#14181b}
#bar button:disabled,main p+p{color:#93a1aa}#bar button:focus-visible{outline-color:#7ab8ff}}
"""
SCRIPT = """
"use strict";
const tabs = [...document.querySelectorAll("#bar button:enabled")];
const name = tab => encodeURIComponent(tab.textContent);
function show(chosen) {
  for (const tab of tabs) {
    const on = tab === chosen;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
  }
  history.replaceState(null, "", "#" + name(chosen));
}
function step(event) {
  const at = tabs.indexOf(event.target), last = tabs.length - 1;
  const to = {ArrowLeft: at > 0 ? at - 1 : last, ArrowRight: at < last ? at + 1 : 0, Home: 0, End: last}[event.key];
  if (to === undefined) return;
  event.preventDefault();
  tabs[to].focus();
  show(tabs[to]);
}
for (const tab of tabs) {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", step);
}
const before = tabs.find(tab => "#" + name(tab) === location.hash);
if (before) show(before);
async function look() {
  let text = "";
  try { text = await (await fetch("/", {signal: AbortSignal.timeout(5000)})).text(); } catch { }
  document.getElementById("lost").hidden = text !== "";
  if (text && !text.includes(`<body data-state="${document.body.dataset.state}">`)) location.reload();
  setTimeout(look, 2000);
}
setTimeout(look, 2000);
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
    f"default-src 'none'; style-src {digest(STYLE)}; script-src {digest(SCRIPT)}; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; frame-src "
)


def origin(port: int) -> str:
    """Where a backend's page is."""
    return f"http://127.0.0.1:{port}"


def page(backends: Sequence[tuple[str, int | None]]) -> Page:
    """The page of these backends: (id, port; None while it has not told one), in this order."""
    ready = [(number, name, port) for number, (name, port) in enumerate(backends) if port is not None]
    first = ready[0][0] if ready else -1
    tabs = [tab(number, name, port, first) for number, (name, port) in enumerate(backends)]
    frames = [frame(number, name, port, first) for number, name, port in ready]
    if not backends:
        frames = [f"<main><p>{EMPTY}</p><p>{HINT}</p></main>"]
    state = hashlib.sha256(repr(tuple(backends)).encode()).hexdigest()[:16]
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f'<title>{TITLE}</title>\n<style>{STYLE}</style>\n</head>\n<body data-state="{state}">\n'
        f'<nav id="bar" role="tablist" aria-label="Backends">\n{chr(10).join(tabs)}\n</nav>\n'
        f'<p id="lost" role="status" hidden>{LOST}</p>\n'
        f"{chr(10).join(frames)}\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
    sources = " ".join(dict.fromkeys(origin(port) for _, _, port in ready)) or "'none'"
    return Page(text.encode(), BASE_POLICY + sources)


def tab(number: int, name: str, port: int | None, first: int) -> str:
    """The button of one backend. One of them can be reached with the tabulator, the others from there by arrows."""
    shown = escape(name)
    if port is None:
        return f'<button type="button" role="tab" aria-selected="false" disabled>{shown} {STARTING}</button>'
    chosen = number == first
    return (
        f'<button type="button" role="tab" id="tab-{number}" aria-selected="{str(chosen).lower()}" '
        f'aria-controls="frame-{number}" tabindex="{0 if chosen else -1}">{shown}</button>'
    )


def frame(number: int, name: str, port: int, first: int) -> str:
    """The page of one backend; hidden ones are not loaded before they are looked at."""
    hidden = "" if number == first else " hidden"
    return (
        f'<iframe id="frame-{number}" role="tabpanel" aria-labelledby="tab-{number}" title="{escape(name)}" '
        f'src="{origin(port)}/" sandbox="{SANDBOX}" referrerpolicy="no-referrer" loading="lazy"{hidden}></iframe>'
    )
