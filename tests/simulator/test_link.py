"""The MQTT link over a real broker: a gate in this process, the broker in its own, and this test as the gateway."""

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.boards import board as b
from firmware.link.mqtt import MqttLink
from firmware.report.seal import Seal
from gateway.broker import EmbeddedBroker
from simulator.clock import Scheduler
from simulator.devices.in_process import InProcessDevice
from tests.simulator.devices_support import EPOCH_MS, settings, token, walk
from tests.simulator.link_support import KEY, TOPIC, USERS, Listener, stored
from tests.support import wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path / "broker")
    broker.start(USERS)
    yield broker
    broker.stop()


class Gate:
    """An in-process gate whose clock is real time, driven by the test until something is so."""

    def __init__(self, port: int, folder: Path) -> None:
        self.began = time.monotonic()
        self.scheduler = Scheduler()
        values = settings(resend_ms=1000) | {
            "broker": {"host": "127.0.0.1", "port": port, "user": "gate-1", "password": USERS["gate-1"]}
        }
        self.device = InProcessDevice(
            self.scheduler,
            values,
            lambda *_: None,
            lambda now_ms: EPOCH_MS + now_ms,
            folder=folder,
            link_factory=MqttLink,
        )
        self.device.start()

    def drive(self, until: Callable[[], object], what: str, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while not until():
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
            self.scheduler.run_until(int((time.monotonic() - self.began) * 1000))
            watched = self.device.poll()
            if watched is None:
                select.select([], [], [], 0.01)
                continue
            sock, interest = watched
            select.select([sock] if interest & 1 else [], [sock] if interest & 2 else [], [], 0.02)
            self.device.wake()

    def passes(self, n: int) -> None:
        now_ms = self.scheduler.now_ms
        for _, kind, a, value in [(0, b.MEDIUM, token(n), 0), *walk(0, 2)]:
            self.device.post(now_ms, kind, a, value)

    def unplug(self) -> None:
        """Death without a goodbye: the connection ends before the link could say anything on it."""
        watched = self.device.poll()
        assert watched is not None
        watched[0].shutdown(socket.SHUT_RDWR)
        self.device.kill()

    @property
    def unconfirmed(self) -> int:
        assert self.device.gate is not None
        return len(self.device.gate.outbox)


def statuses(listener: Listener) -> list[bytes]:
    return [payload for topic, payload in list(listener.messages) if topic == TOPIC + "status"]


@pytest.fixture
def listener(broker: EmbeddedBroker) -> Iterator[Listener]:
    listener = Listener(broker.port)
    assert listener.subscribed.wait(10)
    yield listener
    listener.close()


@pytest.fixture
def gate(broker: EmbeddedBroker, listener: Listener, tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(broker.port, tmp_path / "flash")
    yield gate
    gate.device.kill()


def test_it_says_online_and_sends_a_sealed_batch(gate: Gate, listener: Listener) -> None:
    gate.drive(lambda: len(listener.messages) >= 2, "status and first batch")
    sealed = dict(listener.messages)
    for topic, payload in sealed.items():
        assert Seal(KEY).check(topic, payload)
    online = json.loads(sealed[TOPIC + "status"])
    assert (online["state"], online["boot"]) == ("online", 1)
    batch = json.loads(sealed[TOPIC + "event"])
    assert (batch["seq"], batch["records"][0]["what"]) == (0, "boot")


def test_a_device_that_dies_is_lost_for_everybody_who_asks(
    gate: Gate, listener: Listener, broker: EmbeddedBroker
) -> None:
    gate.drive(lambda: any(topic == TOPIC + "status" for topic, _ in listener.messages), "online")
    gate.unplug()
    wait_until(lambda: [json.loads(payload)["state"] for payload in statuses(listener)] == ["online", "lost"], "lost")
    listener.close()  # of the same name at the broker as the next
    late = Listener(broker.port)  # who comes later learns it, too: the will is retained
    try:
        wait_until(lambda: statuses(late), "a retained status")
        assert [json.loads(payload) for payload in statuses(late)] == [{"v": 1, "state": "lost", "boot": 1}]
    finally:
        late.close()


def test_only_stored_empties_the_outbox(gate: Gate, listener: Listener) -> None:
    gate.passes(1)
    gate.drive(lambda: sum(len(batch["records"]) for batch in listener.batches()) >= 2, "both records")
    assert gate.unconfirmed == 2
    inner = gate.device.gate
    assert inner is not None and inner.link is not None
    for number, forged in enumerate((stored(1, 2, bytes(32)), b"{}", stored(1, 2)[:-1]), 1):
        listener.say("stored", forged)
        gate.drive(lambda n=number: inner.link.bad_messages >= n, "a forged stored is counted")  # type: ignore[misc]
    listener.say("stored", stored(1, 99))
    gate.drive(lambda: inner.delivery.refused == 1, "a stored above what was sent is refused")
    assert gate.unconfirmed == 2
    listener.say("stored", stored(1, 2))
    gate.drive(lambda: gate.unconfirmed == 0, "the outbox is empty")


def test_what_is_not_confirmed_is_sent_again(gate: Gate, listener: Listener) -> None:
    gate.drive(lambda: len(listener.batches()) >= 3, "the same batch three times")
    assert {batch["seq"] for batch in listener.batches()} == {0}


def test_a_broker_that_dies_and_forgets_is_survived(gate: Gate, listener: Listener, broker: EmbeddedBroker) -> None:
    gate.drive(lambda: listener.batches(), "a batch")
    broker.restart(USERS)
    listener.messages.clear()
    gate.passes(2)
    gate.drive(lambda: listener.subscribed.is_set(), "the listener is back")
    gate.drive(
        lambda: any(len(batch["records"]) == 2 and batch["seq"] == 0 for batch in listener.batches()),
        "everything again from the watermark",
        40.0,
    )
    listener.say("stored", stored(1, 2))
    gate.drive(lambda: gate.unconfirmed == 0, "its subscription is back, too")
