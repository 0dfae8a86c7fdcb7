"""What open pages share in this process: one refresh of the overview, of the devices, of privacy.

Rules: as there is one gateway in a process, so there is one of each; a gateway that was started anew gets new ones.
What is gathered doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from nicegui import ui

from gateway.service import Service
from gateway.web import board as overview
from gateway.web import context, privacy_facts
from gateway.web.device_detail import Detail, gatherer
from gateway.web.device_facts import Gatherer
from gateway.web.device_rows import Snapshot
from gateway.web.privacy_facts import PrivacyView
from gateway.web.ticker import Ticker

DEVICES_S: Final = 1.0
OVERVIEW_S: Final = 1.0
PRIVACY_S: Final = 5.0

T = TypeVar("T")
_made: dict[str, tuple[Service, Ticker[Any]]] = {}


def _ticker(name: str, every_s: float, gather: Callable[[Service], Callable[[], T]]) -> Ticker[T]:
    service = context.service()
    known = _made.get(name)
    if known is None or known[0] is not service:
        known = _made[name] = (service, Ticker(gather(service), every_s, name))
    return known[1]


def board() -> Ticker[overview.Board]:
    """The overview, every second."""
    return _ticker("the overview", OVERVIEW_S, overview.Gatherer)


def devices() -> Ticker[Snapshot]:
    """All devices, every second."""
    return _ticker("devices", DEVICES_S, Gatherer)


def device(name: str) -> Ticker[Detail]:
    """One device that there is, every second."""
    return _ticker(f"the device {name}", DEVICES_S, lambda service: gatherer(service, name))


def privacy() -> Ticker[PrivacyView]:
    """What the page of privacy shows."""
    return _ticker("privacy", PRIVACY_S, privacy_facts.gatherer)


def while_open(ticker: Ticker[T], show: Callable[[T], None]) -> None:
    """Call ``show`` with each new value while the page that is being made is open."""
    ui.context.client.on_delete(ticker.listen(show))
