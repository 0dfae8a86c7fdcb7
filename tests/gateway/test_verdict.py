"""Reports beside outcomes: pairs, names, patience, hands, bounds."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.live.verdict import FITTING, HANDS_MS, KEPT, NEAR_MS, PATIENCE_MS, SURE_MS, Verdict
from tests.support import ROOT

AT = 1_754_503_200_000
LATER = AT + 10 * PATIENCE_MS


def results(verdict: Verdict, now_ms: int = LATER) -> list[str]:
    return [match.result for match in verdict.matches(now_ms)]


def test_a_jump_that_was_reported_is_caught() -> None:
    verdict = Verdict(AT)
    verdict.happened(1, AT, "jumped", "adult", 1)
    verdict.reported(AT + 300, "jump", 80, 3, 17)
    assert verdict.told(LATER)["matches"] == [
        {
            "truth": {"at": AT, "n": 1, "what": "jumped", "figure": "adult", "hand": 1},
            "record": {"at": AT + 300, "what": "jump", "confidence": 80, "boot": 3, "seq": 17},
            "result": "caught",
        }
    ]


def test_under_another_name_it_is_misnamed_and_counts_as_evasion() -> None:
    verdict = Verdict(AT)
    verdict.happened(1, AT, "jumped")
    verdict.reported(AT, "tailgate", 80, 1, 1)
    counts = verdict.counts(LATER)
    assert (counts["evasions"], counts["caught"], counts["misnamed"], counts["accused_wrongly"]) == (1, 0, 1, 0)


def test_one_of_a_fitting_name_goes_before_a_nearer_one() -> None:
    verdict = Verdict(AT)
    verdict.happened(1, AT, "jumped")
    verdict.happened(2, AT + 1_000, "tailgated")
    verdict.reported(AT + 100, "tailgate", 80, 1, 1)
    verdict.reported(AT + 1_100, "jump", 80, 1, 2)
    assert results(verdict) == ["caught", "caught"]


def test_an_evasion_is_open_for_a_while_then_missed_and_caught_by_a_late_record() -> None:
    verdict = Verdict(AT)
    verdict.happened(1, AT, "tailgated")
    assert results(verdict, AT + PATIENCE_MS - 1) == ["open"]
    assert results(verdict, AT + 2 * PATIENCE_MS) == ["missed"]
    verdict.reported(AT + 200, "tailgate", 60, 1, 1)  # the network was cut; the gate's own time stands in the record
    assert results(verdict, LATER) == ["caught"]


def test_an_accusation_beside_an_evasion_that_nobody_noticed_does_not_make_it_caught() -> None:
    """A pram is taken for somebody who follows, a second and a half before somebody really does, unseen."""
    verdict = Verdict(AT)
    verdict.happened(1, AT, "passed", "pram")
    verdict.happened(2, AT + 1_500, "tailgated")
    verdict.reported(AT + 100, "tailgate", 80, 1, 1)
    assert results(verdict) == ["accused_wrongly", "missed"]
    (accused, _) = verdict.matches(LATER)
    assert accused.outcome is not None and accused.outcome.figure == "pram"


def test_an_honest_rider_beside_an_evasion_takes_no_record_from_it() -> None:
    """Whoever follows is close behind one who paid."""
    for apart_ms, expected in ((SURE_MS, ["caught"]), (SURE_MS + 1, ["accused_wrongly", "missed"])):
        verdict = Verdict(AT)
        verdict.happened(1, AT, "passed")
        verdict.happened(2, AT + apart_ms, "tailgated")
        verdict.reported(AT, "tailgate", 80, 1, 1)
        assert results(verdict) == expected
    alone = Verdict(AT)
    alone.happened(1, AT, "passed")
    alone.happened(2, AT + SURE_MS + 1 + NEAR_MS, "tailgated")
    alone.reported(AT + SURE_MS + 1, "tailgate", 80, 1, 1)
    assert results(alone) == ["caught"], "nobody honest was near enough to be sure"


def test_who_was_accused_keeps_being_so_when_honest_riders_are_forgotten() -> None:
    verdict = Verdict(AT)
    verdict.happened(1, AT, "passed", "pram")
    verdict.happened(2, AT + 1_500, "tailgated")
    verdict.reported(AT + 100, "tailgate", 80, 1, 1)
    for n in range(5 * KEPT):
        verdict.happened(10 + n, AT + 60_000 + 1_000 * n, "passed")
    assert results(verdict) == ["accused_wrongly", "missed"]


def test_what_hands_explain_catches_nobody_when_honest_riders_are_forgotten() -> None:
    verdict = Verdict(AT)
    verdict.happened(1, AT, "jumped")
    verdict.meddled(AT + 1_000, True)
    verdict.happened(2, AT + 1_500, "passed")
    verdict.meddled(AT + 1_600, False)
    verdict.reported(AT + 1_600, "jump", 80, 1, 1)
    assert results(verdict) == ["missed", "by_hand"]
    for n in range(5 * KEPT):
        verdict.happened(10 + n, AT + 60_000 + 1_000 * n, "passed")
    assert results(verdict) == ["missed", "by_hand"]


def test_the_page_says_how_near_is_near() -> None:
    text = (ROOT / "gateway" / "web" / "static" / "account.js").read_text(encoding="utf-8")
    assert f"paired by time, within {NEAR_MS / 1000:g} s" in text


def test_near_is_near_to_the_millisecond() -> None:
    for off_ms, expected in ((NEAR_MS, ["caught"]), (NEAR_MS + 1, ["missed", "accused_wrongly"])):
        verdict = Verdict(AT)
        verdict.happened(1, AT, "jumped")
        verdict.reported(AT + off_ms, "jump", 80, 1, 1)
        assert results(verdict) == expected


def test_a_record_about_somebody_honest_accuses_wrongly() -> None:
    verdict = Verdict(AT)
    verdict.happened(1, AT, "passed")
    verdict.reported(AT + 10, "tailgate", 80, 1, 1)
    counts = verdict.counts(LATER)
    assert (counts["passages"], counts["evasions"], counts["accused_wrongly"]) == (1, 0, 1)


def test_an_accusation_stands_beside_the_honest_rider_it_is_about() -> None:
    verdict = Verdict(AT)
    verdict.happened(1, AT - NEAR_MS - 1, "passed", "adult", 0)
    verdict.happened(2, AT, "passed", "pram", 1)
    verdict.happened(3, AT + 900, "passed", "adult", 0)
    verdict.reported(AT + 100, "tailgate", 95, 1, 1)
    (match,) = verdict.told(LATER)["matches"]
    assert match["result"] == "accused_wrongly"
    assert match["truth"] == {"at": AT, "n": 2, "what": "passed", "figure": "pram", "hand": 1}
    assert verdict.counts(LATER)["evasions"] == 0


def test_the_rider_whom_it_is_about_stays_beside_an_accusation() -> None:
    verdict = Verdict(AT)
    verdict.happened(0, AT, "passed", "pram", 1)
    verdict.reported(AT + 100, "tailgate", 95, 1, 1)
    for n in range(1, 5 * KEPT):
        verdict.happened(n, AT + n * 10_000, "passed", "adult", 0)
    (match,) = verdict.told(AT + 10**9)["matches"]
    assert match["truth"]["figure"] == "pram"
    assert len(verdict._honest) <= 2 * KEPT


def test_with_hands_in_the_lane_it_accuses_nobody() -> None:
    verdict = Verdict(AT)
    verdict.meddled(AT, True)
    verdict.meddled(AT + 100, True)
    verdict.reported(AT + 500, "forced", 80, 1, 1)
    verdict.meddled(AT + 1_000, False)
    verdict.reported(AT + 1_000 + HANDS_MS, "forced", 80, 1, 2)
    verdict.reported(AT + 1_001 + HANDS_MS, "forced", 80, 1, 3)
    assert results(verdict) == ["by_hand", "by_hand", "accused_wrongly"]


def test_what_is_counted_for_good_stays_counted_and_memory_is_bounded() -> None:
    verdict = Verdict(AT)
    for n in range(3 * KEPT):
        verdict.happened(n, AT + n * 60_000, "jumped")
        if n % 3:
            verdict.reported(AT + n * 60_000 + 100, "jump", 80, 1, n)
    now_ms = AT + 4 * KEPT * 60_000
    counts = verdict.counts(now_ms)
    assert (counts["evasions"], counts["caught"], counts["missed"]) == (3 * KEPT, 2 * KEPT, KEPT)
    assert len(verdict.matches(now_ms)) <= 2 * KEPT
    assert len(verdict.told(now_ms)["matches"]) == 32


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("did"), st.integers(0, 60_000), st.sampled_from(["passed", "turned_back", *FITTING])),
        st.tuples(
            st.just("said"),
            st.integers(0, 60_000),
            st.sampled_from(["tailgate", "reverse", "forced", "jump", "crawl", "passback"]),
        ),
    ),
    max_size=60,
)


def fed(items: list[tuple[int, tuple[str, int, str]]]) -> Verdict:
    verdict = Verdict(AT)
    for n, (kind, ms, what) in items:
        if kind == "did":
            verdict.happened(n, AT + ms, what)
        else:
            verdict.reported(AT + ms, what, 50, 1, n)
    return verdict


@given(happenings, st.randoms(use_true_random=False))
def test_sums_hold_in_every_order(items: list[tuple[str, int, str]], random: object) -> None:
    numbered = list(enumerate(items))
    shuffled = list(numbered)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    verdict = fed(numbered)
    counts = verdict.counts(LATER)
    assert counts == fed(shuffled).counts(LATER)
    assert counts["evasions"] == sum(kind == "did" and what in FITTING for kind, _, what in items)
    said = sum(kind == "said" for kind, _, _ in items)
    assert counts["caught"] + counts["misnamed"] + counts["accused_wrongly"] == said
    assert counts["passages"] == sum(kind == "did" and what == "passed" for kind, _, what in items)
    assert counts["open"] == 0
