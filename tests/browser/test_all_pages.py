"""Every page, on a phone and on a wall, light and dark: opens, fits, asks nobody else, complains of nothing, holds
still, can be used by keyboard, and has nothing that axe calls serious.

One gateway and one station for all; what a page shows is tested beside that page. A page that comes new is one line in
PAGES.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from gateway.web.frame import HELP, PLACES
from simulator.scenario.commands import simulate
from tests.browser.accessibility import Axe, axe
from tests.browser.conftest import TIMEOUT_MS
from tests.integration.harness import Whole
from tests.support import ROOT, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

__all__ = ["axe"]

SIZES = {"phone": {"width": 390, "height": 844}, "wall": {"width": 1920, "height": 1080}}
SHIFT_MAX = 0.05  # half of what Google calls a good cumulative layout shift
TABS_MAX = 120

FIRST, SECOND, PHYSICAL = "prams", "suitcases", "gate-9"

WATCH_SHIFTS = """
  window.layoutShift = 0;
  window.layoutShifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      window.layoutShift += entry.value;
      for (const source of entry.sources ?? []) {
        const { nodeName, className } = source.node ?? {};
        window.layoutShifts.push(`${entry.value.toFixed(3)} ${nodeName} ${className}`);
      }
    }
  }).observe({ type: "layout-shift", buffered: true });
"""

# Twenty frames in a row in which nothing jumped.
STILL = """() => {
  if (window.shiftBefore !== window.layoutShift) window.stillFrames = 0;
  window.shiftBefore = window.layoutShift;
  window.stillFrames += 1;
  return document.fonts.status === "loaded" && window.stillFrames > 20;
}"""

FOCUSED = """() => {
  const one = document.activeElement;
  if (one === null || one === document.body) return null;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return {
    name: one.outerHTML.slice(0, 160),
    seen: (outlined || style.boxShadow !== "none") && box.width > 0 && box.height > 0,
    href: one.getAttribute("href") ?? "",
  };
}"""


@dataclass(frozen=True)
class Where:
    """A page: its address, what shows that it is ready, its main control (a selector), what must be there before."""

    name: str
    path: str
    ready: str = "h1"
    control: str = ""
    without_runs: bool = False
    framed: bool = True
    status: int = 200


PAGES = (
    Where("overview", "/", "gateline-plan svg, gateline-plan canvas", "main a.action"),
    Where("lane", "/lane/gate-1", "gateline-lane svg, gateline-lane canvas", "main button"),
    Where("lane, physical", f"/lane/{PHYSICAL}"),
    Where("devices", "/devices", "main a:has-text('gate-1')", "main td a, main th a"),
    Where("one device", "/devices/gate-1", "h1:has-text('gate-1')", "main a"),
    Where("one device, physical", f"/devices/{PHYSICAL}", f"h1:has-text('{PHYSICAL}')", "main a"),
    Where("privacy", "/privacy", control="main a"),
    Where("start", "/start", control="main button, main a"),
    Where("results, empty", "/results", "text=No run yet", "button:has-text('Copy')", without_runs=True),
    Where("results", "/results", "a:has-text('suitcases')", ".run a"),
    Where("results, one run", f"/results?run={FIRST}", ".plot svg >> visible=true", "a:has-text('Figure as SVG')"),
    Where("results, two runs", f"/results?run={FIRST}&other={SECOND}", "text=Side by side", "details summary"),
    Where("results, no such run", "/results?run=nobody", "text=There is no run of that name", ".run a", status=404),
    Where("replay, nothing there", "/replay", without_runs=True),
    Where("replay", "/replay", f"a:has-text('{FIRST}')", f"main a:has-text('{FIRST}')"),
    Where("replay, a run", f"/replay?run={FIRST}", "gateline-replay", "gateline-replay button"),
    Where("replay, no such run", "/replay?run=nobody", status=404),
    Where("no such page", "/nonsense", "h1:has-text('No such page')", "main a", status=404),
    Where("no such lane", "/lane/nobody", "h1:has-text('No such lane')", "main a", status=404),
    Where("my data", "/my-data", control="input, textarea", framed=False),
    Where("notice", "/notice", control="a", framed=False),
    Where("inventory", "/inventory", framed=False),
)


@dataclass
class Site:
    """What all pages are shown of."""

    whole: Whole
    runs: Path

    @contextmanager
    def without_runs(self) -> Iterator[None]:
        """Meanwhile the folder of runs is empty."""
        aside = self.runs.parent / "aside"
        aside.mkdir(exist_ok=True)
        self._move(self.runs, aside, 0)
        try:
            yield
        finally:
            self._move(aside, self.runs, 2)

    def _move(self, source: Path, target: Path, left: int) -> None:
        for run in list(source.iterdir()):
            run.rename(target / run.name)
        url = f"{self.whole.url}/v1/runs"
        wait_until(lambda: len(httpx.get(url).json()["items"]) == left, f"the gateway sees {left} runs")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A station of four lanes, a physical gate that says nothing, and two simulated runs."""
    folder = tmp_path_factory.mktemp("site")
    runs = folder / "runs"
    runs.mkdir()
    for name, scenario in ((FIRST, "wheelchair-and-pram"), (SECOND, "suitcases-to-the-airport")):
        simulate(ROOT / "scenarios" / f"{scenario}.toml", out=runs / name, workers=1, as_json=True)
    whole = Whole(folder, 4, 1, micropython=False, runs=runs, physical=PHYSICAL)
    try:
        whole.start()
        yield Site(whole, runs)
    finally:
        whole.close()


Windows = Callable[[str, Any], BrowserContext]


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[Windows]:
    """A window of a size, light or dark: one for all pages, as a reader has, so that common files come once."""
    opened: dict[tuple[str, str], BrowserContext] = {}

    def window(size: str, scheme: Any) -> BrowserContext:
        if (size, scheme) not in opened:
            context = browser.new_context(viewport=SIZES[size], color_scheme=scheme)  # type: ignore[arg-type]
            context.add_init_script(WATCH_SHIFTS)
            opened[size, scheme] = context
        return opened[size, scheme]

    yield window
    for context in opened.values():
        context.close()


def test_every_place_of_the_navigation_is_here() -> None:
    here = {where.path.partition("?")[0] for where in PAGES}
    assert {path for _, path in (*PLACES, HELP)} <= here


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("where", PAGES, ids=lambda where: where.name)
def test_page(windows: Windows, site: Site, axe: Axe, where: Where, size: str, scheme: Any) -> None:
    page = windows(size, scheme).new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        if where.without_runs:
            with site.without_runs():
                _look(page, site, axe, where, keyboard=scheme == "light")
        else:
            _look(page, site, axe, where, keyboard=scheme == "light")
        elsewhere = [url for url in asked if not url.startswith((site.whole.url.rstrip("/") + "/", "data:", "blob:"))]
        assert not elsewhere, f"asked elsewhere: {elsewhere}"
        # Of a page that isn't there the browser itself says so, once.
        told = [one for one in complaints if f"status of {where.status}" in one]
        assert len(told) <= 1 and complaints == told, complaints
    finally:
        page.close()


def _look(page: Page, site: Site, axe: Axe, where: Where, *, keyboard: bool) -> None:
    answer = page.goto(site.whole.url.rstrip("/") + where.path, wait_until="load")
    assert answer is not None and answer.status == where.status, f"{where.path} answers {answer and answer.status}"
    page.wait_for_selector(where.ready, timeout=TIMEOUT_MS)
    page.wait_for_function(STILL, polling="raf", timeout=TIMEOUT_MS)
    _is_a_page(page, where)
    shift, shifts = page.evaluate("[window.layoutShift, window.layoutShifts]")
    assert shift < SHIFT_MAX, f"what was read jumps by {shift:.2f}: {shifts[:8]}"
    grave = axe.grave(page)
    assert not grave, "\n".join(grave)
    if keyboard:
        _by_keyboard(page, where)


def _is_a_page(page: Page, where: Where) -> None:
    assert page.locator("h1:visible").count() == 1, "a page has one main heading"
    assert page.locator("h1:visible").inner_text().strip()
    assert page.locator("main").count() == 1, "a page has one main part"
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} pixels wider than the window: {_overflowing(page)}"


def _overflowing(page: Page) -> Any:
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
          .slice(0, 6).map((one) => one.outerHTML.slice(0, 120))"""
    )


def _by_keyboard(page: Page, where: Where) -> None:
    """Tab reaches what there is, in order, and one sees where one is."""
    page.evaluate("() => { document.activeElement?.blur(); window.getSelection()?.removeAllRanges(); }")
    links: list[str] = []
    reached, wanted = not where.control, where.control
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        assert focused["seen"], f"the focus can't be seen on {focused['name']}"
        links.append(focused["href"])
        if wanted and page.locator(wanted).and_(page.locator(":focus")).count():
            reached = True
        if reached and (not where.framed or {path for _, path in (*PLACES, HELP)} <= set(links)):
            break
    assert reached, f"Tab doesn't reach {wanted}"
    if where.framed:
        assert links[0] == "#main", "the first stop skips the navigation"
        assert {path for _, path in (*PLACES, HELP)} <= set(links)
