"""Paced runs: virtual time at the pace of a clock that the test turns, loud when late, and the outcome as ever."""

import re

import pytest

from simulator.errors import UserError
from simulator.study.paced import LATE_MAX_MS, TooLate, paced_steps
from simulator.study.rows import Crossing
from simulator.study.run import Sinks, StationRun
from tests.simulator import transcripts


class Clock:
    """Real time that passes only in sleep, and by `work_s` whenever it is looked at."""

    def __init__(self, work_s: float = 0.0) -> None:
        self.now_s = 1_000.0
        self.slept: list[float] = []
        self._work_s = work_s

    def __call__(self) -> float:
        self.now_s += self._work_s
        return self.now_s

    def sleep(self, for_s: float) -> None:
        assert 0 < for_s <= 0.5, "naps are short, so that Ctrl-C is heard"
        self.slept.append(for_s)
        self.now_s += for_s


def run_of(name: str = "quiet-night") -> tuple[StationRun, list[Crossing]]:
    spec = transcripts.spec(name)
    crossings: list[Crossing] = []
    return StationRun(spec, spec.stations[0], Sinks(crossings.append), transcript=True), crossings


@pytest.mark.parametrize(("speed", "factor"), [(1.0, 1.0), (10.0, 0.1), (0.5, 2.0)])
def test_virtual_time_passes_with_real_time(speed: float, factor: float) -> None:
    clock = Clock()
    run, _ = run_of()
    reached = list(paced_steps(run, speed, clock=clock, sleep=clock.sleep))
    run.close()
    assert sum(clock.slept) == pytest.approx(reached[-1] / 1000 * factor, rel=1e-3)
    assert reached[-1] >= run.spec.duration_ms and reached[:2] == [60_000, 120_000]


def test_the_outcome_is_that_of_a_run_without_a_pace() -> None:
    clock = Clock(work_s=1e-6)
    paced, paced_crossings = run_of("everything")
    for _ in paced_steps(paced, 1000.0, clock=clock, sleep=clock.sleep):
        pass
    paced.close()
    plain, plain_crossings = run_of("everything")
    plain.run()
    assert paced_crossings == plain_crossings and len(plain_crossings) > 1_000
    assert paced.digests() == plain.digests()


def test_a_run_that_is_late_fails_and_says_by_how_much() -> None:
    clock = Clock()
    run, _ = run_of()
    steps = paced_steps(run, 1.0, clock=clock, sleep=clock.sleep)
    assert next(steps) == 60_000
    clock.now_s += 60 + LATE_MAX_MS / 1000  # the machine was busy with something else
    with pytest.raises(TooLate) as late:
        for _ in steps:
            pass
    run.close()
    said = re.fullmatch(
        r"This machine can't keep the pace: at ([\d.]+) s of virtual time the run was (\d+) ms late "
        rf"\({LATE_MAX_MS} ms are allowed\)\. Run it slower \(--speed\), with fewer lanes, or unpaced\.",
        str(late.value),
    )
    assert said is not None
    at_s, late_ms = float(said[1]), int(said[2])
    assert 60 < at_s < 120 and late_ms == pytest.approx((120 - at_s) * 1000 + LATE_MAX_MS, abs=60)
    assert isinstance(late.value, UserError), "the command line says it and ends with 2"


def test_a_little_late_is_made_up_for() -> None:
    clock = Clock()
    run, _ = run_of()
    started_s = clock.now_s
    for reached_ms in paced_steps(run, 60.0, clock=clock, sleep=clock.sleep):
        clock.now_s += LATE_MAX_MS / 1000 - 0.001
        if reached_ms >= 600_000:
            break
    run.close()
    assert clock.now_s - started_s == pytest.approx(10 + LATE_MAX_MS / 1000, abs=0.01)


def test_speeds_are_above_nothing() -> None:
    run, _ = run_of()
    with pytest.raises(ValueError, match="above 0"):
        paced_steps(run, 0.0)
    run.close()
