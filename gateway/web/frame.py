"""The frame around every NiceGUI page: skip link, name, navigation, light and dark, what the connection does.

Rules: the landmarks are the browser's own (`header`, `nav`, `main`); nothing in the frame changes its size while a page
lives, so nothing below it jumps. What a page shows doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nicegui import ui

from gateway.web.nodes import Node
from gateway.web.static_files import url

PLACES: Final = (
    ("Overview", "/"),
    ("Replay", "/replay"),
    ("Results", "/results"),
    ("Devices", "/devices"),
    ("Privacy", "/privacy"),
)
"""Where the navigation leads: name and path."""

HELP: Final = ("First steps", "/start")
"""What stands by itself at the header's end, in sight on a phone too."""

ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#12325c"/>'
    '<path d="M9 7v18M23 7v18M9 16h14" stroke="#fff" stroke-width="3.5" stroke-linecap="round"/></svg>'
)


@contextmanager
def frame(title: str, here: str, *, styles: tuple[str, ...] = (), scripts: tuple[str, ...] = ()) -> Iterator[None]:
    """What is made inside stands in `main`, below the heading ``title``.

    ``here`` is the page's path in :data:`PLACES` or :data:`HELP`, marked as current ("" for none). ``styles`` and
    ``scripts`` are files of gateway/web/static that this page needs beside the common ones; scripts are ES modules.
    """
    client = ui.context.client
    ui.page_title(f"{title} · Gateline")
    for name in ("gateline.css", *styles):
        ui.add_head_html(f'<link rel="stylesheet" href="{url(name)}">')
    # Not a module: it sets the theme before anything is painted.
    ui.add_head_html(f'<script src="{url("frame.js")}"></script>')
    for name in scripts:
        ui.add_head_html(f'<script type="module" src="{url(name)}"></script>')
    with client.layout:
        header = Node("header", css="frame")
        header.move(target_index=0)
    with header:
        Node("a", "Skip to the content", "skip", href="#main")
        Node("a", "Gateline", "brand", href="/")
        with Node("nav", aria_label="Pages"), Node("ul"):
            for name, path in PLACES:
                with Node("li"):
                    _link(name, path, here)
        with Node("nav", css="help", aria_label="Help"):
            _link(*HELP, here)
        # Its name and sign are frame.js's business: it knows what the browser remembers.
        Node("button", css="theme", type="button", id="theme", aria_label="Colours")
    client.content.props('id="main" tabindex="-1"')
    with client.content:
        Node("h1", title)
        yield


def _link(name: str, path: str, here: str) -> None:
    Node("a", name, href=path, **({"aria_current": "page"} if path == here else {}))
