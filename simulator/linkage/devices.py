"""The week's gates: the firmware's own engines on virtual time, a broker in memory, and its log of every message.

Rules: what a gate does and says is the firmware's; here a tap and a body are put before it, and its messages are noted
with the time at which the broker had them. Retained messages are handed to who subscribes, and when they change.

Does not belong here: the gateway (whoever owns the week plays it: `Network.listen`, `Network.publish`), people.
"""

from collections.abc import Callable
from typing import Any

from firmware import config
from firmware.app import Gate
from firmware.boards import board as b
from simulator.clock import Scheduler
from simulator.devices.in_process import InProcessBoard, InProcessDevice
from simulator.linkage.evidence import Message
from simulator.testing.far_end import FarEnd, MemoryClient
from simulator.testing.link import Ledger, MemoryLink
from simulator.testing.message import Message as Sent

LATENCY_MS = 20
_FIRST_BEAM_MS, _BEAM_STEP_MS, _BODY_MS, _BEAMS = 800, 250, 400, 4

Listener = Callable[[int, str, bytes], None]
"""(epoch ms, topic, payload)"""


class Network:
    """The broker of all devices: passes on, keeps what is retained, and forgets nothing (`log`)."""

    def __init__(self, scheduler: Scheduler, start_ms: int) -> None:
        self.scheduler = scheduler
        self.start_ms = start_ms
        self.log: list[Message] = []
        self.retained: dict[str, bytes] = {}
        self.listen: Listener | None = None
        self._wires: list[_Wire] = []

    def epoch_of(self, t_ms: int) -> int:
        """Epoch ms of a virtual time."""
        return self.start_ms + t_ms

    @property
    def now_ms(self) -> int:
        """Epoch ms now."""
        return self.epoch_of(self.scheduler.now_ms)

    def wire(self, settings: dict[str, Any]) -> "_Wire":
        """A place at the broker for one device."""
        wire = _Wire(self, settings)
        self._wires.append(wire)
        return wire

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """A message from the gateway's side (or from anybody else's)."""
        self.note(topic, payload, retain)
        for wire in self._wires:
            wire.hand(topic, payload)

    def note(self, topic: str, payload: bytes, retain: bool) -> None:
        """The broker has a message: it goes into the log, and to who listens."""
        if retain:
            self.retained[topic] = payload
        self.log.append(Message(self.now_ms, topic, payload))
        if self.listen is not None:
            self.listen(self.now_ms, topic, payload)


class _Wire(FarEnd):
    """One device's connection, which its own gateway does not answer: the network's does."""

    def __init__(self, network: Network, settings: dict[str, Any]) -> None:
        super().__init__(
            network.scheduler,
            site=settings["site"],
            device=settings["device"],
            key=bytes.fromhex(settings["key"]),
            latency_ms=LATENCY_MS,
            answers=False,
        )
        self._network = network

    def _pass_on(self, message: Sent) -> None:
        self._network.note(message.topic, message.payload, message.retain)

    def _answer(self, client: MemoryClient) -> None:
        super()._answer(client)
        for topic, payload in self._network.retained.items():
            self.hand(topic, payload)

    def hand(self, topic: str, payload: bytes) -> None:
        """A message for the device, if it has subscribed to the topic and is connected."""
        client = self._client
        if client is not None and any(_covers(one, topic) for one in client.topics):
            self._to_device(client, lambda: client.on_message(topic, payload))


def _covers(wanted: str, topic: str) -> bool:
    """Whether a subscription has a topic; `+` stands for the last part only, as firmware asks for it."""
    return wanted == topic or (wanted.endswith("/+") and wanted[:-1] == topic[: topic.rfind("/") + 1])


class WeekGate(InProcessDevice):
    """One gate of the week; `settings` as provisioned. Of either class: the engines are the same, the settings
    differ."""

    def __init__(self, network: Network, settings: dict[str, Any], *, seed: int) -> None:
        wire = network.wire(settings)

        def link(*arguments: Any) -> MemoryLink:
            return MemoryLink(wire, Ledger(), *arguments)

        super().__init__(network.scheduler, settings, lambda *_: None, network.epoch_of, seed=seed, link_factory=link)
        wire.wake = self.wake
        self.passed: list[int] = []
        """Epoch ms of each passage that this gate has let through."""

    def start(self) -> None:
        board = InProcessBoard(
            self._scheduler, self.storage, self._epoch_of, self._outputs, seed=self._seed, name=self.name
        )
        settings = config.Settings(self.settings, self.settings["class"] == "emulated")
        self.gate = _NotingGate(self, board, settings, self._link_factory)
        self.wake()

    def tap_and_walk(self, tap_ms: int, medium: bytes) -> None:
        """A rider holds `medium` to the reader at epoch `tap_ms`, and walks whatever the lamp says."""
        start_ms = tap_ms - self._epoch_of(0)

        def post(t_ms: int, kind: int, a: int | bytes, value: int) -> None:
            self._scheduler.at(t_ms, lambda: self.post(t_ms, kind, a, value))

        post(start_ms, b.MEDIUM, medium, 0)
        for beam in range(_BEAMS):
            broken_ms = start_ms + _FIRST_BEAM_MS + beam * _BEAM_STEP_MS
            post(broken_ms, b.BEAM, beam, 1)
            post(broken_ms + _BODY_MS, b.BEAM, beam, 0)


class _NotingGate(Gate):
    """The firmware's gate, which tells the week each passage as it decides it: the truth, not the wire."""

    def __init__(self, device: WeekGate, *arguments: Any) -> None:
        self._device = device
        super().__init__(*arguments)  # type: ignore[no-untyped-call]

    def decided(self, ticks: int, what: str, body: Any) -> None:
        if what == "passed":
            self._device.passed.append(self._board.epoch_ms()[0])
