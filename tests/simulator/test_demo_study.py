"""The study beside the demo: makes its runs once, yields to everybody, keeps what is not its own, ends when told."""

import json
import os
from pathlib import Path

import pytest

from simulator import demo_study
from simulator.demo_study import MAKING, VERSION, DemoStudy, study, version
from tests.support import wait_until

HIP, KNEE = "beams-at-the-hip", "beams-at-the-knee"


def test_it_makes_its_runs_once_and_again_for_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def simulate(file: Path, *, out: Path, workers: int, as_json: bool) -> None:
        made.append(file.stem)
        out.mkdir(parents=True)
        (out / "scorecard.json").write_text("{}")

    monkeypatch.setattr("simulator.scenario.commands.simulate", simulate)
    (tmp_path / MAKING / HIP).mkdir(parents=True)  # of a study that was ended
    study(tmp_path)
    assert made == [HIP, KNEE] and not (tmp_path / MAKING).exists()
    study(tmp_path)
    assert made == [HIP, KNEE]
    (tmp_path / HIP / VERSION).write_text("older")
    study(tmp_path)
    assert made == [HIP, KNEE, HIP] and (tmp_path / HIP / VERSION).read_text() != "older"


def test_a_run_of_that_name_that_is_not_its_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.scenario.commands.simulate", lambda *_, **__: pytest.fail("nothing is to be run"))
    for name in (HIP, KNEE):
        (tmp_path / name).mkdir()
        (tmp_path / name / "scorecard.json").write_text("mine")
    study(tmp_path)
    assert (tmp_path / HIP / "scorecard.json").read_text() == "mine"


def test_the_version_is_of_scenario_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("firmware", "simulator"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.py").write_text("1")
    monkeypatch.setattr(demo_study, "_ROOT", tmp_path)
    scenario = tmp_path / "one.toml"
    scenario.write_text("a")
    first = version(scenario)
    (tmp_path / "firmware" / "a.py").write_text("2")
    second = version(scenario)
    scenario.write_text("b")
    assert len({first, second, version(scenario)}) == 3


@pytest.mark.slow
def test_the_process_steps_back_shows_the_bias_and_ends_when_told(tmp_path: Path) -> None:
    beside = DemoStudy(tmp_path / "runs")
    beside.start()
    process = beside.process
    assert process is not None
    pid, ended = process.pid, process.poll
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == 19, "it has stepped back")
    wait_until(lambda: ended() is not None, "it is done", timeout_s=100)
    beside.close()
    assert process.returncode == 0
    hip, knee = (json.loads((tmp_path / "runs" / name / "scorecard.json").read_text()) for name in (HIP, KNEE))
    share = {
        name: [card["by_rider_kind"][name]["accused_share"]["value"] for card in (hip, knee)]
        for name in ("suitcase", "pram")
    }
    assert share["pram"][0] > 0.9 and share["suitcase"][0] == 0.0 and share["suitcase"][1] > 0.9

    # Again, and ended at once: no process is left, and nothing half-made is taken for a run.
    for name in (HIP, KNEE):
        (tmp_path / "runs" / name / VERSION).write_text("older")
    beside.start()
    process = beside.process
    assert process is not None
    beside.close()
    assert process.poll() is not None
    assert {run.name for run in (tmp_path / "runs").iterdir() if run.name[0] != "."} == {HIP, KNEE, "study.log"}
    beside.close()
