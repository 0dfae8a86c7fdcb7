"""The firmware's own link, told where its network is: in memory (far_end.py), or behind a cable that can be pulled.

Topics, seals, `online`, `stored` and the way back after a failure are firmware/link/mqtt.py's. Both kinds note what the
device handed over, so that records can be read after the outbox has let go of them.

Does not belong here: delivery (firmware/report/delivery.py), what comes of a message (far_end.py).
"""

import json
import socket
from contextlib import suppress
from typing import Any

from firmware.link.mqtt import MqttLink
from simulator.testing.far_end import FarEnd, MemoryClient
from simulator.testing.message import Message, number


class Ledger:
    """What one device has handed to its links over all its boots; what the broker has acknowledged of it."""

    def __init__(self) -> None:
        self.records: dict[tuple[int, int], dict[str, Any]] = {}
        self.acknowledged: list[Message] = []

    def note(self, boot: int, first: int, batch: list[bytes]) -> None:
        """A batch goes out; again, perhaps."""
        for _, seq, record in number(boot, first, (json.loads(line) for line in batch)):
            self.records[boot, seq] = record


class Cable:
    """The network between a device and its broker."""

    whole = True


class MemoryLink(MqttLink):
    """A link to `far_end`. The other arguments are the firmware's (firmware/app.py, `link_factory`)."""

    def __init__(self, far_end: FarEnd, ledger: Ledger, *arguments: Any) -> None:
        self._far_end = far_end
        self._ledger = ledger
        super().__init__(*arguments)

    def make_client(self, **options: Any) -> MemoryClient:
        return MemoryClient(self._far_end, options)

    def send_batch(self, boot: int, first: int, batch: list[bytes]) -> None:
        self._ledger.note(boot, first, batch)
        super().send_batch(boot, first, batch)


class CabledLink(MqttLink):
    """A link to a real broker; while `cable` is cut there is no way to it."""

    def __init__(self, cable: Cable, ledger: Ledger, *arguments: Any) -> None:
        self._cable = cable
        self._ledger = ledger
        super().__init__(*arguments)

    def make_client(self, **options: Any) -> Any:
        reach = options["transport_factory"]

        def reach_by_cable() -> Any:
            if not self._cable.whole:
                raise OSError("the network is cut")
            return reach()

        return super().make_client(**{**options, "transport_factory": reach_by_cable})

    def handle(self, now: int) -> None:
        if not self._cable.whole:
            self.sever()  # also what was still connecting when the cable was cut
        super().handle(now)

    def send_batch(self, boot: int, first: int, batch: list[bytes]) -> None:
        self._ledger.note(boot, first, batch)
        super().send_batch(boot, first, batch)

    def _acknowledged(self, topic: str, payload: bytes) -> None:
        self._ledger.acknowledged.append(Message(topic, bytes(payload), 1, False))
        super()._acknowledged(topic, payload)

    def sever(self) -> None:
        """Break the connection without a goodbye, as a pulled cable does; the broker publishes the will."""
        end = self._client.io_socket
        if end is not None:
            with suppress(OSError):
                getattr(end, "sock", end).shutdown(socket.SHUT_RDWR)

    @property
    def trouble(self) -> str:
        """Why there is no connection, as far as the client knows."""
        error = self._client.last_error
        return str(error) if error is not None else "the broker has not answered"
