"""The overview: the site as a plan."""

from __future__ import annotations

from nicegui import ui

from gateway.web.frame import frame


def register() -> None:
    """Make the page known."""

    @ui.page("/overview")
    def overview() -> None:
        with frame("Overview", "/"):
            pass
