"""The observer: takes what is only looked at (status, health, layout, scene) from the consumer to the live state.

Rules: it never touches the database, so a locked one does not stop the picture; what it refuses is counted like
everything refused. Layout and scene are believed only from the simulator of an emulated site (I3).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from gateway.devices.registry import Device, Registry
from gateway.ingest.consumer import Consumer
from gateway.ingest.intake import Quarantine
from gateway.ingest.pipeline import Pipeline, monotonic_ms
from gateway.live.state import LiveState
from gateway.passes.agreement import Agreement
from gateway.protocol import records, scenes, topics
from gateway.protocol.refusal import Reason, Refused
from gateway.protocol.seal import unseal

log = logging.getLogger("gateline.observer")

IDLE_S: Final = 0.5


class Observer:
    """One thread between consumer and live state."""

    def __init__(
        self,
        consumer: Consumer,
        registry: Registry,
        live: LiveState,
        pipeline: Pipeline,
        on_failure: Callable[[], None],
        agreement: Agreement,
        clock: Callable[[], int],
    ) -> None:
        """``on_failure`` is called once, from the observer's thread, when it ends by an unexpected error.

        ``clock`` gives epoch milliseconds, the same that the list's publication is told in.
        """
        self._clock = clock
        self._consumer = consumer
        self._registry = registry
        self._live = live
        self._pipeline = pipeline
        self._on_failure = on_failure
        self._agreement = agreement
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._consumer.wake()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                refused = Quarantine()
                for topic, payload in self._consumer.take_observed(IDLE_S).items():
                    self.look(topic, payload, refused, monotonic_ms())
                if refused:
                    self._pipeline.add_quarantined(refused)
        except Exception:
            log.exception("The live view stopped by an unexpected error; the gateway ends.")
            self._on_failure()

    def look(self, topic: str, payload: bytes, refused: Quarantine, now_ms: int) -> None:
        """Take one message over, or count it in ``refused``."""
        device: Device | None = None
        try:
            parsed = topics.parse(topic)
            device = self._registry.find(parsed.site, parsed.device, now_ms)
            if len(payload) > records.MAX_EVENT_BYTES:
                raise Refused(Reason.OVERSIZED)
            if parsed.channel in (topics.LAYOUT, topics.SCENE):
                self._look_at_lane(device, parsed.channel, topic, payload, now_ms)
            elif parsed.channel == topics.HEALTH:
                health = records.decode_health(unseal(device.key, topic, payload))
                self._live.set_health(device.sender, health)
                self._agreement.hear(device.sender.device, health.boot, self._clock())
            elif parsed.channel == topics.STATUS:
                self._look_at_status(device, topic, payload)
        except Refused as reason:
            refused.add(reason.reason, device, len(payload))

    def _look_at_lane(self, device: Device, channel: str, topic: str, payload: bytes, now_ms: int) -> None:
        if device.sender.site_class != "emulated":
            raise Refused(Reason.NOT_ALLOWED)
        if channel == topics.LAYOUT and not payload:
            return  # a retained message was deleted: nobody says anything
        body = unseal(self._registry.simulator_key(device.sender.site, now_ms), topic, payload)
        if channel == topics.LAYOUT:
            self._live.set_layout(device.sender, scenes.decode_layout(body))
        else:
            self._live.set_scene(device.sender, scenes.decode_scene(body))

    def _look_at_status(self, device: Device, topic: str, payload: bytes) -> None:
        if not payload:
            return  # a retained message was deleted: nobody says anything
        if records.decode_lost(payload) is not None:
            self._live.set_lost(device.sender)
        else:
            online = records.decode_online(unseal(device.key, topic, payload))
            self._live.set_online(device.sender, online)
            self._agreement.tell(device.sender.device, online.boot, online.keys, self._clock())
            self._pipeline.greet(device.sender.device)
