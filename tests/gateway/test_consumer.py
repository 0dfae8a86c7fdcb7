"""The consumer's bounds: what finds no room is counted, and the order of acknowledgements stays whole."""

import pytest
from paho.mqtt.client import MQTTMessage

from gateway.ingest import consumer as module
from gateway.ingest.consumer import Consumer


def message(topic: str, payload: bytes, mid: int = 1, qos: int = 1) -> MQTTMessage:
    made = MQTTMessage(mid=mid, topic=topic.encode())
    made.payload = payload
    made.qos = qos
    return made


@pytest.fixture
def consumer() -> Consumer:
    """Not connected to anything."""
    return Consumer("127.0.0.1", 1, None, None)


def test_beyond_the_queue_an_event_keeps_its_place_and_loses_its_payload(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_MESSAGES", 3)
    for mid in range(1, 6):
        consumer._on_event(consumer._client, None, message("gateline/1/a/b/event", b"x" * mid, mid))
    taken = consumer.take(10, 0)
    assert [one.mid for one in taken] == [1, 2, 3, 4, 5], "acknowledged in their order, or the broker hangs up"
    assert [one.payload for one in taken] == [b"x", b"xx", b"xxx", None, None]
    assert consumer.dropped == 2


def test_beyond_the_queue_what_needs_no_acknowledgement_goes(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_MESSAGES", 3)
    for mid in range(1, 100):
        consumer._on_event(consumer._client, None, message("gateline/1/a/b/event", b"x", mid, qos=0))
    assert len(consumer.take(1_000, 0)) == 3 and consumer.dropped == 96


def test_of_what_is_observed_only_so_many_topics_are_kept(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OBSERVED_TOPICS", 3)
    for n in range(10):
        consumer._on_observed(consumer._watcher, None, message(f"gateline/1/a/{n}/health", b"1", qos=0))
    consumer._on_observed(consumer._watcher, None, message("gateline/1/a/0/health", b"2", qos=0))
    assert consumer.take_observed(0) == {
        "gateline/1/a/0/health": b"2",
        "gateline/1/a/1/health": b"1",
        "gateline/1/a/2/health": b"1",
    }
    assert consumer.dropped == 7
