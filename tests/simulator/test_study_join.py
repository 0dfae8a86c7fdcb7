"""The join, rule by rule with rows made by hand; and that no crossing and no verdict is lost or used twice."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.study import join
from simulator.study.join import AGREED, FALSE, MISSED, PHANTOM, REPEATED, SLACK_MS, SPURIOUS, TRUE, UNSEEN, Joined
from simulator.study.rows import Crossing, Verdict
from simulator.world import behaviours as b
from tests.simulator.study_support import crossing, verdict


def matches(crossings: list[Crossing], verdicts: list[Verdict]) -> list[tuple[str, str, str]]:
    """(match, rider, what) of each row."""
    return [(row.match, row.rider, row.what) for row in join.join(crossings, verdicts)]


def test_nothing_joins_to_nothing() -> None:
    assert matches([], []) == []


@pytest.mark.parametrize(
    ("outcome", "what", "match"),
    [
        (b.PASSED, "passed", AGREED),
        (b.PASSED_FREE, "passed_free", AGREED),
        (b.PASSED_FREE, "passed", AGREED),
        (b.TURNED_BACK, "turned_back", AGREED),
        (b.GAVE_UP, "turned_back", AGREED),
        (b.REFUSED, "refused", AGREED),
        (b.JUMPED, "passed", MISSED),
        *((evasion, what, TRUE) for evasion in sorted(b.EVASIONS) for what in sorted(join.ACCUSATIONS)),
    ],
)
def test_one_rider_and_one_verdict(outcome: str, what: str, match: str) -> None:
    assert matches([crossing("a", outcome)], [verdict(what)]) == [(match, "a", what)]


@pytest.mark.parametrize("what", sorted(join.ACCUSATIONS))
@pytest.mark.parametrize("outcome", sorted(set(b.OUTCOMES) - b.EVASIONS))
def test_an_honest_rider_accused_is_unseen_as_what_they_did_and_falsely_accused(outcome: str, what: str) -> None:
    assert matches([crossing("a", outcome)], [verdict(what)]) == [(FALSE, "a", what), (UNSEEN, "a", "")]


def test_what_nobody_saw_and_what_nobody_did() -> None:
    assert matches([crossing("a", b.JUMPED)], []) == [(UNSEEN, "a", "")]
    assert matches([], [verdict("tailgate")]) == [(PHANTOM, "", "tailgate")]
    assert matches([], [verdict("passed")]) == [(SPURIOUS, "", "passed")]
    assert matches([crossing("a")], [verdict("turned_back")]) == [(SPURIOUS, "", "turned_back"), (UNSEEN, "a", "")]


def test_an_accusation_goes_to_the_evader_before_the_honest() -> None:
    crossings = [crossing("honest", b.PASSED, 1_000), crossing("evader", b.TAILGATED, 1_400)]
    found = matches(crossings, [verdict("passed", 1_800), verdict("tailgate", 1_800, 1_300)])
    assert found == [(TRUE, "evader", "tailgate"), (AGREED, "honest", "passed")]


def test_of_several_evaders_the_one_who_left_closest_is_caught() -> None:
    crossings = [crossing("first", b.JUMPED, 1_000, 2_000), crossing("second", b.JUMPED, 1_500, 2_600)]
    assert matches(crossings, [verdict("forced", 2_500, 1_200)]) == [(UNSEEN, "first", ""), (TRUE, "second", "forced")]
    assert matches(crossings, [verdict("forced", 2_100, 1_200)]) == [(TRUE, "first", "forced"), (UNSEEN, "second", "")]


def test_passages_go_to_those_who_paid_first_and_then_to_evaders() -> None:
    crossings = [crossing("evader", b.TAILGATED, 1_000), crossing("payer", b.PASSED, 1_100)]
    assert matches(crossings, [verdict("passed", 1_800)]) == [(UNSEEN, "evader", ""), (AGREED, "payer", "passed")]
    two = [verdict("passed", 1_800), verdict("passed", 1_900, 1_100)]
    assert Counter(matches(crossings, two)) == {(MISSED, "evader", "passed"): 1, (AGREED, "payer", "passed"): 1}


def test_a_second_accusation_of_an_evader_is_repeated() -> None:
    found = matches([crossing("a", b.FORCED)], [verdict("forced", 1_700), verdict("tailgate", 1_900)])
    assert found == [(TRUE, "a", "forced"), (REPEATED, "a", "tailgate")]


def test_of_the_honest_the_one_without_a_verdict_is_the_accused() -> None:
    """With a pram ahead, the pram is taken for the rider who paid, and the rider for somebody who follows."""
    crossings = [crossing("near", b.PASSED, 1_000, 1_850), crossing("far", b.PASSED, 1_000, 2_200)]
    found = matches(crossings, [verdict("passed", 1_800), verdict("tailgate", 1_900, 1_000)])
    assert found == [(AGREED, "near", "passed"), (FALSE, "far", "tailgate"), (UNSEEN, "far", "")]


def test_between_the_honest_and_a_caught_evader_the_nearer_one_is_meant() -> None:
    def third(at_ms: int) -> tuple[str, str, str]:
        crossings = [crossing("honest", b.PASSED, 1_000, 1_800), crossing("evader", b.TAILGATED, 1_300, 2_400)]
        verdicts = [verdict("passed", 1_800), verdict("tailgate", 2_400, 1_300), verdict("tailgate", at_ms, 1_200)]
        (found,) = [row for row in matches(crossings, verdicts) if row[0] not in (AGREED, TRUE)]
        return found

    assert third(1_900) == (FALSE, "honest", "tailgate")
    assert third(2_300) == (REPEATED, "evader", "tailgate")


def test_nobody_who_stayed_before_the_beams_is_accused() -> None:
    assert matches([crossing("a", b.REFUSED, -1)], [verdict("forced", 600, 400)]) == [
        (UNSEEN, "a", ""),
        (PHANTOM, "", "forced"),
    ]


def test_a_refusal_is_of_the_one_at_the_reader_then() -> None:
    early, late = crossing("early", b.REFUSED, -1, arrived_ms=500), crossing("late", b.REFUSED, -1, arrived_ms=9_000)
    assert matches([early, late], [verdict("refused", 9_100, 9_100)]) == [
        (UNSEEN, "early", ""),
        (AGREED, "late", "refused"),
    ]


@pytest.mark.parametrize(("late_ms", "match"), [(SLACK_MS, TRUE), (SLACK_MS + 1, PHANTOM)])
def test_a_verdict_may_come_a_little_late_or_early(late_ms: int, match: str) -> None:
    evader = crossing("a", b.JUMPED, 10_000, 11_000)
    after = verdict("forced", 11_000 + late_ms, 11_000 + late_ms)
    before = verdict("forced", 10_000 - late_ms, 10_000 - late_ms)
    for one in (after, before):
        assert match in [row[0] for row in matches([evader], [one])]


def test_what_a_rider_pulls_behind_is_still_about_that_rider() -> None:
    trailing = crossing("a", b.PASSED, 1_000, 1_800)._replace(all_left_ms=4_000)
    assert (FALSE, "a", "tailgate") in matches([trailing], [verdict("passed"), verdict("tailgate", 4_000, 3_600)])
    without = crossing("a", b.PASSED, 1_000, 1_800)
    assert (PHANTOM, "", "tailgate") in matches([without], [verdict("passed"), verdict("tailgate", 4_000, 3_600)])


def test_lanes_and_stations_are_apart() -> None:
    crossings = [crossing("a", b.JUMPED, lane="in"), crossing("b", b.JUMPED, lane="out", station="Hill")]
    rows = list(join.join(crossings, [verdict("jump", lane="out"), verdict("jump", lane="in", station="Hill")]))
    assert {(row.station, row.lane, row.match) for row in rows} == {
        ("", "in", UNSEEN),
        ("", "out", PHANTOM),
        ("Hill", "in", PHANTOM),
        ("Hill", "out", UNSEEN),
    }


def test_a_row_has_what_the_crossing_and_the_verdict_say() -> None:
    (row,) = join.join([crossing("a", b.JUMPED, kind="dog", behaviour="jump_over")], [verdict("jump")])
    assert row == Joined("", "in", TRUE, "a", "dog", "jump_over", b.JUMPED, False, 1_800, "jump", 95, 1_800)
    phantom = next(join.join([], [verdict("jump")]))
    assert phantom == Joined("", "in", PHANTOM, "", "", "", "", None, -1, "jump", 95, 1_800)


# --- whatever the rows -----------------------------------------------------------------------------------------------

TIMES = st.integers(0, 60_000)
WHATS = st.sampled_from(["passed", "passed_free", "refused", "turned_back", *sorted(join.ACCUSATIONS)])


@st.composite
def any_crossing(draw: st.DrawFn, number: int) -> Crossing:
    entered_ms = draw(TIMES | st.just(-1))
    left_ms = -1 if entered_ms < 0 else entered_ms + draw(st.integers(0, 5_000))
    outcome = draw(st.sampled_from(b.OUTCOMES))
    one = crossing(
        f"rider-{number}", outcome, entered_ms, left_ms, lane=draw(st.sampled_from("ab")), arrived_ms=draw(TIMES)
    )
    return one._replace(all_left_ms=left_ms + draw(st.integers(0, 3_000)) if left_ms >= 0 else -1)


@st.composite
def any_rows(draw: st.DrawFn) -> tuple[list[Crossing], list[Verdict]]:
    crossings = [draw(any_crossing(n)) for n in range(draw(st.integers(0, 12)))]
    verdicts = []
    for _ in range(draw(st.integers(0, 12))):
        at_ms = draw(TIMES)
        verdicts.append(
            verdict(draw(WHATS), at_ms, at_ms - draw(st.integers(0, 4_000)), lane=draw(st.sampled_from("abc")))
        )
    return crossings, verdicts


@settings(max_examples=150, deadline=None)
@given(any_rows())
def test_every_crossing_and_every_verdict_is_in_the_rows_once(rows: tuple[list[Crossing], list[Verdict]]) -> None:
    crossings, verdicts = rows
    found = list(join.join(crossings, verdicts))
    own = [row for row in found if row.match in (AGREED, TRUE, MISSED, UNSEEN)]
    others = [row for row in found if row.match in (FALSE, REPEATED, PHANTOM, SPURIOUS)]
    assert len(own) + len(others) == len(found)
    assert Counter((row.lane, row.rider, row.outcome) for row in own) == Counter(
        (one.lane, one.rider, one.outcome) for one in crossings
    )
    assert Counter((row.lane, row.what, row.at_ms) for row in found if row.what) == Counter(
        (one.lane, one.what, one.at_ms) for one in verdicts
    )
    by_rider = {one.rider: one for one in crossings}
    for row in found:
        assert (row.match == UNSEEN) == (row.what == "")
        assert (row.match in (TRUE, FALSE, REPEATED, PHANTOM)) == (row.what in join.ACCUSATIONS)
        assert (row.match in (PHANTOM, SPURIOUS)) == (row.rider == "")
        if row.match in (TRUE, MISSED, REPEATED):
            assert row.outcome in b.EVASIONS
        if row.match == FALSE:
            assert by_rider[row.rider].honest and by_rider[row.rider].entered_ms >= 0
