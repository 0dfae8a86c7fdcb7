"""Whole runs: the same seed gives the same bytes on any number of processes; lanes are apart; nothing is lost."""

import gc
import hashlib
import multiprocessing
import pickle
from collections import Counter
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import UserError
from simulator.plant import makes
from simulator.scenario.build import build
from simulator.scenario.load import parse
from simulator.study import execute as execute_module
from simulator.study import join, parquet
from simulator.study.execute import Options, execute, execute_all, seeds, write_json
from simulator.study.rows import Crossing, Edge, Verdict
from simulator.study.run import Sinks, StationRun
from simulator.study.scorecard import Scorecard
from simulator.study.spec import Spec
from simulator.world import behaviours as b
from tests.simulator import transcripts
from tests.support import wait_until


def files(folder: Path) -> dict[str, str]:
    """The hash of each file of a run."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def run_to(folder: Path, spec: Spec, **options: Any) -> dict[str, str]:
    folder.mkdir()
    execute(spec, Options(**options), folder=folder)
    return files(folder)


def rows_of(spec: Spec) -> tuple[list[Crossing], list[Verdict], list[Edge]]:
    crossings: list[Crossing] = []
    verdicts: list[Verdict] = []
    edges: list[Edge] = []
    for station in spec.stations:
        StationRun(spec, station, Sinks(crossings.append, verdicts.append, edges.append)).run()
    return crossings, verdicts, edges


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    spec = transcripts.spec("everything")
    first = run_to(tmp_path / "first", spec)
    assert list(first) == sorted(f"{table}.parquet" for table in parquet.SCHEMAS)
    assert run_to(tmp_path / "again", spec) == first
    other = run_to(tmp_path / "other", replace(spec, seed=spec.seed + 1))
    # Where things are is the scenario's business, not chance's.
    assert {name for name in first if other[name] == first[name]} == {"layout.parquet"}


def test_without_edges_the_rest_is_the_same(tmp_path: Path) -> None:
    spec = transcripts.spec("evening-peak")
    whole, without = run_to(tmp_path / "whole", spec), run_to(tmp_path / "without", spec, edges=False)
    assert whole.pop("edges.parquet") and whole == without


@pytest.mark.parametrize("workers", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_any_number_of_processes_gives_the_same_bytes(workers: int, tmp_path: Path) -> None:
    spec = transcripts.spec("whole-metro-day")
    assert len(spec.stations) == transcripts.METRO_STATIONS
    told: list[float] = []
    alone = execute(spec, Options(transcript=True), progress=told.append)
    shared = execute(spec, Options(transcript=True, workers=workers))
    assert shared == alone and len(shared.digests) == sum(len(station.lanes) for station in spec.stations)
    assert told == sorted(told) and told[-1] == 1.0
    assert run_to(tmp_path / "alone", spec) == run_to(tmp_path / "shared", spec, workers=workers)


def test_stations_have_riders_of_their_own() -> None:
    """Were they the same ones, a whole metro would be no more evidence than its largest station."""
    crossings, _, _ = rows_of(transcripts.spec("whole-metro-day"))
    by_station: dict[str, list[tuple[str, bool | None, str]]] = {}
    for one in sorted(crossings, key=lambda one: one.rider):
        by_station.setdefault(one.station, []).append((one.rider_kind, one.consent, one.behaviour))
    first, second, *_ = (rows[:40] for rows in by_station.values())
    assert len(first) == 40 and first != second


def test_files_hold_all_that_happened(tmp_path: Path) -> None:
    spec = transcripts.spec("trouble")
    crossings, verdicts, edges = rows_of(spec)
    run_to(tmp_path / "run", spec)
    found = {table: list(parquet.read(tmp_path / "run", table)) for table in parquet.SCHEMAS}
    assert found[parquet.TRUTH] == [row._asdict() for row in crossings]
    assert found[parquet.RECORDS] == [row._asdict() for row in verdicts]
    assert found[parquet.EDGES] == [row._asdict() for row in edges]
    assert found[parquet.JOINED] == [row._asdict() for row in join.join(crossings, verdicts)]
    said = Counter((row["lane"], row["what"], row["at_ms"]) for row in found[parquet.JOINED] if row["what"])
    assert said == Counter((one.lane, one.what, one.at_ms) for one in verdicts)
    own = [row["rider"] for row in found[parquet.JOINED] if row["match"] in ("agreed", "true", "missed", "unseen")]
    assert sorted(own) == sorted(one.rider for one in crossings), "every rider once"


@pytest.mark.parametrize("name", ["everything", "trouble", "evening-peak", "stadium-egress"])
def test_every_rider_who_came_has_one_row_of_truth(name: str) -> None:
    spec = transcripts.spec(name)
    result = execute(spec)
    crossings, _, _ = rows_of(spec)
    assert result.riders == len(crossings) == result.tally.crossings == len({one.rider for one in crossings})
    for one in crossings:
        assert one.outcome in b.OUTCOMES and one.honest == (one.outcome not in b.EVASIONS)
        if one.entered_ms >= 0:
            assert one.arrived_ms <= one.entered_ms <= one.all_left_ms
            # Who was shut out halfway and has had enough left by no side at any one moment.
            assert one.entered_ms <= one.left_ms or (one.left_ms, one.outcome) == (-1, b.GAVE_UP)


def test_edges_alternate_beam_by_beam() -> None:
    _, _, edges = rows_of(transcripts.spec("evening-peak"))
    state: dict[tuple[str, int], int] = {}
    for edge in edges:
        assert state.get((edge.lane, edge.beam), 0) != edge.blocked
        state[edge.lane, edge.beam] = edge.blocked
    assert not any(state.values()), "all have gone"


LANES = """
[scenario]
name = "lanes"
duration_min = 15
[demand]
entries_per_h = 900
[population]
suitcase = 0.2
[behaviour.jump_over]
share = 0.05
[behaviour.tailgate_covert]
share = 0.05
[behaviour.wrong_side]
share = 0.05
[[lane]]
name = "shared"
count = 2
[[lane]]
name = "own"
entries_per_h = 600
arm = "tripod"
[lane.noise]
dust_per_h = 100
[lane.reader]
misread = 0.1
"""

ONE_MORE = """
[[lane]]
name = "a-new-one"
entries_per_h = 800
detector = "single"
[lane.noise]
dust_per_h = 100
"""


def test_a_lane_more_with_riders_of_its_own_disturbs_no_other_lane() -> None:
    def by_lane(text: str) -> dict[str, list[tuple[Any, ...]]]:
        found: dict[str, list[tuple[Any, ...]]] = {}
        for rows in rows_of(build(parse(text, Path("x.toml")), Path())):
            for row in rows:
                found.setdefault(f"{row.lane} {type(row).__name__}", []).append(tuple(row))
        return found

    before, after = by_lane(LANES), by_lane(LANES + ONE_MORE)
    assert set(after) - set(before) == {"a-new-one Crossing", "a-new-one Verdict", "a-new-one Edge"}
    assert {name: after[name] for name in before} == before
    assert all(len(rows) > 50 for rows in after.values())
    ahead = by_lane(LANES.replace('[[lane]]\nname = "shared"', ONE_MORE + '[[lane]]\nname = "shared"'))
    assert {name: ahead[name] for name in before} == before, "wherever it stands in the file"


def test_seeds_follow_one_another() -> None:
    assert list(seeds(5, 3)) == [5, 6, 7]


def test_runs_with_several_seeds_give_intervals_of_their_scatter() -> None:
    spec = build(parse(LANES, Path("x.toml")), Path())
    card = Scorecard(tuple(execute(replace(spec, seed=seed)).tally for seed in seeds(1, 3)))
    values = [run.evaders.total() / run.through.total() for run in card.runs]
    assert len(set(values)) == 3
    figure = card.evasion_rate()
    assert figure.value == pytest.approx(sum(values) / 3) and figure.interval is not None
    assert figure.interval[0] < min(values) and max(values) < figure.interval[1]


def test_a_paced_run_is_of_one_station() -> None:
    with pytest.raises(UserError, match="A paced run is of one station; whole-metro-day has 3"):
        execute(transcripts.spec("whole-metro-day"), Options(speed=1.0))


def test_a_run_that_fails_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise UserError("There is no room left.")

    monkeypatch.setattr(parquet, "merge", broken)
    with pytest.raises(UserError, match="no room"):
        execute(transcripts.spec("quiet-night"), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_small_result_is_whole_or_not_there(tmp_path: Path) -> None:
    write_json(tmp_path / "scorecard.json", {"a": "é"})
    assert (tmp_path / "scorecard.json").read_text(encoding="utf-8") == '{\n  "a": "é"\n}\n'
    with pytest.raises(TypeError):
        write_json(tmp_path / "scorecard.json", {"a": object()})
    assert [file.name for file in tmp_path.iterdir()] == ["scorecard.json"]


def test_a_process_that_was_killed_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    monkeypatch.setattr(execute_module, "wait", killed)
    before = set(multiprocessing.active_children())
    with pytest.raises(UserError, match=r"ended from outside, perhaps for want of memory. .* \(--workers\)"):
        execute(transcripts.spec("whole-metro-day"), Options(workers=2))
    wait_until(lambda: set(multiprocessing.active_children()) <= before, "its processes have ended")


@pytest.mark.parametrize("name", ["everything", "trouble", "stadium-egress"])
def test_a_run_makes_no_cycles_of_objects(name: str) -> None:
    spec = transcripts.spec(name)
    run = StationRun(spec, spec.stations[0], Sinks())
    steps = run.steps()
    next(steps)
    gc.collect()
    gc.disable()  # as runs have it: what is in a cycle stays in memory
    try:
        before = run.station.riders_sent
        for _ in range(3):
            next(steps)
        assert run.station.riders_sent > before
        assert gc.collect() == 0
    finally:
        gc.enable()
        run.close()


OWN_ARMS = """
[scenario]
name = "arms"
duration_min = 6
[demand]
entries_per_h = 1500
[behaviour.tailgate_covert]
share = 0.1
[behaviour.force]
share = 0.05
"""


@pytest.mark.parametrize("make", sorted(makes.KINDS))
def test_a_make_is_itself_in_another_process_and_as_a_make_of_ones_own(make: str) -> None:
    def spec_of(arm: str, extra: str = "") -> Spec:
        text = f'{OWN_ARMS}[[lane]]\nname = "a"\narm = "{arm}"\n{extra}'
        return build(parse(text, Path("arms.toml")), Path())

    known = execute(spec_of(make), Options(transcript=True))
    assert known.tally.through.total() > 50
    sent = pickle.loads(pickle.dumps(spec_of(make)))
    assert execute(sent, Options(transcript=True)) == known
    own = spec_of("mine", f'[arm.mine]\nkind = "{make}"\n')
    assert execute(own, Options(transcript=True)) == known


def test_an_open_lane_comes_to_the_same_on_any_number_of_processes() -> None:
    text = f'{OWN_ARMS}[[lane]]\nname = "a"\narm = "none"\n'
    runs = [(build(parse(text, Path("arms.toml")), Path(), seed), None) for seed in (1, 2, 3)]
    assert execute_all(runs, Options(transcript=True, workers=2)) == execute_all(runs, Options(transcript=True))
