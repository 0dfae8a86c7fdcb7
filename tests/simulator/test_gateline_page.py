"""The gateline page's server: what it takes and refuses, and that what is presented reaches a real reader."""

import base64
import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.gateline_page import (
    MEDIUM_MAX_BYTES,
    STREAMS_MAX,
    GatelinePage,
    Reading,
    medium_of,
    pass_bytes,
)
from simulator.live import LiveStation
from simulator.truth import handle_of
from tests.support import free_port, wait_until

TOKEN = "GLT1sy" + "z" * 16


def read(medium: bytes) -> Reading | None:
    """What a test token says."""
    if medium[:4] != b"GLT1":
        return None
    return Reading(medium[6:], "single", medium[5:6] == b"y", "a test token")


def settings() -> dict[str, dict[str, Any]]:
    """A gate's and the simulator's; their broker is away, which is nothing to a reader."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("gate-1", "simulator"):
        found[name] = {
            "site": "north",
            "device": name,
            "class": "emulated",
            "key": "11" * 32,
            "broker": {"host": "127.0.0.1", "port": free_port(), "user": name, "password": "none"},
            "report": {"day_start_ms": 0},
        }
    return found


@pytest.fixture
def station(tmp_path: Path) -> Iterator[LiveStation]:
    live = LiveStation(settings(), {"gate-1": "entry"}, None, tmp_path, seed=1, micropython=False)
    live.start()
    yield live
    live.close()


@pytest.fixture
def page(station: LiveStation) -> Iterator[GatelinePage]:
    shown = GatelinePage(station, read, {"live page": "http://127.0.0.1:1/"})
    shown.start()
    yield shown
    shown.close()


def ask(page: GatelinePage, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    try:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request(method, path, data, given)
        answer = connection.getresponse()
        text = answer.read()
        told = json.loads(text) if answer.getheader("Content-Type") == "application/json" else text.decode()
        return answer.status, told, answer.headers
    finally:
        connection.close()


def test_a_rider_goes_through_with_what_was_presented(page: GatelinePage, station: LiveStation) -> None:
    status, told, _ = ask(page, "POST", "/present", {"lane": "gate-1", "text": f"  {TOKEN}\n"})
    assert (status, told["read"]) == (200, "a test token")
    wait_until(lambda: ask(page, "GET", f"/riders/{told['rider']}")[1]["outcome"], "the rider is done", timeout_s=30)
    assert ask(page, "GET", f"/riders/{told['rider']}")[1] == {"outcome": "passed_consented"}
    outcome = station.truth.outcome(told["rider"])
    assert outcome is not None
    assert outcome.handle == handle_of(b"z" * 16, station.truth.service_day(outcome.at))
    assert outcome.product == "single"


def test_what_no_gate_knows_is_refused_at_the_gate(page: GatelinePage, station: LiveStation) -> None:
    status, told, _ = ask(page, "POST", "/present", {"lane": "gate-1", "text": "NOT A PASS"})
    assert status == 200 and "Nothing" in told["read"]
    wait_until(lambda: ask(page, "GET", f"/riders/{told['rider']}")[1]["outcome"], "the rider is done", timeout_s=30)
    assert ask(page, "GET", f"/riders/{told['rider']}")[1] == {"outcome": "refused"}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"lane": "gate-1", "text": " "}, 400, "nothing to hold"),
        ({"lane": "gate-9", "text": TOKEN}, 400, "no lane 'gate-9'"),
        ({"lane": "gate-1", "text": "x" * (MEDIUM_MAX_BYTES + 1)}, 400, "so much"),
        ({"lane": "gate-1"}, 400, "It takes"),
        ({"lane": ["gate-1"], "text": TOKEN}, 400, "It takes"),
        ([1], 400, "It takes"),
        (b"{", 400, "It takes"),
        (b"[" * 15_000, 400, "It takes"),
        (b"x" * 20_000, 413, "so much"),
    ],
)
def test_bad_requests_are_told_so(page: GatelinePage, body: Any, status: int, says: str) -> None:
    got, told, _ = ask(page, "POST", "/present", body)
    assert got == status and says in told["error"]
    assert page.station.riders_sent() == 0


def test_only_this_page_s_own_scripts_may_present(page: GatelinePage) -> None:
    body = {"lane": "gate-1", "text": TOKEN}
    assert ask(page, "POST", "/present", body, Host="rebound.example")[0] == 403
    assert ask(page, "GET", "/", Host="rebound.example")[0] == 403
    assert ask(page, "POST", "/present", body, Content_Type="text/plain")[0] == 404, "a form may send that unasked"
    assert ask(page, "POST", "/elsewhere", body)[0] == 404
    assert ask(page, "GET", "/elsewhere")[0] == 404
    assert page.station.riders_sent() == 0


def test_the_page_allows_its_own_scripts_alone_and_is_never_kept(page: GatelinePage) -> None:
    status, text, headers = ask(page, "GET", "/")
    nonces = re.findall(r'nonce="([^"]+)"', text)
    assert status == 200 and len(set(nonces)) == 1 and "{{" not in text
    assert f"script-src 'nonce-{nonces[0]}'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert not re.findall(r'(?:src|href)="http', text), "it asks nobody else for anything"


@contextmanager
def stream(page: GatelinePage) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("GET", "/lanes")
    answer = connection.getresponse()
    yield answer
    answer.close()
    connection.close()


def test_streams_tell_the_lanes_and_are_bounded(page: GatelinePage) -> None:
    with stream(page) as first:
        line = first.readline()
        assert json.loads(line.removeprefix(b"data: "))["lanes"][0]["name"] == "gate-1"
    open_ones = [stream(page) for _ in range(STREAMS_MAX)]
    threads = threading.active_count()
    answers = [one.__enter__() for one in open_ones]
    # The first one's thread may not have noticed yet that nobody listens.
    assert [one.status for one in answers].count(200) >= STREAMS_MAX - 1
    with stream(page) as one_more:
        assert one_more.status == 503
    page.close()
    wait_until(lambda: threading.active_count() <= threads, "the streams have ended with the page")
    for one in open_ones:
        one.__exit__(None, None, None)


def test_a_pass_is_its_bytes_or_its_text() -> None:
    data = bytes(range(256)) + bytes(41)
    text = base64.b32encode(data).rstrip(b"=").decode()
    assert len(text) == 476
    for given in (text, text.lower(), f" {text}\n"):
        assert pass_bytes(medium_of(given)) == data
    assert pass_bytes(data) == data
    for wrong in ("", "GLT1", text[:-1], text + "A", text[:-1] + "1", "ä" * 476, "=" * 476):
        assert pass_bytes(medium_of(wrong)) is None
