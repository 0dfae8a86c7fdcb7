"""Access and erasure over HTTP: by token alone, bounded, unknown and empty alike; inventory, pages, broker."""

from __future__ import annotations

import json
import os
import re
import statistics
import threading
import time
from html import escape
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from gateway.api.bodies import decoded
from gateway.api.consent import MAX_BODY_BYTES, MAX_TOKENS, _Asked
from gateway.consent import inventory
from gateway.consent.keeping import ErasureUnfinished
from gateway.devices.provisioning import GATEWAY_USER
from gateway.store.database import StoreBusy, StoreFull
from gateway.store.tables import metadata
from tests.gateway.conftest import Whole
from tests.gateway.keeping_support import Kept, handle, passage, token
from tests.gateway.support import NOON_MS, QUARTER_MS, tally
from tests.gateway.support import passage as sent
from tests.support import ROOT, wait_until

DAY_MS = 86_400_000


def fill(whole: Whole) -> None:
    gate, door = whole.peer("gate-1"), whole.peer("door-1")
    gate.send([sent(handle=handle("ann")), sent(handle=handle("ben")), tally()], 0)
    door.send([sent(handle=handle("ann"), way="exit", at=NOON_MS + QUARTER_MS, product="day")], 0)
    gate.wait_stored(1, 3)
    door.wait_stored(1, 1)


def ask(whole: Whole, *tokens: str, path: str = "/v1/my-data") -> Any:
    answer = whole.http.post(path, json={"tokens": list(tokens)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_see_erase_see(whole: Whole) -> None:
    fill(whole)
    day = NOON_MS // DAY_MS
    assert ask(whole, token("ann"))["rows"] == [
        {
            "day": day,
            "at": NOON_MS,
            "way": "entry",
            "product": "single",
            "site": "majestic",
            "gate": "gate-1",
            "transit_ms": 1250,
            "kept_until": NOON_MS + 7 * DAY_MS,
        },
        {
            "day": day,
            "at": NOON_MS + QUARTER_MS,
            "way": "exit",
            "product": "day",
            "site": "depot",
            "gate": "door-1",
            "transit_ms": 1250,
            "kept_until": NOON_MS + QUARTER_MS + 7 * DAY_MS,
        },
    ]
    lane = whole.service.live.lane("gate-1")
    assert lane is not None and (lane.counts.recorded, lane.counts.tallied) == (2, 12)
    done = ask(whole, token("ann"), token("nobody"), path="/v1/my-data/erase")
    assert done["erased"] == 2 and done["covers_later"] is True
    assert ask(whole, token("ann"))["rows"] == []
    assert len(ask(whole, token("ben"))["rows"]) == 1
    assert lane.counts.recorded == 1
    # While the gateway runs: not in the file, not in its log, nowhere in the directory.
    kept = [path for path in whole.data.rglob("*") if path.is_file()]
    for path in kept:
        assert handle("ann").encode() not in path.read_bytes(), path.name
    assert any(handle("ben").encode() in path.read_bytes() for path in kept)


def test_the_day_is_the_sites(whole: Whole) -> None:
    with whole.service.database.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE sites SET day_start_ms = 46800000 WHERE id = 'majestic'")
    fill(whole)
    rows = {row["site"]: row["day"] for row in ask(whole, token("ann"))["rows"]}
    assert rows == {"majestic": NOON_MS // DAY_MS - 1, "depot": NOON_MS // DAY_MS}, "noon is before 13 o'clock"


def test_a_record_that_comes_after_the_erasure_is_not_stored(whole: Whole) -> None:
    fill(whole)
    ask(whole, token("ann"), token("eve"), path="/v1/my-data/erase")
    gate = whole.peers[0]
    gate.send([sent(handle=handle("eve")), sent(handle=handle("ann"), way="exit"), sent(handle=handle("fay"))], 3)
    gate.wait_stored(1, 6)
    assert ask(whole, token("ann"), token("eve"))["rows"] == []
    assert whole.service.queries.stored()["passage"] == 2
    lane = whole.service.live.lane("gate-1")
    assert lane is not None and lane.counts.recorded == 2
    assert whole.quarantined() == {}


def test_unknown_and_empty_answer_alike(whole: Whole) -> None:
    fill(whole)
    ask(whole, token("ann"), path="/v1/my-data/erase")
    for path in ("/v1/my-data", "/v1/my-data/erase"):
        answers = [whole.http.post(path, json={"tokens": [one]}) for one in (token("ann"), token("never"))]
        assert len({(one.status_code, one.text, tuple(sorted(one.headers.keys()))) for one in answers}) == 1


@pytest.mark.alone
def test_unknown_and_empty_take_as_long(tmp_path: Path) -> None:
    """Both are one look into the same index. Medians of 400 each, in turn, differ by less than a tenth of a ms."""
    kept = Kept.open(tmp_path / "data")
    kept.write(*(passage(f"rider-{number}") for number in range(3_000)))
    emptied = [token(f"rider-{number}") for number in range(400)]
    for first in range(0, 400, 50):
        kept.keeping.erase(emptied[first : first + 50])
    took: dict[str, list[float]] = {"empty": [], "unknown": []}
    for number, known in enumerate(emptied):
        for kind, asked in (("empty", known), ("unknown", token(f"nobody-{number}"))):
            began = time.perf_counter()
            assert kept.keeping.rows([asked]) == []
            took[kind].append(time.perf_counter() - began)
    kept.close()
    apart_ms = abs(statistics.median(took["empty"]) - statistics.median(took["unknown"])) * 1000
    assert apart_ms < 0.1, took


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "it is not JSON"),
        (b"{", 422, "it is not JSON"),
        (b"[]", 422, "The body is not of its form"),
        (b"{}", 422, "tokens"),
        (b'{"tokens":[]}', 422, "tokens"),
        (b'{"tokens":["' + b"0" * 63 + b'"]}', 422, "tokens"),
        (b'{"tokens":["' + b"A" * 64 + b'"]}', 422, "tokens"),
        (b'{"tokens":["' + b"0" * 64 + b'\\n"]}', 422, "tokens"),
        (b'{"tokens":["' + b"0" * 64 + b'"],"pass":"AEAQ"}', 422, "pass"),
        (json.dumps({"tokens": ["0" * 64] * (MAX_TOKENS + 1)}).encode(), 422, "tokens"),
        (b"\xff" * 10, 422, "it is not JSON"),
        (b"[" * 5_000, 422, "The body is not of its form"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "longer than 8192 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bodies_are_bounded_and_checked(whole: Whole, body: bytes, status: int, words: str) -> None:
    for path in ("/v1/my-data", "/v1/my-data/erase"):
        answer = whole.http.post(path, content=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert words in answer.json()["detail"]
        assert "0" * 60 not in answer.text and "AEAQ" not in answer.text, "nothing of what was sent is said back"


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(lambda one: json.dumps(one).encode())
)
def test_no_body_is_answered_with_anything_but_a_refusal(body: bytes) -> None:
    from fastapi.exceptions import RequestValidationError

    with pytest.raises(RequestValidationError):
        decoded(body, _Asked)


def test_as_many_as_may_be_asked_for(whole: Whole) -> None:
    fill(whole)
    tokens = [token("ann", day) for day in range(20_000 - MAX_TOKENS + 1, 20_001)]
    assert len(ask(whole, *tokens)["rows"]) == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ErasureUnfinished, "deleted, but their bytes are not gone"),
        (StoreBusy, "Nothing is erased yet"),
        (StoreFull, "Nothing is erased yet"),
    ],
)
def test_done_is_never_said_too_early(
    whole: Whole, monkeypatch: pytest.MonkeyPatch, error: type[Exception], words: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(whole.service.keeping, "erase", fail)
    answer = whole.http.post("/v1/my-data/erase", json={"tokens": [token("ann")]})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert words in answer.json()["detail"]


def test_it_takes_no_get_and_no_parameter(whole: Whole) -> None:
    assert whole.http.get("/v1/my-data").status_code == 405
    assert whole.http.post(f"/v1/my-data?token={token('ann')}", json={"tokens": [token("ann")]}).status_code == 422


# -- the inventory


def test_nothing_is_kept_that_the_inventory_does_not_tell() -> None:
    assert inventory.differences() == []


def test_a_planted_column_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = sa.MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(planted)
    planted.tables["passages"].append_column(sa.Column("score", sa.Integer))
    sa.Table("riders", planted, sa.Column("name", sa.String))
    monkeypatch.setattr(inventory, "metadata", planted)
    assert inventory.differences() == [
        "tables.passages.score: nothing is said of it",
        "tables.riders.name: nothing is said of it",
        "tables.riders: nothing is said of it",
    ]
    planted.remove(planted.tables["riders"])
    planted.remove(planted.tables["gaps"])
    assert "tables.gaps.state: there is no such field" in inventory.differences()


def test_every_field_says_why_how_long_and_who() -> None:
    for entry in inventory.inventory():
        assert len(entry.why) >= 8 and entry.how_long and entry.who, entry


def test_the_page_in_the_docs_is_made_from_the_schema() -> None:
    assert (ROOT / "docs" / "data-inventory.md").read_text(encoding="utf-8") == inventory.markdown()


def test_the_gateway_shows_it(whole: Whole) -> None:
    items = whole.http.get("/v1/inventory").json()["items"]
    assert {"where": "table passages", "name": "handle"} in [
        {key: one[key] for key in ("where", "name")} for one in items
    ]
    page = whole.http.get("/inventory")
    assert page.status_code == 200 and "{{" not in page.text and "https://" not in page.text
    for table in inventory.actual()["tables"]:
        assert f"<h3>{table}</h3>" in page.text


def test_every_file_on_the_disk_is_told(whole: Whole) -> None:
    fill(whole)
    ask(whole, token("ann"), path="/v1/my-data/erase")
    found = (path.relative_to(whole.data).as_posix() for path in whole.data.rglob("*") if path.is_file())
    files = {re.sub(r"^keys/[0-9a-f]{16}\.pem$", "keys/<id>.pem", name) for name in found}
    assert files - set(inventory.told()["files"]) == set()
    assert {"gateline.sqlite", "gateline.sqlite-wal", "erasures", "broker.toml", "keys/<id>.pem"} <= files


# -- pages


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ("", "", "en"),
        ("", "de", "de"),
        ("", "de-CH,en;q=0.8", "de"),
        ("", "en;q=0.4,de;q=0.7", "de"),
        ("", "fr,de;q=0.1", "de"),
        ("", "fr", "en"),
        ("", "de;q=nonsense,,;", "en"),
        ("?lang=de", "en", "de"),
        ("?lang=en", "de", "en"),
        ("?lang=../../x", "de", "de"),
    ],
)
def test_the_language_of_a_page(whole: Whole, query: str, header: str, language: str) -> None:
    page = whole.http.get(
        f"/my-data{query}", headers={"Accept-Language": header} if header else {"Accept-Language": "*"}
    )
    assert f'<html lang="{language}">' in page.text


def test_texts_are_there_in_every_language_and_all_are_used(whole: Whole) -> None:
    folder = ROOT / "gateway" / "web"
    texts = {path.name: json.loads(path.read_text()) for path in (folder / "texts").glob("my-data.*.json")}
    assert len(texts) == 2 and len({tuple(one) for one in texts.values()}) == 1
    page = (folder / "my-data.html").read_text(encoding="utf-8")
    stems = ("found_", "done_", "way_", "product_")
    for name in texts["my-data.en.json"]:
        used = f"{{{{{name}}}}}" in page or f"T.{name}" in page or name.startswith(stems) or name == "language"
        assert used, name
    notice = {path.name: list(json.loads(path.read_text())) for path in (folder / "texts").glob("notice.*.json")}
    assert len(notice) == 2 and len({tuple(one) for one in notice.values()}) == 1
    for language in ("en", "de"):
        told = whole.http.get(f"/notice?lang={language}").text
        kept = whole.service.notices.current()
        assert f'<html lang="{language}">' in told and "{" not in told.split("<main>")[1] and kept.sha256 in told
        for text in kept.filled(*whole.service.notices.operator())[language].values():
            assert escape(text) in told
        shown = whole.http.get(f"/my-data?lang={language}").text
        assert "{{" not in shown and "https://" not in shown.replace("https, ", "")


def test_pages_allow_nothing_from_elsewhere(whole: Whole) -> None:
    for path in ("/my-data", "/inventory", "/notice"):
        answer = whole.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "form-action 'none'" in policy
        assert answer.headers["referrer-policy"] == "no-referrer" and answer.headers["cache-control"] == "no-store"


# -- the broker keeps nothing


def test_the_embedded_broker_writes_nothing_to_the_disk_and_retains_no_rows(whole: Whole) -> None:
    fill(whole)
    broker = whole.service.broker
    assert broker is not None
    opened = {Path(os.readlink(one)) for one in Path(f"/proc/{broker.pid}/fd").iterdir() if one.is_symlink()}
    written = [path for path in opened if path.is_file() and not str(path).startswith(("/dev", "/proc"))]
    assert written == [], "the broker has no file open"
    heard: list[str] = []
    done = threading.Event()
    late = mqtt.Client(CallbackAPIVersion.VERSION2)
    late.username_pw_set(GATEWAY_USER, whole.service.provisioning.gateway_password())
    late.on_message = lambda _client, _data, message: heard.append(message.topic)
    late.on_subscribe = lambda *_: done.set()
    late.connect(*whole.service.mqtt)
    late.subscribe("gateline/#", 1)
    late.loop_start()
    try:
        assert done.wait(10)
        # A message of our own comes behind all that the broker has retained.
        late.publish("gateline/1/majestic/gate-1/health", b"end", 0)
        wait_until(lambda: "gateline/1/majestic/gate-1/health" in heard, "the broker answers")
    finally:
        late.disconnect()
        late.loop_stop()
    assert not [topic for topic in heard if topic.endswith("/event")]
