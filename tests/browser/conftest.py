"""Debian's chromium, a small station, and pages that note everything they ask for and complain about.

Rules: pages are watched from their first byte on; nothing sleeps, conditions are polled in the page. What a page should
show is decided in the tests, not here.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.integration.harness import Whole
from tests.support import PICTURES, pictures_shown
from tests.touch.serving import Pages

ARGUMENTS = [
    "--no-sandbox",  # in a container there is no user to change to
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 30_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("there is no chromium to show the page with: install it with `sudo apt install chromium`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def pages() -> Iterator[Pages]:
    """Kiosks' touch pages. One server for all modules: NiceGUI is one per process."""
    with Pages().serving() as serving:
        yield serving


@dataclass
class Watched:
    """A page, every URL it asked for, and everything it complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def until(self, condition: str, argument: object = None) -> Any:
        """Wait until the JavaScript `condition` (of one argument) is true in the page; its value."""
        return self.page.wait_for_function(condition, arg=argument, timeout=TIMEOUT_MS).json_value()

    def bodies_move(self) -> None:
        """Wait until a body is somewhere else than it was."""
        self.until(
            """() => {
              const bodies = [...document.querySelectorAll(".rider, .guest")];
              const before = window.positionsBefore ??= new Map();
              const moved = bodies.some((one) => {
                const at = one.getAttribute("transform");
                return at && before.has(one) && before.get(one) !== at;
              });
              for (const one of bodies) before.set(one, one.getAttribute("transform"));
              if (moved) delete window.positionsBefore;
              return moved;
            }"""
        )


OpenPage = Callable[..., Watched]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages: URL, then the options of a playwright context (viewport, color_scheme, reduced_motion)."""
    contexts: list[BrowserContext] = []

    def show(url: str, **options: Any) -> Watched:
        context = browser.new_context(**options)
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        watched.page.on(
            "console",
            lambda message: watched.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.goto(url, wait_until="domcontentloaded")
        return watched

    yield show
    for context in contexts:
        context.close()


MakeStation = Callable[..., Whole]


@pytest.fixture
def make_station(tmp_path: Path) -> Iterator[MakeStation]:
    """Starts a gateway and a station of so many lanes, at so many times real time, with devices in this process."""
    made: list[Whole] = []

    def make(lanes: int, speed: int = 1) -> Whole:
        whole = Whole(tmp_path, lanes, speed, micropython=False)
        made.append(whole)
        whole.start()
        return whole

    yield make
    for whole in made:
        whole.close()


@pytest.fixture
def screenshots(tmp_path: Path) -> Iterator[Path]:
    """Where pictures go. When GATELINE_SCREENSHOTS=1 asks for new ones, those that a document shows go on from there to
    docs/screenshots; the others are forgotten."""
    folder = tmp_path / "screenshots"
    folder.mkdir()
    yield folder
    if os.environ.get("GATELINE_SCREENSHOTS") == "1":
        for name in pictures_shown() & {picture.name for picture in folder.iterdir()}:
            shutil.copy(folder / name, PICTURES / name)
