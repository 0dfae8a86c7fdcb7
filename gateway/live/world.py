"""Orders to the simulator of an emulated site: riders, a broken beam, a jammed arm, a cut network, the fire alarm.

Rules: only for emulated devices; who may give orders is decided by whoever calls (gateway/web/access.py). An order is
sealed with the simulator's own key and believed once (docs/protocol.md, `world`). Nothing of it is stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, Literal, Protocol

from gateway.devices.registry import Registry
from gateway.live.state import LiveState
from gateway.protocol import topics
from gateway.protocol.refusal import Refused
from gateway.protocol.scenes import SENT, Order, World, encode_world
from gateway.protocol.seal import seal

NOBODY: Final = "No simulator speaks for this lane; gateline demo starts lanes and pages of its own."
"""What is said, here and on the lane's page, where nobody takes orders. Only the demo's station shows lanes, and it has
a gateway of its own: neither it nor a fleet, whose devices are counted and not shown, can revive a lane of this one."""

Problem = Literal["unknown_device", "not_emulated", "no_such_beam", "no_such_rider", "nothing_named", "away"]


class OrderRefused(Exception):
    """An order that was not sent; ``problem`` says why, the text says it in a sentence."""

    def __init__(self, problem: Problem, text: str) -> None:
        super().__init__(text)
        self.problem = problem


class Publisher(Protocol):
    """What sends."""

    @property
    def connected(self) -> bool:
        """Whether anything would get anywhere."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send with QoS 1."""


class Orders:
    """Gives orders to the simulators."""

    def __init__(self, publisher: Publisher, registry: Registry, live: LiveState, clock: Callable[[], int]) -> None:
        """``clock`` gives epoch milliseconds."""
        self._publisher = publisher
        self._registry = registry
        self._live = live
        self._clock = clock

    def send(self, device: str, do: Order, what: str = "", on: bool = True) -> int:
        """Give an order for one lane; its id. :class:`OrderRefused` when it can't be given.

        ``do`` "send" takes ``what`` of :data:`~gateway.protocol.scenes.SENT`, "beam" the beam's index as text; "arm"
        (jam), "network" (cut) and "fire" (the whole site's alarm) take nothing. ``on`` False undoes all but "send".
        """
        found, now_ms = self._registry.by_name(device), self._live.now_ms()
        if found is None:
            raise OrderRefused("unknown_device", f"There is no device {device}.")
        sender = found.sender
        if sender.site_class != "emulated" or sender.kind != "gate":
            raise OrderRefused("not_emulated", f"{device} is no emulated gate: what happens to it is not ours to say.")
        lane = self._live.lane(device)
        if lane is None or lane.layout is None or not lane.shown(now_ms):
            raise OrderRefused("away", NOBODY)
        if do == "send" and what not in SENT:
            raise OrderRefused("no_such_rider", f"Riders to send are {', '.join(SENT)}.")
        if do == "send" and not on:
            raise OrderRefused("nothing_named", "Whoever was sent can't be called back.")
        if do == "beam" and what not in [str(n) for n in range(len(lane.layout.beams))]:
            raise OrderRefused("no_such_beam", f"{device} has beams 0 to {len(lane.layout.beams) - 1}.")
        if do not in ("send", "beam") and what:
            raise OrderRefused("nothing_named", f"The order {do} takes no name.")
        if not self._publisher.connected:
            raise OrderRefused("away", "The gateway has no connection to the broker now; try again in a moment.")
        number = secrets.randbits(53)
        topic = str(topics.Topic(sender.site, device, topics.WORLD))
        try:
            key = self._registry.simulator_key(sender.site, now_ms)
        except Refused:
            raise OrderRefused("away", f"The site {sender.site} has no simulator.") from None
        order = World(1, self._clock(), number, do, what, int(on))
        self._publisher.publish(topic, seal(key, topic, encode_world(order)))
        return number
