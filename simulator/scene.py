"""The scene: what an eye would see at an emulated lane, published for pages to draw (docs/protocol.md, `scene`).

Shown and never stored; sealed with the simulator's own credential. QoS 0: a frame that is lost is replaced by the next.
"""

from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware.report.seal import Seal
from simulator.plant.lane import Scene


def encode(at_epoch_ms: int, state: str, scene: Scene) -> bytes:
    """One frame in canonical form, without its seal."""
    beams = ",".join("1" if broken else "0" for broken in scene["beams"])
    bodies = ",".join(f"[{body[0]},{body[1]},{body[2]}]" for body in scene["bodies"])
    return (
        f'{{"v":1,"at":{at_epoch_ms},"state":"{state}","arm":{scene["arm"]},"lamp":"{scene["lamp"]}",'
        f'"beams":[{beams}],"bodies":[{bodies}]}}'
    ).encode()


class ScenePublisher:
    """Publishes frames with the simulator's credential; repeats nothing that has not changed."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._site = settings["site"]
        self._seal = Seal(bytes.fromhex(settings["key"]))
        self._last: dict[str, tuple[object, ...]] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{self._site}-simulator")
        broker = settings["broker"]
        self._client.username_pw_set(broker["user"], broker["password"])
        self._client.reconnect_delay_set(1, 2)
        self._client.connect_async(broker["host"], int(broker["port"]), keepalive=30)
        self._client.loop_start()

    def publish(self, device: str, at_epoch_ms: int, state: str, scene: Scene) -> None:
        """Send one lane's frame unless it looks like the one before."""
        shown = (state, scene["arm"], scene["lamp"], tuple(scene["beams"]), repr(scene["bodies"]))
        if self._last.get(device) == shown or not self._client.is_connected():
            return
        self._last[device] = shown
        topic = f"gateline/1/{self._site}/{device}/scene"
        self._client.publish(topic, self._seal.close(topic, encode(at_epoch_ms, state, scene)), qos=0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
