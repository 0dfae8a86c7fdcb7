"""The broker's log keeps what passes a real broker, bounded, and says when it has a hole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.embedded import EmbeddedGateway
from simulator.broker_log import BrokerLog
from simulator.errors import UserError
from tests.support import wait_until


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[EmbeddedGateway]:
    embedded = EmbeddedGateway(tmp_path / "gateway")
    yield embedded
    embedded.stop()


@pytest.fixture
def settings(backend: EmbeddedGateway) -> dict[str, Any]:
    found = backend.provision("demo", [])["simulator"]
    host, port = backend.start_broker()
    found["broker"].update(host=host, port=port)
    return found


def publish(settings: dict[str, Any], *messages: tuple[str, bytes]) -> None:
    broker = settings["broker"]
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(broker["user"], broker["password"])
    client.connect(broker["host"], broker["port"])
    client.loop_start()
    for topic, payload in messages:
        client.publish(topic, payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_everything_is_kept_with_its_time_but_of_scenes_only_the_number(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    log = BrokerLog(settings, tmp_path)
    log.start()
    sent = [("gateline/1/demo/gate-1/event", b'{"v":1}'), ("elsewhere", bytes(range(256)))]
    publish(settings, ("gateline/1/demo/gate-1/scene", b"{}"), *sent)
    wait_until(lambda: len(list(log.messages())) == 2, "both are kept")
    log.check()
    log.close()
    kept = list(log.messages())
    assert [(one.topic, one.payload) for one in kept] == sent
    assert kept[0].at_ms <= kept[1].at_ms and log.scenes == 1
    assert (kept[0].device, kept[0].channel) == ("gate-1", "event")


def test_a_full_file_becomes_the_older_half_and_the_newest_messages_stay(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    log = BrokerLog(settings, tmp_path, half_bytes=1_000)
    log.start()
    publish(settings, *((f"t/{n}", b"x" * 100) for n in range(40)))
    wait_until(lambda: [one.topic for one in log.messages()][-1:] == ["t/39"], "the last one is kept")
    log.close()
    kept = [one.topic for one in log.messages()]
    assert 6 <= len(kept) < 20
    assert kept == [f"t/{n}" for n in range(40)][-len(kept) :]
    assert all(file.stat().st_size <= 1_000 for file in tmp_path.glob("broker*.jsonl"))


def test_a_broker_that_goes_away_leaves_a_hole_which_is_said(
    settings: dict[str, Any], backend: EmbeddedGateway, tmp_path: Path
) -> None:
    log = BrokerLog(settings, tmp_path)
    log.start()
    backend.stop()

    def told() -> bool:
        try:
            log.check()
        except UserError as error:
            return "hole" in str(error)
        return False

    wait_until(told, "the hole is noticed")
    log.close()


def test_a_broker_that_is_not_there_is_said(settings: dict[str, Any], backend: EmbeddedGateway, tmp_path: Path) -> None:
    backend.stop()
    log = BrokerLog(settings, tmp_path)
    with pytest.raises(UserError, match="listen at the broker"):
        log.start()
    log.close()
