"""Orders to the simulator: for emulated gates only, sealed, each refusal with its status and a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.live.standing import AWAY_MS
from gateway.live.world import NOBODY
from gateway.protocol.seal import unseal
from gateway.web import access
from tests.gateway.conftest import Whole
from tests.gateway.support import layout, scene, sealed, text
from tests.support import wait_until


def show(whole: Whole, at: int | None = None) -> None:
    """A simulator shows gate-1; ``at`` by its own clock."""
    gate, simulator = whole.peer("gate-1"), whole.peer("simulator")
    for channel, body in (("layout", layout()), ("scene", scene(at=whole.service.now_ms() if at is None else at))):
        topic = gate.topic(channel)
        simulator.publish(topic, sealed(text(body), simulator.key, topic), 1)
    lane = whole.service.live.lane("gate-1")
    wait_until(lambda: lane is not None and lane.scene is not None and lane.layout is not None, "the lane is shown")


def order(whole: Whole, device: str, body: Any, **headers: str) -> tuple[int, str]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = whole.http.post(
        f"/v1/devices/{device}/world", content=content, headers={"content-type": "application/json"} | headers
    )
    found = answer.json()
    return answer.status_code, str(found.get("detail", found.get("id")))


def test_an_order_reaches_the_simulator_sealed_and_canonical(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    show(whole)
    said: list[tuple[str, bytes]] = []
    monkeypatch.setattr(whole.service.consumer, "publish", lambda topic, payload, **_: said.append((topic, payload)))
    status, number = order(whole, "gate-1", {"do": "send", "what": "jumper"})
    assert status == 202
    (topic, payload) = said[0]
    assert topic == whole.peer("gate-1").topic("world")
    body = unseal(whole.peer("simulator").key, topic, payload)
    told = json.loads(body)
    assert body == (b'{"v":1,"at":%d,"id":%d,"do":"send","what":"jumper","on":1}' % (told["at"], int(number)))
    assert abs(told["at"] - whole.service.now_ms()) < 60_000
    assert order(whole, "gate-1", {"do": "beam", "what": "2", "on": False})[0] == 202
    assert unseal(whole.peer("simulator").key, topic, said[1][1]).endswith(b'"do":"beam","what":"2","on":0}')


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"do": "send", "what": "thief"}, 422, "commuter"),
        ({"do": "send", "what": "jumper", "on": False}, 422, "called back"),
        ({"do": "beam", "what": "9"}, 409, "beams 0 to"),
        ({"do": "beam", "what": "-1"}, 409, "beams 0 to"),
        ({"do": "arm", "what": "x"}, 422, "takes no name"),
        ({"do": "bar"}, 422, "do"),
        ({"what": "jumper"}, 422, "do"),
        ({"do": "send", "what": "jumper", "rider": 7}, 422, "rider"),
        (b"{", 422, "JSON"),
        (b'{"do":"' + b"x" * 2_000, 413, "longer"),
    ],
)
def test_what_is_wrong_is_said(whole: Whole, body: Any, status: int, words: str) -> None:
    show(whole)
    answered, detail = order(whole, "gate-1", body)
    assert answered == status
    assert words in detail


def test_a_physical_gate_takes_no_orders(whole: Whole) -> None:
    for body in ({"do": "send", "what": "jumper"}, {"do": "fire"}, {"do": "network"}):
        status, detail = order(whole, "door-1", body)
        assert status == 409
        assert "no emulated gate" in detail


def test_unknown_devices_and_absent_simulators_are_told(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    assert order(whole, "gate-99", {"do": "fire"})[0] == 404
    status, detail = order(whole, "gate-1", {"do": "fire"})
    assert (status, detail) == (503, NOBODY)
    show(whole)
    assert order(whole, "gate-1", {"do": "fire"})[0] == 202
    later_ms = whole.service.live.now_ms() + AWAY_MS + 1
    monkeypatch.setattr(whole.service.live, "now_ms", lambda: later_ms)
    assert order(whole, "gate-1", {"do": "fire"})[0] == 503


def test_a_simulator_that_runs_ahead_of_time_is_there_while_its_scenes_come(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(whole, whole.service.now_ms() + 86_400_000)
    assert order(whole, "gate-1", {"do": "fire"})[0] == 202
    later_ms = whole.service.live.now_ms() + AWAY_MS + 1
    monkeypatch.setattr(whole.service.live, "now_ms", lambda: later_ms)
    assert order(whole, "gate-1", {"do": "fire"})[0] == 503


def test_who_may_look_and_not_steer_gives_no_orders(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    show(whole)
    monkeypatch.setattr(access, "allowed", lambda action, site_class="": action is access.Action.LOOK)
    status, detail = order(whole, "gate-1", {"do": "send", "what": "jumper"})
    assert (status, detail) == (403, "You may look at this device, and not steer it.")
    assert order(whole, "door-1", {"do": "fire"})[0] == 409, "of a physical device nobody is told that a role would do"
    assert whole.http.get("/v1/devices").status_code == 200


@pytest.mark.parametrize("path", ["/v1/live", "/v1/live/gate-1", "/v1/devices", "/v1/events", "/"])
def test_who_may_not_look_sees_no_stream_and_gives_no_orders(
    whole: Whole, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    show(whole)
    monkeypatch.setattr(access, "allowed", lambda action, site_class="": False)
    answer = whole.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert order(whole, "gate-1", {"do": "fire"})[0] == 403
    assert whole.http.get("/my-data").status_code == 200 and whole.http.get("/v1/notices").status_code == 200


def test_another_page_gives_no_orders(whole: Whole) -> None:
    show(whole)
    body = {"do": "fire"}
    assert order(whole, "gate-1", body, origin="http://evil.example")[0] == 403
    assert order(whole, "gate-1", body, **{"content-type": "text/plain"})[0] == 415
    assert order(whole, "gate-1", body, **{"content-type": "application/x-www-form-urlencoded"})[0] == 415
    assert order(whole, "gate-1", body, **{"content-type": "application/json; charset=utf-8"})[0] == 202
