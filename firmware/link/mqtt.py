"""The MQTT link: hands batches to the broker, brings `stored` back. Decides nothing about delivery
(report/delivery.py).

Over chumicro-mqtt, which never blocks once connected. The client's own back-off doubles up to a minute; a gate should
be back sooner, so a failed client is told to connect anew after RETRY_MS.
"""

import json

from chumicro_mqtt import MQTTClient
from chumicro_sockets.sockets_factory import fixed_connector_factory
from chumicro_timing import ticks_add, ticks_diff

from firmware.boards.board import const
from firmware.report import records

READ = const(1)
WRITE = const(2)
RETRY_MS = const(2000)
_FAILED = "failed"
_LARGEST = const(8192)  # a key list or a page of the spent set


class _Ticks:
    """The client's clock: the board's, so that paced devices keep one time."""

    def __init__(self, board):
        self.ticks_ms = board.ticks_ms
        self.ticks_diff = ticks_diff
        self.ticks_add = ticks_add


class MqttLink:
    """``listener`` gets ``connected(now)``, ``disconnected()``, ``acknowledged()`` and ``stored(boot, seq, now)``.

    ``on_passes(what, payload)`` gets key lists ("keys") and pages of the spent set ("spent-<slot>"); whoever sets it
    also sets ``keys_hash``, which ``status`` tells.

    ``transport`` makes a connector each time it is called, like those of chumicro-sockets, which it is unless given.
    """

    def __init__(self, settings, seal, boot, board, listener, firmware_version, transport=None):
        self._settings = settings
        self._seal = seal
        self._boot = boot
        self._listener = listener
        self._version = firmware_version
        self._now = board.ticks_ms()
        self._retry_at = None
        self._event_topic = settings.topic("event")
        self._stored_topic = settings.topic("stored")
        status = settings.topic("status")
        self._passes_topic = settings.passes_topic()
        self.bad_messages = 0
        self.keys_hash = ""
        self.on_passes = None
        self._client = client = self.make_client(
            transport_factory=transport or fixed_connector_factory(settings.host, settings.port),
            client_id="%s-%s" % (settings.site, settings.device),
            keep_alive_seconds=30,
            ack_timeout_seconds=10,
            username=settings.user,
            password=settings.password,
            will_topic=status,
            will_message=records.lost(boot),
            will_qos=1,
            will_retain=True,
            rx_buffer_size=512,
            max_tx_queue_size=4,
            ticks=_Ticks(board),
        )
        client.on_connect = self._connected
        client.on_disconnect = listener.disconnected
        client.on_message = self._message
        client.on_oversized = self._oversized
        client.subscribe(self._stored_topic, 1)
        if settings.list_key is not None:
            client.subscribe(self._passes_topic + "+", 1)
        client.connect()

    def make_client(self, **options):
        """The MQTT client. Where there is no network an emulated board's link makes another (simulator/testing)."""
        if self._settings.list_key is None:
            return MQTTClient(**options)
        from firmware.link.large import LargeClient

        return LargeClient(self._passes_topic, _LARGEST, **options)

    # -- from the client

    def _connected(self):
        self.say_online()
        self._listener.connected(self._now)

    def _message(self, topic, payload):
        if topic.startswith(self._passes_topic):
            if self.on_passes is not None:
                self.on_passes(topic[len(self._passes_topic) :], payload)
            return
        payload = bytes(payload)
        if topic != self._stored_topic or not self._seal.check(topic, payload):
            self.bad_messages += 1
            return
        try:
            message = json.loads(payload)
            version, boot, seq = message["v"], message["boot"], message["seq"]
        except (ValueError, KeyError, TypeError):
            self.bad_messages += 1
            return
        if version == records.PROTOCOL and isinstance(boot, int) and isinstance(seq, int):
            self._listener.stored(boot, seq, self._now)
        else:
            self.bad_messages += 1

    def _oversized(self, length, topic):
        """The client has dropped it: that is told like a message that is none."""
        if topic is not None and topic.startswith(self._passes_topic) and self.on_passes is not None:
            self.on_passes(topic[len(self._passes_topic) :], b"")
        else:
            self.bad_messages += 1

    def _acknowledged(self, topic, payload):
        self._listener.acknowledged()

    # -- to the broker

    def say_online(self):
        """At each connection, and when another key list holds."""
        status = self._settings.topic("status")
        message = self._seal.close(status, records.online(self._boot, self._version, self.keys_hash))
        self._client.publish(status, message, qos=1, retain=True)

    def send_batch(self, boot, first, batch):
        body = records.batch(self._settings.device, boot, first, batch)
        message = self._seal.close(self._event_topic, body)
        self._client.publish(self._event_topic, message, qos=1, on_publish=self._acknowledged)

    def send_health(self, body):
        topic = self._settings.topic("health")
        self._client.publish(topic, self._seal.close(topic, body), qos=0)

    # -- the loop's side

    @property
    def is_connected(self):
        return self._client.state == "connected"

    @property
    def last_error(self):
        """Why the last connection ended or did not come about, or None while another is being made."""
        return self._client.last_error

    def handle(self, now):
        self._now = now
        client = self._client
        if client.state == _FAILED:
            if self._retry_at is None:
                self._retry_at = ticks_add(now, RETRY_MS)
            elif ticks_diff(self._retry_at, now) <= 0:
                self._retry_at = None
                client.connect()
        else:
            self._retry_at = None
        client.handle(now)

    def next_deadline(self, now):
        """Ticks of the next thing to do, or None."""
        deadline = self._client.next_deadline(now)
        if self._retry_at is not None and (deadline is None or ticks_diff(self._retry_at, deadline) < 0):
            return self._retry_at
        return deadline

    def poll(self, now):
        """(socket, READ | WRITE) to wait for, or None."""
        interest = self._client.io_interest(now)
        socket = self._client.io_socket
        if socket is None or not interest:
            return None
        return getattr(socket, "sock", socket), interest

    def close(self):
        self._client.disconnect()
