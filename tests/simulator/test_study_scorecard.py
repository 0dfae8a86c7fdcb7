"""The scorecard: what is counted, the intervals against published ones, several seeds, what a person reads of it."""

import io
import json

import pytest
from rich.console import Console

from simulator.study import join
from simulator.study.intervals import mean_interval, poisson, t_quantile, wilson
from simulator.study.join import join as joined
from simulator.study.rows import Crossing, Verdict
from simulator.study.scorecard import Figure, Scorecard, Tally
from simulator.study.scorecard_view import show
from simulator.world import behaviours as b
from tests.simulator.study_support import crossing, verdict

HOUR_MS = 3_600_000


def tally(crossings: list[Crossing], verdicts: list[Verdict], run_ms: int = HOUR_MS) -> Tally:
    found = Tally()
    found.add_rows(crossings, joined(crossings, verdicts), run_ms)
    return found


def crowd(payers: int = 0, prams: int = 0, jumpers: int = 0, seen: int = 0) -> Tally:
    """Payers whom the gate sees rightly, riders with prams whom it accuses, jumpers of whom it notices some."""
    crossings, verdicts = [], []
    at_ms = 0
    for n in range(payers + prams + jumpers):
        at_ms += 5_000
        kind, outcome, what = "adult", b.PASSED, "passed"
        if n >= payers + prams:
            outcome, what = b.JUMPED, "jump" if n < payers + prams + seen else ""
        elif n >= payers:
            kind, what = "pram", "tailgate"
        crossings.append(crossing(f"r{n}", outcome, at_ms, kind=kind))
        if what:
            verdicts.append(verdict(what, at_ms + 800))
    return tally(crossings, verdicts)


# --- intervals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        # Newcombe 1998, table I, method 3 (score without continuity correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilsons_interval_is_the_published_one(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        (1, 12.706),
        (2, 4.303),
        (3, 3.182),
        (4, 2.776),
        (9, 2.262),
        (19, 2.093),
        (29, 2.045),
        (120, 1.980),
        (1000, 1.962),
    ],
)
def test_students_quantiles_are_the_published_ones(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=6e-4)


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    found = mean_interval([4.0, 5.0, 6.0, 5.0])
    assert found is not None
    mean, (low, high) = found
    # s = 0.8165, so 3.1824 × 0.8165 / 2 either way.
    assert (mean, low, high) == pytest.approx((5.0, 5.0 - 1.2992, 5.0 + 1.2992), abs=1e-3)
    assert mean_interval([1.0]) is None and mean_interval([]) is None
    assert mean_interval([0.0, 0.0, 0.0]) is None, "values that are all the same are no certainty"


def test_a_rate_may_exceed_one_and_a_share_may_not() -> None:
    assert poisson(0, 10) == pytest.approx((0.0, 0.38415), abs=1e-4)  # z² / 10
    found = poisson(25, 10)
    assert found is not None and found[0] < 2.5 < found[1] and found == pytest.approx((1.694, 3.690), abs=1e-3)
    assert wilson(0, 0) is None and poisson(3, 0) is None
    for hits in range(11):
        found = wilson(hits, 10)
        assert found is not None and 0.0 <= found[0] <= hits / 10 <= found[1] <= 1.0


# --- counts ----------------------------------------------------------------------------------------------------------


def test_one_run_is_counted_as_it_was() -> None:
    card = Scorecard((crowd(payers=90, prams=10, jumpers=20, seen=15),))
    assert card.false_accusations().value == 10 / 100
    assert card.recall().value == card.recall(b.JUMPED).value == 15 / 20
    assert card.precision().value == 15 / 25
    assert card.evasion_rate().value == 20 / 120
    assert (card.accused_honest("pram").value, card.accused_honest("adult").value) == (1.0, 0.0)
    assert card.accused_honest().value == 10 / 100
    assert card.recall().interval == wilson(15, 20) and card.false_accusations().interval == poisson(10, 100)
    assert card.total.confusion == {
        (b.PASSED, "passed"): 90,
        (b.PASSED, "nothing"): 10,
        (b.JUMPED, "jump"): 15,
        (b.JUMPED, "nothing"): 5,
    }
    assert card.conclusion() == (
        "To 10,000 honest passages come 1,000 (95 %: 543 to 1,841) false accusations; 75 % of evasions were noticed; "
        "60 % of accusations were right."
    )


def test_nearly_all_is_not_all_and_nearly_none_is_not_none() -> None:
    assert "more than 99 % of evasions were noticed" in Scorecard((crowd(1, 0, 1_000, 999),)).conclusion()
    assert "; less than 1 % of evasions were noticed" in Scorecard((crowd(1, 0, 1_000, 1),)).conclusion()
    assert "; 100 % of evasions were noticed" in Scorecard((crowd(1, 0, 1_000, 1_000),)).conclusion()
    assert "; 0 % of evasions were noticed" in Scorecard((crowd(1, 0, 1_000, 0),)).conclusion()


def test_a_rider_accused_twice_is_one_rider_and_two_accusations() -> None:
    twice = tally([crossing("a", kind="pram")], [verdict("tailgate", 1_700), verdict("tailgate", 1_900)])
    card = Scorecard((twice,))
    assert (card.false_accusations().value, card.accused_honest("pram").value) == (2.0, 1.0)
    low, high = card.false_accusations().interval or (0, 0)
    assert low < 2.0 < high
    assert card.total.accused["pram"] == 2 and card.total.accused_riders["pram"] == 1


def test_accusations_of_nobody_and_repeated_ones_count_against_precision_alone() -> None:
    crossings = [crossing("a", b.FORCED)]
    verdicts = [verdict("forced", 1_700), verdict("tailgate", 1_900), verdict("jump", 50_000)]
    card = Scorecard((tally([*crossings, crossing("b", entered_ms=90_000)], verdicts),))
    assert card.precision().value == 1 / 3 and card.recall().value == 1.0 and card.false_accusations().value == 0.0
    assert (card.total.matches[join.REPEATED], card.total.matches[join.PHANTOM]) == (1, 1)


def test_who_never_came_to_the_beams_is_no_passage() -> None:
    card = Scorecard((tally([crossing("a", b.REFUSED, -1), crossing("b", b.GAVE_UP, -1), crossing("c")], []),))
    assert card.total.honest.total() == 1 and card.total.crossings == 3
    assert card.waiting_s() == {"mean": 0.0, "p50": 0.0, "p95": 0.0, "max": 0.0}


def test_waiting_is_from_arrival_to_the_first_beam() -> None:
    crossings = [crossing(f"r{n}", entered_ms=10_000 + n * 1_000, arrived_ms=10_000) for n in range(100)]
    card = Scorecard((tally(crossings, []),))
    assert card.waiting_s() == {"mean": 49.5, "p50": 49.0, "p95": 94.0, "max": 99.0}


def test_throughput_leaves_out_who_was_let_out_after_the_end() -> None:
    at = [*range(0, 600_000, 6_000), *range(900_000, 1_200_000, 2_000), *range(1_800_000, 1_860_000, 1_000)]
    crossings = [crossing(f"r{n}", entered_ms=at_ms, left_ms=at_ms + 500) for n, at_ms in enumerate(at)]
    card = Scorecard((tally(crossings, [], run_ms=1_800_000),))
    # 100 in the first quarter hour and 150 in the second; the 60 after the end only wait.
    assert card.throughput_per_min() == {"in": (250 / 30, 150 / 15)}
    assert card.evasion_rate().value == 0.0 and card.total.through["in"] == 310


def test_a_run_shorter_than_a_quarter_hour_has_its_own_length_as_its_busiest() -> None:
    crossings = [crossing(f"r{n}", entered_ms=n * 1_000) for n in range(100)]
    card = Scorecard((tally(crossings, [], run_ms=300_000),))
    assert card.throughput_per_min() == {"in": (20.0, 20.0)}


def test_tallies_add_up() -> None:
    crossings = [crossing("a", b.JUMPED, lane="x"), crossing("b", lane="y", kind="dog"), crossing("c", lane="y")]
    verdicts = [verdict("jump", lane="x"), verdict("passed", lane="y"), verdict("forced", lane="y")]
    whole = tally(crossings, verdicts)
    parts = Tally()
    for lane in "xy":
        part = [one for one in crossings if one.lane == lane], [one for one in verdicts if one.lane == lane]
        parts.add(tally(*part))
    assert parts == whole
    assert whole.matches.total() == len(list(joined(crossings, verdicts)))


# --- several seeds ---------------------------------------------------------------------------------------------------


def test_several_seeds_give_the_mean_and_the_interval_of_their_scatter() -> None:
    runs = (crowd(100, 0, 10, 5), crowd(100, 0, 10, 6), crowd(100, 0, 10, 9))
    card = Scorecard(runs)
    found = mean_interval([0.5, 0.6, 0.9])
    assert found is not None
    assert card.recall() == Figure(found[0], (found[1][0], 1.0)), "a share ends at 1"
    assert card.recall().value == pytest.approx(2 / 3)


def test_seeds_that_agree_have_the_interval_of_all_that_was_counted() -> None:
    card = Scorecard((crowd(50, 0, 5, 5), crowd(50, 0, 5, 5)))
    assert card.recall() == Figure(1.0, wilson(10, 10))
    assert card.false_accusations() == Figure(0.0, poisson(0, 100))


def test_seeds_without_anything_to_rate_are_left_out() -> None:
    card = Scorecard((crowd(50), crowd(50, 0, 4, 1)))
    assert card.recall() == Figure(0.25, wilson(1, 4))


def test_a_run_with_nobody_says_so() -> None:
    card = Scorecard((tally([], []),))
    assert card.conclusion() == "Nobody honest came to a beam, so there is nothing to rate."
    assert card.recall() == Figure(None) and json.dumps(card.to_dict())
    assert read(card)
    with pytest.raises(ValueError, match="at least one run"):
        Scorecard(())


# --- read ------------------------------------------------------------------------------------------------------------


def read(card: Scorecard) -> list[str]:
    out = io.StringIO()
    show(card, "title", Console(file=out, width=80))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_person_can_read_it_in_eighty_columns() -> None:
    lines = read(Scorecard((crowd(90, 10, 20, 15), crowd(90, 12, 20, 18))))
    assert max(map(len, lines)) <= 80 and not any("…" in line for line in lines)
    text = "\n".join(lines)
    for title in ("Evidence", "Who is accused wrongly", "What is noticed", "Truth (down)", "Throughput"):
        assert f"{title}" in text
    assert "pram" in text and "jumped" in text


def test_programs_get_the_same_figures() -> None:
    card = Scorecard((crowd(90, 10, 20, 15),))
    said = json.loads(json.dumps(card.to_dict()))
    assert said["false_accusations_per_10000"]["value"] == 1_000.0
    assert said["false_accusations_per_10000"]["high"] == pytest.approx(1_840, abs=1)
    assert said["by_rider_kind"]["pram"]["accused_share"]["value"] == 1.0
    assert said["by_evasion"] == {b.JUMPED: {"evasions": 20, "recall": card.recall().to_dict()}}
    assert said["unmatched_verdicts"] == {"false": 10, "repeated": 0, "phantom": 0, "spurious": 0}
    assert said["accusations"] == 25 and said["honest_passages"] == 100
