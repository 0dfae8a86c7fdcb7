"""Orders to a station that lives: over a real broker, from the seal to the rider; and a cable that is really pulled."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from firmware.report.seal import Seal
from gateway.broker import EmbeddedBroker
from simulator.live import LiveStation
from tests.support import wait_until

pytestmark = pytest.mark.timeout(120)

KEY = "5a" * 32
USERS = dict.fromkeys(("gate-1", "gate-2", "simulator", "gateway"), "its password")
_numbers = itertools.count(int(time.time() * 1000))


class Gateway:
    """What a gateway hears, and how it gives orders."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="gateway")
        self._client.username_pw_set("gateway", USERS["gateway"])
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload), message.retain))

    def of(self, device: str, channel: str) -> list[dict[str, Any]]:
        topic = f"gateline/1/north/{device}/{channel}"
        return [json.loads(payload) for heard, payload, _ in list(self.heard) if heard == topic]

    def records(self, device: str) -> list[dict[str, Any]]:
        found = {}
        for batch in self.of(device, "event"):
            for n, record in enumerate(batch["records"]):
                found[batch["boot"], batch["seq"] + n] = record
        return list(found.values())

    def order(self, do: str, what: str = "", on: int = 1, device: str = "gate-1", retain: bool = False) -> int:
        """The order's number."""
        topic = f"gateline/1/north/{device}/world"
        at_ms, number = int(time.time() * 1000), next(_numbers)
        body = f'{{"v":1,"at":{at_ms},"id":{number},"do":"{do}","what":"{what}","on":{on}}}'.encode()
        self.say(topic, Seal(bytes.fromhex(KEY)).close(topic, body), retain)
        return number

    def say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(tmp_path / "broker")
    made.start(USERS)
    yield made
    made.stop()


def settings(port: int) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "site": "north",
            "device": name,
            "class": "emulated",
            "key": KEY if name == "simulator" else "11" * 32,
            "broker": {"host": "127.0.0.1", "port": port, "user": name, "password": USERS[name]},
            "report": {"day_start_ms": 0, "interval_ms": 1_000, "tally_min": 1},
        }
        for name in ("gate-1", "gate-2", "simulator")
    }


@pytest.fixture
def gateway(broker: EmbeddedBroker) -> Iterator[Gateway]:
    made = Gateway(broker.port)
    yield made
    made.close()


@pytest.fixture
def station(broker: EmbeddedBroker, gateway: Gateway, tmp_path: Path) -> Iterator[LiveStation]:
    ways = {"gate-1": "entry", "gate-2": "exit"}
    live = LiveStation(settings(broker.port), ways, None, tmp_path, seed=1, micropython=False)
    live.start()
    for name in ways:
        wait_until(lambda name=name: gateway.of(name, "scene") and gateway.of(name, "status"), f"{name} is there")  # type: ignore[misc]
    yield live
    live.close()


def hands(gateway: Gateway, device: str = "gate-1") -> list[str]:
    """What is on, by the last frame."""
    shown: list[str] = gateway.of(device, "scene")[-1]["hands"]
    return shown


def test_a_layout_is_retained_and_frames_come_though_nothing_happens(
    station: LiveStation, gateway: Gateway, broker: EmbeddedBroker
) -> None:
    layouts = gateway.of("gate-2", "layout")
    assert layouts[0]["way"] == "exit" and layouts[0]["make"] == "paddle" and len(layouts) == 1
    before = len(gateway.of("gate-1", "scene"))
    started_s = time.monotonic()
    wait_until(lambda: len(gateway.of("gate-1", "scene")) >= before + 2, "a frame a second")
    assert time.monotonic() - started_s > 0.9, "what looks the same is not sent again before a second is over"
    late = Gateway(broker.port)
    wait_until(lambda: late.of("gate-1", "layout"), "who comes late is told")
    assert [retained for topic, _, retained in late.heard if topic.endswith("gate-1/layout")] == [True]
    late.close()


@pytest.mark.parametrize("what", ["commuter", "suitcase", "wheelchair"])
def test_who_is_sent_is_seen_within_two_seconds_and_recorded(station: LiveStation, gateway: Gateway, what: str) -> None:
    number = gateway.order("send", what)
    asked_s = time.monotonic()
    wait_until(lambda: gateway.of("gate-1", "scene")[-1]["bodies"], "there is somebody")
    assert time.monotonic() - asked_s < 2.0
    wait_until(lambda: any(scene["truth"] for scene in gateway.of("gate-1", "scene")), "they are through")
    (truth,) = next(scene["truth"] for scene in gateway.of("gate-1", "scene") if scene["truth"])
    assert truth[2:] == ["passed", "entry", {"commuter": "adult"}.get(what, what), number]

    def told() -> bool:
        records = gateway.records("gate-1")
        return any(one["kind"] == "passage" or (one["kind"] == "tally" and one["declined"]) for one in records)

    wait_until(told, "the gate has told it")


def test_a_jumper_and_a_tailgater_are_seen_and_reported(station: LiveStation, gateway: Gateway) -> None:
    gateway.order("send", "jumper")
    wait_until(lambda: [one for one in gateway.records("gate-1") if one["kind"] == "irregular"], "a report")
    wait_until(lambda: station.outcomes()["jumped"], "the truth")
    assert max(body[4] for scene in gateway.of("gate-1", "scene") for body in scene["bodies"]) == 700
    gateway.order("send", "tailgater", device="gate-2")
    wait_until(lambda: station.outcomes()["tailgated"], "somebody follows", timeout_s=30)
    seen = {truth[2] for scene in gateway.of("gate-2", "scene") for truth in scene["truth"]}
    assert seen <= {"passed", "tailgated"} and "passed" in seen
    kinds = {body[0]: body[2] for scene in gateway.of("gate-2", "scene") for body in scene["bodies"]}
    assert sorted(kinds.values()) == [0, 1]


def test_a_broken_beam_is_on_in_the_next_frames_and_off_when_it_is_let_go(
    station: LiveStation, gateway: Gateway
) -> None:
    gateway.order("beam", "2")
    wait_until(lambda: hands(gateway) == ["beam 2"], "it is on")
    scene = gateway.of("gate-1", "scene")[-1]
    assert scene["beams"] == [0, 0, 1, 0] and hands(gateway, "gate-2") == []
    told = [edge for frame in gateway.of("gate-1", "scene") for edge in frame["edges"]]
    assert {tuple(edge[2:]) for edge in told} == {(2, 1)} and {edge[0] for edge in told} == {1}
    gateway.order("beam", "2", 0)
    wait_until(lambda: hands(gateway) == [], "it is off")
    assert gateway.of("gate-1", "scene")[-1]["beams"] == [0, 0, 0, 0]


def test_a_pulled_cable_is_a_will_and_what_happened_meanwhile_comes_after(
    station: LiveStation, gateway: Gateway
) -> None:
    gateway.order("network")
    wait_until(lambda: gateway.of("gate-1", "status")[-1]["state"] == "lost", "the broker gives out the will")
    wait_until(lambda: hands(gateway) == ["network"], "the page is told")
    before = len(gateway.records("gate-1"))
    gateway.order("send", "commuter")
    wait_until(lambda: any(scene["truth"] for scene in gateway.of("gate-1", "scene")), "the gate works on")
    gateway.order("send", "jumper")
    wait_until(lambda: station.outcomes()["jumped"], "and detects")
    wait_until(lambda: station.decided().get("gate-1", {}).get("irregular"), "and decides")
    assert len(gateway.records("gate-1")) == before and gateway.of("gate-1", "status")[-1]["state"] == "lost"
    gateway.order("network", "", 0)
    wait_until(lambda: gateway.of("gate-1", "status")[-1]["state"] == "online", "it finds its way back", timeout_s=30)
    wait_until(lambda: [one for one in gateway.records("gate-1") if one["kind"] == "irregular"], "the report comes")
    assert {scene["state"] for scene in gateway.of("gate-2", "scene")} == {"locked"}


def test_fire_and_a_jammed_arm(station: LiveStation, gateway: Gateway) -> None:
    gateway.order("fire", device="gate-2")
    wait_until(lambda: hands(gateway) == hands(gateway, "gate-2") == ["fire"], "all lanes are free")
    wait_until(lambda: gateway.of("gate-1", "scene")[-1]["arm"] == 100, "the arm is open")
    gateway.order("arm")
    gateway.order("fire", "", 0)
    wait_until(lambda: hands(gateway) == ["arm"], "the fire is out, the arm stays")
    wait_until(lambda: gateway.of("gate-1", "scene")[-1]["state"] == "locked", "the gate thinks it is closed")
    assert gateway.of("gate-1", "scene")[-1]["arm"] == 100
    gateway.order("arm", "", 0)
    wait_until(lambda: gateway.of("gate-1", "scene")[-1]["arm"] == 0, "and now it is")


def test_nothing_else_is_believed(station: LiveStation, gateway: Gateway) -> None:
    topic = "gateline/1/north/gate-1/world"
    at_ms = int(time.time() * 1000)
    body = f'{{"v":1,"at":{at_ms},"id":5,"do":"fire","what":"","on":1}}'.encode()
    gateway.say(topic, Seal(bytes.fromhex("11" * 32)).close(topic, body))  # the device's key
    old = f'{{"v":1,"at":{at_ms - 11_000},"id":6,"do":"fire","what":"","on":1}}'.encode()
    gateway.say(topic, Seal(bytes.fromhex(KEY)).close(topic, old))
    once = f'{{"v":1,"at":{at_ms},"id":7,"do":"beam","what":"0","on":1}}'.encode()
    for _ in range(3):
        gateway.say(topic, Seal(bytes.fromhex(KEY)).close(topic, once))
    wait_until(lambda: station.orders.dropped.total() == 4, "four are dropped")
    assert station.orders.dropped == {"bad_seal": 1, "not_near": 1, "repeated": 2}
    wait_until(lambda: hands(gateway) == ["beam 0"], "one is carried out")


def test_an_order_that_was_kept_for_later_is_not_carried_out(
    broker: EmbeddedBroker, gateway: Gateway, tmp_path: Path
) -> None:
    gateway.order("fire", retain=True)
    live = LiveStation(settings(broker.port), {"gate-1": "entry"}, None, tmp_path, seed=1, micropython=False)
    live.start()
    try:
        gateway.order("beam", "1")
        wait_until(lambda: gateway.of("gate-1", "scene"), "it is there")
        gateway.order("beam", "1")  # the first may have come too early
        wait_until(lambda: hands(gateway) == ["beam 1"], "it listens")
        assert not live.lanes["gate-1"].plant.fire_on
    finally:
        live.close()


def test_what_is_on_ends_with_the_station(broker: EmbeddedBroker, gateway: Gateway, tmp_path: Path) -> None:
    live = LiveStation(settings(broker.port), {"gate-1": "entry"}, None, tmp_path, seed=1, micropython=False)
    live.start()
    try:
        wait_until(lambda: gateway.of("gate-1", "scene"), "it is there")
        for do, what in (("beam", "1"), ("arm", ""), ("network", ""), ("fire", "")):
            gateway.order(do, what)
        wait_until(lambda: hands(gateway) == ["beam 1", "arm", "network", "fire"], "all is on")
    finally:
        live.close()
    plant = live.lanes["gate-1"].plant
    assert not plant.arm.jammed and not plant.fire_on and plant.broken() == [0, 0, 0, 0]
    assert live.hands.on("gate-1") == []
