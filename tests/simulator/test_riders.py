"""Riders: their media, their spread, and that none depends on another. Taps: the field's figures."""

import pytest

from firmware.fare.handles import handle
from firmware.fare.test_token import verify
from simulator.clock import rng
from simulator.plant.reader import MIN_TAP_MS, tap_ms
from simulator.truth import handle_of
from simulator.world import riders
from simulator.world.riders import Mix, draw

MANY = 4_000


def test_the_same_name_is_the_same_rider() -> None:
    assert draw(7, "entry-3", "entry") == draw(7, "entry-3", "entry")
    assert len({draw(7, f"entry-{n}", "entry").nonce for n in range(1_000)}) == 1_000
    assert draw(7, "entry-3", "entry").nonce != draw(8, "entry-3", "entry").nonce


def test_forcing_the_behaviour_changes_nothing_else() -> None:
    free, forced = draw(1, "entry-0", "entry"), draw(1, "entry-0", "entry", behaviour=riders.REFUSED)
    assert forced.behaviour == riders.REFUSED
    assert (free.nonce, free.length_m, free.speed_mps) == (forced.nonce, forced.length_m, forced.speed_mps)
    with pytest.raises(ValueError, match="riders can pay"):
        draw(1, "entry-0", "entry", behaviour="fly")


def test_shares_and_bodies_are_as_said() -> None:
    drawn = [draw(11, f"entry-{n}", "entry") for n in range(MANY)]
    for behaviour in (riders.TURN_BACK, riders.REFUSED, riders.TAILGATE):
        assert sum(rider.behaviour == behaviour for rider in drawn) / MANY == pytest.approx(0.02, abs=0.01)
    assert sum(rider.consent for rider in drawn) / MANY == pytest.approx(0.55, abs=0.03)
    assert sum(rider.product == riders.DAY for rider in drawn) / MANY == pytest.approx(0.30, abs=0.03)
    assert all(0.25 <= rider.length_m <= 0.45 and 0.7 <= rider.speed_mps <= 2.0 for rider in drawn)
    assert sum(rider.speed_mps for rider in drawn) / MANY == pytest.approx(1.34, abs=0.02)
    assert all(rider.gap_m >= 0.25 for rider in drawn)


@pytest.mark.parametrize("shares", [{"refused": -0.1}, {"refused": 0.6, "tailgate": 0.6}, {"consent": 1.1}])
def test_impossible_shares_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares of riders"):
        Mix(**shares)


def test_the_firmware_reads_the_medium_as_the_world_means_it() -> None:
    for n in range(50):
        rider = draw(5, f"entry-{n}", "entry", behaviour=riders.PAY)
        assert len(rider.medium()) == 22
        decision = verify(rider.medium(), 20_300)
        assert decision is not None and decision.accepted
        assert (decision.product, decision.consent) == (rider.product, rider.consent)
        assert decision.handle == (handle_of(rider.nonce, 20_300) if rider.consent else None)
        assert handle(rider.nonce, 20_300) == handle_of(rider.nonce, 20_300)
        assert handle_of(rider.nonce, 20_301) != handle_of(rider.nonce, 20_300)


def test_nobody_reads_a_refused_medium() -> None:
    rider = draw(5, "entry-0", "entry", behaviour=riders.REFUSED)
    assert len(rider.medium()) == 22 and verify(rider.medium(), 20_300) is None


def test_taps_have_the_mean_mode_peaks_and_tail_of_the_field() -> None:
    own = rng(1, "taps")
    taps = [tap_ms(own) for _ in range(40_000)]
    assert min(taps) >= MIN_TAP_MS
    assert sum(taps) / len(taps) == pytest.approx(530, abs=6)
    bins = [0] * 300
    for tap in taps:
        bins[min(tap // 10, 299)] += 1
    assert 530 <= 10 * bins.index(max(bins)) <= 560
    for peak, valley in ((420, 455), (490, 455)):
        assert bins[peak // 10] > 1.3 * bins[valley // 10]
    assert 0.02 < sum(tap > 900 for tap in taps) / len(taps) < 0.06


def test_only_the_first_tap_is_drawn_beforehand() -> None:
    one, other = draw(1, "entry-0", "entry"), draw(1, "entry-0", "entry")
    assert one.next_tap_ms(0) == one.tap_ms
    assert [one.next_tap_ms(n) for n in (1, 2, 3)] == [other.next_tap_ms(n) for n in (1, 2, 3)]
