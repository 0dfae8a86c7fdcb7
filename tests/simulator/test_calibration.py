"""The simulator held against published figures: the whole calibration, its page, and what a wrong world would show."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateline import build
from simulator.calibration import commands, measure
from simulator.calibration.figures import Calibration, Day, Figure, Intervention, Throughput
from simulator.calibration.page import page
from simulator.errors import UserError
from simulator.plant.makes import KINDS, PADDLE
from simulator.study.execute import execute_all
from simulator.world.population import Population
from tests.support import ROOT

PAGE = ROOT / "docs" / "calibration.md"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_simulator_agrees_with_the_field_and_the_page_says_what_was_measured() -> None:
    found = measure.measure(ROOT / "scenarios", workers=2)
    assert [figure.what for figure in found.figures if not figure.agrees] == []
    assert [one.name for one in found.interventions if not one.right_direction] == []
    assert len(found.days) == 18
    assert {one.arm for one in found.throughput} == set(KINDS)
    assert page(found) == PAGE.read_text(encoding="utf-8"), (
        "the world has changed: look at the new figures, then `gateline calibrate --out docs/calibration.md`"
    )


def some(agrees: bool = True) -> Calibration:
    """A small made-up calibration."""
    change = (-0.5, -0.6, -0.4) if agrees else (-0.1, -0.3, 0.1)
    rates = (0.1, 0.09, 0.11)
    kinds = (("jumped", 10, 5), ("reversed", 3, 3))
    return Calibration(
        figures=(Figure("a", "a thing", "1", "a book", 0.9, 1.1, 1.0, 2),),
        throughput=(Throughput("flap", 40.0, 20.0),),
        days=(Day("2025-08-01", 100, 90, 101, 88, 0.99, 1.0),),
        station="Somewhere",
        interventions=tuple(
            Intervention(name, published, rates, rates, change, kinds) for name, published in measure.PUBLISHED.items()
        ),
        seeds=2,
        tap_histogram=((400, 50), (420, 950)),
    )


def test_a_figure_agrees_from_end_to_end_of_its_range_and_no_further() -> None:
    figure = Figure("x", "x", "1", "s", 1.0, 2.0, 1.0)
    assert figure.agrees and replace(figure, measured=2.0).agrees
    assert not replace(figure, measured=0.99).agrees and not replace(figure, measured=2.01).agrees
    assert (figure.given, figure.wanted) == ("1.0", "1.0 to 2.0")


def test_an_intervention_counts_only_when_the_whole_interval_falls() -> None:
    assert some().agrees
    doubtful = some(agrees=False)
    assert not doubtful.agrees and not doubtful.interventions[0].right_direction


def test_the_page_names_what_does_not_agree() -> None:
    good = page(some())
    assert "| a thing | 1 | 0.90 to 1.10 | 1.00 | agrees | a book |" in good
    assert "| flap | 40.0 | 20.0 | 0.50 |" in good
    assert "-50.0 % (-60.0 to -40.0)" in good
    assert "reaches 67 % of it" in good
    wrong = replace(some(), figures=(replace(some().figures[0], measured=1.2),))
    assert "| a thing | 1 | 0.90 to 1.10 | 1.20 | **does not agree** | a book |" in page(wrong)


def test_slower_taps_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(figure.agrees for figure in measure._taps()[1])
    monkeypatch.setattr(measure, "tap_ms", lambda rng: 700)
    _, figures = measure._taps()
    assert {figure.key for figure in figures if not figure.agrees} >= {"tap_mean", "tap_mode", "tap_low_peak"}


def test_other_walkers_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "WALKERS", 2000)
    assert all(figure.agrees for figure in measure._speeds())
    monkeypatch.setattr("simulator.world.riders._SPEED_MEAN_MPS", 1.5)
    assert not measure._speeds()[0].agrees


def test_the_rating_falls_in_practice_because_riders_search() -> None:
    def per_minute(population: Population) -> float:
        result = execute_all([(measure._saturated(PADDLE, population), None)])[0]
        return measure._per_minute(result.tally)

    rated, practised = per_minute(measure.RATED), per_minute(measure.PRACTISED)
    prepared = per_minute(replace(measure.PRACTISED, unprepared=0.0))
    assert rated > prepared > practised
    assert 30 <= rated <= 60 and 18 <= practised <= 28 < prepared


def run(*words: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(build(["calibrate"]), ["calibrate", *words])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, found.stderr


def test_the_command_writes_the_page_and_says_whether_all_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = some()
    monkeypatch.setattr(commands, "measure", lambda *_: made)
    target = tmp_path / "page.md"
    status, out, _ = run("--out", str(target))
    assert status == 0 and "a thing" in out and f"{target} is written." in out
    assert target.read_text(encoding="utf-8") == page(made)
    status, out, _ = run("--json")
    assert status == 0 and json.loads(out)["agrees"] is True
    made = some(agrees=False)
    status, out, _ = run()
    assert status == 1 and "wrong direction" in out


def test_what_a_user_can_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"There is no .*evasion-wave.toml; name the folder .* --scenarios"):
        run("--scenarios", str(tmp_path))
    monkeypatch.setattr(commands, "measure", lambda *_: some())
    with pytest.raises(UserError, match=r"Can't write .*: Is a directory. Choose another place with --out"):
        run("--out", str(tmp_path))
