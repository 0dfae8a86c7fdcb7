"""The page of devices in a real browser: a killed device shows by itself, a thousand stay usable, nothing personal.

Devices run in this process; the gateway is a process of its own. What a row says is tested without a browser.
"""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.devices.provisioning import Provisioning
from gateway.embedded import EmbeddedGateway
from gateway.store.database import Database
from gateway.store.directory import Directory
from simulator.devices.process import micropython_available
from tests.browser.conftest import MakeStation, OpenPage, Watched
from tests.integration.harness import Whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PHONE = {"width": 390, "height": 844}
WALL = {"width": 1920, "height": 1080}
SOON_MS = 5_000

SAYS = """([device, state]) => document.querySelector(`tr[data-device="${device}"]`)?.dataset.state === state"""
ALL_HEARD = """(count) => document.querySelectorAll('tr[data-state="heard"]:not([hidden])').length === count"""
# Notes whether rows are made anew or the page scrolls by itself.
MARK = """() => {
  window.neverReloaded = true;
  window.rows = [...document.querySelectorAll(".devices-table tbody tr")];
  window.sent = 0;
}"""
SAME = """() => window.neverReloaded === true
  && [...document.querySelectorAll(".devices-table tbody tr")].every((row, place) => row === window.rows[place])"""
NO_OVERFLOW = "() => document.documentElement.scrollWidth <= innerWidth"


def cut(whole: Whole, device: str, *, on: bool = True) -> None:
    """Cut a device's network, or restore it, as a page's button does."""
    order = {"do": "network", "what": "", "on": on}
    answer = httpx.post(f"{whole.url.rstrip('/')}/v1/devices/{device}/world", json=order, timeout=20)
    assert answer.status_code == 202, answer.text


def open_devices(whole: Whole, open_page: OpenPage, path: str = "devices", **options: Any) -> Watched:
    page = open_page(f"{whole.url.rstrip('/')}/{path}", **options)
    page.until("() => document.querySelector('h1') !== null")
    return page


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(
            "killed",
            marks=pytest.mark.skipif(not micropython_available(), reason="there is no MicroPython for this processor"),
        ),
        "cut off",
    ],
)
def test_a_device_that_falls_silent_shows_within_seconds_and_is_announced(
    tmp_path: Path, open_page: OpenPage, how: str
) -> None:
    whole = Whole(tmp_path, 3, 1, micropython=how == "killed")
    try:
        whole.start()
        _watch_it_fall_silent(whole, open_page, how)
    finally:
        whole.close()


def _watch_it_fall_silent(whole: Whole, open_page: OpenPage, how: str) -> None:
    page = open_devices(whole, open_page)
    page.until(ALL_HEARD, 3)
    assert page.page.inner_text("#calls-title") == "Nothing needs a hand"
    page.page.evaluate(MARK)
    page.page.evaluate("scrollTo(0, 40)")
    top = page.page.evaluate("document.querySelector('.devices-table').getBoundingClientRect().top")
    if how == "killed":
        whole.station.loop.call(whole.lane("gate-2").power_off)  # SIGKILL
    else:
        cut(whole, "gate-2")
    page.page.wait_for_function(SAYS, arg=["gate-2", "silent"], timeout=SOON_MS)
    assert page.page.inner_text("#calls-title") == "1 needs a hand"
    called = page.page.inner_text('.calls li[data-device="gate-2"]')
    assert "silent" in called and "Look whether it has power and network." in called
    live = page.page.locator('[role="status"][aria-live="polite"]', has_text="gate-2 fell silent.")
    assert live.count() == 1
    assert "silent" in page.page.inner_text('tr[data-device="gate-2"] .link'), "the state is a word, not a colour alone"
    assert page.page.evaluate("document.querySelector('.devices-table').getBoundingClientRect().top") == top
    if how == "killed":
        whole.station.loop.call(whole.lane("gate-2").power_on)
    else:
        cut(whole, "gate-2", on=False)
    page.until(SAYS, ["gate-2", "heard"])
    page.until("() => document.querySelector('[role=status]').textContent === 'gate-2 can be heard again.'")
    assert page.page.evaluate(SAME)
    assert page.complaints == []


def test_one_device_has_its_own_address_and_history(
    make_station: MakeStation, open_page: OpenPage, screenshots: Path
) -> None:
    whole = make_station(2, speed=5)
    page = open_devices(whole, open_page, "devices/gate-1", viewport=WALL, color_scheme="dark")
    page.until("() => document.querySelector('.now').dataset.state === 'heard'")
    page.until("() => document.querySelector('#outbox .line') !== null")
    assert page.page.inner_text("h1") == "gate-1"
    assert page.page.get_attribute("#outbox svg", "role") == "img"
    assert page.page.get_attribute("#outbox svg", "aria-label").startswith("Outbox from ")  # type: ignore[union-attr]
    page.until("() => document.body.textContent.includes('It has started.')")
    cut(whole, "gate-1")
    page.page.wait_for_function("() => document.querySelector('.now').dataset.state === 'silent'", timeout=SOON_MS)
    page.until("() => document.querySelector('#outbox .silence') !== null")
    page.page.screenshot(path=screenshots / "device-wall-dark.png")
    assert page.complaints == []
    other = open_devices(whole, open_page, "devices/gate-99")
    other.until("() => document.querySelector('h1').textContent === 'No such device'")


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("wall", "light")])
def test_it_looks_right_and_shows_nothing_personal(
    make_station: MakeStation, open_page: OpenPage, screenshots: Path, size: str, scheme: str
) -> None:
    whole = make_station(4, speed=5)
    options: dict[str, Any] = {"viewport": PHONE if size == "phone" else WALL, "color_scheme": scheme}
    page = open_devices(whole, open_page, **options)
    page.until(ALL_HEARD, 4)
    cut(whole, "gate-3")
    page.until(SAYS, ["gate-3", "silent"])
    assert page.page.evaluate(NO_OVERFLOW)
    html = page.page.content()
    handles = [handle for _, _, handle in whole.facts()["passages"]]
    assert not any(handle in html for handle in handles)
    assert re.search(r"\b[0-9a-f]{64}\b", html) is None
    page.page.screenshot(path=screenshots / f"devices-{size}-{scheme}.png")


def test_a_thousand_devices_stay_usable(tmp_path: Path, open_page: OpenPage) -> None:
    backend = EmbeddedGateway(tmp_path / "gateway")
    database = Database(tmp_path / "gateway")
    provisioning = Provisioning(Directory(database))
    provisioning.add_fleet(provisioning.draw_fleet("big", "gate", 999, "physical"))
    provisioning.add_device("small", "door-1", "physical")
    database.close()
    backend.start_broker()
    try:
        url = backend.start_gateway().rstrip("/")
        page = open_page(f"{url}/devices")
        page.page.evaluate(MARK)
        frames: list[int] = []
        page.until("() => document.getElementById('count-all')?.textContent === '1,000'")
        assert page.page.evaluate("document.querySelectorAll('.devices-table tbody tr').length") == 25
        assert page.page.inner_text("#range") == "1 to 25 of 1,000"
        page.page.evaluate(MARK)
        page.page.click('button[aria-label="Devices behind these"]')
        page.until("() => document.getElementById('range').textContent === '26 to 50 of 1,000'")
        page.until("() => location.href.endsWith('/devices?page=2')")
        assert page.page.inner_text(".devices-table tbody tr:first-child th a") == "gate-26"
        page.page.select_option("#site", "small")
        page.until("() => document.getElementById('range').textContent === '1 to 1 of 1'")
        page.until("() => location.href.endsWith('/devices?site=small')")
        assert page.page.evaluate(SAME)
        # A link to what somebody has chosen shows the same to others; while nothing changes, next to nothing is sent.
        other = open_page(f"{url}/devices?page=40")
        other.until("() => document.getElementById('range')?.textContent === '976 to 1,000 of 1,000'")
        other.page.click("#needs")
        other.until("() => document.getElementById('range').textContent === 'none'")
        other.page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
        other.page.goto(f"{url}/devices?page=40")
        other.until("() => document.getElementById('range')?.textContent === '976 to 1,000 of 1,000'")
        # Five turns of the shared refresh, by the times that the page itself shows going on.
        other.until("() => { window.turns = (window.turns ?? 0) + 1; return window.turns > 250; }")
        assert sum(frames) < 20_000
        assert page.complaints == []
    finally:
        backend.stop()
