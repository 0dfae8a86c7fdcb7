"""Runs of the simulator at the gateway: read with distrust, told as JSON, CSV and SVG."""

from __future__ import annotations

import csv
import io
import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.errors import UserError
from gateway.results import folder as runs_folder
from gateway.results.card import FORM, Figure, NotAScorecard, Scorecard, decode
from gateway.results.compare import difference
from gateway.results.folder import FILE_MAX_BYTES, RUNS_MAX, Runs
from gateway.results.tables import TABLES, Table
from gateway.results.verdicts import ACCUSATIONS, EVASIONS, NOTHING, counts, is_right
from gateway.web import plots
from simulator.scenario.commands import simulate
from simulator.study import join, scorecard
from simulator.world import behaviours
from tests.gateway.conftest import Whole
from tests.support import ROOT

SCENARIO = """
[scenario]
name = "small"
seed = 3
start = "08:00"
duration_min = 20

[demand]
entries_per_h = 900

[population]
suitcase = 0.3
pram = 0.05

[behaviour.tailgate_covert]
share = 0.05

[[lane]]
name = "in"
count = 2
arm = "paddle"
detector = "ordered"
beam_count = 4
beam_gap_m = 0.15
beam_z_m = 0.5
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, and one of three seeds, as `gateline simulate` writes them."""
    folder = tmp_path_factory.mktemp("made")
    file = folder / "small.toml"
    file.write_text(SCENARIO)
    simulate(file, out=folder / "runs" / "one", workers=1, as_json=True)
    simulate(file, out=folder / "runs" / "three", repeat=3, workers=1, as_json=True)
    return folder / "runs"


def card_of(made: Path, run: str = "one") -> dict[str, Any]:
    card: dict[str, Any] = json.loads((made / run / "scorecard.json").read_text())
    return card


def put(folder: Path, name: str, text: str | bytes) -> Path:
    run = folder / name
    run.mkdir(parents=True)
    file = run / "scorecard.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_a_real_run_is_read_to_the_last_figure(made: Path) -> None:
    listing = Runs(made).look()
    assert {run.name for run in listing.runs} == {"one", "three"} and not listing.left_out
    for run in listing.runs:
        assert run.card is not None, run.problem
        said = card_of(made, run.name)
        read = json.loads(run.card.model_dump_json())
        # Everything that simulate writes is known here but what no page shows.
        assert set(said) - set(read) == {"arm_contacts"}
        assert read == {name: said[name] for name in read}
        assert run.card.accusations > 0 and run.card.by_rider_kind["suitcase"].false_accusations > 0


def test_form_and_words_are_those_of_the_simulator() -> None:
    assert FORM == scorecard.SCORECARD_FORM
    assert ACCUSATIONS == join.ACCUSATIONS and EVASIONS == behaviours.EVASIONS and NOTHING == scorecard.NOTHING


def test_a_report_is_right_when_it_accuses_evaders_alone() -> None:
    assert is_right("passed", "passed") and is_right("jumped", "tailgate") and is_right("gave_up", NOTHING)
    assert not is_right("passed", "tailgate") and not is_right("jumped", "passed") and not is_right("jumped", NOTHING)


def test_counts_hold_every_accusation_of_an_honest_rider(made: Path) -> None:
    card = Scorecard.model_validate(card_of(made))
    wrong = sum(
        count
        for outcome, row in counts(card).items()
        for what, count in row.items()
        if outcome not in EVASIONS and what in ACCUSATIONS
    )
    assert wrong == card.unmatched_verdicts["false"] > 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "damaged, or not JSON"),
        ('{"scenario": "a', "damaged, or not JSON"),
        (b"\xff\xfe\x00", "damaged, or not JSON"),
        ("[" * 100_000, "damaged, or not JSON"),
        ("[]", "not a whole scorecard"),
        ("{}", "something is missing at scenario"),
        ('{"form": 2}', "its form is 2, and this gateway reads form 1"),
        ('{"form": "new"}', "not a whole scorecard"),
        ('{"<script>": 1}', "something is missing at scenario"),
    ],
)
def test_what_is_no_scorecard_is_told_as_such(tmp_path: Path, made: Path, text: str | bytes, told: str) -> None:
    put(tmp_path, "bad", text)
    put(tmp_path, "good", (made / "one" / "scorecard.json").read_bytes())
    found = {run.name: run for run in Runs(tmp_path).look().runs}
    assert found["bad"].card is None and told in found["bad"].problem and "<script>" not in found["bad"].problem
    assert found["good"].card is not None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"riders": -1}, "riders"),
        ({"riders": 2**60}, "riders"),
        ({"recall": {"value": 1.5, "low": None, "high": None}}, "recall"),
        ({"recall": {"value": 0.5, "low": 0.6, "high": 0.4}}, "recall"),
        ({"by_rider_kind": {"k" * 81: {}}}, "by_rider_kind"),
        ({"confusion": {"passed": {f"what{n}": 1 for n in range(65)}}}, "confusion"),
        ({"waiting_counts": {"step_s": 0, "riders": []}}, "waiting_counts"),
        ({"scenario": ["a"]}, "scenario"),
    ],
)
def test_every_figure_is_checked(made: Path, change: dict[str, Any], where: str) -> None:
    with pytest.raises(NotAScorecard, match=f"at {where}"):
        decode(json.dumps(card_of(made) | change).encode())
    with pytest.raises(NotAScorecard):
        decode(json.dumps(card_of(made) | {"hours": float("nan")}).encode())


def test_older_runs_without_waits_by_lane_and_newer_ones_with_more_are_read(made: Path) -> None:
    card = card_of(made) | {"something": {"new": 1}}
    for name in ("form", "waiting_s_by_lane", "waiting_counts", "accused_as"):
        del card[name]
    read = decode(json.dumps(card).encode())
    assert read.waiting_counts is None and not read.waiting_s_by_lane
    assert TABLES["waiting"](read).rows == ()
    assert plots.saved("waiting", [plots.Shown("old", read)])


def test_links_are_not_followed_and_other_files_are_no_runs(tmp_path: Path, made: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_bytes((made / "one" / "scorecard.json").read_bytes())
    folder = tmp_path / "runs"
    (folder / "linked-file").mkdir(parents=True)
    (folder / "linked-file" / "scorecard.json").symlink_to(secret)
    (folder / "linked-folder").symlink_to(made / "one")
    (folder / "unfinished").mkdir()
    (folder / "a-file").write_text("{}")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "scorecard.json")
    (folder / "folder").mkdir()
    (folder / "folder" / "scorecard.json").mkdir()
    found = {run.name: run for run in Runs(folder).look().runs}
    assert set(found) == {"linked-file", "pipe", "folder"}
    assert found["linked-file"].card is None and "a link" in found["linked-file"].problem
    assert "no ordinary file" in found["pipe"].problem and found["folder"].card is None


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = put(tmp_path, "huge", "")
    with file.open("r+b") as opened:
        opened.truncate(FILE_MAX_BYTES + 1)
    (run,) = Runs(tmp_path).look().runs
    assert run.card is None and "larger than 4 MiB" in run.problem


def test_names_that_cannot_stand_in_an_address_are_counted(tmp_path: Path, made: Path) -> None:
    text = (made / "one" / "scorecard.json").read_bytes()
    for name in ("fine-1.2_x", "has space", "<b>", "ü", "=cmd", "n" * 65, ".making"):
        put(tmp_path, name, text)
    listing = Runs(tmp_path).look()
    assert [run.name for run in listing.runs] == ["fine-1.2_x"] and listing.left_out == 5


def test_the_latest_runs_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    for number in range(RUNS_MAX + 3):
        os.utime(put(tmp_path, f"run-{number}", "{}"), (number, number))
    listing = Runs(tmp_path).look()
    assert len(listing.runs) == RUNS_MAX and listing.left_out == 3
    assert listing.runs[0].name == f"run-{RUNS_MAX + 2}" and listing.find("run-2") is None


def test_only_what_changed_is_read_again(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (made / "one" / "scorecard.json").read_bytes()
    put(tmp_path, "a", text)
    b = put(tmp_path, "b", text)
    read: list[str] = []
    before = runs_folder._bytes

    def noted(root: int, name: str) -> bytes:
        read.append(name)
        return before(root, name)

    monkeypatch.setattr(runs_folder, "_bytes", noted)
    now = [0.0]
    runs = Runs(tmp_path, lambda: now[0])
    first = runs.look()
    assert sorted(read) == ["a", "b"]
    b.write_text("{}")
    now[0] = 0.9
    assert runs.look() is first
    now[0] = 1.0
    assert (found := runs.look().find("b")) is not None and found.card is None
    assert sorted(read) == ["a", "b", "b"]


def test_a_folder_that_goes_away_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    runs = Runs(folder)
    folder.rmdir()
    assert "can't be read" in runs.look().problem


def test_a_folder_that_is_not_there_or_is_a_run_is_told_at_the_start(tmp_path: Path, made: Path) -> None:
    with pytest.raises(UserError, match=r"--runs takes a folder with runs .* is none"):
        Runs(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is itself a run"):
        Runs(made / "one")
    assert Runs(None).look().runs == ()


def figure(value: float | None, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(value=value, low=low, high=high)


def test_two_figures_are_apart_when_their_intervals_are() -> None:
    told = difference(figure(0.1, 0.05, 0.2), figure(0.3, 0.21, 0.4))
    assert told.apart and told.value == pytest.approx(0.2) and told.words == "apart"
    assert not difference(figure(0.1, 0.05, 0.2), figure(0.3, 0.2, 0.4)).apart
    assert difference(figure(0.3, 0.21, 0.4), figure(0.1, 0.05, 0.2)).apart
    assert difference(figure(None), figure(0.3, 0.2, 0.4)) == difference(figure(0.3), figure(None))
    assert difference(figure(0.1), figure(0.3)).words == "no intervals"


@pytest.mark.parametrize("before", ["\u00a0", "\u2003", "\ufeff", "\x00", "\u200b", "\t", "\n", " \u00a0"])
def test_no_formula_hides_behind_what_is_not_seen(before: str) -> None:
    line = Table(("name", "n"), ((f"{before}=1+1", 1), ("x;=1+1", None))).csv()
    assert f"'{before}=1+1" in line
    assert '"x;=1+1",' in line, "a semicolon is no end of a field"


def test_a_figure_is_xml_whatever_a_name_holds() -> None:
    drawing = plots._Drawing(100, plots._SAVED)
    drawing.text(0, 0, "a\x00b\x01\ufffe<c>&\ud800")
    drawing.slanted(0, 0, "\x0b")
    ET.fromstring(drawing.svg('"\x02"'))


def test_a_csv_holds_the_numbers_and_no_formula(made: Path) -> None:
    card = card_of(made)
    kind = card["by_rider_kind"]["suitcase"]
    card["by_rider_kind"] = dict.fromkeys(("=1+1", "+x", "-x", "@x", "\tx", " =x", 'a "b", c', "fine"), kind)
    rows = list(csv.reader(io.StringIO(TABLES["accused"](Scorecard.model_validate(card)).csv())))
    assert [row[0] for row in rows[1:]] == ["'=1+1", "'+x", "'-x", "'@x", "'\tx", "' =x", 'a "b", c', "fine"]
    assert int(rows[1][1]) == kind["honest_passages"] and float(rows[1][3]) == kind["accused_share"]["value"]


def test_every_table_of_a_real_run_has_its_rows(made: Path) -> None:
    card = Scorecard.model_validate(card_of(made))
    for name, table in TABLES.items():
        found = table(card)
        assert found.rows and all(len(row) == len(found.head) for row in found.rows), name
    lanes = {row[0]: row for row in TABLES["lanes"](card).rows}
    assert lanes["in-1"][3] == card.waiting_s_by_lane["in-1"].mean
    assert sum(row[2] for row in TABLES["waiting"](card).rows) == sum(card.waiting_counts.riders)  # type: ignore[union-attr,misc]


@pytest.mark.parametrize("name", plots.PLOTS)
def test_a_saved_figure_stands_by_itself(made: Path, name: str) -> None:
    shown = [plots.Shown(run, Scorecard.model_validate(card_of(made, run))) for run in ("one", "three")]
    for few in (shown[:1], shown):
        text = plots.saved(name, few)
        root = ET.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.get("aria-label") == plots.PLOTS[name].title
        # On any ground it stands on a white sheet of its own, a little larger than what is drawn.
        left, top, width, height = (float(one) for one in str(root.get("viewBox")).split())
        sheet = root[0].attrib
        assert left == top < -8 and sheet["fill"] == "#ffffff"
        assert [float(sheet[name]) for name in ("x", "y", "width", "height")] == [left, top, width, height]
        assert "var(" not in text and "href" not in text and text.count("http") == 1
        assert all(f"{one.name} (small," in text for one in few)
        drawn = plots.on_page(name, few, plots.NARROW)
        assert "var(--" in drawn and "#0" not in drawn and ET.fromstring(drawn) is not None


def test_texts_from_files_are_escaped_in_a_figure(made: Path) -> None:
    card = card_of(made)
    bad = "<script>alert(1)</script>&"
    card |= {"scenario": bad, "by_rider_kind": {bad: card["by_rider_kind"]["suitcase"]}}
    card |= {"confusion": {bad: {bad: 3}}, "throughput_per_min": {bad: {"mean": 1, "busiest_quarter_hour": 2}}}
    shown = [plots.Shown("one", Scorecard.model_validate(card))]
    for name in plots.PLOTS:
        assert "<script" not in plots.saved(name, shown) and ET.fromstring(plots.saved(name, shown)) is not None


def test_a_bar_is_as_long_as_its_share_and_says_so(made: Path) -> None:
    card = card_of(made)
    kind = {"honest_passages": 8, "false_accusations": 1}
    card["by_rider_kind"] = {
        name: kind | {"accused_share": {"value": value, "low": None, "high": None}}
        for name, value in (("half", 0.5), ("all", 1.0))
    }
    root = ET.fromstring(plots.on_page("accused", [plots.Shown("one", Scorecard.model_validate(card))], plots.WIDE))
    space = "{http://www.w3.org/2000/svg}"
    bars = [float(one.get("width", "0")) for one in root.iter(f"{space}rect")]
    assert len(bars) == 2 and bars[0] == pytest.approx(2 * bars[1], rel=0.01)
    texts = [one.text for one in root.iter(f"{space}text")]
    assert "50.0 %" in texts and "100 %" in texts


@pytest.fixture
def with_runs(tmp_path: Path, made: Path, whole: Whole) -> Whole:
    runs = tmp_path / "runs"
    put(runs, "good", (made / "one" / "scorecard.json").read_bytes())
    put(runs, "other", (made / "three" / "scorecard.json").read_bytes())
    put(runs, "bad", "{}")
    whole.service.runs = Runs(runs)
    return whole


def test_the_api_tells_runs_tables_and_figures(with_runs: Whole, made: Path) -> None:
    http = with_runs.http
    said = http.get("/v1/runs").json()
    found = {one["run"]: one for one in said["items"]}
    assert set(found) == {"good", "other", "bad"} and said["left_out"] == 0 and said["problem"] is None
    assert found["good"]["conclusion"] == card_of(made)["conclusion"] and found["good"]["problem"] is None
    assert "something is missing" in found["bad"]["problem"] and found["bad"]["riders"] is None
    assert http.get("/v1/runs/good").json()["by_rider_kind"] == card_of(made)["by_rider_kind"]
    for name in TABLES:
        answer = http.get(f"/v1/runs/good/{name}.csv")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"] == f'attachment; filename="good-{name}.csv"'
    for name in plots.PLOTS:
        answer = http.get(f"/v1/runs/good/{name}.svg", params={"other": "other"})
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.text.count("good (small,") == 1 and answer.text.count("other (small,") == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/runs/nobody", 404),
        ("/v1/runs/bad", 409),
        ("/v1/runs/bad/accused.csv", 409),
        ("/v1/runs/bad/accused.svg", 409),
        ("/v1/runs/good/nothing.csv", 404),
        ("/v1/runs/good/nothing.svg", 404),
        ("/v1/runs/good/accused.svg?other=nobody", 404),
        ("/v1/runs/good/accused.svg?colour=red", 422),
        ("/v1/runs/..%2Fdata", 404),
        ("/v1/runs/%2e%2e", 404),
        ("/v1/runs/good%2f..%2fgood/accused.csv", 404),
        (f"/v1/runs/{'n' * 65}", 422),
    ],
)
def test_what_is_not_there_is_a_problem(with_runs: Whole, path: str, status: int) -> None:
    answer: httpx.Response = with_runs.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert str(with_runs.data) not in answer.text


def test_without_the_option_there_are_no_runs(whole: Whole) -> None:
    assert whole.http.get("/v1/runs").json() == {"items": [], "left_out": 0, "problem": None}


def test_the_page_on_scorecards_explains_the_form() -> None:
    page = (ROOT / "docs" / "scorecard.md").read_text(encoding="utf-8")
    for name in Scorecard.model_fields:
        assert f"`{name}`" in page, name
    for name in (*TABLES, *plots.PLOTS):
        assert f"`{name}`" in page, name
