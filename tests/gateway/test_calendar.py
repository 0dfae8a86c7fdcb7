"""Which keys there are on which day, over a year; and whether devices agree on one list."""

from __future__ import annotations

import pytest

from gateway.passes import calendar
from gateway.passes.agreement import GRACE_MS, SILENT_MS, Agreement
from gateway.passes.calendar import CHOICES, DAY_MS, PRODUCTS, is_kept, is_listed, is_sold, service_day, wanted

YEAR = range(20_400, 20_400 + 366)


def test_a_year_of_keys() -> None:
    listed: set[calendar.Wanted] = set()
    for today in YEAR:
        listed |= set(wanted(today))
        listed = {key for key in listed if is_listed(key.last, today)}
        assert len(listed) <= 12
        # A site's day is the UTC day, or the one before; tomorrow's keys are there a day ahead.
        for day in (today - 1, today, today + 1):
            for product in PRODUCTS:
                for choice in CHOICES:
                    mine = [key for key in listed if (key.product, key.choice) == (product, choice)]
                    valid = [key for key in mine if key.first <= day <= key.last]
                    sold = [key for key in valid if day <= key.sold_to]
                    assert len(valid) <= (2 if product == "single" else 1)
                    assert len(sold) == 1 and sold[0] == max(valid)
                    if product == "single":
                        assert sold[0].last - day >= 15


def test_what_is_kept_and_sold_and_listed_to_the_millisecond() -> None:
    key = calendar.Wanted("day", 20_400, "none")
    late = 6 * 3_600_000
    begins, ends = 20_400 * DAY_MS + late, 20_401 * DAY_MS + late
    assert service_day(begins - 1, late) == 20_399 and service_day(begins, late) == 20_400
    grace = calendar.GRACE_MS
    for now, sold in (
        (begins - grace - 1, False),
        (begins - grace, True),
        (ends + grace - 1, True),
        (ends + grace, False),
    ):
        assert is_sold(key.first, key.sold_to, now, late) is sold
    last_site = 20_402 * DAY_MS + grace
    assert is_kept(key.sold_to, last_site - 1) and not is_kept(key.sold_to, last_site)
    assert is_listed(key.last, 20_401) and not is_listed(key.last, 20_402)


@pytest.fixture
def agreement() -> Agreement:
    made = Agreement()
    made.publish("a", [], 0)
    made.publish("b", ["a"], 1_000)
    return made


def test_the_list_before_is_no_difference_for_a_while(agreement: Agreement) -> None:
    agreement.tell("gate-1", 1, "b", 1_000)
    agreement.tell("gate-2", 1, "a", 1_000)
    agreement.hear("gate-2", 1, 1_000 + GRACE_MS - 1)
    assert agreement.differing(1_000 + GRACE_MS - 1) == []
    agreement.hear("gate-2", 1, 1_000 + GRACE_MS)
    assert agreement.differing(1_000 + GRACE_MS) == ["gate-2"]
    agreement.tell("gate-2", 1, "b", 1_000 + GRACE_MS)
    assert agreement.differing(1_000 + GRACE_MS) == []


def test_a_foreign_list_stops_at_once_and_until_the_right_one_is_told(agreement: Agreement) -> None:
    agreement.tell("gate-1", 1, "f", 0)
    assert (agreement.differing(1_000), agreement.of("gate-1")) == (["gate-1"], "differs")
    assert agreement.differing(10 * SILENT_MS) == ["gate-1"], "silence says nothing away"
    agreement.tell("gate-1", 1, "b", 1_000)
    assert agreement.differing(1_000) == [] and agreement.of("gate-1") == "current"


def test_who_is_silent_or_has_no_list_yet_is_not_waited_for(agreement: Agreement) -> None:
    agreement.tell("gate-1", 1, "", 0)
    agreement.tell("gate-2", 1, "a", 0)
    assert agreement.differing(10 * GRACE_MS) == []
    assert [agreement.of(name) for name in ("gate-1", "gate-2", "gate-9")] == ["none", "older", "none"]
    agreement.hear("gate-9", 1, 0)
    agreement.publish("b", ["a"], 9 * GRACE_MS)
    agreement.hear("gate-2", 1, 9 * GRACE_MS)
    assert agreement.differing(9 * GRACE_MS) == ["gate-2"], "the same list again gives no new grace"
    assert agreement.differing(9 * GRACE_MS + SILENT_MS) == []


def test_who_comes_back_has_a_while_to_take_the_list(agreement: Agreement) -> None:
    back = 50 * GRACE_MS
    agreement.tell("gate-1", 2, "a", back)
    agreement.hear("gate-1", 2, back + GRACE_MS - 1)
    assert agreement.differing(back + GRACE_MS - 1) == []
    agreement.hear("gate-1", 2, back + GRACE_MS)
    assert agreement.differing(back + GRACE_MS) == ["gate-1"]


def test_a_word_said_again_by_somebody_else_changes_nothing(agreement: Agreement) -> None:
    agreement.tell("gate-1", 1, "a", 0)
    agreement.tell("gate-1", 2, "b", 1_000)
    agreement.tell("gate-1", 1, "a", 2_000)
    agreement.hear("gate-1", 1, 10 * GRACE_MS)
    assert agreement.of("gate-1") == "current" and agreement.differing(10 * GRACE_MS) == []
    agreement.tell("gate-1", 2, "f", 3_000)
    agreement.tell("gate-1", 2, "b", 4_000)
    assert agreement.differing(4_000) == ["gate-1"], "its own word from before does not cover a foreign list"
    agreement.tell("gate-1", 3, "b", 5_000)
    assert agreement.differing(5_000) == []
