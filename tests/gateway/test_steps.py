"""The first steps: done is what has happened, and commands are of the very gateway that shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.admission.rules import SiteClass
from gateway.live.lane import Lane
from gateway.protocol.records import Health
from gateway.results.card import Scorecard
from gateway.results.folder import Run
from gateway.web import steps
from gateway.web.steps import Done
from simulator import demo_study
from tests.support import ROOT

TOLD = Health(1, 1, 50_000, 5, 0, 0)
BROKER = ("127.0.0.1", 1883)
DATA = ROOT / "gateline-data"


def gate(name: str, site_class: SiteClass, **members: object) -> Lane:
    lane = Lane("north", name, site_class)
    for member, value in members.items():
        setattr(lane, member, value)
    return lane


def run(name: str, scenario: str = "") -> Run:
    return Run(name, 0, Scorecard.model_construct(scenario=scenario or name))


def test_what_was_added_and_never_heard_is_not_done() -> None:
    gates = [gate("gate-1", "emulated"), gate("door-1", "physical", link="lost")]
    assert steps.done(gates, set(), []) == Done()
    assert steps.done(gates, {"another"}, []) == Done()


@pytest.mark.parametrize(
    "members", [{"boot": 1, "link": "online"}, {"boot": 1, "link": "lost"}, {"health": Health(1, 1, 1, 1, 0, 0)}]
)
def test_a_gate_that_spoke_is_done_and_stays_so(members: dict[str, object]) -> None:
    assert steps.done([gate("gate-1", "emulated", **members)], set(), []) == Done(demo=True)
    assert steps.done([gate("door-1", "physical", **members)], set(), []) == Done(board=True)


def test_a_record_or_a_scene_tells_of_a_gate_too() -> None:
    gates = [gate("gate-1", "emulated"), gate("door-1", "physical")]
    assert steps.done(gates, {"door-1"}, []) == Done(board=True)
    assert steps.done(gates, {"gate-1", "door-1"}, []) == Done(demo=True, board=True)
    assert steps.done([gate("gate-1", "emulated", scene=object())], set(), []) == Done(demo=True)


def test_the_demos_own_runs_are_nobodys() -> None:
    study = [run(file.stem) for file in demo_study._SCENARIOS.glob("*.toml")]
    assert {one.name for one in study} == steps.DEMO_STUDY
    assert steps.done([], set(), study) == Done()
    assert steps.done([], set(), [*study, Run("broken", 0, None, "it is no ordinary file")]) == Done()
    for own in (run("suitcases"), run("beams-at-the-hip", "mine"), run("mine", "beams-at-the-hip")):
        assert steps.done([], set(), [*study, own]) == Done(scenario=True)


def test_names_that_are_proposed_are_free() -> None:
    told = steps.add_board(DATA, BROKER, [], [])
    named = "gateline device add gate-1 --site my-station --site-class physical"
    assert told == f"{named} --data gateline-data --broker 127.0.0.1:1883"
    told = steps.add_board(DATA, BROKER, {"gate-1", "gate-2", "gate-4"}, {"my-station"})
    assert "device add gate-3 --site my-station-2 " in told
    told, *others = steps.run_scenario(DATA, ROOT / "my-runs", {"suitcases", "suitcases-2"})
    assert told.endswith(" --out my-runs/suitcases-3") and others == []


def test_a_gateway_that_reads_runs_is_not_to_be_started_anew(tmp_path: Path) -> None:
    assert steps.run_scenario(DATA, tmp_path, set()) == (
        f"gateline simulate {steps.SCENARIO} --out {tmp_path}/suitcases",
    )
    simulate, anew = steps.run_scenario(DATA, None, set())
    assert simulate.endswith(" --out runs/suitcases")
    assert anew == "gateline gateway run --data gateline-data --runs runs"
    assert (ROOT / steps.SCENARIO).is_file()


def test_folders_are_right_in_the_folder_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = steps.add_board(ROOT / "demo-data" / "a run" / "gateway", BROKER, [], [])
    assert " --data 'demo-data/a run/gateway' " in inside
    monkeypatch.chdir(tmp_path)
    assert f" --data {tmp_path}/gateline-data " in steps.add_board(Path(DATA.name), BROKER, [], [])
