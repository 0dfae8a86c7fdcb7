"""Attacks on the invariants I1 to I4 (what the gateway can hold of them)."""

from __future__ import annotations

import json
import re

import pytest

from gateway.admission.rules import Sender, admit
from gateway.protocol.records import decode_batch
from gateway.protocol.refusal import Refused
from gateway.store.tables import RECORDS, metadata
from tests.gateway.conftest import Whole
from tests.gateway.support import batch, every_kind, irregular, passage
from tests.support import wait_until

JUDGING = re.compile(
    r"score|rank|rating|black|white_?list|deny|bann?|barr|block|trust|risk|offen[cd]|violat|punish|fine|credit|penal"
)
NAMING = re.compile(r"name_of|person|rider|passenger|customer|card|uid|medium|nonce|phone|mail|face|photo|serial|token")
ARRIVAL = re.compile(r"arriv|received|created|inserted|stored_at|updated|_ts$|timestamp")


@pytest.mark.parametrize("member", ["card", "uid", "name", "score", "nonce", "mac", "arrived_at", "kind2"])
def test_i1_no_record_takes_a_member_that_could_name_somebody(member: str) -> None:
    for record in every_kind():
        with pytest.raises(Refused, match="malformed"):
            decode_batch(batch([record | {member: "04a1b2c3"}]))


def test_i1_no_column_could_name_a_person_or_a_medium() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns:
            assert not NAMING.search(column.name), f"{table.name}.{column.name}"


def test_i2_no_record_keeps_when_it_arrived() -> None:
    for table in RECORDS.values():
        assert not [column.name for column in table.columns if ARRIVAL.search(column.name)]
    assert {column.name for column in RECORDS["passage"].columns} == {
        *("device", "boot", "seq", "at", "way", "product", "handle", "transit_ms")
    }


def test_i2_a_passage_of_a_rider_who_declined_has_no_form() -> None:
    for consent in (False, 0, "n", None):
        with pytest.raises(Refused, match="malformed"):
            decode_batch(batch([passage(consent=consent)]))


@pytest.mark.parametrize("what", ["tailgate", "reverse", "forced", "jump", "crawl", "passback"])
def test_i3_a_physical_site_reports_no_single_irregular_passage(what: str) -> None:
    decoded = decode_batch(batch([passage(), irregular(what=what)]))
    with pytest.raises(Refused, match="not_allowed"):
        admit(decoded, Sender("depot", "gate-1", "physical"), 0)


def test_i3_over_the_wire_and_with_the_right_seal(whole: Whole) -> None:
    door = whole.peer("door-1")
    door.send([irregular()], 0)
    door.wait_stored(1, 0)
    door.send([passage()], 0)
    door.wait_stored(1, 1)
    assert whole.quarantined() == {("not_allowed", "door-1"): 1}
    assert whole.service.queries.stored()["irregular"] == 0


def test_i3_a_scene_of_a_physical_site_is_refused(whole: Whole) -> None:
    door = whole.peer("door-1")
    door.publish(door.topic("scene"), b"{}")
    wait_until(lambda: ("not_allowed", "door-1") in whole.quarantined(), "the scene is refused")
    lane = whole.service.live.lane("door-1")
    assert lane is not None and lane.scene is None


def test_i4_nothing_judges_a_rider(whole: Whole) -> None:
    for table in metadata.sorted_tables:
        assert not JUDGING.search(table.name)
        for column in table.columns:
            assert not JUDGING.search(column.name), f"{table.name}.{column.name}"
    document = whole.http.get("/openapi.json").json()
    names = set(document["paths"]) | set(document["components"]["schemas"])
    for schema in document["components"]["schemas"].values():
        names |= set(schema.get("properties", ()))
    for path in document["paths"].values():
        assert set(path) == {"get"}, "the API takes nothing in"
        names |= {parameter["name"] for parameter in path["get"].get("parameters", ())}
    assert not [name for name in names if JUDGING.search(name.lower())]


def test_handles_stay_in_the_database(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    handle = "c0ffee" + "0" * 58
    gate.send([passage(handle=handle)], 0)
    gate.wait_stored(1, 1)
    for path in ("/v1/events", "/v1/tallies", "/v1/health", "/v1/devices", "/v1/devices/gate-1/gaps"):
        answer = whole.http.get(path)
        assert answer.status_code == 200
        assert handle not in answer.text
    assert "handle" not in json.dumps(whole.http.get("/openapi.json").json()["components"]).lower().replace(
        "the handle is stored and not shown", ""
    )


def test_quarantine_keeps_no_content(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    gate.publish(gate.topic("event"), b'{"secret-name":"secret-value"}')
    wait_until(lambda: whole.quarantined() == {("bad_seal", "gate-1"): 1}, "it is counted")
    for path in whole.data.iterdir():
        assert b"secret-" not in path.read_bytes(), path.name
