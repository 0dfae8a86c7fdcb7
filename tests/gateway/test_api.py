"""The API over real HTTP: pages, filters, problem details, the live stream, the page; and every route documented."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from gateway.api.streams import MAX_STREAMS
from gateway.store.database import StoreBusy
from gateway.store.store import Store
from tests.gateway.conftest import Whole
from tests.gateway.support import NOON_MS, daily, irregular, notice, passage, scene, sealed, tally, text
from tests.support import wait_until

KIOSKS = {"sales": 0, "consents": 0}


def fill(whole: Whole) -> None:
    gate, other = whole.peer("gate-1"), whole.peer("gate-2")
    gate.send([passage(n, at=NOON_MS + n, way=("entry", "exit")[n % 2]) for n in range(25)], 0)
    gate.send([irregular(at=NOON_MS + 30), daily(), notice(at=NOON_MS + 40), tally()], 25)
    other.send([passage(n, at=NOON_MS + n) for n in range(10)], 0)
    other.send([{**tally(), "from": NOON_MS + 900_000, "to": NOON_MS + 1_800_000}], 10)
    gate.wait_stored(1, 29)
    other.wait_stored(1, 11)


def pages(whole: Whole, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    answer = whole.http.get(path, params=query)
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield from page["items"]
        link = answer.links.get("next")
        assert (page["next"] is None) == (link is None)
        if link is None:
            return
        assert len(page["items"]) == query.get("limit", 100)
        answer = whole.http.get(link["url"])


def identity(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["device"], row["boot"], row["seq"]


def test_pages_hold_everything_once_and_in_order(whole: Whole) -> None:
    fill(whole)
    for limit in (1, 7, 38, 100):
        rows = list(pages(whole, "/v1/events", limit=limit))
        assert len({identity(row) for row in rows}) == len(rows) == 38
        assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert [row["device"] for row in pages(whole, "/v1/tallies", limit=1)] == ["gate-1", "gate-2"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"kind": "passage"}, 35),
        ({"kind": "irregular"}, 1),
        ({"kind": "daily"}, 1),
        ({"kind": "device"}, 1),
        ({"device": "gate-2"}, 10),
        ({"site": "majestic"}, 38),
        ({"site": "depot"}, 0),
        ({"site": "depot", "device": "gate-1"}, 0),
        ({"way": "exit"}, 12),
        ({"from": NOON_MS + 20, "to": NOON_MS + 40}, 6),
        ({"device": "nobody"}, 0),
    ],
    ids=str,
)
def test_filters(whole: Whole, query: dict[str, Any], count: int) -> None:
    fill(whole)
    assert len(list(pages(whole, "/v1/events", limit=4, **query))) == count


def test_sites_devices_gaps_and_health(whole: Whole) -> None:
    fill(whole)
    sites = whole.http.get("/v1/sites").json()["items"]
    assert [(site["site"], site["class"], site["devices"]) for site in sites] == [
        ("depot", "physical", 1),
        ("majestic", "emulated", 2),
    ]
    devices = whole.http.get("/v1/devices", params={"site": "majestic"}).json()["items"]
    assert {device["device"]: device["boots"] for device in devices} == {
        "gate-1": [{"boot": 1, "watermark": 29}],
        "gate-2": [{"boot": 1, "watermark": 11}],
    }
    assert whole.http.get("/v1/devices/gate-1/gaps").json()["items"] == []
    health = whole.http.get("/v1/health").json()
    assert health["stored"] == {"passage": 35, "tally": 2, "irregular": 1, "daily": 1, "device": 1, **KIOSKS}
    assert health["ingest"] == "ok" and health["gaps"] == {"open": 0, "closed": 0, "permanent": 0}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/devices/nobody/gaps", 404),
        ("GET", "/v1/devices/..%2F..%2Fetc/gaps", 404),
        ("POST", "/v1/events", 405),
        ("DELETE", "/v1/devices/gate-1/gaps", 405),
        ("GET", "/v1/events?limit=0", 422),
        ("GET", "/v1/events?limit=1001", 422),
        ("GET", "/v1/events?kind=score", 422),
        ("GET", "/v1/events?from=yesterday", 422),
        ("GET", "/v1/events?to=99999999999999999999", 422),
        ("GET", "/v1/events?device=Gate%201", 422),
        ("GET", "/v1/events?cursor=%00", 422),
        ("GET", "/v1/events?cursor=WzEsMl0", 422),
        ("GET", "/v1/tallies?cursor=" + "x" * 300, 422),
        ("GET", "/v1/sites?cursor=WzEsMl0", 422),
        ("GET", "/v1/devices?cursor=WyJhIl0", 422),
        ("GET", "/v1/devices/gate-1/gaps?cursor=WzEsMl0", 422),
        ("GET", "/v1/devices/gate-1/gaps?limit=0", 422),
        ("GET", "/v1/events?since=5", 422),
        ("GET", "/v1/health?verbose=1", 422),
        ("GET", "/v1/live?site=majestic", 422),
        ("GET", "/v1/events/", 404),
    ],
)
def test_errors_are_problem_details(whole: Whole, method: str, path: str, status: int) -> None:
    answer = whole.http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "instance"}
    assert body["status"] == status and body["detail"].endswith(".")


def test_an_unknown_parameter_is_named_with_those_there_are(whole: Whole) -> None:
    detail = whole.http.get("/v1/devices?sit=depot&limit=3").json()["detail"]
    assert "sit: there is no such parameter, this path takes site, limit, cursor" in detail and "limit:" not in detail
    assert "this path takes none" in whole.http.get("/v1/health?verbose=1").json()["detail"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("LOCALHOST:8080", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example:80", 400),
        ("localhost:80@evil.example", 400),
        ("", 400),
    ],
)
def test_only_its_own_names_are_answered(whole: Whole, host: str, status: int) -> None:
    for path in ("/notice", "/v1/health", "/openapi.json"):
        answer = whole.http.get(path, headers={"Host": host})
        assert answer.status_code == status
        if status == 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert "--http-name" in answer.json()["detail"]


def test_lists_of_sites_devices_and_gaps_are_paged(whole: Whole) -> None:
    with Store(whole.service.database).transaction() as transaction:
        for seq in (0, 10, 20):
            transaction.add_permanent_gap("gate-1", 1, (seq, seq + 5))
    for limit in (1, 2, 100):
        assert [row["site"] for row in pages(whole, "/v1/sites", limit=limit)] == ["depot", "majestic"]
        devices = [row["device"] for row in pages(whole, "/v1/devices", limit=limit)]
        assert devices == ["door-1", "gate-1", "gate-2"]
        of_site = [row["device"] for row in pages(whole, "/v1/devices", limit=limit, site="majestic")]
        assert of_site == ["gate-1", "gate-2"]
        gaps = [row["from_seq"] for row in pages(whole, "/v1/devices/gate-1/gaps", limit=limit)]
        assert gaps == [0, 10, 20]


def test_an_unexpected_error_is_a_problem_too_and_tells_nothing(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(whole.service.queries, "events", fail)
    answer = whole.http.get("/v1/events")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text


def test_a_database_that_cannot_be_read_is_503(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise StoreBusy

    monkeypatch.setattr(whole.service.queries, "tallies", busy)
    answer = whole.http.get("/v1/tallies")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"


def test_reading_goes_on_while_the_database_is_locked_for_writing(whole: Whole) -> None:
    with closing(sqlite3.connect(whole.service.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for path in ("/v1/sites", "/v1/devices", "/v1/events", "/v1/tallies", "/v1/health"):
            assert whole.http.get(path).status_code == 200
        other.execute("ROLLBACK")


def test_the_live_stream_shows_scenes_as_they_come(whole: Whole) -> None:
    gate, simulator = whole.peer("gate-1"), whole.peer("simulator")
    topic = gate.topic("scene")
    with whole.http.stream("GET", "/v1/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        frames = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        first = next(frames)
        assert [lane["device"] for lane in first["lanes"]] == ["door-1", "gate-1", "gate-2"]
        assert first["lanes"][1]["scene"] is None
        seen = scene(at=whole.service.now_ms(), state="passing")
        simulator.publish(topic, sealed(text(seen), simulator.key, topic), 0)
        for frame in frames:
            if frame["lanes"][1]["scene"]:
                assert frame["lanes"][1]["scene"] == {
                    name: seen[name] for name in ("at", "state", "arm", "lamp", "beams", "waiting")
                } | {"bodies": [[7, 350, 260, 0, 0], [8, -600, 710, 1, 1]]}
                break
        gate.send([passage(), tally()], 0)
        for frame in frames:
            if frame["totals"]["recorded"]:
                assert frame["totals"] == {"recorded": 1, "tallied": 12}
                break
    wait_until(lambda: whole.app.state.streams.taken == 0, "the stream's place is free again")


def test_streams_are_bounded(whole: Whole) -> None:
    places = whole.app.state.streams
    for _ in range(MAX_STREAMS // 2):
        places.take("here")
    answer = whole.http.get("/v1/live/gate-1")
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    assert (answer.headers["retry-after"], "close one" in answer.json()["detail"]) == ("5", True)
    for n in range(MAX_STREAMS // 2):
        places.take(f"192.0.2.{n}")
    answer = whole.http.get("/v1/live")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert places.taken == MAX_STREAMS


@pytest.mark.parametrize("path", ["/my-data", "/notice", "/inventory"])
def test_plain_pages_ask_nobody_else(whole: Whole, path: str) -> None:
    answer = whole.http.get(path)
    page = answer.text
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page and "@import" not in page and "{{" not in page
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert whole.http.get(path).headers["content-security-policy"] != policy


def test_every_route_and_parameter_is_described(whole: Whole) -> None:
    document = whole.http.get("/openapi.json").json()
    assert set(document["paths"]) == {
        *(
            "/v1/sites",
            "/v1/devices",
            "/v1/events",
            "/v1/tallies",
            "/v1/devices/{device}/gaps",
            "/v1/health",
            "/v1/live",
            "/v1/live/{device}",
            "/v1/devices/{device}/world",
            "/v1/replays/lanes",
            "/v1/replays/overview",
            "/v1/replays/runs",
            "/v1/replays/stretch",
            "/v1/replays/trace",
            "/v1/replays/traces",
            "/v1/notices",
            "/v1/notices/{version}",
            "/v1/inventory",
            "/v1/my-data",
            "/v1/my-data/erase",
            "/v1/passes",
            "/v1/kiosk/sign",
            "/v1/kiosk/exchange",
            "/v1/runs",
            "/v1/runs/{run}",
            "/v1/runs/{run}/{table}.csv",
            "/v1/runs/{run}/{plot}.svg",
        )
    }
    for path, methods in document["paths"].items():
        for described in methods.values():
            assert described["summary"] and described["description"], path
            for response in ("404", "422", "503"):
                assert "application/problem+json" in described["responses"][response]["content"], path
    assert "Problem" in document["components"]["schemas"]
