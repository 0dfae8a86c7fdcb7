"""A lane on virtual time: instantaneous, deterministic, without a network; broker and gateway are in memory.

Rules: the same seed and the same calls give the same bytes. Nothing here can wait for ever: time is bounded wherever
something is waited for. Does not belong here: sockets, real time (live.py).
"""

from collections.abc import Callable
from typing import Any

from simulator.devices.in_process import MemoryStorage
from simulator.study.spec import LaneSpec, Spec
from simulator.testing.far_end import FarEnd, Subscriber
from simulator.testing.lane import Condition, Lane, T
from simulator.testing.link import Ledger, MemoryLink
from simulator.testing.message import Message

LATENCY_MS = 5
_DAY_MS = 86_400_000
_BOOTED_S = 1.0


class VirtualLane(Lane):
    """A lane on virtual time. `answers` False: no gateway says `stored`, unless the test does (`hand`)."""

    def __init__(self, spec: Spec, lane: LaneSpec, *, latency_ms: int = LATENCY_MS, answers: bool = True) -> None:
        if latency_ms < 0:
            raise ValueError(f"a network's latency is 0 ms or more, not {latency_ms}")
        ledger = Ledger()

        def link(*arguments: Any) -> MemoryLink:
            return MemoryLink(self._far_end, ledger, *arguments)

        super().__init__(spec, lane, link, MemoryStorage(), ledger)
        self._far_end = FarEnd(
            self._scheduler, site=self.site, device=self.name, key=self.key, latency_ms=latency_ms, answers=answers
        )
        self._far_end.wake = self._device.wake
        self._moving = False
        self._start()
        self.advance(_BOOTED_S)

    # --- time --------------------------------------------------------------------------------------------------------

    def _do(self, act: Callable[[], T]) -> T:
        return act()

    def _act(self, act: Callable[[], T]) -> T:
        done = super()._act(act)
        if not self._moving:  # what is due at this very millisecond follows: the lamp, the arm's command
            self._move_until(self._scheduler.now_ms)
        return done

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"time runs forward: by 0 s or more, not by {seconds:g} s")
        self._act(lambda: self._move_until(self._scheduler.now_ms + round(seconds * 1000)))

    def _move_until(self, t_ms: int) -> None:
        if self._moving:
            raise ValueError(
                "time is running already: a subscriber can't send riders to the end or advance; do it in the test"
            )
        self._moving = True
        try:
            self._scheduler.run_until(t_ms)
        finally:
            self._moving = False

    def _pass_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        end_ms = self._scheduler.now_ms + round(timeout_s * 1000)
        while not done():
            due_ms = self._scheduler.next_at()
            if due_ms is None or due_ms > end_ms:
                self._move_until(end_ms)
                return done()
            self._move_until(due_ms)
        return True

    def end_day(self) -> None:
        """Let time run until the service day is over and the device has told its totals."""
        start_ms = self._spec.report.get("day_start_ms", 0)
        self.advance((_DAY_MS - (self.epoch_ms - start_ms) % _DAY_MS) / 1000 + _BOOTED_S)

    # --- the network -------------------------------------------------------------------------------------------------

    def _network(self, on: bool) -> None:
        if on != self._far_end.up:
            self._far_end.cut(not on)

    def _network_is_up(self) -> bool:
        return self._far_end.up

    def _power_fails(self) -> None:
        self._far_end.lose()

    def stop_gateway(self) -> Condition:
        """The gateway falls silent: the broker still acknowledges, nobody confirms, and the device sends again."""
        self._act(lambda: self._far_end.gateway(False))
        return Condition(self.start_gateway)

    def start_gateway(self) -> None:
        """The gateway answers again, and says at once what it has."""
        self._act(lambda: self._far_end.gateway(True))

    def subscribe(self, subscriber: Subscriber) -> None:
        """`subscriber(topic, payload)` gets every message: at once those that have come, later ones as they come."""
        for message in self.messages:
            subscriber(message.topic, message.payload)
        self._far_end.subscribers.append(subscriber)

    def hand(self, topic: str, payload: bytes) -> None:
        """A message for the device: a gateway of one's own says `stored`. Lost when the device is not connected."""
        self._act(lambda: self._far_end.hand(topic, payload))

    def retain(self, what: str, payload: bytes) -> None:
        """A retained message of the network's issuer: `what` is "keys" or "spent-<slot>" (docs/passes.md).

        The device gets it now, if it is connected, and at each later connection.
        """
        self._act(lambda: self._far_end.retain(what, payload))

    @property
    def connected(self) -> bool:
        """Whether the device has a connection to the broker."""
        return self._far_end.connected

    @property
    def messages(self) -> list[Message]:
        """Everything that has reached the broker, in order: status, health, batches, and the will."""
        return list(self._far_end.messages)

    @property
    def delivered(self) -> list[Message]:
        return [message for message in self._far_end.messages if message.channel == "event"]

    def _why_undelivered(self) -> str:
        return "The gateway is silent (start_gateway)." if not self._far_end.answers else ""
