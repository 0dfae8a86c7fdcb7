"""The plugin's live lane before real brokers: with the real gateway behind one, and with nobody.

Broker and gateway are processes; the lane is in this one, in real time. Virtual lanes are tested in tests/simulator.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import EmbeddedBroker
from gateway.embedded import EmbeddedGateway
from pytest_gateline import LiveGateLane, NotInTime
from tests.simulator.link_support import USERS, Listener, statuses_of
from tests.support import free_port, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[EmbeddedGateway]:
    gateway = EmbeddedGateway(tmp_path / "gateway")
    yield gateway
    gateway.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path / "broker")
    broker.start(USERS)
    yield broker
    broker.stop()


def test_everything_gets_to_the_real_gateway_once(
    live_gate_lane: LiveGateLane, gateway: EmbeddedGateway, tmp_path: Path
) -> None:
    settings = gateway.provision("lab", ["gate-1"])["gate-1"]
    gateway.start_broker()
    gateway.start_gateway()
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(settings))
    both: tuple[dict[str, Any] | Path, ...] = (settings, file)
    for seed, given in enumerate(both):  # the second time the gateway knows the device already
        lane = live_gate_lane(settings=given, seed=seed, speed=3)
        assert lane.send().verdict == "passed"
        with lane.cut_network():
            assert lane.send("force", push_n=(500, 500)).outcome == "forced"
            assert len(lane.undelivered) == 1 and not lane.connected
        lane.settle(60)
        with lane.break_beam(1), lane.cut_power():
            assert (lane.state, lane.connected) == ("dark", False)
        lane.settle(60)
        lane.close()
        assert lane.truth == {"forced": 1, "passed": 1}
        assert {record["boot"] for record in lane.records} == {lane.records[0]["boot"], lane.records[0]["boot"] + 1}
    facts = gateway.facts()
    assert (facts["duplicates_stored"], facts["gaps"], facts["quarantine"]) == (0, 0, {})
    assert (len(facts["passages"]), sum(facts["irregular"].values())) == (2, 2)


def test_without_a_gateway_a_device_sends_again(live_gate_lane: LiveGateLane, broker: EmbeddedBroker) -> None:
    listener = Listener(broker.port)
    try:
        assert listener.subscribed.wait(10)
        url = f"mqtt://gate-1:{USERS['gate-1'].replace(' ', '%20')}@127.0.0.1:{broker.port}"
        lane = live_gate_lane(url, site="north", report={"resend_ms": 1000})
        with pytest.raises(NotInTime, match=r"1 records of lane gate-1 are not confirmed after 3 s. Nobody has said"):
            lane.settle(3)
        assert len(lane.delivered) >= 2 and len({message.payload for message in lane.delivered}) == 1
        assert [message.payload for message in lane.delivered][:2] == [
            payload for topic, payload in list(listener.messages) if topic.endswith("/event")
        ][:2]
        with lane.cut_power():
            pass
        wait_until(lambda: statuses_of(listener)[:2] == ["online", "lost"], "the broker publishes the will")
    finally:
        listener.close()


def test_a_broker_that_can_not_be_reached_is_a_sentence(live_gate_lane: LiveGateLane, broker: EmbeddedBroker) -> None:
    port = free_port()
    began_s = time.monotonic()
    with pytest.raises(
        NotInTime, match=rf"lane gate-1 does not reach the broker at 127.0.0.1:{port} as user test/gate-1 within"
    ):
        live_gate_lane(f"mqtt://127.0.0.1:{port}", connect_s=0.5)
    with pytest.raises(NotInTime) as told:
        live_gate_lane(f"mqtt://gate-1:wrong@127.0.0.1:{broker.port}", connect_s=0.5)
    assert "wrong" not in str(told.value) and re.search(r"as user gate-1 within 0.5 s: \w+", str(told.value))
    assert time.monotonic() - began_s < 10


def test_a_device_of_a_physical_site_is_refused(live_gate_lane: LiveGateLane) -> None:
    settings = {"site": "north", "device": "gate-1", "class": "physical", "key": "11" * 32, "broker": None}
    with pytest.raises(ValueError, match="emulated devices, and report to emulated sites only"):
        live_gate_lane("mqtt://127.0.0.1", settings=settings)
