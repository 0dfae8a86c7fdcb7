"""Orders from pages: what is believed, what is dropped and why, and that nothing grows."""

import json

import pytest

from firmware.report.seal import Seal
from simulator.byhand.orders import IDS_MAX, NEAR_MS, RIDERS, Order, Orders
from tests.support import ROOT

KEY = bytes.fromhex("5a" * 32)
NOW_MS = 1_754_503_200_000
TOPIC = "gateline/1/north/gate-1/world"


def sealed(body: bytes, topic: str = TOPIC, key: bytes = KEY) -> bytes:
    message: bytes = Seal(key).close(topic, body)
    return message


def order(do: str = "arm", what: str = "", on: int = 1, at_ms: int = NOW_MS, number: int = 1) -> bytes:
    return sealed(
        f'{{"v":1,"at":{at_ms},"id":{number},"do":"{do}","what":"{what}","on":{on}}}'.encode(),
    )


def orders() -> Orders:
    return Orders("north", KEY, {"gate-1": 4, "gate-2": 12})


def dropped(payload: bytes, topic: str = TOPIC, now_ms: int = NOW_MS) -> str:
    receiver = orders()
    assert receiver.take(topic, payload, now_ms) is None and receiver.taken == 0
    (reason,) = receiver.dropped.elements()
    return reason


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        *((order("send", what), Order("send", what, True)) for what in RIDERS),
        (order("beam", "0"), Order("beam", "", True, 0)),
        (order("beam", "3", 0), Order("beam", "", False, 3)),
        *((order(do, "", on), Order(do, "", bool(on))) for do in ("arm", "network", "fire") for on in (1, 0)),
    ],
)
def test_every_order_is_understood(payload: bytes, wanted: Order) -> None:
    receiver = orders()
    taken = receiver.take(TOPIC, payload, NOW_MS)
    assert taken == ("gate-1", wanted) and taken[1].number == json.loads(payload)["id"]
    assert (receiver.taken, receiver.dropped.total()) == (1, 0)


def test_a_beam_is_one_of_its_lane() -> None:
    topic = "gateline/1/north/gate-2/world"
    body = order("beam", "11")[: -len(sealed(b"{}")) + 1] + b"}"
    assert orders().take(topic, sealed(body, topic), NOW_MS) == ("gate-2", Order("beam", "", True, 11))
    assert dropped(order("beam", "4")) == "not_allowed"


GOOD = b'{"v":1,"at":1754503200000,"id":1,"do":"arm","what":"","on":1}'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (GOOD.replace(b'"v":1', b'"v":2'), "another version"),
        (GOOD.replace(b",", b", ", 1), "white space"),
        (GOOD.replace(b'"on":1', b'"on":true'), "a truth value"),
        (GOOD.replace(b'"on":1', b'"on":2'), "a number too many"),
        (GOOD.replace(b'"id":1', b'"id":01'), "a leading zero"),
        (GOOD.replace(b'"id":1', b'"id":-1'), "below zero"),
        (GOOD.replace(b'"id":1', b'"id":1.0'), "a fraction"),
        (GOOD.replace(b'"id":1', b'"id":9007199254740992'), "2 to the 53rd"),
        (GOOD.replace(b'"id":1', b'"id":99999999999999999'), "seventeen digits"),
        (GOOD.replace(b'"at":1754503200000,', b""), "a member missing"),
        (GOOD.replace(b'"on":1', b'"on":1,"why":1'), "a member too many"),
        (GOOD.replace(b'"on":1', b'"on":1,"on":1'), "a member twice"),
        (GOOD.replace(b'"do":"arm","what":""', b'"what":"","do":"arm"'), "another order"),
        (GOOD.replace(b'"arm"', b'"leg"'), "another deed"),
        (GOOD.replace(b'"arm"', b'"\\u0061rm"'), "an escape"),
        (GOOD + b"\n", "more behind"),
        (b"[]", "no object"),
        (b"", "nothing"),
    ],
)
def test_any_other_form_is_dropped(body: bytes, why: str) -> None:
    assert dropped(sealed(body)) in ("malformed", "bad_seal"), why
    if body.endswith(b"}"):
        assert dropped(sealed(body)) == "malformed", why


@pytest.mark.parametrize(
    "payload",
    [
        order("send", "elephant"),
        order("send", ""),
        order("send", "commuter", 0),
        order("beam", ""),
        order("beam", "first"),
        order("arm", "0"),
        order("network", "gate"),
        order("fire", "1"),
    ],
)
def test_members_that_contradict_each_other_are_dropped(payload: bytes) -> None:
    assert dropped(payload) == "not_allowed"


def test_the_seal_is_the_simulators_for_this_topic() -> None:
    assert dropped(sealed(GOOD, key=bytes(32))) == "bad_seal"
    assert dropped(sealed(GOOD, "gateline/1/north/gate-2/world")) == "bad_seal"
    assert dropped(GOOD) == "bad_seal"
    assert dropped(sealed(GOOD).replace(b'"on":1', b'"on":0')) == "bad_seal"


@pytest.mark.parametrize("topic", ["gateline/1/north/gate-9/world", "gateline/1/south/gate-1/world", "world", ""])
def test_a_device_that_is_not_there_is_dropped(topic: str) -> None:
    assert dropped(sealed(GOOD, topic), topic) == "unknown_device"


def test_what_is_too_long_is_not_even_looked_at() -> None:
    assert dropped(sealed(b"{" + b" " * 1024 + b"}")) == "oversized"


@pytest.mark.parametrize(("off_ms", "believed"), [(NEAR_MS, True), (NEAR_MS + 1, False), (-NEAR_MS, True)])
def test_an_order_is_for_now(off_ms: int, believed: bool) -> None:
    receiver = orders()
    assert (receiver.take(TOPIC, order(), NOW_MS + off_ms) is not None) == believed
    assert receiver.dropped["not_near"] == (not believed)
    assert dropped(order(), now_ms=NOW_MS - NEAR_MS - 1) == "not_near"


def test_an_order_is_believed_once_however_often_it_comes() -> None:
    receiver = orders()
    early = order(at_ms=NOW_MS + NEAR_MS, number=5)  # the last that its sender's clock may be ahead
    assert receiver.take(TOPIC, early, NOW_MS) is not None
    for later_ms in range(0, 2 * NEAR_MS + 1, 1_000):
        assert receiver.take(TOPIC, early, NOW_MS + later_ms) is None
    assert receiver.dropped == {"repeated": 21}
    assert receiver.take(TOPIC, early, NOW_MS + 2 * NEAR_MS + 1) is None, "by then it is too old"
    # Another device's order may not have the number either: it is one number for all.
    topic = "gateline/1/north/gate-2/world"
    body = GOOD.replace(b'"id":1', b'"id":5').replace(b"1754503200000", str(NOW_MS + 1).encode())
    assert receiver.take(topic, sealed(body, topic), NOW_MS) is None


def test_what_is_refused_takes_no_number() -> None:
    receiver = orders()
    assert receiver.take(TOPIC, order(number=7), NOW_MS + NEAR_MS + 1) is None
    assert receiver.take(TOPIC, order("send", "elephant", number=7), NOW_MS) is None
    assert receiver.take(TOPIC, order(number=7), NOW_MS) is not None


def test_numbers_are_bounded_and_forgotten_only_when_nobody_can_use_them() -> None:
    receiver = orders()
    for number in range(IDS_MAX):
        assert receiver.take(TOPIC, order(number=number), NOW_MS) is not None
    assert receiver.take(TOPIC, order(number=IDS_MAX), NOW_MS) is None and receiver.dropped["too_many"] == 1
    assert receiver.take(TOPIC, order(number=0), NOW_MS) is None and receiver.dropped["repeated"] == 1
    later_ms = NOW_MS + 2 * NEAR_MS + 1
    assert receiver.take(TOPIC, order(at_ms=later_ms, number=IDS_MAX), later_ms) is not None
    assert len(receiver._ids) == 1


def test_the_golden_orders_are_believed() -> None:
    """What the gateway says is what is understood here, to the byte."""
    golden = json.loads((ROOT / "tests" / "golden" / "payloads.json").read_text(encoding="utf-8"))
    cases = [case for case in golden if case["topic"].endswith("/world")]
    assert len(cases) >= 14
    receiver = Orders("north", KEY, {"gate-1": 4})
    for case in cases:
        at_ms = json.loads(case["message"])["at"]
        assert receiver.take(case["topic"], case["message"].encode(), at_ms) is not None, case["name"]
    assert receiver.taken == len(cases)
