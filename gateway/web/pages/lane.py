"""The page of one lane: the gate alive, and its neighbours at hand.

Rules: what moves is drawn by the browser (static/lane.js) from /v1/live/{device}. Controls are on the page only where
gateway/web/access.py allows them; for a physical device they are not there, and the server refuses orders too. An
emulated lane's truth stands beside what its gate said; for a physical one there is none.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from gateway.live.lane import Lane
from gateway.live.world import NOBODY
from gateway.web import access, context
from gateway.web.busy import patient_page
from gateway.web.frame import frame
from gateway.web.missing import nothing_here, shortened
from gateway.web.nodes import Node

STYLES: Final = ("drawing.css", "lane.css")
SCRIPTS: Final = ("lane.js",)
NEAR: Final = 12
"""Lanes that are offered where one was asked for that isn't there."""


def _path(lane: Lane) -> str:
    return f"/lane/{quote(lane.device)}"


def _neighbours(here: Lane, lanes: list[Lane]) -> None:
    """The lane before, the one after, and all of the site."""
    place = lanes.index(here)
    with Node("nav", css="lane-nav row", aria_label="Lanes of this site"):
        if len(lanes) > 1:
            before, after = lanes[place - 1], lanes[(place + 1) % len(lanes)]
            Node("a", "‹", "step", href=_path(before), aria_label=f"The lane before: {before.device}")
        with Node("ul"):
            for lane in lanes:
                with Node("li"):
                    current = {"aria_current": "page"} if lane is here else {}
                    Node("a", lane.device, href=_path(lane), **current)
        if len(lanes) > 1:
            Node("a", "›", "step", href=_path(after), aria_label=f"The next lane: {after.device}")


def register() -> None:
    """Make the page known."""

    @patient_page("/lane/{device}")
    def lane_page(device: str) -> None:
        lanes = context.service().live.gates()
        here = next((lane for lane in lanes if lane.device == device), None)
        if here is None:
            near = [(lane.device, _path(lane)) for lane in lanes[:NEAR]]
            nothing_here("No such lane", f"There is no gate that is called {shortened(device)} here.", near)
            return
        emulated = here.site_class == access.EMULATED
        with frame(f"Lane {device}", "", styles=STYLES, scripts=SCRIPTS):
            with Node("div", css="lane-head row"):
                kind = "emulated gate, real firmware" if emulated else "physical gate"
                Node("span", kind, "soft")
                Node("a", "Its device", href=f"/devices/{quote(device)}")
                _neighbours(here, [lane for lane in lanes if lane.site == here.site])
            steer = access.allowed(access.Action.STEER, here.site_class)
            Node("gateline-lane", device=device, emulated=emulated, steer=steer, nobody=NOBODY)
