"""`gateline simulate` and `gateline scenario` as users run them: what they print, write, refuse; and their status."""

import json
import re
import signal
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import gateline
from simulator.devices.process import micropython_available
from simulator.errors import UserError
from simulator.scenario import commands
from simulator.study import parquet
from simulator.study.execute import Options, Progress, Result
from simulator.study.execute import execute_all as really_execute_all
from simulator.study.spec import Spec
from simulator.world import bodies
from tests.conftest import StartProcess
from tests.simulator.transcripts import SCENARIOS
from tests.support import python_command

SVG = "{http://www.w3.org/2000/svg}"

SHORT = """
[scenario]
name = "short"
duration_min = 5
[demand]
entries_per_h = 700
[population]
pram = 0.2
[behaviour.jump_over]
share = 0.1
[[lane]]
name = "gate"
count = 2
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `gateline` with these words in an empty folder: (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            gateline.main(words)
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    return run


@pytest.fixture
def short(tmp_path: Path) -> str:
    (tmp_path / "short.toml").write_text(SHORT)
    return "short.toml"


def good(run: Run, *words: str) -> str:
    status, out, err = run(*words)
    assert (status, err) == (0, ""), err
    return out


def refused(run: Run, *words: str) -> str:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert err.startswith("gateline: ") or "Usage:" in err
    return err


# --- scenario new, check, show ---------------------------------------------------------------------------------------


def test_a_hobbyist_sees_within_a_minute_what_three_beams_would_miss(run: Run, tmp_path: Path) -> None:
    started_s = time.monotonic()
    assert good(run, "scenario", "new", "my.toml") == (
        "my.toml is written. Next: gateline simulate my.toml, or gateline scenario show my.toml\n"
    )
    text = (tmp_path / "my.toml").read_text()
    assert "gateline simulate my.toml" in text and "as my.svg" in text and "FILE" not in text
    assert good(run, "scenario", "check", "my.toml") == "my.toml is good: 1 lane, 1 h, about 700 riders.\n"
    assert good(run, "scenario", "show", "my.toml") == "my.svg is written.\n"
    out = good(run, "simulate", "my.toml")
    assert time.monotonic() - started_s < 30
    assert out.startswith("my-lane, seed 1: ") and "To 10,000 honest passages " in out
    missed = dict(re.findall(r"^(\w+) +[\d,]+ +[\d,]+ +([\d.]+) ", out[out.index("What is noticed") :], re.MULTILINE))
    assert float(missed["jumped"]) < 50, "beams at the thigh see nobody who is lifted over them"
    accused = out[out.index("Who is accused wrongly") : out.index("What is noticed")]
    assert re.search(r"^pram +[1-9]", accused, re.MULTILINE)


def test_a_new_scenario_never_takes_the_place_of_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("mine")
    assert "mine.toml is there already, and stays as it is." in refused(run, "scenario", "new", "mine.toml")
    assert (tmp_path / "mine.toml").read_text() == "mine"
    assert "Can't write no/such/x.toml: No such file or directory." in refused(run, "scenario", "new", "no/such/x.toml")


def test_check_says_what_a_scenario_comes_to_or_all_that_is_wrong(run: Run, tmp_path: Path) -> None:
    out = good(run, "scenario", "check", str(SCENARIOS / "suitcases-to-the-airport.toml"))
    assert out.endswith("suitcases-to-the-airport.toml is good: 6 lanes, 1 h, about 4,200 riders.\n")
    out = good(run, "scenario", "check", str(SCENARIOS / "whole-metro-day.toml"))
    assert ": 83 stations, 251 lanes, 24 h, about 1,322,665 riders." in out
    (tmp_path / "bad.toml").write_text(SHORT.replace("count = 2", "cont = 2").replace("pram = 0.2", "pram = 2"))
    assert refused(run, "scenario", "check", "bad.toml").splitlines() == [
        "gateline: bad.toml:8: population.pram: 2 was given; allowed is a number from 0 to 1",
        "bad.toml:13: lane[0].cont: there is no such key; did you mean count? Allowed here: "
        "arm, arm_x_m, beam_count, beam_gap_m, beam_z_m, beams, count, detector, entries_per_h, exits_per_h, name, "
        "noise, reader, refuse_s, release_s, way",
    ]
    assert "There is no scenario file none.toml. `gateline scenario new none.toml` makes one." in refused(
        run, "scenario", "check", "none.toml"
    )


def picture(file: Path) -> ElementTree.Element:
    root = ElementTree.parse(file).getroot()
    assert root.tag == f"{SVG}svg"
    return root


@pytest.mark.parametrize("rider", bodies.KINDS)
def test_show_draws_the_lane_its_beams_and_the_body(rider: str, run: Run, tmp_path: Path) -> None:
    file = str(SCENARIOS / "suitcases-to-the-airport.toml")
    good(run, "scenario", "show", file, "--lane", "profile-2", "--rider", rider, "--out", "out.svg")
    root = picture(tmp_path / "out.svg")
    assert len(root.findall(f".//{SVG}circle")) == 12, "a circle each beam"
    text = " ".join(one.text or "" for one in root.iter(f"{SVG}text"))
    assert "suitcases-to-the-airport: profile-2, profile" in text and "paddle" in text
    assert f"Rider: {rider.replace('_', ' ')}, walking" in text
    filled = [one for one in root.findall(f".//{SVG}circle") if one.get("fill") != "none"]
    assert 0 < len(filled) < 12, "some beams are broken, some are not"
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for one in root.iter(f"{SVG}rect"):
        x, y = float(one.get("x", "0")), float(one.get("y", "0"))
        assert x >= 0 and x + float(one.get("width", "0")) <= width and 0 <= y <= height


def test_show_puts_the_picture_beside_the_file_and_takes_the_first_lane(run: Run, short: str, tmp_path: Path) -> None:
    good(run, "scenario", "show", short)
    assert len(picture(tmp_path / "short.svg").findall(f".//{SVG}circle")) == 4
    assert "short: gate-1, ordered" in (tmp_path / "short.svg").read_text()


def test_what_show_refuses(run: Run, short: str) -> None:
    assert "There is no lane 'gate' in short.toml; its lanes are gate-1, gate-2." in refused(
        run, "scenario", "show", short, "--lane", "gate"
    )
    assert "--rider: riders come as adult, backpack, " in refused(run, "scenario", "show", short, "--rider", "horse")
    assert "Can't write no/x.svg: No such file" in refused(run, "scenario", "show", short, "--out", "no/x.svg")


# --- simulate --------------------------------------------------------------------------------------------------------


def test_simulate_prints_a_scorecard_and_writes_what_happened(run: Run, short: str, tmp_path: Path) -> None:
    out = good(run, "simulate", short, "--out", "run")
    tables = ("truth", "records", "joined", "layout", "edges", "walks", "shows")
    assert out.startswith("short, seed 1: ") and f"Written: run ({', '.join(tables)}, scorecard.json)." in out
    names = {*(f"{table}.parquet" for table in tables), "scenario.toml", "scorecard.json"}
    assert {file.name for file in (tmp_path / "run").iterdir()} == names
    assert (tmp_path / "run" / "scenario.toml").read_text() == SHORT
    card = json.loads((tmp_path / "run" / "scorecard.json").read_text())
    assert card["riders"] == sum(1 for _ in parquet.read(tmp_path / "run", parquet.TRUTH)) > 20
    assert f"{card['riders']} riders in 5 min" in out and card["conclusion"].split(" false accusations")[0] in out


def test_a_run_without_edges_is_smaller(run: Run, short: str, tmp_path: Path) -> None:
    out = good(run, "simulate", short, "--out", "run", "--no-edges", "--no-walks")
    assert "(truth, records, joined, layout, scorecard.json)" in out
    assert not {"edges.parquet", "walks.parquet", "shows.parquet"} & {
        file.name for file in (tmp_path / "run").iterdir()
    }


def test_json_is_one_object_and_nothing_else(run: Run, short: str) -> None:
    said = json.loads(good(run, "simulate", short, "--json", "--seed", "5"))
    assert (said["scenario"], said["first_seed"], said["seeds"], said["lanes"]) == ("short", 5, 1, 2)
    assert said["by_rider_kind"]["pram"]["honest_passages"] > 0


def test_another_seed_is_another_run_and_the_files_own_is_the_default(run: Run, short: str) -> None:
    first = good(run, "simulate", short, "--json")
    assert (
        good(run, "simulate", short, "--json", "--seed", "1")
        == first
        != good(run, "simulate", short, "--json", "--seed", "2")
    )


def test_repeat_runs_seeds_one_after_the_other_each_into_a_folder_of_its_own(
    run: Run, short: str, tmp_path: Path
) -> None:
    out = good(run, "simulate", short, "--repeat", "3", "--seed", "4", "--out", "run")
    assert out.startswith("short, 3 seeds from 4: ") and "riders in 3 × 5 min" in out
    folders = sorted(file.name for file in (tmp_path / "run").iterdir() if file.is_dir())
    assert folders == ["seed-4", "seed-5", "seed-6"]
    alone = good(run, "simulate", short, "--seed", "5", "--out", "alone")
    assert "seed 5" in alone
    for name in ("truth", "records", "joined", "edges"):
        file = f"{name}.parquet"
        assert (tmp_path / "alone" / file).read_bytes() == (tmp_path / "run" / "seed-5" / file).read_bytes()
    card = json.loads((tmp_path / "run" / "scorecard.json").read_text())
    assert (
        card["seeds"] == 3
        and card["evasion_rate"]["low"] < card["evasion_rate"]["value"] < card["evasion_rate"]["high"]
    )


def test_a_folder_that_holds_something_is_refused_before_anything_runs(run: Run, short: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("mine")
    assert "run isn't empty." in refused(run, "simulate", short, "--out", "run")
    assert "short.toml is a file." in refused(run, "simulate", short, "--out", short)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run", "short.toml"]


def test_a_wrong_scenario_is_refused_before_a_folder_is_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(SHORT + "[extra]\n")
    assert "bad.toml:14: extra: there is no such key." in refused(run, "simulate", "bad.toml", "--out", "run")
    assert not (tmp_path / "run").exists()


def test_options_that_exclude_each_other_or_are_out_of_range(run: Run, short: str) -> None:
    assert "--realtime is --speed 1; give one of them." in refused(run, "simulate", short, "--realtime", "--speed", "2")
    for words in (("--repeat", "0"), ("--speed", "0"), ("--workers", "0"), ("--seed", "-1")):
        assert f"'{words[0]}'" in refused(run, "simulate", short, *words)
    whole = str(SCENARIOS / "whole-metro-day.toml")
    assert "A paced run is of one station; whole-metro-day has 83." in refused(run, "simulate", whole, "--speed", "10")


def test_a_machine_without_micropython_is_told(run: Run, short: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "micropython_available", lambda: False)
    assert "There is no MicroPython for this machine's processor" in refused(run, "simulate", short, "--micropython")


def test_whom_no_figure_counts_is_said(run: Run, tmp_path: Path) -> None:
    text = SHORT.replace("700", "40_000").replace(
        "count = 2", 'arm = "slow"\n[arm.slow]\nkind = "wide"\nopening_ms = 4000'
    )
    (tmp_path / "crush.toml").write_text(text.replace("duration_min = 5", "duration_min = 2"))
    out = good(run, "simulate", "crush.toml")
    away = re.search(r"^([\d,]+) more found the queues full and went away\.$", out, re.MULTILINE)
    left = re.search(r"^([\d,]+) of the riders were still waiting half an hour after the end;", out, re.MULTILINE)
    assert away is not None and left is not None
    said = json.loads(good(run, "simulate", "crush.toml", "--json"))
    assert (f"{said['turned_away']:,}", f"{said['still_waiting']:,}") == (away[1], left[1])
    assert said["riders"] == said["crossings"] + said["still_waiting"]


def test_a_lane_to_which_nobody_comes_has_nothing_to_rate(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text(SHORT.replace("700", "0").replace("duration_min = 5", "duration_min = 0.1"))
    out = good(run, "simulate", "empty.toml")
    assert out.startswith(
        "short, seed 1: 0 riders in 0.1 min\nNobody honest came to a beam, so there is nothing to rate."
    )
    assert "Truth (down)" not in out and "Throughput" not in out


@pytest.mark.slow
@pytest.mark.skipif(not micropython_available(), reason="MicroPython's unix port is packaged for x86-64 only")
def test_micropython_processes_print_the_same_scorecard(run: Run, short: str) -> None:
    assert good(run, "simulate", short, "--micropython") == good(run, "simulate", short)


def test_a_paced_run_that_is_late_ends_with_a_sentence_and_status_2(run: Run) -> None:
    # An hour in 3.6 ms, and a quarter of a second to make up for it: no machine can.
    err = refused(run, "simulate", str(SCENARIOS / "evening-peak.toml"), "--speed", "1000000", "--out", "run")
    assert "This machine can't keep the pace: at " in err
    assert list(Path("run").iterdir()) == [], "a run that ends so leaves no files"


def test_the_pace_is_that_of_the_options(run: Run, short: str, monkeypatch: pytest.MonkeyPatch) -> None:
    speeds: list[object] = []

    def execute_all(runs: list[tuple[Spec, Path | None]], options: Options, progress: Progress) -> list[Result]:
        speeds.append(options.speed)
        return really_execute_all(runs, replace(options, speed=None), progress)

    monkeypatch.setattr(commands, "execute_all", execute_all)
    plain = good(run, "simulate", short)
    assert good(run, "simulate", short, "--realtime") == good(run, "simulate", short, "--speed", "10") == plain
    good(run, "simulate", short, "--realtime", "--speed", "1")
    assert speeds == [None, 1.0, 10.0, 1.0]


@pytest.mark.alone
def test_a_paced_run_comes_to_what_an_unpaced_one_does(run: Run, short: str) -> None:
    started_s = time.monotonic()
    out = good(run, "simulate", short, "--speed", "300")
    assert time.monotonic() - started_s >= 1.0, "five minutes at 300 times real time"
    assert out == good(run, "simulate", short)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_so_and_leaves_no_half_files(
    number: signal.Signals, start_process: StartProcess, tmp_path: Path
) -> None:
    command = python_command(
        "-m", "gateline", "simulate", SCENARIOS / "whole-metro-day.toml", "--out", tmp_path / "run"
    )
    process = start_process([*command, "--workers", "2"])
    process.wait_until(lambda: list((tmp_path / "run").glob("parts/*")), "stations are at work", timeout_s=60)
    process.send(number)
    assert process.wait(timeout_s=20) == 130, process.failure("ended otherwise")
    assert process.lines() == ["gateline: Interrupted; no figures."]
    assert list((tmp_path / "run").iterdir()) == []


def test_the_drawing_never_takes_the_scenarios_place(run: Run, short: str) -> None:
    before = Path(short).read_bytes()
    assert "is the scenario itself" in refused(run, "scenario", "show", short, "--out", short)
    assert Path(short).read_bytes() == before
    good(run, "scenario", "new", "odd.svg")
    assert "is the scenario itself" in refused(run, "scenario", "show", "odd.svg")


def test_a_run_that_fails_leaves_its_folder_empty(run: Run, short: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise UserError("There is no room left")

    monkeypatch.setattr(commands, "execute_all", fails)
    refused(run, "simulate", short, "--repeat", "2", "--out", "run")
    assert list(Path("run").iterdir()) == []
    monkeypatch.setattr(commands, "execute_all", really_execute_all)
    good(run, "simulate", short, "--repeat", "2", "--out", "run")
