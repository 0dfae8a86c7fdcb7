"""What the observer tells the agreement of key lists: sealed words of the device's present boot, and nothing else."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateway.admission.rules import Sender
from gateway.devices.registry import Device
from gateway.ingest.intake import Quarantine
from gateway.ingest.observer import Observer
from gateway.live.state import LiveState
from gateway.passes.agreement import GRACE_MS, Agreement
from gateway.protocol.seal import seal

KEY = bytes(range(32))
STATUS, HEALTH = (f"gateline/1/north/gate-1/{channel}" for channel in ("status", "health"))
OLD, NEW, FOREIGN = "aa" * 32, "bb" * 32, "cc" * 32


class Known:
    """A registry with one gate."""

    def find(self, *_: object) -> Device:
        return Device(Sender("north", "gate-1", "physical"), KEY)


class Ingest:
    """A pipeline to which devices are greeted in vain."""

    def greet(self, _: str) -> None: ...


class Watch:
    """An observer with a clock of its own; what it hears comes from a broker to which anybody can publish."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.refused = Quarantine()
        self.agreement = Agreement()
        self.agreement.publish(OLD, [], 0)
        self.agreement.publish(NEW, [OLD], 0)
        parts = cast(tuple[Any, Any, Any], (None, Known(), Ingest()))
        self.observer = Observer(
            parts[0], parts[1], LiveState(), parts[2], lambda: None, self.agreement, lambda: self.now_ms
        )

    def hear(self, topic: str, payload: bytes) -> None:
        self.observer.look(topic, payload, self.refused, 0)

    def differing(self) -> list[str]:
        return self.agreement.differing(self.now_ms)


def online(boot: int, keys: str) -> bytes:
    return seal(
        KEY, STATUS, b'{"v":1,"state":"online","boot":%d,"firmware":"0.1.0","keys":"%s"}' % (boot, keys.encode())
    )


def health(boot: int) -> bytes:
    body = b'{"v":1,"boot":%d,"heap_free":-1,"worst_tick_ms":1,"outbox":0,"refused_stored":0}' % boot
    return seal(KEY, HEALTH, body)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_an_unsealed_lost_decides_nothing(watch: Watch) -> None:
    lost = b'{"v":1,"state":"lost","boot":1}'
    watch.hear(STATUS, online(1, OLD))
    watch.now_ms = GRACE_MS
    watch.hear(HEALTH, health(1))
    assert watch.differing() == ["gate-1"]
    watch.hear(STATUS, lost)
    assert watch.differing() == ["gate-1"]
    watch.hear(STATUS, online(1, NEW))
    assert watch.differing() == []
    watch.hear(STATUS, lost)
    assert watch.differing() == [] and not watch.refused


def test_what_is_said_again_by_somebody_stops_nothing_and_hides_nothing(watch: Watch) -> None:
    before = [online(1, OLD), online(2, OLD)]
    right = online(2, NEW)
    for message in (*before, right):
        watch.hear(STATUS, message)
    watch.now_ms = 2 * GRACE_MS
    for message in before:
        watch.hear(STATUS, message)
        watch.hear(HEALTH, health(1))
        watch.hear(HEALTH, health(2))
    assert watch.differing() == [] and watch.agreement.of("gate-1") == "current"
    watch.hear(STATUS, online(2, FOREIGN))
    for message in (*before, right):
        watch.hear(STATUS, message)
    assert watch.differing() == ["gate-1"]


def test_a_word_with_another_seal_is_not_heard(watch: Watch) -> None:
    watch.hear(STATUS, online(1, OLD))
    watch.now_ms = GRACE_MS
    watch.hear(HEALTH, health(1).replace(b'"outbox":0', b'"outbox":1'))
    assert watch.differing() == [] and bool(watch.refused)
