"""The codec: round trips of every kind, every refusal by its reason, and rubbish that must never surprise."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol import canonical, records, scenes, topics
from gateway.protocol.refusal import Reason, Refused
from gateway.protocol.seal import seal, unseal
from tests.gateway.support import (
    KEY,
    NOON_MS,
    PARTS,
    TOPIC,
    Json,
    batch,
    consents,
    daily,
    every_kind,
    irregular,
    layout,
    notice,
    passage,
    sales,
    scene,
    sealed,
    spent,
    tally,
    text,
)
from tests.support import ROOT


def refused_batch(body: bytes) -> Reason:
    with pytest.raises(Refused) as refusal:
        records.decode_batch(body)
    return refusal.value.reason


@pytest.mark.parametrize("record", every_kind(), ids=lambda record: record["kind"])
def test_every_kind_survives_a_round_trip(record: Json) -> None:
    body = batch([record, passage(9)], seq=7)
    assert records.encode_body(records.decode_batch(body)) == body


@pytest.mark.parametrize("record", every_kind(), ids=lambda record: record["kind"])
def test_an_unknown_member_is_refused_in_every_kind(record: Json) -> None:
    assert refused_batch(batch([record | {"card": "04a1b2"}])) is Reason.MALFORMED


@pytest.mark.parametrize("record", every_kind(), ids=lambda record: record["kind"])
def test_a_missing_member_is_refused_in_every_kind(record: Json) -> None:
    for name in record:
        assert refused_batch(batch([{key: value for key, value in record.items() if key != name}])) is Reason.MALFORMED


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda body: body.replace(b'"boot":1', b'"boot": 1'), id="white space"),
        pytest.param(lambda body: body.replace(b'"boot":1,"seq":0', b'"seq":0,"boot":1'), id="other order"),
        pytest.param(lambda body: body.replace(b'"boot":1', b'"boot":1,"boot":1'), id="twice the same member"),
        pytest.param(lambda body: body.replace(b'"boot":1', b'"boot":1.0'), id="fraction"),
        pytest.param(lambda body: body.replace(b'"boot":1', b'"boot":1e0'), id="exponent"),
        pytest.param(lambda body: body.replace(b'"seq":0', b'"seq":-0'), id="minus nought"),
        pytest.param(lambda body: body.replace(b'"boot":1', b'"boot":01'), id="leading nought"),
        pytest.param(lambda body: body.replace(b'"boot":1', b'"boot":true'), id="truth value"),
        pytest.param(lambda body: body.replace(b'"boot":1', b'"boot":0'), id="boot 0"),
        pytest.param(lambda body: body.replace(b'"boot":1', b'"boot":9007199254740992'), id="integer too large"),
        pytest.param(lambda body: body.replace(b"gate-1", b"\\u0067ate-1"), id="escape"),
        pytest.param(lambda body: body.replace(b"gate-1", b"gate-\xc3\xa4"), id="not ASCII"),
        pytest.param(lambda body: body.replace(b"gate-1", b"gate-\xff"), id="not UTF-8"),
        pytest.param(lambda body: body + b" ", id="something behind"),
        pytest.param(lambda body: body[:-1], id="cut off"),
        pytest.param(lambda body: b"", id="nothing"),
        pytest.param(lambda body: b'{"v":1,"records":' + b"[" * 40_000, id="deep nesting"),
    ],
)
def test_another_form_is_refused(changed: Any) -> None:
    body = changed(batch([passage()]))
    assert body != batch([passage()])
    assert refused_batch(body) is Reason.MALFORMED


@pytest.mark.parametrize(
    "record",
    [
        passage(transit_ms=1251),
        passage(handle="A" * 64),
        passage(handle="0" * 64 + "\n"),
        passage(way="sideways"),
        passage(at=-1),
        tally(entries=8),
        tally(declined=12),
        {**tally(), "from": tally()["to"] + 1},
        tally(irregular=1, notices=1),
        tally(folds=0),
        irregular(confidence=101),
        irregular(what="frown"),
        irregular(trace=[[0, 24, 1]]),
        irregular(trace=[[0, 0, 2]]),
        irregular(trace=[[0, 0, 1]] * 65),
        daily(refused=-1),
        daily(jump=1_000_001),
        tally(entries=1_000_001, exits=0, paid=1_000_000, free=1),
        tally(irregular=1_000_001, folds=2_000_000),
        notice(folds=2),
        notice(what="storage_lost", folds=2**53),
        {"kind": "score", "at": 0},
        spent(nullifiers=[]),
        spent(*range(65)),
        spent(nullifiers=["0" * 31]),
        spent(nullifiers=["A" * 32]),
        spent(to=-1),
        spent(to=100_000_001),
        sales(single=1_000_001),
        {**sales(), "to": NOON_MS - 1},
        {**consents(), "to": NOON_MS - 1},
        consents(notice=""),
        consents(notice="Version 1"),
        consents(none=-1),
    ],
    ids=str,
)
def test_what_does_not_hold_together_is_refused(record: Json) -> None:
    assert refused_batch(batch([record])) is Reason.MALFORMED


def test_a_batch_has_1_to_64_records() -> None:
    assert refused_batch(batch([])) is Reason.MALFORMED
    assert refused_batch(batch([notice()] * 65)) is Reason.MALFORMED
    assert len(records.decode_batch(batch([notice()] * 64)).records) == 64


def test_sequence_numbers_stay_integers_that_every_reader_has() -> None:
    huge = notice(what="storage_lost", folds=2**53 - 1)
    assert refused_batch(batch([huge], seq=1)) is Reason.MALFORMED
    assert records.decode_batch(batch([huge])).records[0].folds == 2**53 - 1


def test_counts_reach_a_million() -> None:
    million = 1_000_000
    most = tally(entries=million, exits=million, paid=million, free=million, declined=million, folds=1)
    assert len(records.decode_batch(batch([most, daily(refused=million)])).records) == 2


def test_another_version_has_a_reason_of_its_own() -> None:
    body = batch([passage()])
    assert refused_batch(body.replace(b'"v":1', b'"v":2')) is Reason.UNKNOWN_VERSION
    assert refused_batch(body.replace(b'"v":1', b'"v":"1"')) is Reason.MALFORMED


def test_the_seal_holds_topic_key_and_every_byte() -> None:
    body = batch([passage()])
    message = seal(KEY, TOPIC, body)
    assert message == sealed(body)
    assert unseal(KEY, TOPIC, message) == body
    others = [
        (KEY[::-1], TOPIC, message),
        (KEY, TOPIC.replace("gate-1", "gate-2"), message),
        (KEY, TOPIC, message.replace(b'"seq":0', b'"seq":1')),
        (KEY, TOPIC, body),
        (KEY, TOPIC, message[:-2] + b'0"}' if message[-3:-2] != b"0" else message[:-3] + b'1"}'),
        (KEY, TOPIC, message.upper()),
        (KEY, TOPIC, b""),
    ]
    for key, topic, payload in others:
        with pytest.raises(Refused, match="bad_seal"):
            unseal(key, topic, payload)


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("gateline/2/majestic/gate-1/event", Reason.UNKNOWN_VERSION),
        ("gateline/1/majestic/gate-1/stored", Reason.MALFORMED),
        ("gateline/1/majestic/passes/event", Reason.MALFORMED),
        ("gateline/1/majestic/gate-1/event/more", Reason.MALFORMED),
        ("gateline/1/Majestic/gate-1/event", Reason.MALFORMED),
        ("gateline/1/majestic/-gate/event", Reason.MALFORMED),
        ("gateline/1/majestic/" + "g" * 33 + "/event", Reason.MALFORMED),
        ("gateline/1/majestic/gate-1\n/event", Reason.MALFORMED),
        ("", Reason.MALFORMED),
    ],
)
def test_other_topics_are_refused(topic: str, reason: Reason) -> None:
    with pytest.raises(Refused, match=reason.value):
        topics.parse(topic)


def test_topics_survive_a_round_trip() -> None:
    assert topics.parse(TOPIC) == topics.Topic("majestic", "gate-1", "event")
    assert str(topics.parse(TOPIC)) == TOPIC


def test_status_and_health() -> None:
    online = text({"v": 1, "state": "online", "boot": 3, "firmware": "0.1.0", "keys": ""})
    assert records.decode_online(online) == records.Online(3, "0.1.0", "")
    listed = text({"v": 1, "state": "online", "boot": 3, "firmware": "0.1.0", "keys": "ab" * 32})
    assert records.decode_online(listed).keys == "ab" * 32
    for keys in ("a", "AB" * 32, "ab" * 33, "ab" * 32 + "\n"):
        with pytest.raises(Refused, match="malformed"):
            records.decode_online(listed.replace(b"ab" * 32, keys.encode()))
    assert records.decode_lost(b'{"v":1,"state":"lost","boot":3}') == 3
    assert records.decode_lost(online) is None
    health = text({"v": 1, "boot": 3, "heap_free": -1, "worst_tick_ms": 12, "outbox": 4, "refused_stored": 0})
    assert records.encode_body(records.decode_health(health)) == health
    for decode, body in (
        (records.decode_online, online),
        (records.decode_health, health),
        (scenes.decode_scene, text(scene())),
        (scenes.decode_layout, text(layout())),
    ):
        for bad, reason in ((body[:-1] + b',"face":1}', "malformed"), (body.replace(b"1", b"2", 1), "unknown_version")):
            with pytest.raises(Refused, match=reason):
                decode(bad)


def test_scene_and_layout_survive_a_round_trip() -> None:
    assert canonical.encode(scenes.decode_scene(text(scene()))) == text(scene())
    assert canonical.encode(scenes.decode_layout(text(layout()))) == text(layout())


@pytest.mark.parametrize(
    "changes",
    [
        {"at": -1},
        {"state": "Released"},
        {"arm": 101},
        {"lamp": "blue"},
        {"beams": [0] * 25},
        {"waiting": -1},
        {"bodies": [[number, 0, 0, 0, 0, []] for number in range(17)]},
        {"bodies": [[1, 0, 0, 0, 0, []], [1, 9, 0, 0, 0, []]]},
        {"bodies": [[1, 0, 0, 0, 0, PARTS * 9]]},
        {"bodies": [[1, 0, 2, 0, 0, []]]},
        {"bodies": [[1, 0, 0, 0, []]]},
        {"bodies": [[1, 1_000_001, 0, 0, 0, []]]},
        {"bodies": [[1, 0, 0, 0, 0, [["Kim", 0, 1, 0, 1]]]]},
        {"bodies": [[1, 0, 0, 0, 0, [["", 0, 1, 0, 1]]]]},
        {"bodies": [[1, 0, 0, 0, 0, [["torso", 0, -1, 0, 1]]]]},
        {"edges": [[number, 0, 0, 1] for number in range(65)]},
        {"edges": [[2, 10, 0, 1], [1, 5, 0, 0]]},
        {"edges": [[1, 10, 0, 1], [1, 10, 0, 1]]},
        {"edges": [[1, 10, 24, 1]]},
        {"edges": [[1, 10_001, 0, 1]]},
        {"edges": [[1, -1, 0, 1]]},
        {"truth": [[number, 0, "passed", "entry", "adult", 0] for number in range(33)]},
        {"truth": [[1, 0, "passed_consented", "entry", "adult", 0]]},
        {"truth": [[1, 0, "passed_declined", "entry", "adult", 0]]},
        {"truth": [[1, 0, "passed", "inward", "adult", 0]]},
        {"truth": [[1, 0, "passed", "entry", "04a1b2c3", 0]]},
        {"truth": [[1, 0, "passed", "entry", "adult"]]},
        {"truth": [[2, 0, "passed", "entry", "adult", 0], [2, 0, "passed", "entry", "adult", 0]]},
        {"hands": ["arm"] * 2},
        {"hands": [f"beam {number}" for number in range(21)]},
        {"hands": ["Arm"]},
        {"rider": 7},
    ],
    ids=str,
)
def test_another_scene_is_refused(changes: Json) -> None:
    with pytest.raises(Refused, match="malformed"):
        scenes.decode_scene(text(scene() | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"way": "both"},
        {"make": "curtain"},
        {"detector": "a detector"},
        {"beams": []},
        {"beams": [[0, 900]] * 25},
        {"beams": [[0, -1]]},
        {"arm": [600, 1100]},
        {"stand_mm": 1_000_001},
        {"width_mm": -1},
        {"name": "north"},
    ],
    ids=str,
)
def test_another_layout_is_refused(changes: Json) -> None:
    with pytest.raises(Refused, match="malformed"):
        scenes.decode_layout(text(layout() | changes))


def test_the_words_of_truth_do_not_tell_what_a_rider_chose() -> None:
    assert get_args(scenes.Outcome) == (
        *("passed", "passed_free", "turned_back", "refused", "gave_up", "tailgated", "jumped", "climbed", "crawled"),
        *("forced", "backcocked", "reversed", "passed_back", "unobserved"),
    )


def test_the_largest_scene_is_far_below_what_a_gateway_takes() -> None:
    part = ["a" * 24, -1_000_000, 1_000_000, -1_000_000, -1_000_000]
    largest = scene(
        bodies=[[number + 2**52, -1_000_000, 1, 1, -1_000_000, [part] * 24] for number in range(16)],
        edges=[[number + 2**52, 10_000, 15, 1] for number in range(64)],
        truth=[[number + 2**52, 10_000, "turned_back", "entry", "a" * 24, 1] for number in range(32)],
        hands=[f"{'a' * 21} {number:02}" for number in range(20)],
    )
    assert len(sealed(text(largest))) < records.MAX_EVENT_BYTES
    scenes.decode_scene(text(largest))


def test_stored_is_what_the_protocol_says() -> None:
    assert records.encode_stored(3, 137) == b'{"v":1,"boot":3,"seq":137}'


DECODERS = (
    records.decode_batch,
    records.decode_online,
    records.decode_health,
    scenes.decode_layout,
    scenes.decode_scene,
)


@given(st.binary(max_size=300))
def test_rubbish_is_refused_and_nothing_worse(body: bytes) -> None:
    for decode in DECODERS:
        with pytest.raises(Refused):
            decode(body)
    records.decode_lost(body)


@given(st.data())
def test_a_changed_byte_is_refused_or_canonical(data: st.DataObject) -> None:
    body = bytearray(batch(every_kind()))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = records.decode_batch(bytes(body))
    except Refused:
        return
    assert records.encode_body(decoded) == bytes(body)


GOLDEN: list[dict[str, str]] = json.loads((ROOT / "tests" / "golden" / "payloads.json").read_text())


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_golden_payloads_are_what_the_gateway_reads_and_writes(golden: dict[str, str]) -> None:
    topic, message = golden["topic"], golden["message"].encode()
    channel = topic.rpartition("/")[2]
    if channel == "status" and (boot := records.decode_lost(message)) is not None:
        assert boot >= 1
        return
    key = bytes.fromhex(golden["key"])
    body = unseal(key, topic, message)
    assert seal(key, topic, body) == message
    if channel == "event":
        assert records.encode_body(records.decode_batch(body)) == body
    elif channel == "health":
        assert records.encode_body(records.decode_health(body)) == body
    elif channel == "scene":
        assert canonical.encode(scenes.decode_scene(body)) == body
    elif channel == "status":
        records.decode_online(body)
    elif channel == "layout":
        assert canonical.encode(scenes.decode_layout(body)) == body
    elif channel == "world":
        said = json.loads(body)
        assert scenes.encode_world(scenes.World(**said)) == body
    else:
        assert channel == "stored"
        said = json.loads(body)
        assert records.encode_stored(said["boot"], said["seq"]) == body
