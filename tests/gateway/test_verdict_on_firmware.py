"""The live verdict beside the study's join, on what real firmware decides about real evenings.

The join knows who was where between the beams; the live verdict knows times only. They must come to the same.
"""

from collections import Counter

import pytest

from gateway.live.verdict import Verdict
from simulator.study.join import FALSE, PHANTOM, REPEATED, TRUE, join
from simulator.study.rows import Crossing
from simulator.study.rows import Verdict as Decided
from simulator.study.run import Sinks, StationRun
from tests.simulator import transcripts

LONG_AFTER_MS = 10**9


def both(scenario: str) -> tuple[Counter[str], Counter[str]]:
    """What the live verdict counts in a scenario's stretch, and what the join does; `flattered` are those that are
    caught live by a record that was about somebody else."""
    crossings: list[Crossing] = []
    decided: list[Decided] = []
    spec = transcripts.spec(scenario)
    for station in spec.stations:
        StationRun(spec, station, Sinks(crossings.append, decided.append, lambda edge: None)).run()
    told = [one for one in decided if one.told_as == "irregular"]
    live: Counter[str] = Counter()
    right = {(row.station, row.lane, row.at_ms, row.what) for row in join(crossings, decided) if row.match == TRUE}
    for place in {(one.station, one.lane) for one in crossings}:
        verdict = Verdict(since_ms=0)
        for n, crossing in enumerate(crossings):
            if (crossing.station, crossing.lane) == place and crossing.left_ms >= 0:
                verdict.happened(n, crossing.left_ms, crossing.outcome)
        for seq, one in enumerate(told):
            if (one.station, one.lane) == place:
                verdict.reported(one.at_ms, one.what, max(0, one.confidence), 1, seq)
        live.update(verdict.counts(LONG_AFTER_MS))
        live["flattered"] += sum(
            match.result in ("caught", "misnamed")
            and match.report is not None
            and (*place, match.report.at, match.report.what) not in right
            for match in verdict.matches(LONG_AFTER_MS)
        )
    study = Counter(row.match for row in join(crossings, decided))
    return live, Counter(caught=study[TRUE], wrong=study[FALSE] + study[PHANTOM] + study[REPEATED])


@pytest.mark.parametrize(("scenario", "some"), [("evasion-wave", 30), ("stadium-egress", 60), ("five-foot-gates", 10)])
def test_live_and_study_agree(scenario: str, some: int) -> None:
    live, study = both(scenario)
    assert study["caught"] >= some
    assert live["caught"] + live["misnamed"] == study["caught"]
    assert live["accused_wrongly"] == study["wrong"]
    assert live["flattered"] == 0


def test_where_every_kind_of_lane_is_the_live_verdict_never_flatters_the_gate() -> None:
    """Lanes of one beam or without an arm decide seconds late at times: a few right records count against them."""
    live, study = both("everything")
    caught = live["caught"] + live["misnamed"]
    assert study["caught"] > 200
    assert 0.95 * study["caught"] <= caught <= study["caught"]
    assert live["flattered"] <= 1, "of some 260; by time alone, whoever was near, it was three"
    assert caught + live["accused_wrongly"] == study["caught"] + study["wrong"]
