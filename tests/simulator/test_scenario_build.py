"""From a scenario to a run: geometry, arms, settings, demand, faults; and that every shipped scenario runs."""

from math import ceil
from pathlib import Path

import pytest

from firmware import config
from simulator.plant import faults
from simulator.plant.faults import Fault, Rate
from simulator.plant.geometry import Beam
from simulator.plant.makes import FLAP, PADDLE
from simulator.scenario.build import build
from simulator.scenario.load import load, parse
from simulator.scenario.models import Scenario
from simulator.study.execute import execute
from simulator.study.rows import Crossing
from simulator.study.run import Sinks, StationRun
from simulator.study.scorecard import Scorecard
from simulator.study.spec import LaneSpec, Spec
from simulator.world.demand import ENTRY, EXIT
from tests.simulator import transcripts
from tests.simulator.transcripts import SCENARIOS, SHIPPED

HEAD = '[scenario]\nname = "x"\nduration_min = 30\n'


def scenario(text: str) -> Scenario:
    return parse(HEAD + text, Path("x.toml"))


def spec(text: str) -> Spec:
    return build(scenario(text), Path())


def lane(text: str) -> LaneSpec:
    flow = "exits" if 'way = "exit"' in text else "entries"
    return spec(f'[demand]\n{flow}_per_h = 60\n[[lane]]\nname = "a"\n{text}').stations[0].lanes[0]


def test_a_row_of_beams_and_beams_one_by_one_are_the_same() -> None:
    row = lane("beam_count = 3\nbeam_gap_m = 0.25\nbeam_z_m = 0.6\n")
    assert row == lane("beams = [{ x_m = 0, z_m = 0.6 }, { x_m = 0.25, z_m = 0.6 }, { x_m = 0.50, z_m = 0.6 }]\n")
    assert row.geometry.beams == (Beam(0, 600), Beam(250, 600), Beam(500, 600))
    assert row.geometry.arm_mm == 250, "in the middle"
    assert row.geometry.queue_mm < row.geometry.stand_mm < 0 < row.geometry.last_mm < row.geometry.away_mm


@pytest.mark.parametrize(("text", "arm_mm"), [("", 225), ("arm_x_m = 0.0", 0), ("arm_x_m = 1.2", 1200)])
def test_the_arm_of_a_lane_with_one_beam_is_behind_it_unless_placed(text: str, arm_mm: int) -> None:
    geometry = lane(f'detector = "single"\n{text}\n').geometry
    assert (len(geometry.beams), geometry.arm_mm) == (1, arm_mm)
    assert geometry.away_mm > max(arm_mm, 0)


def test_an_arm_of_ones_own_is_its_kind_with_changes() -> None:
    own = '[arm.own]\nkind = "flap"\nheight_m = 1.52\nclearance_m = 0.15\nholding_force_n = 500\nopening_ms = 900\n'
    found = spec(f'{own}[[lane]]\nname = "a"\narm = "own"\n[[lane]]\nname = "b"\n').stations[0].lanes
    arm = found[0].arm
    assert (arm.height_mm, arm.clearance_mm, arm.holding_force_n, arm.opening_ms) == (1520, 150, 500, 900)
    assert (arm.name, arm.closing_ms, arm.safety) == (FLAP.name, FLAP.closing_ms, FLAP.safety)
    assert found[1].arm is PADDLE


def test_the_firmware_takes_the_settings_of_every_lane() -> None:
    for name in (*SHIPPED, *transcripts.MADE):
        made = transcripts.spec(name)
        for station in made.stations:
            for one in station.lanes:
                settings = config.Settings(one.settings(made.report))
                assert (settings.device, settings.detector) == (one.name, one.detector)


def test_a_lanes_options_reach_its_device_and_its_plant() -> None:
    one = lane(
        'way = "exit"\nrelease_s = 2.5\nrefuse_s = 0.5\n[lane.noise]\ndebounce_ms = 7\nmisalignment_mm = -5\n'
        "[lane.reader]\nmisread = 0.25\n"
    )
    assert (one.way, one.release_ms, one.refuse_ms) == ("exit", 2500, 500)
    assert one.settings({})["lane"]["release_ms"] == 2500
    noise = one.plant_options["noise"]
    assert (noise.debounce_ms, noise.misalignment_mm, one.plant_options["misread"]) == (7, -5, 0.25)


def test_a_reader_that_reads_far_stops_riders_early_and_a_slow_one_holds_them() -> None:
    def first_tap(reader: str) -> tuple[int, int]:
        rows: list[Crossing] = []
        made = spec(f'[demand]\nentries_per_h = 120\n[[lane]]\nname = "a"\n[lane.reader]\n{reader}')
        StationRun(made, made.stations[0], Sinks(rows.append)).run()
        return rows[0].reader_ms - rows[0].arrived_ms, rows[0].tapped_ms - rows[0].reader_ms

    usual, far, slow = first_tap(""), first_tap("range_m = 1.5\n"), first_tap("delay_ms = 700\n")
    assert lane("").geometry.stand_mm == -300 and lane("[lane.reader]\nrange_m = 1.5\n").geometry.stand_mm == -1700
    assert far == usual, "the way to the reader is as long as before, and so is the tap"
    assert slow == (usual[0], usual[1] + 700)


def test_faults_go_to_the_lanes_they_name_and_rates_to_all() -> None:
    found = spec(
        '[[lane]]\nname = "a"\ncount = 2\n'
        '[[fault]]\nat_min = 1.5\nfor_min = 0.5\nwhat = "beam_stuck_off"\nlane = "a-2"\nbeam = 3\n'
        '[[fault_rate]]\nwhat = "reader_dead"\nmtbf_h = 5\nrepair_min = 10\n'
        '[[fault_rate]]\nwhat = "arm_jammed"\nmtbf_h = 50\nlane = "a-1"\n'
        '[[event]]\nat_min = 2\nwhat = "fire"\nfor_s = 90\n'
    )
    first, second = (one.plant_options["breaks"] for one in found.stations[0].lanes)
    assert first.script == () and first.rates == (Rate(faults.READER_DEAD, 5, 10), Rate(faults.ARM_JAMMED, 50, 30))
    assert second.script == (Fault(90_000, 30_000, faults.BEAM_STUCK_OFF, 3),)
    assert second.rates == (Rate(faults.READER_DEAD, 5, 10),)
    assert found.fires == ((120_000, 90_000),)
    assert lane("").plant_options["breaks"] is None


def test_the_clock_begins_at_the_day_and_hour_named() -> None:
    made = spec('[demand]\ndate = "2025-08-13"\n[[lane]]\nname = "a"\n')
    assert made.epoch_start_ms == 1_755_043_200_000 + 18 * 3_600_000
    assert made.duration_ms == 1_800_000
    assert build(scenario('[[lane]]\nname = "a"\n'), Path(), seed=99).seed == 99


def test_real_counts_come_quarter_by_quarter_from_the_hour_named() -> None:
    demand = spec('[[lane]]\nname = "a"\n').stations[0].demand
    assert demand is not None
    hour = sum(demand.per_minute(ENTRY, quarter * 900_000) * 15 for quarter in range(4))
    assert hour == pytest.approx(2_819) and demand.per_minute(ENTRY, 0) != demand.per_minute(ENTRY, 900_000)


def test_counts_of_a_file_are_those_riders(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "station,date,hour,minute,entries,exits\nHill,2026-01-02,18,0,60,15\nHill,2026-01-02,18,15,120,30\n"
    )
    text = '[demand]\nfile = "c.csv"\nstation = "Hill"\ndate = "2026-01-02"\nscale = 0.5\n[[lane]]\nname = "a"\n'
    demand = build(parse(HEAD + text, tmp_path / "x.toml"), tmp_path).stations[0].demand
    assert demand is not None
    flows = [demand.per_minute(way, at_ms) for way in (ENTRY, EXIT) for at_ms in (0, 900_000, 1_800_000)]
    assert flows == [2.0, 4.0, 0.0, 0.5, 1.0, 0.0]


def test_lanes_with_riders_of_their_own_have_a_demand_each() -> None:
    station = spec(
        '[demand]\nentries_per_h = 0\n[[lane]]\nname = "a"\ncount = 2\nentries_per_h = 60\n'
        '[[lane]]\nname = "b"\nway = "exit"\nexits_per_h = 30\n[[lane]]\nname = "c"\n'
    ).stations[0]
    assert {
        name: demand.per_minute(ENTRY) + demand.per_minute(EXIT) for name, demand in station.own_demand.items()
    } == {
        "a-1": 1.0,
        "a-2": 1.0,
        "b": 0.5,
    }


def test_a_whole_network_has_as_many_lanes_of_each_way_as_its_busiest_quarter_hour_needs() -> None:
    made = build(load(SCENARIOS / "whole-metro-day.toml"), SCENARIOS)
    assert len(made.stations) == 83 and len({station.name for station in made.stations}) == 83
    for station in made.stations:
        assert station.demand is not None
        for way in (ENTRY, EXIT):
            busiest = max(station.demand.per_minute(way, quarter * 900_000) for quarter in range(96))
            lanes = sum(one.way == way for one in station.lanes)
            assert lanes == max(1, ceil(busiest / 15)), f"{station.name}, {way}"


def test_a_network_of_ones_own_is_the_stations_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "station,date,hour,entries,exits\nHill,2026-01-02,18,1200,0\nDale,2026-01-02,18,60,60\nDale,2026-01-03,18,9,9\n"
    )
    text = '[demand]\nfile = "c.csv"\nstation = "all"\ndate = "2026-01-02"\n[[lane]]\nname = "gate"\n'
    made = build(parse(HEAD + text, tmp_path / "x.toml"), tmp_path)
    assert {station.name: [one.name for one in station.lanes] for station in made.stations} == {
        "Dale": ["entry-1", "exit-1"],
        "Hill": ["entry-1", "entry-2"],
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_a_stretch_of_every_shipped_scenario_runs_and_is_rated(name: str) -> None:
    made = transcripts.spec(name)
    result = execute(made)
    assert result.riders > 20 and result.turned_away == 0
    card = Scorecard((result.tally,))
    assert card.conclusion().startswith("To 10,000 honest passages ")
    assert card.total.matches.total() >= result.riders


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "whole-metro-day"])
def test_every_shipped_scenario_runs_in_full(name: str) -> None:
    made = build(load(SCENARIOS / f"{name}.toml"), SCENARIOS)
    result = execute(made)
    card = Scorecard((result.tally,))
    assert result.riders == result.tally.crossings, "nobody is left over when it ends"
    assert card.total.evaders.total() > 0 and card.false_accusations().value is not None
