"""What the gateway's tests share: messages built by hand from dictionaries, and a device that speaks MQTT.

Messages are written with the standard library and not with the gateway's encoder, so that the two check each other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.support import wait_until

Json = dict[str, Any]
KEY = bytes(range(32))
TOPIC = "gateline/1/majestic/gate-1/event"
QUARTER_MS = 900_000
# Yesterday: what is older than a week is deleted by the gateway.
NOON_MS = int(time.time()) // 86_400 * 86_400_000 - 43_200_000


def passage(number: int = 0, **changes: Any) -> Json:
    return {
        "kind": "passage",
        "at": NOON_MS,
        "way": "entry",
        "product": "single",
        "handle": f"{number:064x}",
        "transit_ms": 1250,
    } | changes


def tally(**changes: Any) -> Json:
    return {
        "kind": "tally",
        "from": NOON_MS,
        "to": NOON_MS + QUARTER_MS,
        "entries": 7,
        "exits": 5,
        "paid": 11,
        "free": 1,
        "declined": 6,
        "irregular": 0,
        "notices": 0,
        "folds": 1,
    } | changes


def irregular(**changes: Any) -> Json:
    return {
        "kind": "irregular",
        "at": NOON_MS,
        "way": "entry",
        "what": "tailgate",
        "confidence": 80,
        "trace": [[0, 0, 1], [120, 1, 1], [300, 0, 0]],
    } | changes


def daily(**changes: Any) -> Json:
    totals = {"refused": 3, "tailgate": 2, "reverse": 0, "forced": 1, "jump": 0, "crawl": 0, "passback": 0}
    return {"kind": "daily", "day": 20_000} | totals | changes


def notice(**changes: Any) -> Json:
    return {"kind": "device", "at": NOON_MS, "what": "boot", "folds": 1} | changes


def spent(*numbers: int, **changes: Any) -> Json:
    return {"kind": "spent", "to": 20_014, "nullifiers": [f"{number:032x}" for number in numbers or (1, 2)]} | changes


def sales(**changes: Any) -> Json:
    counts = {"single": 8, "day": 2, "refunds": 1, "exchanges": 0}
    return {"kind": "sales", "from": NOON_MS, "to": NOON_MS + QUARTER_MS} | counts | changes


def consents(**changes: Any) -> Json:
    counts = {"notice": "2026-1", "research": 4, "none": 6}
    return {"kind": "consents", "from": NOON_MS, "to": NOON_MS + QUARTER_MS} | counts | changes


PARTS = [["torso", 0, 260, 600, 1450], ["head", 20, 210, 1450, 1720], ["leg", 30, 140, 0, 620]]
"""What an adult is made of, on a scene."""


def scene(**changes: Any) -> Json:
    return {
        "v": 1,
        "at": NOON_MS,
        "state": "released",
        "arm": 100,
        "lamp": "go",
        "beams": [0, 1, 0, 0],
        "waiting": 2,
        "bodies": [[7, 350, 0, 0, 0, PARTS], [8, -600, 1, 1, 430, [*PARTS, ["suitcase", 290, 420, 60, 560]]]],
        "edges": [[41, 640, 0, 1], [42, 90, 1, 1]],
        "truth": [[5, 800, "passed", "entry", "adult", 0], [6, 100, "jumped", "entry", "child_by_hand", 1]],
        "hands": ["beam 2", "network"],
    } | changes


def layout(**changes: Any) -> Json:
    return {
        "v": 1,
        "way": "entry",
        "make": "paddle",
        "detector": "ordered",
        "beams": [[0, 900], [140, 300], [280, 900], [420, 1150]],
        "arm": [600, 1100, 220],
        "stand_mm": -300,
        "queue_mm": -1000,
        "away_mm": 1000,
        "width_mm": 550,
    } | changes


def every_kind() -> list[Json]:
    return [passage(), tally(), irregular(), daily(), notice(), spent(), sales(), consents()]


def every_kind_of_a_gate() -> list[Json]:
    return [passage(), tally(), irregular(), daily(), notice(), spent()]


def every_kind_of_a_kiosk() -> list[Json]:
    return [sales(), consents(), notice()]


def text(message: Json) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def batch(records: list[Json], seq: int = 0, boot: int = 1, device: str = "gate-1") -> bytes:
    return text({"v": 1, "device": device, "boot": boot, "seq": seq, "records": records})


def sealed(body: bytes, key: bytes = KEY, topic: str = TOPIC) -> bytes:
    before = body[:-1]
    mac = hmac.new(key, topic.encode() + b"\0" + before, hashlib.sha256).hexdigest()
    return before + f',"mac":"{mac}"}}'.encode()


class Peer:
    """A client of the broker with a device's settings; what it hears as `stored` is kept."""

    def __init__(self, settings: Json) -> None:
        self.settings = settings
        self.key = bytes.fromhex(settings["key"])
        self.stored: list[tuple[int, int]] = []
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.mqtt.username_pw_set(settings["broker"]["user"], settings["broker"]["password"])
        self.mqtt.on_message = self._on_message
        ready = threading.Event()
        self.mqtt.on_subscribe = lambda *_: ready.set()
        self.mqtt.on_connect = lambda client, *_: client.subscribe(self.topic("stored"), 1)
        self.mqtt.reconnect_delay_set(1, 1)
        self.mqtt.connect(settings["broker"]["host"], settings["broker"]["port"])
        self.mqtt.loop_start()
        assert ready.wait(10), "the broker did not let the device in"

    def topic(self, channel: str) -> str:
        return f"gateline/1/{self.settings['site']}/{self.settings['device']}/{channel}"

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        assert sealed(text({k: v for k, v in body.items() if k != "mac"}), self.key, message.topic) == message.payload
        self.stored.append((body["boot"], body["seq"]))

    def send(self, records: list[Json], seq: int, boot: int = 1) -> None:
        topic = self.topic("event")
        self.publish(topic, sealed(batch(records, seq, boot, self.settings["device"]), self.key, topic))

    def send_until_stored(self, records: list[Json], seq: int, boot: int, stored: int) -> None:
        """Send again and again, as a device does, until `stored` is heard from now on."""
        self.stored.clear()

        def heard() -> bool:
            if self.mqtt.is_connected():
                self.send(records, seq, boot)
            return (boot, stored) in self.stored

        wait_until(heard, f"`stored` {boot}/{stored}; heard {self.stored[-5:]}", poll_s=0.5)

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        self.mqtt.publish(topic, payload, qos).wait_for_publish(10)

    def wait_stored(self, boot: int, seq: int) -> None:
        wait_until(lambda: (boot, seq) in self.stored, f"`stored` {boot}/{seq}; heard {self.stored[-5:]}")

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
