"""What tests over a real broker share: this side of it, as a gateway would stand there.

No assertions here.
"""

import json
import threading
from collections import deque
from typing import Any

import paho.mqtt.client as paho

from firmware.report.seal import Seal

USERS = {"gate-1": "its password", "gateway": "another"}
TOPIC = "gateline/1/north/gate-1/"
KEY = bytes.fromhex("11" * 32)


class Listener:
    """What the broker hands to a gateway; it connects again by itself."""

    def __init__(self, port: int) -> None:
        self.messages: deque[tuple[str, bytes]] = deque(maxlen=1000)
        self.subscribed = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="listener")
        self._client.username_pw_set("gateway", USERS["gateway"])
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(TOPIC + "#", 1)
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_disconnect = lambda *_: self.subscribed.clear()
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload)))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, channel: str, body: bytes) -> None:
        self._client.publish(TOPIC + channel, body, qos=1)

    def retain(self, topic: str, payload: bytes) -> None:
        """Returns when the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(10)

    def batches(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for topic, payload in list(self.messages) if topic == TOPIC + "event"]


def stored(boot: int, seq: int, key: bytes = KEY) -> bytes:
    sealed: bytes = Seal(key).close(TOPIC + "stored", b'{"v":1,"boot":%d,"seq":%d}' % (boot, seq))
    return sealed


def statuses_of(listener: Listener) -> list[str]:
    """The states that a device or its will has said so far."""
    return [json.loads(payload)["state"] for topic, payload in list(listener.messages) if topic == TOPIC + "status"]
