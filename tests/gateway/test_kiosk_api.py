"""Kiosks over HTTP: sealed questions and answers, hostile bodies, and lists and spent pages over a real broker."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import httpx
import pytest

from gateway.devices.provisioning import Provisioning
from gateway.store.directory import Directory
from tests.gateway.conftest import Whole
from tests.gateway.pass_support import Rider, b64
from tests.gateway.support import Json, Peer, sealed, spent, text
from tests.support import wait_until

SIGN, EXCHANGE = "/v1/kiosk/sign", "/v1/kiosk/exchange"


class Kiosk:
    """A kiosk that asks over HTTP, and hears the key list over the broker."""

    def __init__(self, whole: Whole) -> None:
        Provisioning(Directory(whole.service.database)).add_device("majestic", "kiosk-1", "emulated", kind="kiosk")
        whole.service.registry.load()
        self.whole = whole
        self.settings = whole.settings("kiosk-1")
        self.key = bytes.fromhex(self.settings["key"])
        self.heard: dict[str, bytes] = {}
        self.peer = whole.peer("gate-1")
        self.peer.mqtt.on_message = lambda _c, _d, message: self.heard.update({message.topic: bytes(message.payload)})
        self.peer.mqtt.subscribe("gateline/1/majestic/passes/+", 1)
        wait_until(lambda: "gateline/1/majestic/passes/keys" in self.heard, "the key list is published", timeout_s=60)

    def pass_key(self, product: str = "single", choice: str = "none") -> Json:
        keys = json.loads(self.heard["gateline/1/majestic/passes/keys"])["keys"]
        today = self.whole.service.now_ms() // 86_400_000
        found: Json = next(
            one
            for one in keys
            if (one["product"], one["choice"]) == (product, choice) and one["from"] <= today <= one["sold_to"]
        )
        return found

    def body(self, rider: Rider, sale: int = 1, **changes: Any) -> Json:
        asked = {
            "v": 1,
            "device": "kiosk-1",
            "ask": secrets.token_hex(16),
            "sale": sale,
            "key": rider.message[33:].hex(),
            "blinded": b64(rider.blinded),
        }
        return asked | changes

    def post(self, path: str, body: bytes) -> httpx.Response:
        return self.whole.http.post(path, content=body)

    def ask(self, path: str, body: Json) -> Json:
        answer = self.post(path, sealed(text(body), self.key, path))
        assert answer.status_code == 200, answer.text
        told: Json = json.loads(answer.content)
        unsealed = {name: value for name, value in told.items() if name != "mac"}
        assert sealed(text(unsealed), self.key, path) == answer.content, "sealed for this path, in canonical form"
        assert told["ask"] == body["ask"] and told["v"] == 1
        return told


@pytest.fixture
def kiosk(whole: Whole) -> Kiosk:
    return Kiosk(whole)


def test_a_pass_is_sold_exchanged_and_the_old_one_is_published(kiosk: Kiosk) -> None:
    whole = kiosk.whole
    assert base64.b64decode(kiosk.settings["passes"]["list_key"]) == whole.service.office._files.list_modulus()
    rider = Rider(kiosk.pass_key("single", "research"))
    question = kiosk.body(rider)
    told = kiosk.ask(SIGN, question)
    rider.finish(base64.b64decode(told["signature"]))
    assert kiosk.ask(SIGN, question) == told, "a replayed question gets the same bytes and nothing else"
    assert kiosk.ask(SIGN, kiosk.body(Rider(kiosk.pass_key())))["refused"] == "sale_used"
    new = Rider(kiosk.pass_key("single", "none"))
    given = {"nullifier": rider.nullifier.hex(), "to": kiosk.pass_key("single")["to"]}
    exchanged = kiosk.ask(EXCHANGE, kiosk.body(new, 2, **given))
    new.finish(base64.b64decode(exchanged["signature"]))
    again = kiosk.ask(EXCHANGE, kiosk.body(Rider(kiosk.pass_key()), 3, **given))
    assert again["refused"] == "spent"
    state = whole.http.get("/v1/passes").json()
    assert state["issuing"] == "yes" and state["spent"] == 1
    assert state["audit"] == [{"device": "kiosk-1", "signatures": 2, "told": 0, "difference": 2}]


def test_hostile_questions(kiosk: Kiosk) -> None:
    rider = Rider(kiosk.pass_key())
    right = text(kiosk.body(rider))
    gate = bytes.fromhex(kiosk.whole.settings("gate-1")["key"])
    of_gate = text(kiosk.body(rider, device="gate-1"))
    of_nobody = text(kiosk.body(rider, device="kiosk-9"))
    wrong = [
        (right, 403),
        (sealed(right, bytes(32), SIGN), 403),
        (sealed(right, kiosk.key, EXCHANGE), 403),
        (sealed(of_gate, gate, SIGN), 403),
        (sealed(of_nobody, kiosk.key, SIGN), 403),
        (b"", 403),
        (b"{" * 1_000, 403),
        (b"\xff" * 2_048, 403),
        (sealed(right, kiosk.key, SIGN) + b" " * 2_048, 413),
        (sealed(right.replace(b'"sale":1', b'"sale": 1'), kiosk.key, SIGN), 422),
        (sealed(right.replace(b'"sale":1', b'"sale":1.0'), kiosk.key, SIGN), 422),
        (sealed(right.replace(b'"sale":1', b'"sale":-1'), kiosk.key, SIGN), 422),
        (sealed(right[:-1] + b',"card":"04a1"}', kiosk.key, SIGN), 422),
        (sealed(text(kiosk.body(rider, blinded="A" * 343)), kiosk.key, SIGN), 422),
    ]
    for body, status in wrong:
        answer = kiosk.post(SIGN, body)
        assert answer.status_code == status, (body[:80], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert rider.blinded.hex() not in answer.text and b64(rider.blinded)[:20] not in answer.text
        assert "04a1" not in answer.text
    assert len({kiosk.post(SIGN, body).text for body, status in wrong if status == 403}) == 1, "all told alike"
    not_canonical = b64(rider.blinded)[:-3] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[b64(rider.blinded)[-3]] + "=="
    for blinded in (b64(b"\xff" * 256), b64(bytes(256)), not_canonical):
        assert kiosk.ask(SIGN, kiosk.body(rider, blinded=blinded))["refused"] == "malformed"
    assert kiosk.ask(SIGN, kiosk.body(rider, key="0" * 16))["refused"] == "unknown_key"
    assert kiosk.whole.http.get("/v1/passes").json()["audit"] == [], "nothing was signed"


def test_devices_that_tell_another_list_stop_issuing_until_they_tell_the_right_one(kiosk: Kiosk) -> None:
    http, gate = kiosk.whole.http, kiosk.whole.peer("gate-2")

    def tell(peer: Peer, keys: str) -> None:
        topic = peer.topic("status")
        online = text({"v": 1, "state": "online", "boot": 1, "firmware": "0.1.0", "keys": keys})
        peer.publish(topic, sealed(online, peer.key, topic))

    def issuing() -> str:
        return str(http.get("/v1/passes").json()["issuing"])

    right = http.get("/v1/passes").json()["published"]["hash"]
    tell(gate, "f" * 64)
    wait_until(lambda: issuing() == "keys_differ", "the difference is seen")
    told = http.get("/v1/passes").json()
    assert told["differing"] == ["gate-2"] and {"device": "gate-2", "keys": "differs"} in told["devices"]
    assert kiosk.ask(SIGN, kiosk.body(Rider(kiosk.pass_key())))["refused"] == "keys_differ"
    tell(gate, right)
    wait_until(lambda: issuing() == "yes", "it recovers")
    assert "signature" in kiosk.ask(SIGN, kiosk.body(Rider(kiosk.pass_key())))


def test_used_passes_come_out_as_a_page(kiosk: Kiosk) -> None:
    office = kiosk.whole.service.office
    office._interval_s = 0
    office._next_spent = 0
    record = spent(7, 8)
    kiosk.peer.send([record], 0)
    page = "gateline/1/majestic/passes/spent-0"
    wait_until(lambda: page in kiosk.heard, "the page is published")
    assert json.loads(kiosk.heard[page])["spent"] == sorted(one[:16] for one in record["nullifiers"])


def test_a_gate_may_not_tell_sales_and_a_kiosk_no_passes(kiosk: Kiosk) -> None:
    joined = kiosk.whole.peer("gate-2")
    joined.send([{"kind": "consents", "from": 0, "to": 0, "notice": "2026-1", "research": 1, "none": 1}], 0)
    wait_until(lambda: ("not_allowed", "gate-2") in kiosk.whole.quarantined(), "it is refused")
