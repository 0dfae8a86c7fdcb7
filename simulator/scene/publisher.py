"""The pictures' way to the broker, with the simulator's credential, and the orders' way from it.

`layout` is said at each connection, QoS 1 and retained; `scene` at QoS 0: a frame that is lost is replaced by the next.
Orders (`world`) are handed over as they come, in the client's thread. Does not belong here: what is in the pictures
(frame.py), when they are taken (eye.py), which orders are believed (simulator/byhand/orders.py).
"""

from collections.abc import Callable, Mapping
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware.report.seal import Seal


class ScenePublisher:
    """Publishes frames. `layouts` per device, without their seals; `heard` gets topic and bytes of whatever comes on
    `world`, retained ones excepted: an order is for now."""

    def __init__(
        self, settings: dict[str, Any], layouts: Mapping[str, bytes], heard: Callable[[str, bytes], None]
    ) -> None:
        self._site = settings["site"]
        self._seal = Seal(bytes.fromhex(settings["key"]))
        self._layouts = [
            (topic, self._seal.close(topic, body))
            for topic, body in ((self._topic(device, "layout"), body) for device, body in layouts.items())
        ]
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{self._site}-simulator")
        self._heard = heard
        self._client.on_connect = self._connected
        self._client.on_message = self._message
        broker = settings["broker"]
        self._client.username_pw_set(broker["user"], broker["password"])
        self._client.reconnect_delay_set(1, 2)
        self._client.connect_async(broker["host"], int(broker["port"]), keepalive=30)
        self._client.loop_start()

    @property
    def connected(self) -> bool:
        """Whether a frame would get anywhere; it costs nothing to ask."""
        return self._client.is_connected()

    def _topic(self, device: str, channel: str) -> str:
        return f"gateline/1/{self._site}/{device}/{channel}"

    def _message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        if not message.retain:
            self._heard(message.topic, bytes(message.payload))

    def _connected(self, *_: object) -> None:
        self._client.subscribe(self._topic("+", "world"), qos=1)
        for topic, message in self._layouts:
            self._client.publish(topic, message, qos=1, retain=True)

    def publish(self, device: str, picture: bytes) -> None:
        """Send one lane's frame."""
        topic = self._topic(device, "scene")
        self._client.publish(topic, self._seal.close(topic, picture), qos=0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
