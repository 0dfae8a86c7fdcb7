"""How soon a page shows something: first content in Chromium, plain and with its processor slowed down four times.

Each load is a new browser context, so nothing is cached, of a gateway whose eight lanes are alive; plain and slowed
loads alternate. What is measured is Chromium's own first contentful paint: NiceGUI's pages are empty before their
scripts have run, so their first content is the page itself.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from bench.harness import written
from gateway.embedded import EmbeddedGateway
from gateway.errors import UserError
from simulator.demo import Demo

PAGES: Final = (
    "/",
    "/lane/gate-1",
    "/devices",
    "/privacy",
    "/results",
    "/replay",
    "/start",
    "/my-data",
)
SLOWED: Final = {"plain": 1, "slowed 4 times": 4}
MOST_MS: Final = {"plain": 2_000, "slowed 4 times": 5_000}
ROUNDS: Final = 5
TIMEOUT_MS: Final = 30_000
PAINTED: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
UNIT: Final = "ms to the first content"


@dataclass
class Loads:
    """All loads of one page in one way."""

    page: str
    way: str
    paint_ms: list[float] = field(default_factory=list)
    requests: int = 0
    bytes: int = 0

    @property
    def median_ms(self) -> float:
        return statistics.median(self.paint_ms)


@dataclass
class PageStart:
    """What was found."""

    loads: list[Loads]

    def report(self, console: Console) -> Path:
        """Print the table, write `out/bench-page_start.json`, return its path."""
        table = Table(title=f"page_start: {UNIT}, in a browser that has nothing cached")
        for title in ("page", "", "median", "min", "max", "at most", "requests", "kB"):
            table.add_column(title, justify="left" if title in ("page", "") else "right")
        for one in self.loads:
            table.add_row(
                one.page,
                one.way,
                f"{one.median_ms:,.0f}",
                f"{min(one.paint_ms):,.0f}",
                f"{max(one.paint_ms):,.0f}",
                f"{MOST_MS[one.way]:,}",
                f"{one.requests}",
                f"{one.bytes / 1000:,.0f}",
            )
        console.print(table)
        rows = [
            {
                "row": f"{one.page} {one.way}",
                "paint_ms": one.paint_ms,
                "median": one.median_ms,
                "at_most": MOST_MS[one.way],
                "requests": one.requests,
                "bytes": one.bytes,
            }
            for one in self.loads
        ]
        return written(
            "page_start", {"unit": UNIT, "note": "requests and bytes are those before the first content"}, rows
        )


def run() -> PageStart:
    """Load every page ROUNDS times in each way."""
    executable = shutil.which("chromium")
    if executable is None:
        raise UserError("This bench needs Chromium: sudo apt install chromium.")
    loads = {(page, way): Loads(page, way) for page in PAGES for way in SLOWED}
    with _station() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(ROUNDS):
            for (page, way), found in loads.items():
                _load(browser, f"{url}{page}", SLOWED[way], found)
        browser.close()
    return PageStart(list(loads.values()))


@contextmanager
def _station() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="gateline-bench-") as folder:
        demo = Demo(
            EmbeddedGateway(Path(folder) / "run" / "gateway"), Path(folder) / "run", seed=7, kiosks=1, micropython=False
        )
        demo.folder.mkdir()
        try:
            demo.start()
            yield demo.url.rstrip("/")
        finally:
            demo.close()


def _load(browser: Browser, url: str, slowed: int, found: Loads) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.send("Emulation.setCPUThrottlingRate", {"rate": slowed})
        done: list[float] = []
        network.on("Network.loadingFinished", lambda event: done.append(event["encodedDataLength"]))
        page.goto(url, wait_until="commit", timeout=TIMEOUT_MS)
        handle = page.wait_for_function(PAINTED, timeout=TIMEOUT_MS)
        found.paint_ms.append(float(handle.json_value()))
        found.requests, found.bytes = len(done), int(sum(done))
    finally:
        context.close()
