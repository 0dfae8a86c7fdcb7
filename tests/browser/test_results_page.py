"""The page of results: empty, with runs, one run, two side by side; what it says is what the scorecards say."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.embedded import EmbeddedGateway
from simulator.demo_study import study
from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.slow

HIP, KNEE = "beams-at-the-hip", "beams-at-the-knee"


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's own two runs."""
    folder = tmp_path_factory.mktemp("studied")
    study(folder)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A gateway's address, and the folder whose runs it shows, empty."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "runs").mkdir()
    backend = EmbeddedGateway(folder / "gateway", runs=folder / "runs")
    backend.provision("demo", ["gate-1"])
    backend.start_broker()
    try:
        yield backend.start_gateway().rstrip("/"), folder / "runs"
    finally:
        backend.stop()


@pytest.fixture
def runs(site: tuple[str, Path], studied: Path) -> Iterator[Path]:
    """The folder with both runs in it, and one that is no run."""
    folder = site[1]
    for name in (HIP, KNEE):
        shutil.copytree(studied / name, folder / name)
    (folder / "foreign").mkdir()
    (folder / "foreign" / "scorecard.json").write_text('{"a": "<b>stranger</b>"}')
    yield folder
    for run in folder.iterdir():
        shutil.rmtree(run)


def card(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name / "scorecard.json").read_text())
    return found


def shown(sentence: str) -> str:
    """As a page has it: a figure and its unit stay on one line."""
    return sentence.replace(" %", "\u00a0%")


def test_an_empty_page_says_how_to_begin_and_fills_by_itself(
    site: tuple[str, Path], studied: Path, open_page: OpenPage
) -> None:
    url, folder = site
    watched = open_page(f"{url}/results")
    page = watched.page
    page.get_by_text("No run yet").wait_for()
    command = page.locator(".command code").inner_text()
    assert command == f"gateline simulate scenarios/suitcases-to-the-airport.toml --out {folder}/suitcases"
    assert "95 % interval" in page.locator(".meanings").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == command
    try:
        shutil.copytree(studied / HIP, folder / HIP)
        page.get_by_role("link", name=HIP).wait_for()
        assert not page.get_by_text("No run yet").is_visible()
    finally:
        shutil.rmtree(folder / HIP)
    assert not watched.complaints


def test_the_list_tells_each_run_and_what_is_none(site: tuple[str, Path], runs: Path, open_page: OpenPage) -> None:
    watched = open_page(f"{site[0]}/results")
    page = watched.page
    page.get_by_role("link", name=KNEE).wait_for()
    assert page.locator("li.run").count() == 3
    said = page.locator("li.run", has_text=KNEE).inner_text()
    assert f"{card(runs, KNEE)['false_accusations_per_10000']['value']:,.0f}" in said
    assert "something is missing at scenario" in page.locator("li.run", has_text="foreign").inner_text()
    assert page.locator("li.run a").count() == 2 and not page.locator("b").count()
    page.get_by_role("link", name=KNEE).click()
    page.wait_for_url(f"**/results?run={KNEE}")
    assert not watched.complaints


def test_one_run_says_what_its_scorecard_says(
    site: tuple[str, Path], runs: Path, open_page: OpenPage, screenshots: Path
) -> None:
    watched = open_page(f"{site[0]}/results?run={KNEE}", viewport={"width": 1280, "height": 800})
    page, said = watched.page, card(runs, KNEE)
    page.locator(".sentence").wait_for()
    assert page.locator(".sentence").inner_text() == shown(said["conclusion"])
    # A figure shows what the file says; the bars stand in order, the most accused first.
    accused = page.locator(".answer", has_text="Who is accused wrongly?")
    texts = accused.locator(".plot.wide svg text").all_text_contents()
    share = said["by_rider_kind"]["suitcase"]["accused_share"]
    words = f"{share['value'] * 100:.1f} % ({share['low'] * 100:.1f} to {share['high'] * 100:.1f})"
    assert words in texts and texts.index("suitcase") < texts.index("adult")
    assert accused.locator(".plot.narrow").is_hidden() and accused.locator(".plot.wide").is_visible()
    # The heat table has every count, and marks what is wrong by a sign too.
    heat = page.locator("table.heat")
    cells = heat.locator("td.wrong").all_inner_texts()
    assert f"{said['accused_as']['passed']['tailgate']:,} ✗" in [" ".join(cell.split()[:2]) for cell in cells]
    # Numbers are there without any figure.
    accused.locator("summary").click()
    row = accused.locator("tbody tr", has_text="suitcase")
    row.wait_for()
    assert f"{said['by_rider_kind']['suitcase']['honest_passages']:,}" in row.inner_text()
    lanes = (
        page.locator(".answer", has_text="How long do they wait at each lane?").locator("svg text").all_text_contents()
    )
    waited = said["waiting_s_by_lane"]["in-1"]
    assert f"{waited['mean']:.1f} s, 95 %: {waited['p95']:.0f} s" in lanes
    assert page.locator(f'a[href="/replay?run={KNEE}"]').is_visible()
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=screenshots / "results-light.png")
    assert not watched.complaints


def test_what_is_saved_is_the_figure_and_its_numbers(
    site: tuple[str, Path], runs: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(f"{site[0]}/results?run={KNEE}&other={HIP}").page
    accused = page.locator(".answer", has_text="Who is accused wrongly?")
    with page.expect_download() as saved:
        accused.get_by_role("link", name="Figure as SVG").click()
    assert saved.value.suggested_filename == f"{KNEE}-and-{HIP}-accused.svg"
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert text.startswith("<?xml") and KNEE in text and HIP in text and "var(" not in text
    with page.expect_download() as saved:
        accused.get_by_role("link", name="Numbers as CSV (B)").click()
    assert saved.value.suggested_filename == f"{HIP}-accused.csv"
    with open(saved.value.path(), encoding="utf-8", newline="") as numbers:
        rows = {row["honest_riders_with"]: row for row in csv.DictReader(numbers)}
    said = card(runs, HIP)["by_rider_kind"]["suitcase"]
    assert int(rows["suitcase"]["honest_passages"]) == said["honest_passages"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_runs_side_by_side(
    site: tuple[str, Path], runs: Path, open_page: OpenPage, screenshots: Path, scheme: str
) -> None:
    watched = open_page(
        f"{site[0]}/results?run={HIP}&other={KNEE}", viewport={"width": 1920, "height": 1080}, color_scheme=scheme
    )
    page = watched.page
    page.get_by_text("Side by side").wait_for()
    assert page.locator(".sentence").all_inner_texts() == [
        shown(card(runs, name)["conclusion"]) for name in (HIP, KNEE)
    ]
    assert page.get_by_text("These are different scenarios").is_visible()
    # Low beams accuse suitcases: that is no chance.
    row = page.locator("tr", has_text="false accusations, to 10,000").first.inner_text()
    assert "apart" in row and "+" in row
    by_letter = page.locator(".answer", has_text="Who is accused wrongly?").locator(".plot.wide svg text")
    assert {"A", "B"} <= set(by_letter.all_text_contents())
    if scheme == "light":
        page.screenshot(path=screenshots / "results-two-wall-light.png")
    page.get_by_role("link", name="The other way round").click()
    page.wait_for_url(f"**/results?run={KNEE}&other={HIP}")
    assert not watched.complaints


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("run=nobody", "There is no run of that name"),
        ("run=../gateway", "There is no run of that name"),
        (f"run={HIP}&other=nobody", "There is no run of that name"),
        ("run=foreign", "something is missing at scenario"),
    ],
)
def test_what_cannot_be_shown_is_told(
    site: tuple[str, Path], runs: Path, open_page: OpenPage, query: str, told: str
) -> None:
    watched = open_page(f"{site[0]}/results?{query}")
    watched.page.get_by_text(told).first.wait_for()
    assert watched.page.get_by_role("link", name=HIP).or_(watched.page.locator(".sentence")).first.is_visible()
    # The page of a run that isn't there answers 404, which the browser itself tells.
    assert not [one for one in watched.complaints if "status of 404" not in one]


def test_the_gateway_reads_what_the_study_writes(site: tuple[str, Path], runs: Path) -> None:
    found = {one["run"]: one["problem"] for one in httpx.get(f"{site[0]}/v1/runs").json()["items"]}
    assert found[HIP] is None and found[KNEE] is None
