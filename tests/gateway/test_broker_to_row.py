"""From a device at a real broker to a row, and back as `stored`; and what hostile messages do to it: nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from functools import partial
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.broker import MAX_PAYLOAD_BYTES
from gateway.devices.provisioning import Provisioning
from gateway.ingest.intake import Quarantine
from gateway.ingest.pipeline import IngestState
from gateway.ingest.replies import BOOTS_PENDING, Replies
from gateway.protocol.refusal import Reason
from gateway.store.directory import Directory
from gateway.store.facts import read_facts
from tests.gateway.conftest import Whole
from tests.gateway.support import Json, batch, daily, irregular, layout, notice, passage, scene, sealed, tally, text
from tests.support import wait_until


def test_every_kind_becomes_a_row_and_the_device_hears_so(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    gate.send([passage(), tally(), irregular(), daily(), notice()], 0)
    gate.wait_stored(1, 5)
    assert whole.service.queries.stored() == dict.fromkeys(("passage", "tally", "irregular", "daily", "device"), 1) | {
        "sales": 0,
        "consents": 0,
    }
    gate.send([passage(n) for n in range(5, 10)], 5)
    gate.wait_stored(1, 10)
    lane = whole.service.live.lane("gate-1")
    assert lane is not None
    wait_until(lambda: lane.counts.recorded == 6, "the live counts follow")


def test_duplicates_are_refused_counted_and_answered(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    for _ in range(3):
        gate.send([passage(0), passage(1)], 0)
    gate.send([passage(1), passage(2)], 1)
    gate.wait_stored(1, 3)
    facts = read_facts(whole.data)
    assert (facts["stored"], facts["duplicates_refused"], facts["duplicates_stored"]) == (3, 5, 0)


def test_a_gap_opens_and_closes(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    gate.send([passage(0)], 0)
    gate.send([passage(5)], 5)
    wait_until(lambda: whole.service.queries.gap_states()["open"] == 1, "the gap is seen")
    gate.wait_stored(1, 1)
    assert read_facts(whole.data)["gaps"] == 1
    gate.send([tally(folds=4), passage(5)], 1)
    gate.wait_stored(1, 6)
    assert read_facts(whole.data)["gaps"] == 0
    assert read_facts(whole.data)["gaps_by_state"]["closed"] == 1


def test_each_bad_message_is_counted_and_the_stream_goes_on(whole: Whole) -> None:
    gate, other = whole.peer("gate-1"), whole.peer("gate-2")
    topic = gate.topic("event")
    good = batch([passage()])
    bad = {
        ("bad_seal", "gate-1"): [
            good,
            sealed(good, other.key, topic),
            sealed(good, gate.key, other.topic("event")),
            b"",
        ],
        ("oversized", "gate-1"): [b"x" * (65 * 1024 + 1), b"x" * 200_000],
        ("malformed", "gate-1"): [sealed(b"{}", gate.key, topic), sealed(good + b" ", gate.key, topic)],
        ("unknown_version", "gate-1"): [sealed(good.replace(b'"v":1', b'"v":7'), gate.key, topic)],
        ("wrong_device", "gate-1"): [sealed(batch([passage()], device="gate-2"), gate.key, topic)],
        ("out_of_sequence", "gate-1"): [sealed(batch([tally(folds=9)]), gate.key, topic)],
    }
    gate.send([passage(0)], 0)
    for messages in bad.values():
        for message in messages:
            gate.publish(topic, message)
    gate.publish("gateline/1/majestic/nobody/event", good)
    gate.publish("gateline/1/Nowhere/gate-1/event", good)
    gate.send([passage(1)], 1)
    gate.wait_stored(1, 2)
    expected = {key: len(messages) for key, messages in bad.items()}
    expected |= {("unknown_device", ""): 1, ("malformed", ""): 1}
    wait_until(lambda: whole.quarantined() == expected, f"all are counted: {expected}")
    assert whole.service.queries.stored()["passage"] == 2
    assert whole.http.get("/v1/health").json()["status"] == "ok"


def note_end(client: mqtt.Client, connected: list[bool], ended: list[bool]) -> None:
    client.on_connect = lambda _client, _data, _flags, reason, _properties: connected.append(not reason.is_failure)
    client.on_disconnect = lambda *_: ended.append(True)


def test_the_broker_refuses_a_wrong_password_and_nobody(whole: Whole) -> None:
    settings = whole.settings("gate-1")
    for user, password in ((settings["broker"]["user"], "guess"), ("gateway", ""), (None, None)):
        connected: list[bool] = []
        ended: list[bool] = []
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            client.username_pw_set(user, password)
        note_end(client, connected, ended)
        client.connect(settings["broker"]["host"], settings["broker"]["port"])
        client.loop_start()
        wait_until(partial(any, ended), "the broker hangs up")
        client.disconnect()
        client.loop_stop()
        assert True not in connected


def test_a_flood_of_unknown_devices_stays_bounded(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    for number in range(2_000):
        gate.mqtt.publish(f"gateline/1/majestic/ghost-{number}/event", b"{}", 1)
        gate.mqtt.publish(f"gateline/1/majestic/ghost-{number}/status", b"{}", 0)
    gate.send([passage(0)], 0)
    gate.wait_stored(1, 1)
    wait_until(lambda: whole.quarantined().get(("unknown_device", ""), 0) >= 2_000, "the flood is counted")
    assert set(whole.quarantined()) == {("unknown_device", "")}
    assert len(whole.service.live.snapshot()["lanes"]) == 3


def test_acknowledgements_keep_their_order_whatever_comes_between(whole: Whole) -> None:
    """rumqttd disconnects whoever acknowledges out of order: status, also QoS 1, must not overtake events."""
    gate = whole.peer("gate-1")
    online = text({"v": 1, "state": "online", "boot": 3, "firmware": "0.1.0", "keys": ""})
    status = sealed(online, gate.key, gate.topic("status"))
    for number in range(500):
        gate.mqtt.publish(
            gate.topic("event"), sealed(batch([passage(number)], number), gate.key, gate.topic("event")), 1
        )
        gate.mqtt.publish(gate.topic("status"), status, 1)
    gate.wait_stored(1, 500)
    assert whole.service.consumer.session == 1
    assert read_facts(whole.data)["gaps_by_state"] == {"open": 0, "closed": 0, "permanent": 0}


def test_a_new_device_is_let_in_while_the_gateway_runs(whole: Whole) -> None:
    Provisioning(Directory(whole.service.database)).add_device("majestic", "gate-9", "emulated")
    broker = whole.service.broker
    assert broker is not None
    pid = broker.pid
    wait_until(lambda: broker.pid not in (pid, None) and whole.service.consumer.connected, "the broker knows it")
    gate = whole.peer("gate-9")
    gate.send([passage(0)], 0)
    gate.wait_stored(1, 1)


def test_status_health_layout_and_scene_reach_the_live_view(whole: Whole) -> None:
    gate, simulator = whole.peer("gate-1"), whole.peer("simulator")
    lane = whole.service.live.lane("gate-1")
    assert lane is not None
    online = text({"v": 1, "state": "online", "boot": 3, "firmware": "0.1.0", "keys": ""})
    health = text({"v": 1, "boot": 3, "heap_free": 41216, "worst_tick_ms": 12, "outbox": 4, "refused_stored": 0})
    seen, built = text(scene(at=whole.service.now_ms(), state="locked")), text(layout())
    gate.publish(gate.topic("status"), sealed(online, gate.key, gate.topic("status")))
    gate.publish(gate.topic("health"), sealed(health, gate.key, gate.topic("health")), 0)
    simulator.publish(gate.topic("layout"), sealed(built, simulator.key, gate.topic("layout")))
    simulator.publish(gate.topic("scene"), sealed(seen, simulator.key, gate.topic("scene")), 0)
    wait_until(lambda: lane.link == "online" and lane.health and lane.scene and lane.layout, "all four have come")
    told = next(one for one in whole.http.get("/v1/health").json()["devices"] if one["device"] == "gate-1")
    assert (told["state"], told["outbox"], told["heap_free"]) == ("locked", 4, 41216)
    gate.publish(gate.topic("status"), b'{"v":1,"state":"lost","boot":3}')
    wait_until(lambda: lane.link == "lost", "the will is a hint for the eye")
    gate.publish(gate.topic("scene"), sealed(seen, gate.key, gate.topic("scene")), 0)
    wait_until(lambda: whole.quarantined() == {("bad_seal", "gate-1"): 1}, "a gate does not paint its own picture")


def test_after_a_broker_restart_the_stream_goes_on(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    gate.send([passage(0)], 0)
    gate.wait_stored(1, 1)
    assert whole.service.broker is not None and whole.service.broker.pid is not None
    os.kill(whole.service.broker.pid, signal.SIGKILL)
    wait_until(lambda: whole.service.consumer.session == 2, "the gateway is back")
    wait_until(gate.mqtt.is_connected, "the device is back")
    gate.send_until_stored([passage(0), passage(1)], 0, 1, 2)


def test_a_device_that_comes_online_hears_where_it_stands(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    gate.send([passage(0)], 0)
    gate.wait_stored(1, 1)
    gate.stored.clear()
    online = text({"v": 1, "state": "online", "boot": 2, "firmware": "0.1.0", "keys": ""})
    gate.publish(gate.topic("status"), sealed(online, gate.key, gate.topic("status")))
    gate.wait_stored(1, 1)


def test_a_locked_database_only_delays(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    with closing(sqlite3.connect(whole.service.database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for number in range(300):
            gate.mqtt.publish(
                gate.topic("event"), sealed(batch([passage(number)], number), gate.key, gate.topic("event")), 1
            )
        wait_until(lambda: whole.service.pipeline.state is IngestState.DATABASE_BUSY, "ingest says why it waits")
        assert whole.http.get("/v1/health").json()["ingest"] == "database_busy"
        assert not gate.stored
        other.execute("COMMIT")
    gate.wait_stored(1, 300)
    facts = read_facts(whole.data)
    assert (facts["stored"], facts["duplicates_refused"], facts["gaps"]) == (300, 0, 0)
    assert whole.http.get("/v1/health").json()["ingest"] == "ok"


def test_nothing_is_acknowledged_before_it_is_stored(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was in the database at each PUBACK that the gateway sent."""
    stored_at_puback: list[int] = []
    puback = mqtt.Client.ack

    def spy(client: mqtt.Client, mid: int, qos: int) -> Any:
        stored_at_puback.append(whole.service.queries.stored()["passage"])
        return puback(client, mid, qos)

    monkeypatch.setattr(mqtt.Client, "ack", spy)
    gate = whole.peer("gate-1")
    with closing(sqlite3.connect(whole.service.database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for number in range(3):
            gate.send([passage(number)], number)
        wait_until(lambda: whole.service.pipeline.state is IngestState.DATABASE_BUSY, "storing has been tried")
        assert stored_at_puback == []
        assert gate.stored == []
        other.execute("COMMIT")
    gate.wait_stored(1, 3)
    wait_until(lambda: len(stored_at_puback) == 3, "all three are acknowledged")
    assert all(stored >= place for place, stored in enumerate(stored_at_puback, 1)), stored_at_puback


def blocked(whole: Whole, device: str) -> Json | None:
    told: list[Json] = whole.http.get("/v1/health").json()["devices"]
    found: Json | None = next(one["blocked"] for one in told if one["device"] == device)
    return found


def wait_blocked(whole: Whole, device: str, expected: Json | None) -> None:
    wait_until(lambda: blocked(whole, device) == expected, f"{device} is blocked: {expected}")


def test_a_refused_record_holds_its_device_up_and_health_says_so(whole: Whole) -> None:
    door, gate = whole.peer("door-1"), whole.peer("gate-1")
    assert blocked(whole, "door-1") is None
    for count in (1, 2):
        door.send([passage(0), irregular(), passage(1)], 0)
        wait_blocked(whole, "door-1", {"reason": "not_allowed", "count": count})
    door.send([passage(1)], 2)
    door.wait_stored(1, 0)
    assert whole.service.queries.stored()["passage"] == 0, "neither beside the refused record nor behind it"
    assert blocked(whole, "door-1") == {"reason": "not_allowed", "count": 2}, (
        "a batch beyond the watermark is no way around it"
    )
    gate.send([passage(0)], 0)
    gate.wait_stored(1, 1)
    assert blocked(whole, "gate-1") is None
    door.publish(door.topic("event"), sealed(b'{"v":1}', door.key, door.topic("event")))
    wait_blocked(whole, "door-1", {"reason": "malformed", "count": 3})
    door.publish(door.topic("event"), batch([passage()], device="door-1"))
    wait_until(lambda: ("bad_seal", "door-1") in whole.quarantined(), "anybody could have sent that")
    assert blocked(whole, "door-1") == {"reason": "malformed", "count": 3}
    door.send([passage(0)], 0)
    door.wait_stored(1, 1)
    wait_blocked(whole, "door-1", None)


def test_above_256_kib_the_broker_hangs_up_and_the_others_go_on(whole: Whole) -> None:
    gate, other = whole.peer("gate-1"), whole.peer("gate-2")
    other.send([passage(0)], 0)
    other.wait_stored(1, 1)
    hung_up = threading.Event()

    def on_disconnect(client: mqtt.Client, *_: Any) -> None:
        hung_up.set()
        client.disconnect()

    gate.mqtt.on_disconnect = on_disconnect
    gate.mqtt.publish(gate.topic("event"), b"x" * (MAX_PAYLOAD_BYTES + 1), 1)
    wait_until(hung_up.is_set, "the broker hangs up")
    other.send([passage(1)], 1)
    other.wait_stored(1, 2)
    assert whole.service.consumer.session == 1, "the gateway's own connection is the same"
    assert whole.quarantined() == {}, "the gateway has seen nothing of it"


@pytest.mark.slow
def test_ten_seconds_of_lock_only_delay(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    with closing(sqlite3.connect(whole.service.database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        gate.send([passage(0)], 0)
        until = time.monotonic() + 10
        wait_until(lambda: time.monotonic() >= until, "ten seconds are over")
        assert not gate.stored
        other.execute("COMMIT")
    gate.wait_stored(1, 1)


def test_a_full_disk_pauses_ingest_and_room_resumes_it(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    with whole.service.database.writer.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    for number in range(20):
        gate.send([passage(number * 60 + index) for index in range(60)], number * 60)
    wait_until(lambda: whole.service.pipeline.state is IngestState.DISK_FULL, "the disk is full")
    wait_until(lambda: whole.http.get("/v1/health").json()["ingest"] == "disk_full", "health says so")

    def make_room() -> bool:
        with whole.service.database.writer.connect() as writer:
            writer.exec_driver_sql("PRAGMA max_page_count=1000000")
        return True

    wait_until(make_room, "there is room")
    gate.wait_stored(1, 1200)
    assert whole.service.pipeline.state is IngestState.OK


def test_quarantine_adds_up_and_names_only_known_devices() -> None:
    first, second = Quarantine(), Quarantine()
    for number in range(10_000):
        first.add(Reason.UNKNOWN_DEVICE, None, number)
    second.add(Reason.UNKNOWN_DEVICE, None, 5)
    first.merge(second)
    assert first.counts() == {("unknown_device", ""): (10_001, 49_995_005)}


def test_replies_are_rare_but_the_last_always_comes() -> None:
    replies = Replies(interval_ms=250)
    replies.note("gate-1", 1, 10)
    assert replies.due(1_000) == [("gate-1", 1, 10)]
    replies.note("gate-1", 1, 11)
    replies.note("gate-2", 4, 7)
    replies.note("gate-1", 1, 12)
    assert replies.due(1_001) == [("gate-2", 4, 7)]
    assert replies.next_deadline_ms() == 1_250
    assert replies.due(1_249) == []
    assert replies.due(1_250) == [("gate-1", 1, 12)]
    assert replies.next_deadline_ms() is None


def test_replies_stay_bounded() -> None:
    replies = Replies()
    for boot in range(1, 1_000):
        replies.note("gate-1", boot, boot)
    assert [boot for _, boot, _ in replies.due(0)] == list(range(1_000 - BOOTS_PENDING, 1_000))
