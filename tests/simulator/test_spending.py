"""What docs/double-spending.md states, against the simulation; and its tables against a run."""

import hashlib
import json
import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from firmware.fare import pass_token, signed
from firmware.fare.decision import Decision
from firmware.report.outbox import Outbox
from firmware.report.reporter import Reporter
from gateway.passes import keylist
from gateway.passes.defaults import SPENT_INTERVAL_S
from simulator.devices.in_process import MemoryStorage
from simulator.spending import gates, run, site
from simulator.spending.gates import DAY_PASS, SINGLE, Gate, Keys, new_pages
from simulator.spending.measure import bound_ms, measure
from simulator.spending.office import PAGE_ENTRIES, SLOTS, Office
from simulator.spending.run import ALL_DAY, DELAYS_MIN, HOUR, UP, Network, Options, Run
from simulator.world.counts import ENTRY, EXIT
from tests.simulator.renew_spending import PAGE, page_with

# From an hour before the hour that is watched: what a gate has been told before that it has forgotten.
OPTIONS = Options(from_ms=run.WATCHED_MS[0] - run.HOUR_MS)


def ran(where: site.Site, network: Network, options: Options = OPTIONS) -> Run:
    return Run(where, network, 7, options).run()


@pytest.fixture(scope="module")
def small() -> dict[str, Run]:
    return {network.name: ran(site.small(), network) for network in run.NETWORKS}


@pytest.fixture(scope="module")
def busy() -> dict[str, Run]:
    return {network.name: ran(site.station(), network) for network in run.NETWORKS}


def shares(of: Run, place: str, pages: int = 4) -> list[float]:
    asked = [of.opened[place, delay, pages] for delay in DELAYS_MIN]
    assert min(len(one) for one in asked) >= 20
    return [sum(one) / len(one) for one in asked]


def new(way: str = ENTRY) -> tuple[Gate, Keys]:
    keys = Keys(random.Random(3))
    return Gate(0, way, keys), keys


def nonces(number: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % one).digest() for one in range(number)]


# --- the parts are the firmware's ------------------------------------------------------------------------------------


def test_a_pass_of_the_simulation_is_one_to_the_firmware() -> None:
    gate, keys = new()
    carried = keys.new_pass(SINGLE, bytes(32))
    raw = pass_token.parse(carried.raw)
    assert raw == carried.raw and pass_token.nullifier(pass_token.nonce(raw)) == carried.nullifier
    assert len(gate.fare.keys.keys) == 2


def test_the_firmware_takes_the_offices_pages_and_the_office_retains_the_newest_sixteen() -> None:
    office = Office(random.Random(1))
    used = [nonce[:16] for nonce in nonces(20 * PAGE_ENTRIES + 3)]
    office.add([*used, *used[:5]])
    assert len(office) == len(used)
    messages = office.publish()
    assert len(messages) == SLOTS and max(map(len, messages)) < 8192
    pages = new_pages(16)
    assert all(pages.accept(message) for message in messages)
    assert len(pages) == 15 * PAGE_ENTRIES + 3 and pages.newest == 20
    assert office.publish() == [] and all(len(message) > signed.TAIL_BYTES for message in messages)
    held = [one for one in used if pages.has(one)]
    assert sorted(held) == sorted(one for one, place in office.place.items() if place >= 5 * PAGE_ENTRIES)


def test_a_tally_closes_with_ten_who_did_not_agree_or_with_the_day() -> None:
    gate, _ = new()
    gate.waiting, gate.tally = [bytes(16)], 9
    assert gate.close(gates.INTERVAL_MS) == [] and gate.waiting
    assert gate.close(gates.DAY_MS) == [bytes(16)] and gate.closed == [bytes(16)] and gate.tally == 0
    gate.waiting, gate.tally = [bytes(16)], 10
    assert gate.close(gates.INTERVAL_MS) == [bytes(16)]


def test_the_office_writes_the_gateways_own_pages_by_the_gateways_own_numbers() -> None:
    office = Office(random.Random(1))
    used = [nonce[:16] for nonce in nonces(300)]
    office.add(used)
    in_place = sorted(used, key=lambda one: office.place[one])
    key = rsa.generate_private_key(65537, 2048)
    theirs = [
        keylist.signed_page(page, in_place[page * PAGE_ENTRIES : (page + 1) * PAGE_ENTRIES], key) for page in (0, 1)
    ]
    assert [one[: -signed.TAIL_BYTES] for one in office.publish()] == [one[: -signed.TAIL_BYTES] for one in theirs]
    assert (PAGE_ENTRIES, SLOTS) == (keylist.PAGE_ENTRIES, keylist.SLOTS)
    assert run.PAGE_INTERVAL_MS == SPENT_INTERVAL_S * 1000


@pytest.mark.parametrize("declined", [0.0, 0.2, 0.9])
def test_a_gate_tells_when_the_firmwares_reporter_does(declined: float) -> None:
    """Riders of two service days, some minutes apart, through both."""
    own = random.Random(5)
    settings = SimpleNamespace(
        interval_ms=gates.INTERVAL_MS,
        tally_min=gates.TALLY_MIN,
        day_start_ms=0,
        send_at_once=False,
        emulated=False,
    )
    storage = MemoryStorage()
    outbox = Outbox(storage, 1)
    reporter = Reporter(settings, storage, outbox, own.randbytes)
    gate, _ = new()
    midnight_ms = gates.DAY * gates.DAY_MS
    told: list[tuple[int, int]] = []
    t_ms, boundary_ms = 1, 0
    reporter.tick(midnight_ms + t_ms)
    while t_ms < 2 * gates.DAY_MS:
        following_ms = t_ms + round(own.expovariate(1 / 300_000)) + 1
        while boundary_ms + gates.INTERVAL_MS <= following_ms:
            boundary_ms += gates.INTERVAL_MS
            gate.close(boundary_ms)
            reporter.tick(midnight_ms + boundary_ms)
            by_reporter = sum(len(json.loads(one)["nullifiers"]) for one in outbox.waiting() if b'"spent"' in one)
            assert by_reporter == len(gate.closed), f"at {boundary_ms} ms"
            told.append((boundary_ms, by_reporter))
        t_ms = following_ms
        agreed = own.random() >= declined
        nullifier = own.randbytes(16)
        reporter.passed(midnight_ms + t_ms, True, ENTRY, Decision(True, SINGLE, agreed, "0" * 64), 1000)
        reporter.used(midnight_ms + t_ms, nullifier.hex(), gates.DAY + 20)
        gate.tally += not agreed
        gate.waiting.append(nullifier)
    assert max(count for _, count in told) > 300
    steps = {count for at_ms, count in told if at_ms < gates.DAY_MS}
    assert (len(steps) > 1) == (declined > 0)


# --- what a gate's own caches hold -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [ENTRY, EXIT])
def test_a_gate_refuses_what_it_let_through_until_512_further_singles(way: str) -> None:
    gate, keys = new(way)
    pages = new_pages(4) if way == ENTRY else None
    carried = keys.new_pass(SINGLE, b"c" * 32)
    assert gate.present(carried, pages, 1) and not gate.present(carried, pages, 2)
    for number, nonce in enumerate(nonces(512)):
        assert not gate.opens(carried, pages, 3), number
        gate.pass_rider(SINGLE, nonce[:16], carried.to, 3)
    assert gate.present(carried, pages, 4)
    assert len(gate.waiting) == (514 if way == ENTRY else 0)  # an exit tells nobody


def test_a_day_pass_opens_the_same_gate_again_after_passback_or_128_further_ones() -> None:
    gate, keys = new()
    carried = keys.new_pass(DAY_PASS, b"c" * 32)
    pages = new_pages(4)
    assert gate.present(carried, pages, 1000)
    assert not gate.opens(carried, pages, 1000 + gates.PASSBACK_MS - 1)
    assert gate.opens(carried, pages, 1000 + gates.PASSBACK_MS)
    for nonce in nonces(128):
        assert not gate.opens(carried, pages, 2000)
        gate.pass_rider(DAY_PASS, nonce[:16], carried.to, 2000)
    assert gate.opens(carried, pages, 2000)
    assert gate.waiting == []


# --- with the network up ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pages", [4, 16])
def test_with_the_network_up_every_entry_gate_refuses_within_the_bound(busy: dict[str, Run], pages: int) -> None:
    watched = busy[UP.name].watched
    assert len(watched) > 200
    for one in watched:
        bound = bound_ms(one)
        assert bound is not None and one.used_ms < one.learned_ms[pages] <= bound
        # A gate of a busy station closes its tally at the next quarter hour.
        assert one.closed_ms is not None and one.closed_ms - one.used_ms <= gates.INTERVAL_MS


def test_where_few_decline_the_tally_closes_late_and_the_bound_goes_by_it(small: dict[str, Run]) -> None:
    watched = small[UP.name].watched
    late = [one for one in watched if one.closed_ms is not None and one.closed_ms - one.used_ms > gates.INTERVAL_MS]
    assert late, "three gates with 27 riders an hour who decline take more than a quarter hour for ten"
    for one in watched:
        bound = bound_ms(one)
        assert bound is not None and one.learned_ms[4] <= bound
    # After its tally's closing it is refused for good: the small site fills no four pages in this time.
    assert not any(4 in one.forgotten_ms for one in watched)
    assert shares(small[UP.name], run.STATION)[-1] == 0


def test_where_everybody_agrees_nothing_is_told_before_the_day_ends() -> None:
    alone = ran(site.small(), UP, replace(OPTIONS, consent=1.0, exchanged=0))
    assert not alone.office.place and shares(alone, run.STATION) == [1.0] * len(DELAYS_MIN)
    into_the_night = ran(site.small(), UP, replace(OPTIONS, consent=1.0, exchanged=0, end_ms=gates.DAY_MS + 300_000))
    assert {one.closed_ms for one in into_the_night.watched} == {gates.DAY_MS}
    assert all(4 in one.learned_ms for one in into_the_night.watched)


def test_an_exchanged_pass_waits_for_no_tally(busy: dict[str, Run]) -> None:
    exchanged = busy[UP.name].exchanged
    assert exchanged
    for one in exchanged:
        assert one.learned_ms[4] - one.used_ms <= run.PAGE_INTERVAL_MS + run.DELIVERY_MS


# --- with the network cut --------------------------------------------------------------------------------------------


def test_with_the_network_cut_every_entry_gate_opens_exactly_once(small: dict[str, Run]) -> None:
    cut = small[ALL_DAY.name]
    assert shares(cut, run.STATION) == [1.0] * len(DELAYS_MIN) and shares(cut, run.SAME) == [0.0] * len(DELAYS_MIN)
    assert cut.tours and all(tour.opened == {0: 1, 1: 1, 2: 1} and tour.tries == 49 for tour in cut.tours)
    assert len(cut.office) == len(cut.exchanged)


def test_where_a_gate_has_512_further_singles_a_cut_network_opens_it_again(busy: dict[str, Run]) -> None:
    cut = busy[ALL_DAY.name]
    same = shares(cut, run.SAME)
    assert same[0] == 0 and same[-1] == 1
    assert all(min(tour.opened.values()) > 1 for tour in cut.tours)


def test_after_an_hours_cut_the_bound_runs_from_its_end(small: dict[str, Run]) -> None:
    after = small[HOUR.name]
    back_ms = HOUR.cut_ms[1]
    for one in after.watched:
        assert one.closed_ms is not None and one.learned_ms[4] >= back_ms
        told = max(one.closed_ms, back_ms) + run.DELIVERY_MS
        assert one.learned_ms[4] <= told + run.PAGE_INTERVAL_MS + run.DELIVERY_MS


# --- what bounded caches forget --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pages", [1, 4, 16])
def test_pages_forget_after_as_many_entries_as_stated(busy: dict[str, Run], pages: int) -> None:
    forgotten = [one for one in busy[UP.name].watched if pages in one.forgotten_ms]
    assert len(forgotten) > 20
    for one in forgotten:
        assert one.later_held[pages] < pages * PAGE_ENTRIES
        assert one.later[pages] > (pages - 1) * PAGE_ENTRIES
    assert shares(busy[UP.name], run.STATION, pages)[-1] == 1


def test_exactly_when_a_page_falls_out() -> None:
    """The first entry of a page is held until pages x 256 came after it; the last one leaves with it, 255 sooner."""
    office, pages = Office(random.Random(1)), new_pages(4)
    entries = [nonce[:16] for nonce in nonces(5 * PAGE_ENTRIES)]
    for count in (*range(32, 1024, 32), 1023, 1024, 1025, 1280):
        office.add(entries[len(office) : count])
        for message in office.publish():
            assert pages.accept(message)
        first = next(one for one, place in office.place.items() if place == 0)
        last = next((one for one, place in office.place.items() if place == PAGE_ENTRIES - 1), None)
        assert pages.has(first) == (count <= 4 * PAGE_ENTRIES)
        assert last is None or pages.has(last) == (count <= 4 * PAGE_ENTRIES)


def test_what_was_forgotten_comes_into_no_page_again() -> None:
    office, pages = Office(random.Random(1)), new_pages(1)
    first, *others = (nonce[:16] for nonce in nonces(PAGE_ENTRIES + 1))
    for told in ([first], others, [first]):
        office.add(told)
        for message in office.publish():
            assert pages.accept(message)
        assert pages.has(first) == (told == [first] and len(office) == 1)
    assert len(pages) == 1


@pytest.mark.parametrize("before", [0, 1, 100, 254, 255, 256, 1000])
@pytest.mark.parametrize("spent_pages", [1, 4, 16])
def test_so_many_told_at_once_always_reach_the_gates(before: int, spent_pages: int) -> None:
    most = (spent_pages - 1) * PAGE_ENTRIES + 1
    office, pages = Office(random.Random(1)), new_pages(spent_pages)
    office.add([nonce[:16] for nonce in nonces(before)])
    office.publish()
    told = [nonce[16:] for nonce in nonces(most)]
    office.add(told)
    for message in office.publish():
        pages.accept(message)
    assert all(pages.has(one) for one in told)
    if before == 255:  # the first of them filled a page alone: with one more than promised it is lost
        office.add([bytes(16)])
        for message in office.publish():
            pages.accept(message)
        assert [one for one in told if not pages.has(one)] == [next(one for one in told if office.place[one] == 255)]


def test_what_is_told_between_two_publications_beyond_sixteen_pages_reaches_no_gate() -> None:
    office = Office(random.Random(1))
    office.add([nonce[:16] for nonce in nonces(4 * PAGE_ENTRIES)])
    lost = set(office.place)
    office.add([nonce[16:] for nonce in nonces(SLOTS * PAGE_ENTRIES)])
    pages = new_pages(16)
    for message in office.publish():
        assert pages.accept(message)
    assert not any(pages.has(one) for one in lost)


def test_an_exit_opens_to_a_copy_once_and_another_exit_too(small: dict[str, Run]) -> None:
    for network in run.NETWORKS:
        assert set(shares(small[network.name], run.LEFT_BY)) == {0.0}
        assert set(shares(small[network.name], run.OTHER_EXIT)) == {1.0}


def test_the_same_seed_gives_the_same_findings_and_another_does_not() -> None:
    first, again, other = (measure([site.small()], [UP], seed) for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_pages_tables_are_what_the_simulation_finds() -> None:
    found = measure()
    metro = found.days[-1]
    assert (metro.site, metro.gates) == ("metro", 251)
    assert page_with(found) == PAGE.read_text(encoding="utf-8"), (
        "copies open something else: look at it, then `python -m tests.simulator.renew_spending`"
    )
