"""The other end of a network that exists in memory: a broker that passes everything on, a gateway that says `stored`.

Both are as simple as docs/protocol.md lets them be. The broker knows one device; it acknowledges what it has, hands it
to who subscribed, and publishes the device's will when the connection breaks. The gateway checks the seal, counts up
the watermark of each boot, and answers. Each way takes `latency_ms`, and what is under way when the network is cut is
lost, confirmations too: so a device may send again what had come through.

Rules: on the virtual clock, and deterministic. Does not belong here: delivery, which is the firmware's own; MQTT bytes.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from firmware.report.seal import Seal
from simulator.clock import Scheduler
from simulator.testing.message import Message

Subscriber = Callable[[str, bytes], None]
"""(topic, payload)"""

_DISCONNECTED, _CONNECTING, _CONNECTED, _FAILED = "disconnected", "connecting", "connected", "failed"


def _nothing(*_: Any) -> None:
    """A callback that nobody has set."""


class MemoryClient:
    """What the firmware's link uses of an MQTT client, without bytes or sockets; see firmware/link/mqtt.py.

    What the broker sends waits until the device's loop calls `handle`, as with a socket.
    """

    io_socket = None

    def __init__(self, far_end: "FarEnd", options: Mapping[str, Any]) -> None:
        self.state = _DISCONNECTED
        self.on_connect: Callable[[], None] = _nothing
        self.on_disconnect: Callable[[], None] = _nothing
        self.on_message: Callable[[str, bytes], None] = _nothing
        self.topics: set[str] = set()
        self.will = Message(options["will_topic"], options["will_message"], options["will_qos"], options["will_retain"])
        self._far_end = far_end
        self._inbox: deque[Callable[[], None]] = deque()

    def subscribe(self, topic: str, qos: int) -> None:
        """Ask for a topic, on this connection and later ones."""
        self.topics.add(topic)

    def connect(self) -> None:
        """Begin to connect, unless that has happened."""
        if self.state in (_DISCONNECTED, _FAILED):
            self.state = _CONNECTING
            self._far_end.connect(self)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, on_publish: Subscriber = _nothing
    ) -> None:
        """Send a message; `on_publish` when the broker has acknowledged it."""
        self._far_end.publish(self, Message(topic, bytes(payload), qos, retain), on_publish)

    def disconnect(self) -> None:
        """Say goodbye: no will is published."""
        if self.state != _DISCONNECTED:
            self.state = _DISCONNECTED
            self._inbox.clear()
            self._far_end.goodbye(self)
            self.on_disconnect()

    def handle(self, now: int) -> None:
        """Take what has come."""
        while self._inbox:
            self._inbox.popleft()()

    def next_deadline(self, now: int) -> int | None:
        """None: the network wakes the device."""
        return None

    def io_interest(self, now: int) -> int:
        """0: there is no socket."""
        return 0

    # -- from the network

    def take(self, what: Callable[[], None]) -> None:
        """Something came; it is done when the device handles it."""
        self._inbox.append(what)

    def connected(self) -> None:
        """The broker has said yes."""
        self.state = _CONNECTED
        self.on_connect()

    def failed(self) -> None:
        """The connection broke, or never came about; what had come over it is gone."""
        was_connected = self.state == _CONNECTED
        self._inbox.clear()
        self.state = _FAILED
        if was_connected:
            self.on_disconnect()


class FarEnd:
    """Broker and gateway of one device. `answers` False: the gateway is silent, or is played by somebody else.

    `wake` is called when something waits for the device. `device` and `site` make its topics, `key` its seal.
    """

    def __init__(
        self, scheduler: Scheduler, *, site: str, device: str, key: bytes, latency_ms: int, answers: bool
    ) -> None:
        self.up = True
        self.answers = answers
        self.messages: list[Message] = []
        self.subscribers: list[Subscriber] = []
        self.wake: Callable[[], None] = _nothing
        self._scheduler = scheduler
        self._latency_ms = latency_ms
        self._stored_topic = f"gateline/1/{site}/{device}/stored"
        self._seal = Seal(key)
        self._client: MemoryClient | None = None
        self._watermarks: dict[int, int] = {}
        self._retained: dict[str, bytes] = {}
        self._passes_topic = f"gateline/1/{site}/passes/"

    @property
    def connected(self) -> bool:
        """Whether the device has a connection."""
        return self._client is not None

    # -- the network

    def cut(self, on: bool) -> None:
        """Cut the network, or mend it; the device finds its own way back."""
        self.up = not on
        if on:
            self.lose()

    def lose(self) -> None:
        """The connection breaks without a goodbye: the broker publishes the device's will."""
        client, self._client = self._client, None
        if client is not None:
            client.failed()
            self._pass_on(client.will)
            self.wake()

    def connect(self, client: MemoryClient) -> None:
        """A client knocks."""
        self._scheduler.after(2 * self._latency_ms, lambda: self._answer(client))

    def _answer(self, client: MemoryClient) -> None:
        if client.state != _CONNECTING:
            return  # it has gone meanwhile
        if self.up:
            self._client = client
            client.take(client.connected)
            for topic, payload in self._retained.items():
                self._hand_retained(topic, payload)
        else:
            client.failed()
        self.wake()

    def goodbye(self, client: MemoryClient) -> None:
        """A client leaves as it should."""
        if self._client is client:
            self._client = None

    def publish(self, client: MemoryClient, message: Message, on_publish: Subscriber) -> None:
        """A message sets out."""
        self._scheduler.after(self._latency_ms, lambda: self._arrived(client, message, on_publish))

    def _arrived(self, client: MemoryClient, message: Message, on_publish: Subscriber) -> None:
        if self._client is not client:
            return  # the network was cut while it was under way
        if message.qos:
            self._to_device(client, lambda: on_publish(message.topic, message.payload))
        self._pass_on(message)
        if self.answers:
            self._judge(message)

    def _to_device(self, client: MemoryClient, what: Callable[[], None]) -> None:
        def come() -> None:
            if self._client is client:
                client.take(what)
                self.wake()

        self._scheduler.after(self._latency_ms, come)

    def _pass_on(self, message: Message) -> None:
        self.messages.append(message)
        for subscriber in list(self.subscribers):
            subscriber(message.topic, message.payload)

    def hand(self, topic: str, payload: bytes) -> None:
        """A message for the device, lost when it is not connected. ValueError for a topic that it doesn't listen to."""
        if topic != self._stored_topic:
            raise ValueError(f"the device listens to {self._stored_topic}, not to {topic}")
        client = self._client
        if client is not None and topic in client.topics:
            self._to_device(client, lambda: client.on_message(topic, payload))

    def retain(self, what: str, payload: bytes) -> None:
        """The key list ("keys") or a page of the spent set ("spent-<slot>"), which the broker keeps for the device."""
        topic = self._passes_topic + what
        self._retained[topic] = payload
        self._hand_retained(topic, payload)

    def _hand_retained(self, topic: str, payload: bytes) -> None:
        client = self._client
        if client is not None and self._passes_topic + "+" in client.topics:
            self._to_device(client, lambda: client.on_message(topic, payload))

    # -- the gateway

    def gateway(self, on: bool) -> None:
        """The gateway begins to answer, which it does with all its watermarks, or falls silent."""
        if on and not self.answers:
            for boot in self._watermarks:
                self._say_stored(boot)
        self.answers = on

    def _judge(self, message: Message) -> None:
        """Store what can be; a batch that begins beyond the watermark must come again, after what is missing."""
        if message.channel == "event" and self._seal.check(message.topic, message.payload):
            body = message.body
            boot, first = body["boot"], body["seq"]
            end = first + sum(record.get("folds", 1) for record in body["records"])
            watermark = self._watermarks.setdefault(boot, 0)
            if first <= watermark < end:
                self._watermarks[boot] = end
            self._say_stored(boot)

    def _say_stored(self, boot: int) -> None:
        body = b'{"v":1,"boot":%d,"seq":%d}' % (boot, self._watermarks[boot])
        self.hand(self._stored_topic, self._seal.close(self._stored_topic, body))
