"""Admission: go-back-N against any order, duplication and loss; and what a site may say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.rules import DAY_MS, Decision, Sender, admit
from gateway.protocol.records import decode_batch
from gateway.protocol.refusal import Refused
from tests.gateway.support import (
    NOON_MS,
    QUARTER_MS,
    Json,
    batch,
    consents,
    daily,
    every_kind_of_a_gate,
    every_kind_of_a_kiosk,
    irregular,
    notice,
    passage,
    sales,
    spent,
    tally,
)

EMULATED = Sender("majestic", "gate-1", "emulated")
PHYSICAL = Sender("depot", "gate-1", "physical")
KIOSK = Sender("majestic", "gate-1", "emulated", kind="kiosk")
PHYSICAL_KIOSK = Sender("depot", "gate-1", "physical", kind="kiosk")


def decide(records: list[Json], seq: int = 0, watermark: int = 0, sender: Sender = EMULATED) -> Decision:
    return admit(decode_batch(batch(records, seq)), sender, watermark)


def test_a_batch_at_the_watermark_is_stored_and_moves_it() -> None:
    decision = decide([passage(), tally(folds=5), passage(1)], seq=3, watermark=3)
    assert [row.seq for row in decision.rows] == [3, 4, 9]
    assert decision.watermark == 10
    assert decision.duplicates == 0 and decision.missing is None


def test_what_lies_below_is_a_duplicate_whole_or_in_part() -> None:
    whole = decide([passage(), passage(1)], seq=0, watermark=2)
    assert (whole.rows, whole.watermark, whole.duplicates) == ((), 2, 2)
    part = decide([passage(), passage(1), passage(2)], seq=0, watermark=2)
    assert [row.seq for row in part.rows] == [2]
    assert (part.watermark, part.duplicates) == (3, 2)


def test_a_batch_beyond_the_watermark_is_not_stored() -> None:
    decision = decide([passage()], seq=5, watermark=3)
    assert (decision.rows, decision.watermark, decision.missing) == ((), 3, (3, 5))


def test_a_record_across_the_watermark_cannot_be_honest() -> None:
    with pytest.raises(Refused, match="out_of_sequence"):
        decide([tally(folds=5)], seq=0, watermark=3)


def test_another_device_in_the_body_is_refused() -> None:
    with pytest.raises(Refused, match="wrong_device"):
        admit(decode_batch(batch([passage()], device="gate-2")), EMULATED, 0)


def test_what_the_device_has_lost_is_a_permanent_gap() -> None:
    decision = decide([passage(), notice(what="storage_lost", folds=12)])
    assert decision.lost == ((1, 13),)
    assert decision.watermark == 13


def test_an_emulated_site_may_say_everything() -> None:
    assert len(decide(every_kind_of_a_gate()).rows) == 6
    assert len(decide(every_kind_of_a_kiosk(), sender=KIOSK).rows) == 3


DAY_END_MS = NOON_MS - NOON_MS % DAY_MS + DAY_MS


@pytest.mark.parametrize(
    "record",
    [
        irregular(),
        passage(at=NOON_MS + 1),
        {**tally(), "from": NOON_MS + 1},
        {**tally(), "to": NOON_MS + QUARTER_MS + 1},
        tally(irregular=1),
        tally(entries=4, exits=5, paid=9, free=0),
    ],
    ids=str,
)
def test_a_physical_site_may_not(record: Json) -> None:
    with pytest.raises(Refused, match="not_allowed"):
        decide([record], sender=PHYSICAL)
    with pytest.raises(Refused, match="not_allowed"):
        decide([passage(), record, passage(1)], sender=PHYSICAL)
    assert decide([record]).rows, "an emulated one may"


@pytest.mark.parametrize(
    "record",
    [
        passage(),
        tally(entries=5, exits=5, paid=10, free=0),
        {**tally(entries=1, exits=0, paid=1, free=0, declined=1), "to": DAY_END_MS},
        daily(),
        notice(at=NOON_MS),
        tally(entries=2, exits=0, paid=2, free=0, declined=0, notices=1, folds=3),
        spent(),
    ],
    ids=str,
)
def test_a_physical_site_may(record: Json) -> None:
    assert len(decide([record], sender=PHYSICAL).rows) == 1


@pytest.mark.parametrize(
    "record",
    [
        sales(single=9, day=0),
        {**sales(), "from": NOON_MS + 1},
        {**sales(), "to": NOON_MS + QUARTER_MS + 1},
        consents(research=0, none=9),
        {**consents(), "from": NOON_MS + 1},
        {**consents(), "to": NOON_MS + QUARTER_MS + 1},
    ],
    ids=str,
)
def test_a_kiosk_of_a_physical_site_may_not(record: Json) -> None:
    with pytest.raises(Refused, match="not_allowed"):
        decide([record], sender=PHYSICAL_KIOSK)
    assert decide([record], sender=KIOSK).rows, "an emulated one may"


def test_a_kiosk_of_a_physical_site_counts_ten_or_a_day() -> None:
    few = [sales(single=1, day=0), consents(research=0, none=1)]
    assert len(decide([sales(), consents()], sender=PHYSICAL_KIOSK).rows) == 2
    assert len(decide([{**record, "to": DAY_END_MS} for record in few], sender=PHYSICAL_KIOSK).rows) == 2


@pytest.mark.parametrize(
    "record", [passage(), tally(), irregular(), daily(), spent()], ids=lambda record: record["kind"]
)
def test_a_kiosk_tells_of_no_passage(record: Json) -> None:
    with pytest.raises(Refused, match="not_allowed"):
        decide([record], sender=KIOSK)


def test_a_kiosk_may_fold_its_notices() -> None:
    folded = tally(entries=0, exits=0, paid=0, free=0, declined=0, notices=7, folds=7)
    for sender in (KIOSK, PHYSICAL_KIOSK):
        assert len(decide([folded], sender=sender).rows) == 1
        with pytest.raises(Refused, match="not_allowed"):
            decide([folded | {"folds": 8}], sender=sender)


@pytest.mark.parametrize("record", [sales(), consents()], ids=lambda record: record["kind"])
def test_a_gate_sells_nothing(record: Json) -> None:
    with pytest.raises(Refused, match="not_allowed"):
        decide([record])


def test_the_service_day_ends_where_the_site_says() -> None:
    late = Sender("depot", "gate-1", "physical", day_start_ms=3 * 3_600_000)
    small = tally(entries=1, exits=0, paid=1, free=0, declined=1)
    with pytest.raises(Refused, match="not_allowed"):
        decide([{**small, "to": DAY_END_MS}], sender=late)
    assert decide([{**small, "to": DAY_END_MS + 3 * 3_600_000}], sender=late).rows


@settings(max_examples=200)
@given(st.data())
def test_any_order_any_duplicates_any_loss_ends_exactly_once(data: st.DataObject) -> None:
    folds = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=30))
    starts = [sum(folds[:index]) for index in range(len(folds))]
    end = sum(folds)
    stored: list[int] = []
    watermark = 0

    def deliver(first: int, count: int) -> None:
        nonlocal watermark
        records = [tally(folds=fold) for fold in folds[first : first + count]]
        decision = decide(records, starts[first], watermark)
        assert decision.watermark >= watermark
        assert (decision.missing is not None) == (starts[first] > watermark)
        stored.extend(row.seq for row in decision.rows)
        watermark = decision.watermark

    span = st.tuples(st.integers(0, len(folds) - 1), st.integers(1, 8))
    for first, count in data.draw(st.lists(span, max_size=30)):
        deliver(first, count)
    # A device starts again from the watermark until all is stored.
    while watermark < end:
        deliver(starts.index(watermark), data.draw(st.integers(1, 8)))
    assert stored == starts
