"""Topics of the wire: ``gateline/1/<site>/<device>/<channel>``.

Rules: names match ``[a-z0-9][a-z0-9-]{0,31}``; the version is part of the topic. Nothing here knows an MQTT client.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway.protocol.refusal import Reason, Refused

VERSION: Final = 1
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
PASSES: Final = "passes"
"""No device may have this name: it stands in its place in the topics of key list and spent set."""

EVENT: Final = "event"
STATUS: Final = "status"
HEALTH: Final = "health"
STORED: Final = "stored"
LAYOUT: Final = "layout"
SCENE: Final = "scene"
WORLD: Final = "world"

INCOMING: Final = (EVENT, STATUS, HEALTH, LAYOUT, SCENE)
"""The channels that a gateway receives."""

EVENT_FILTER: Final = (f"gateline/{VERSION}/+/+/{EVENT}", 1)
"""The (filter, QoS) of what is stored."""

OBSERVED_FILTERS: Final = (
    (f"gateline/{VERSION}/+/+/{STATUS}", 1),
    (f"gateline/{VERSION}/+/+/{HEALTH}", 0),
    (f"gateline/{VERSION}/+/+/{LAYOUT}", 1),
    (f"gateline/{VERSION}/+/+/{SCENE}", 0),
)
"""The (filter, QoS) of what is only looked at."""


class Topic(NamedTuple):
    """A parsed topic."""

    site: str
    device: str
    channel: str

    def __str__(self) -> str:
        return f"gateline/{VERSION}/{self.site}/{self.device}/{self.channel}"


def is_name(text: str) -> bool:
    """Whether ``text`` may name a site or a device; for a device, see also :data:`PASSES`."""
    return NAME.fullmatch(text) is not None


def is_device_name(text: str) -> bool:
    """Whether ``text`` may name a device."""
    return is_name(text) and text != PASSES


def passes_topic(site: str, what: str) -> str:
    """The topic of ``keys`` or ``spent-<slot>`` at one site (docs/passes.md)."""
    return f"gateline/{VERSION}/{site}/{PASSES}/{what}"


def parse(topic: str) -> Topic:
    """Take a topic apart; :class:`Refused` (malformed, unknown_version) when it is not one that a gateway receives."""
    parts = topic.split("/")
    if len(parts) != 5 or parts[0] != "gateline":
        raise Refused(Reason.MALFORMED)
    if parts[1] != str(VERSION):
        raise Refused(Reason.UNKNOWN_VERSION)
    _, _, site, device, channel = parts
    if not is_name(site) or not is_name(device) or device == PASSES or channel not in INCOMING:
        raise Refused(Reason.MALFORMED)
    return Topic(site, device, channel)
