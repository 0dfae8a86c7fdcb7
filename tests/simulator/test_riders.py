"""Riders: their media, their spread, and that none depends on another. Taps: the field's figures."""

from typing import Any

import pytest

from firmware.fare.handles import handle
from firmware.fare.test_token import verify
from simulator.clock import rng
from simulator.plant.reader import MIN_TAP_MS, tap_ms
from simulator.truth import handle_of
from simulator.world import behaviours as b
from simulator.world import bodies, riders
from simulator.world.population import Population, plain_population
from simulator.world.riders import Rider

MANY = 4_000
POPULATION = plain_population()


def draw(seed: int, name: str, way: str, behaviour: str | None = None, population: Population = POPULATION) -> Rider:
    return riders.draw(seed, name, way, population, behaviour)


def test_the_same_name_is_the_same_rider() -> None:
    one, same = draw(7, "entry-3", "entry"), draw(7, "entry-3", "entry")
    assert all(getattr(one, name) == getattr(same, name) for name in Rider.__slots__ if name != "rng")
    assert one.rng.random() == same.rng.random()
    assert len({draw(7, f"entry-{n}", "entry").nonce for n in range(1_000)}) == 1_000
    assert draw(7, "entry-3", "entry").nonce != draw(8, "entry-3", "entry").nonce


def test_forcing_the_behaviour_changes_nothing_else() -> None:
    free, forced = draw(1, "entry-0", "entry"), draw(1, "entry-0", "entry", behaviour=b.RefusedRetreat.name)
    assert forced.behaviour == b.RefusedRetreat.name
    assert (free.nonce, free.shape, free.speed_mmps) == (forced.nonce, forced.shape, forced.speed_mmps)
    with pytest.raises(ValueError, match="riders can pay"):
        draw(1, "entry-0", "entry", behaviour="fly")


def test_shares_and_bodies_are_as_said() -> None:
    drawn = [draw(11, f"entry-{n}", "entry") for n in range(MANY)]
    for behaviour in (b.Hesitate.name, b.RefusedRetreat.name, b.TailgateCovert.name):
        assert sum(rider.behaviour == behaviour for rider in drawn) / MANY == pytest.approx(0.02, abs=0.01)
    assert sum(rider.consent for rider in drawn) / MANY == pytest.approx(0.55, abs=0.03)
    assert sum(rider.product == riders.DAY for rider in drawn) / MANY == pytest.approx(0.30, abs=0.03)
    assert all(250 <= rider.shape.rear_mm <= 450 and 700 <= rider.speed_mmps <= 2000 for rider in drawn)
    assert sum(rider.speed_mmps for rider in drawn) / MANY == pytest.approx(1340, abs=20)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"consent": 1.1}, "between 0 and 1"),
        ({"kinds": {"adult": 0.5}}, "add up to 1, not to 0.5"),
        ({"kinds": {"adult": 0.5, "giant": 0.5}}, "not as giant"),
        ({"behaviours": (b.Force(0.6), b.Climb(0.6))}, "behaviours add up to 1"),
    ],
)
def test_impossible_populations_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Population(**wrong)


def test_impossible_behaviours_are_refused() -> None:
    with pytest.raises(ValueError, match=r"force: a share lies between 0 and 1, not -0\.1"):
        b.Force(-0.1)
    with pytest.raises(ValueError, match="tailgate_covert: gap_m needs its smaller end first"):
        b.TailgateCovert(0.1, gap_m=(0.8, 0.2))


@pytest.mark.parametrize("kind", bodies.KINDS)
def test_every_kind_of_rider_has_a_core_and_repeatable_sizes(kind: str) -> None:
    population = Population({kind: 1.0})
    drawn = [draw(3, f"entry-{n}", "entry", population=population) for n in range(200)]
    for rider in drawn:
        assert rider.kind == kind and any(segment.core for segment in rider.shape.segments)
        for segment in rider.shape.segments:
            assert segment.length_mm > 0 and 0 <= segment.low_mm < segment.high_mm <= 2_000
    assert len({rider.shape for rider in drawn}) > 20
    assert [rider.shape for rider in drawn] == [
        draw(3, f"entry-{n}", "entry", population=population).shape for n in range(200)
    ]


def test_a_suitcase_trails_behind_a_gap_and_a_pram_goes_ahead() -> None:
    for n in range(100):
        shape = draw(3, f"entry-{n}", "entry", population=Population({bodies.SUITCASE: 1.0})).shape
        suitcase = next(part for part in shape.segments if part.name == "suitcase")
        assert 200 <= suitcase.offset_mm - shape.segments[0].length_mm <= 550
        shape = draw(3, f"entry-{n}", "entry", population=Population({bodies.PRAM: 1.0})).shape
        pram = next(part for part in shape.segments if part.name == "pram")
        assert pram.offset_mm + pram.length_mm <= -150


def test_the_firmware_reads_the_medium_as_the_world_means_it() -> None:
    for n in range(50):
        rider = draw(5, f"entry-{n}", "entry", behaviour=b.PAY)
        assert len(rider.medium()) == 22
        decision = verify(rider.medium(), 20_300)
        assert decision is not None and decision.accepted
        assert (decision.product, decision.consent) == (rider.product, rider.consent)
        assert decision.handle == (handle_of(rider.nonce, 20_300) if rider.consent else None)
        assert handle(rider.nonce, 20_300) == handle_of(rider.nonce, 20_300)
        assert handle_of(rider.nonce, 20_301) != handle_of(rider.nonce, 20_300)


def test_nobody_reads_a_refused_medium() -> None:
    rider = draw(5, "entry-0", "entry", behaviour=b.RefusedRetreat.name)
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
