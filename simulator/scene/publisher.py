"""The pictures' way to the broker, with the simulator's credential.

`layout` is said at each connection, QoS 1 and retained; `scene` at QoS 0: a frame that is lost is replaced by the next.
Does not belong here: what is in them (frame.py), when they are taken (eye.py).
"""

from collections.abc import Mapping
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware.report.seal import Seal


class ScenePublisher:
    """Publishes frames. `layouts` per device, without their seals."""

    def __init__(self, settings: dict[str, Any], layouts: Mapping[str, bytes]) -> None:
        self._site = settings["site"]
        self._seal = Seal(bytes.fromhex(settings["key"]))
        self._layouts = [
            (topic, self._seal.close(topic, body))
            for topic, body in ((self._topic(device, "layout"), body) for device, body in layouts.items())
        ]
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{self._site}-simulator")
        self._client.on_connect = self._connected
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

    def _connected(self, *_: object) -> None:
        for topic, message in self._layouts:
            self._client.publish(topic, message, qos=1, retain=True)

    def publish(self, device: str, picture: bytes) -> None:
        """Send one lane's frame."""
        topic = self._topic(device, "scene")
        self._client.publish(topic, self._seal.close(topic, picture), qos=0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
