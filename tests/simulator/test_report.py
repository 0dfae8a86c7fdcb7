"""The report of a run: what it says is what the scorecard says, in one file that needs nothing else."""

import base64
import contextlib
import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

import gateline
from simulator.errors import UserError
from simulator.report.page import render, sections
from simulator.report.runs import load_run


def run(*words: str | Path) -> tuple[int, str]:
    """Runs `gateline` with these words: (status, what it wrote to standard error)."""
    said = io.StringIO()
    quiet, loud = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said)
    with quiet, loud, pytest.raises(SystemExit) as ended:
        gateline.main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.getvalue()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Folders of two runs of the scenario that `gateline scenario new` writes, by seed."""
    folder = tmp_path_factory.mktemp("runs")
    scenario = folder / "lane.toml"
    assert run("scenario", "new", scenario) == (0, "")
    for seed in (1, 2):
        out = folder / f"run-{seed}"
        assert run("simulate", scenario, "--seed", str(seed), "--out", out, "--json") == (0, "")
    return {seed: folder / f"run-{seed}" for seed in (1, 2)}


def test_the_command_writes_one_file_that_needs_nothing_else(runs: dict[int, Path], tmp_path: Path) -> None:
    assert run("report", runs[1]) == (0, "")
    page = (runs[1] / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    card = json.loads((runs[1] / "scorecard.json").read_text())
    assert card["conclusion"] in page
    addresses = re.findall(r"""(?:href|src|url)\s*[=(]\s*["']?([^"'\s>)]+)""", page)
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "<script" not in page
    assert "://" not in re.sub(r'xmlns(?::\w+)?="[^"]*"', "", page)


def test_the_same_run_writes_the_same_bytes(runs: dict[int, Path]) -> None:
    assert render([load_run(runs[1])]) == render([load_run(runs[1])])


def test_numbers_and_figures_can_be_saved_and_are_the_scorecards(runs: dict[int, Path]) -> None:
    loaded = load_run(runs[1])
    found = {section.name: section for section in sections([loaded])}
    assert {"evidence", "accused", "confusion-1", "throughput", "waiting"} <= set(found)
    for section in found.values():
        rows = list(csv.reader(io.StringIO(_decoded(section.csv_link))))
        assert len(rows) == len(section.table.rows) + 1
        if section.svg:
            figure = ElementTree.fromstring(_decoded(section.svg_link))
            assert figure.tag.endswith("svg")
            # Saved, it says what it is, and can be read on any ground: the first thing drawn is a white sheet.
            assert figure.get("role") == "img" and str(figure.get("aria-label")).startswith(section.title)
            sheet = next(one for one in figure.iter("{http://www.w3.org/2000/svg}path") if one.get("style"))
            assert sheet.get("style") == "fill: #ffffff"
    accused = list(csv.DictReader(io.StringIO(found["accused"].table.csv())))
    for row in accused:
        kind = loaded.card["by_rider_kind"][row["honest riders with"].replace(" ", "_")]
        assert int(row["honest passages"]) == kind["honest_passages"]
        assert float(row["%"]) == pytest.approx(kind["accused_share"]["value"] * 100)
    confusion = list(csv.DictReader(io.StringIO(found["confusion-1"].table.csv())))
    assert {
        row["what the rider did"]: {
            what: int(n) for what, n in row.items() if what != "what the rider did" and ":" not in what and int(n)
        }
        for row in confusion
    } == {outcome: counts for outcome, counts in loaded.card["confusion"].items() if counts}
    # Whom the gate accused although they passed: not hidden behind the passage that answers to them.
    assert {
        row["what the rider did"]: {what: int(n) for what, n in row.items() if ":" in what and int(n)}
        for row in confusion
        if any(int(n) for what, n in row.items() if ":" in what)
    } == {
        outcome: {f"accused wrongly: {what}": count for what, count in counts.items()}
        for outcome, counts in loaded.card["accused_as"].items()
        if counts
    }


def test_waits_are_those_of_the_riders(runs: dict[int, Path]) -> None:
    loaded = load_run(runs[1])
    mean = sum(wait * count for wait, count in loaded.waits_s.items()) / loaded.waits_s.total()
    assert mean == pytest.approx(loaded.card["waiting_s"]["mean"])


def test_two_runs_stand_side_by_side(runs: dict[int, Path], tmp_path: Path) -> None:
    out = tmp_path / "both.html"
    assert run("report", runs[1], runs[2], "--out", out) == (0, "")
    page = out.read_text(encoding="utf-8").replace("\u00a0", " ")
    for folder in runs.values():
        assert json.loads((folder / "scorecard.json").read_text())["conclusion"] in page
    parser = _Headings()
    parser.feed(page)
    # On the page a column has its run's letter, in what is saved its name.
    assert {"figure A", "figure B"} <= set(parser.columns) and "<strong>A: " in page
    saved = next(section for section in sections([load_run(folder) for folder in runs.values()])).table.csv()
    assert re.search(r"figure \(A: \S+, seed 1\).*figure \(B: \S+, seed 2\)", saved)


def test_two_runs_of_one_name_are_told_apart(runs: dict[int, Path]) -> None:
    """As when the firmware is another, and the riders are the same."""
    for section in sections([load_run(runs[1]), load_run(runs[1])]):
        assert len(set(section.table.head)) == len(section.table.head)


def test_several_seeds_count_all_their_riders_waits(tmp_path: Path) -> None:
    scenario = tmp_path / "lane.toml"
    assert run("scenario", "new", scenario) == (0, "")
    out = tmp_path / "run"
    assert run("simulate", scenario, "--repeat", "2", "--out", out, "--json") == (0, "")
    both = load_run(out)
    mean = sum(wait * count for wait, count in both.waits_s.items()) / both.waits_s.total()
    assert mean == pytest.approx(both.card["waiting_s"]["mean"])
    assert "2 seeds from" in both.title


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no scorecard.json"),
        ("{", "is not a scorecard"),
        ("[]", "is not a whole scorecard"),
        ('{"scenario": "x"}', "first_seed, hours"),
    ],
)
def test_what_is_no_run_is_told_in_a_sentence(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "scorecard.json").write_text(content)
    status, error = run("report", tmp_path)
    assert status == 2
    assert said in error
    assert "gateline simulate" in error


def test_a_damaged_table_is_told_in_a_sentence(runs: dict[int, Path], tmp_path: Path) -> None:
    (tmp_path / "scorecard.json").write_bytes((runs[1] / "scorecard.json").read_bytes())
    (tmp_path / "truth.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match="Run the scenario again"):
        load_run(tmp_path)


def test_a_name_in_the_scenario_is_text_and_nothing_else(runs: dict[int, Path], tmp_path: Path) -> None:
    card = json.loads((runs[1] / "scorecard.json").read_text())
    card["scenario"] = "<script>alert(1)</script>"
    (tmp_path / "scorecard.json").write_text(json.dumps(card))
    assert "<script" not in render([load_run(tmp_path)])


def _decoded(address: str) -> str:
    return base64.b64decode(address.split(",", 1)[1]).decode()


class _Headings(HTMLParser):
    """The heads of all columns."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "th" and ("scope", "col") in attrs

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.columns.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False
