"""What the overview shows, gathered once a second for all who look.

Rules: asks the live state and the registry, never the database; texts that pages hand to their own scripts are encoded
here, once. Figures themselves are figures.py's, how they look is pages/overview.py's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from gateway.live.state import Lane
from gateway.service import Service
from gateway.web import context
from gateway.web.figures import Figures, take
from gateway.web.ticker import Ticker

EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Board:
    """The overview at one moment."""

    figures: Figures
    layouts: str
    """JSON: gate -> how its lane is built, null where that isn't told. A device that is not in it is no gate."""
    hands: str
    """JSON: device -> why it needs a hand."""
    first_lane: str
    """The lane that a newcomer is sent to: the first that is emulated and connected, "" when there is none."""


def gather(service: Service) -> Board:
    """The board of this service now."""
    senders = [device.sender for device in service.registry.devices() if device.sender.kind == "gate"]
    classes = {sender.site: sender.site_class for sender in senders}
    lanes = [lane for sender in senders if (lane := service.live.lane(sender.device)) is not None]
    figures = take(lanes, classes, service.consumer.waiting)
    going = [lane.device for lane in lanes if classes[lane.site] == "emulated" and lane.link == "online"]
    return Board(
        figures,
        layouts=_json({lane.device: _layout(lane) for lane in lanes}),
        hands=_json({hand.device: hand.reason for hand in figures.hands}),
        first_lane=going[0] if going else "",
    )


def _layout(lane: Lane) -> dict[str, object] | None:
    layout = lane.layout
    if layout is None:
        return None
    return {"way": layout.way, "make": layout.make, "beams": [x for x, _ in layout.beams], "arm": layout.arm[0]}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


BOARD: Final = Ticker(lambda: gather(context.service()), EVERY_S, "the overview")
