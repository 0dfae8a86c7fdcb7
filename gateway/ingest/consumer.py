"""The MQTT consumer: a thin adapter between paho-mqtt and the pipeline.

Rules: it decides nothing and decodes nothing. Events wait in a bounded queue and are acknowledged by the pipeline after
its commit, in the order in which they came, because rumqttd disconnects whoever acknowledges out of order. For the
same reason everything that is only looked at comes over a connection of its own, is acknowledged at once and kept as
the latest per topic, bounded. What does not fit is dropped and counted: devices send events again until `stored`.
"""

from __future__ import annotations

import collections
import secrets
import threading
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from gateway.protocol.records import MAX_EVENT_BYTES
from gateway.protocol.topics import EVENT_FILTER, OBSERVED_FILTERS

QUEUE_MESSAGES: Final = 1_024
OBSERVED_TOPICS: Final = 1_024
KEEPALIVE_S: Final = 15
RECONNECT_S: Final = 1


class Message(NamedTuple):
    """One event message as it came.

    ``payload`` is cut one byte behind the largest that is accepted, and None when there was no room; ``size`` is the
    whole in bytes. ``session`` counts connections, so that an acknowledgement never meets a later one.
    """

    topic: str
    payload: bytes | None
    size: int
    mid: int
    qos: int
    session: int


def _kept(payload: bytes | bytearray) -> bytes:
    return bytes(payload[: MAX_EVENT_BYTES + 1])


class Consumer:
    """Receives for the pipeline (:meth:`take`) and the observer (:meth:`take_observed`), and publishes."""

    def __init__(self, host: str, port: int, user: str | None, password: str | None) -> None:
        self._where = (host, port)
        self._credential = (user, password)
        self._arrived = threading.Condition()
        self._seen = threading.Condition()
        self._events: collections.deque[Message] = collections.deque()
        self._observed: dict[str, bytes] = {}
        self.session = 0
        self.connected = False
        self.dropped = 0
        """Messages that found no room, since the start."""
        self._client = self._make_client("ingest", [EVENT_FILTER], manual_ack=True)
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_event
        self._watcher = self._make_client("watch", OBSERVED_FILTERS, manual_ack=False)
        self._watcher.on_message = self._on_observed

    def _make_client(self, role: str, filters: Sequence[tuple[str, int]], *, manual_ack: bool) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"gateway-{role}-{secrets.token_hex(6)}",
            clean_session=True,
            manual_ack=manual_ack,
        )
        user, password = self._credential
        if user is not None:
            client.username_pw_set(user, password)
        client.reconnect_delay_set(RECONNECT_S, RECONNECT_S)
        client.max_queued_messages_set(4_096)
        client.connect_timeout = 2.0

        def on_connect(connected: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                return
            if connected is self._client:
                self._begin_session()
            result, _ = connected.subscribe(list(filters))
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                connected.disconnect()

        client.on_connect = on_connect
        return client

    def start(self) -> None:
        """Connect in the background, and again whenever a connection is lost."""
        for client in (self._client, self._watcher):
            client.connect_async(*self._where, keepalive=KEEPALIVE_S)
            client.loop_start()

    def stop(self) -> None:
        """Say goodbye to the broker and end the network threads."""
        for client in (self._client, self._watcher):
            client.disconnect()
            client.loop_stop()
        self.wake()

    @property
    def waiting(self) -> int:
        """Event messages that have come and are not taken yet."""
        return len(self._events)

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """Up to ``limit`` events: waits at most ``timeout_s`` for the first and not at all for the others."""
        with self._arrived:
            if not self._events:
                self._arrived.wait(timeout_s)
            return [self._events.popleft() for _ in range(min(limit, len(self._events)))]

    def take_observed(self, timeout_s: float) -> dict[str, bytes]:
        """The latest payload of each other topic since the last call; waits at most ``timeout_s`` for one."""
        with self._seen:
            if not self._observed:
                self._seen.wait(timeout_s)
            taken, self._observed = self._observed, {}
            return taken

    def acknowledge(self, message: Message) -> None:
        """Send the PUBACK of an event, in the order of :meth:`take`; nothing when its connection is gone."""
        if message.session == self.session:
            self._client.ack(message.mid, message.qos)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1; dropped while there is no connection (all is said anew after the next one)."""
        if self.connected:
            self._client.publish(topic, payload, qos=1, retain=retain)

    def wake(self) -> None:
        """Let waiting calls return at once."""
        for condition in (self._arrived, self._seen):
            with condition:
                condition.notify_all()

    def _begin_session(self) -> None:
        with self._arrived:
            # Events of the lost connection may be here still: the pipeline stores them, their PUBACK is not sent.
            self.session += 1
            self.connected = True
            self._arrived.notify_all()

    def _on_disconnect(self, *_: Any) -> None:
        with self._arrived:
            self.connected = False
            self._arrived.notify_all()

    def _on_event(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._arrived:
            payload: bytes | None = _kept(message.payload)
            if len(self._events) >= QUEUE_MESSAGES:
                self.dropped += 1
                if message.qos == 0:
                    return
                # Its place in the order of acknowledgements stays; the packet identifiers bound how many there are.
                payload = None
            self._events.append(
                Message(message.topic, payload, len(message.payload), message.mid, message.qos, self.session)
            )
            self._arrived.notify_all()

    def _on_observed(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._seen:
            if message.topic not in self._observed and len(self._observed) >= OBSERVED_TOPICS:
                self.dropped += 1
                return
            self._observed[message.topic] = _kept(message.payload)
            self._seen.notify_all()
