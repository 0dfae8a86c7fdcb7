"""The page's few drawings, as nodes; all are decoration, and a screen reader passes over them."""

from __future__ import annotations

from firmware.kiosk.touch.nodes import Node, node

_PATHS = {
    "gate": ("M8 5v22M24 5v22M8 16h6M18 16h6",),
    "ticket": ("M4 10h24v4a2.5 2.5 0 0 0 0 5v4H4v-4a2.5 2.5 0 0 0 0-5z", "M19 10v3M19 15.5v2.5M19 20.5v2.5"),
    "single": ("M5 16h20M18 8l8 8-8 8",),
    "day": (
        "M16 10.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z",
        "M16 3v4M16 25v4M3 16h4M25 16h4M6.8 6.8l2.8 2.8M22.4 22.4l2.8 2.8M6.8 25.2l2.8-2.8M22.4 9.6l2.8-2.8",
    ),
    "data": ("M13.5 5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17z", "M20 20l8 8M9.5 11h8M9.5 15.5h6"),
    "closed": ("M16 4a12 12 0 1 0 0 24a12 12 0 1 0 0-24z", "M8 8l16 16"),
    "wait": ("M9 4h14M9 28h14M10 4c0 8 12 16 12 24M22 4c0 8-12 16-12 24",),
    "out": ("M4 6h24v8H4z", "M9 14v13h14V14M13 19h6M13 23h4"),
    "done": ("M5 17l7.5 7.5L27 8",),
    "sorry": ("M16 4a12 12 0 1 0 0 24a12 12 0 1 0 0-24z", "M16 10v8M16 21.5v1.5"),
}


def icon(name: str) -> Node:
    """The drawing called `name`, in the colour of the text around it."""
    paths = (node("path", d=path) for path in _PATHS[name])
    return node(
        "svg",
        *paths,
        viewBox="0 0 32 32",
        fill="none",
        stroke="currentColor",
        stroke_width="2.6",
        stroke_linecap="round",
        stroke_linejoin="round",
        aria_hidden="true",
        focusable="false",
    )
