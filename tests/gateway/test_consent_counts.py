"""Which counts of what riders chose are told: attacks on the page of privacy, by who sees it again and again."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.rules import DAY_MS, Admitted
from gateway.consent.inventory import sections
from gateway.devices.provisioning import Provisioning
from gateway.protocol.records import Consents, Passage, Record, Sales, Tally
from gateway.service import Service, Settings
from gateway.store.database import Database
from gateway.store.directory import Directory
from gateway.store.store import Store
from gateway.web.consent_counts import DAYS, LEAST, Count, Place, cells, in_tens, told_days, totals, words_in_tens
from gateway.web.pages.privacy import GROUPS
from gateway.web.privacy_facts import gatherer

NOW_MS = 20_000 * DAY_MS + 12 * 3_600_000
PHYSICAL = Place("depot", "physical", 0)
EMULATED = Place("majestic", "emulated", 0)
PLACES = {"kiosk-1": PHYSICAL, "kiosk-2": PHYSICAL, "kiosk-3": EMULATED}

counts = st.lists(
    st.builds(
        Count,
        st.sampled_from(sorted(PLACES)),
        st.integers(19_990, 20_001),
        st.sampled_from(["2025-1", "2026-1"]),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    max_size=40,
)
VERSIONS = ("2025-1", "2026-1")


@given(counts)
def test_no_figure_is_below_the_least_and_none_can_be_reckoned(given: list[Count]) -> None:
    shown = cells(given, PLACES, NOW_MS, VERSIONS)
    for cell in shown:
        told = [one for one in (cell.both, cell.yes, cell.no) if one is not None]
        assert all(one >= LEAST for one in told)
        # The sum and one part would give the other.
        assert (cell.yes is None) == (cell.no is None)
        assert cell.yes is None or cell.both is not None
    both = totals(shown)
    if both is not None:
        # A sum over more than is shown would give the hidden rest.
        assert both == (sum(one.yes or 0 for one in shown), sum(one.no or 0 for one in shown))
    assert len({(one.site, one.day, one.version) for one in shown}) == len(shown)


@given(counts)
def test_no_kiosk_can_be_told_from_another(given: list[Count]) -> None:
    """Whichever kiosk of a site a rider was at, the page is the same."""
    moved = [one._replace(device="kiosk-1") if one.device == "kiosk-2" else one for one in given]
    assert cells(moved, PLACES, NOW_MS, VERSIONS) == cells(given, PLACES, NOW_MS, VERSIONS)


@given(counts, st.booleans())
def test_who_watches_a_physical_site_s_page_sees_nobody_answer(given: list[Count], yes: bool) -> None:
    """One more answer today, or yesterday evening, changes nothing at the time."""
    before = cells(given, PLACES, NOW_MS, VERSIONS)
    for day in (20_000, 19_999):
        more = [*given, Count("kiosk-1", day, "2026-1", int(yes), int(not yes))]
        assert cells(more, PLACES, NOW_MS, VERSIONS) == before


def test_where_nobody_answered_looks_like_where_a_few_did() -> None:
    nobody = cells([], PLACES, NOW_MS, VERSIONS)
    a_few = cells(
        [Count("kiosk-3", 20_000, "2026-1", 4, 5), Count("kiosk-1", 19_996, "2025-1", 9, 0)], PLACES, NOW_MS, VERSIONS
    )
    assert nobody == a_few
    assert len(nobody) == 2 * DAYS


def test_a_day_is_told_when_it_may_be() -> None:
    assert told_days(EMULATED, NOW_MS)[-1] == 20_000
    assert told_days(PHYSICAL, NOW_MS)[-1] == 19_998
    assert told_days(PHYSICAL, 20_001 * DAY_MS - 1)[-1] == 19_998
    assert told_days(PHYSICAL, 20_001 * DAY_MS)[-1] == 19_999


def test_what_all_agreed_is_not_told_of_each() -> None:
    """Twenty of twenty said yes: whoever is known to have been asked there would be known to have agreed."""
    (cell, *_) = cells([Count("kiosk-3", 20_000, "2026-1", 20, 0)], {"kiosk-3": EMULATED}, NOW_MS, VERSIONS)
    assert (cell.both, cell.yes, cell.no) == (20, None, None)


def test_a_rider_who_erases_is_not_seen_in_a_count() -> None:
    assert [in_tens(count) for count in (0, 9, 10, 19, 20)] == [None, None, 10, 10, 20]
    assert words_in_tens(17) == "10 or a few more" and words_in_tens(3) == "fewer than 10"
    before = cells([Count("kiosk-3", 20_000, "", 17, 25)], PLACES, NOW_MS, [""], tens=True)
    after = cells([Count("kiosk-3", 20_000, "", 16, 25)], PLACES, NOW_MS, [""], tens=True)
    assert before == after
    assert next(one for one in before if one.both).both == 30


def test_the_page_has_every_table_once() -> None:
    told = [table for _, _, names in GROUPS for table in names]
    assert sorted(told) == sorted(section.name for section in sections() if section.kind == "tables")


def test_what_is_gathered(tmp_path: Path) -> None:
    database = Database(tmp_path / "data")
    provisioning = Provisioning(Directory(database))
    provisioning.add_device("majestic", "gate-1", "emulated")
    provisioning.add_device("majestic", "kiosk-1", "emulated", kind="kiosk")
    now_ms = NOW_MS + 500 * DAY_MS
    day_ms = now_ms // DAY_MS * DAY_MS
    records: list[Record] = [Passage(day_ms + n, "entry", "single", f"{n:064x}", 1000) for n in range(23)]
    tally = Tally(day_ms, day_ms + 900_000, 40, 0, 40, 0, 34, 0, 0, 1)
    with Store(database).transaction() as transaction:
        transaction.add_records([Admitted("gate-1", 1, n, record) for n, record in enumerate((*records, tally))])
        transaction.add_records(
            [
                Admitted("kiosk-1", 1, 0, Consents(day_ms, day_ms + 900_000, "2026-1", 14, 12)),
                # It ends with the day before.
                Admitted("kiosk-1", 1, 1, Consents(day_ms - 900_000, day_ms, "2026-1", 3, 12)),
                Admitted("kiosk-1", 1, 2, Sales(day_ms, day_ms + 900_000, 20, 6, 0, 12)),
            ]
        )
    database.close()
    service = Service(Settings(tmp_path / "data", clock=lambda: now_ms), lambda: None)
    try:
        service.keeping.sweep()
        view = gatherer(service)()
    finally:
        service.close()
    today, yesterday, *rest = view.answers
    assert (today.both, today.yes, today.no) == (26, 14, 12)
    assert (yesterday.both, yesterday.yes, yesterday.no) == (15, None, None)
    assert all(one.both is None for one in rest) and len(rest) == DAYS - 2
    assert (view.passages[0].yes, view.passages[0].no) == (20, 30)
    assert (view.withdrawn, view.erased) == ("10 or a few more", f"fewer than {LEAST}")
    assert view.clock.rows == "20 or a few more"
    assert view.clock.oldest_ms == day_ms and view.clock.goes_ms == day_ms + 7 * DAY_MS
    assert (view.clock.looked_ms, view.clock.deleted_ms) == (now_ms, None)
    assert "kiosk-1" not in repr(view) and "gate-1" not in repr(view)
