"""The whole way in a browser: buy at the kiosk's page, hold the pass to a gate, see what was stored, have it erased,
and find it gone from the database file's own bytes. And the same with no: nothing is ever stored.

Everything is real but the hardware: the kiosk's and the gates' firmware, the gateway, the broker, the pages. Pictures
of each step are made for docs/walk.md when GATELINE_SCREENSHOTS=1.
"""

import hashlib
import hmac
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.embedded import EmbeddedGateway
from simulator.demo import Demo
from simulator.gateline_page import medium_of, pass_bytes
from tests.browser.conftest import OpenPage, Watched
from tests.support import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SIZE = {"width": 1280, "height": 800}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Two gates, one kiosk, and nobody but who is sent by hand."""
    small = Demo(EmbeddedGateway(tmp_path / "run" / "gateway"), tmp_path / "run", seed=1, lanes=2, kiosks=0, quiet=True)
    small.folder.mkdir()
    try:
        small.start()
        yield small
    finally:
        small.close()


def press(page: Watched, button: str, then: str) -> None:
    """Press until the kiosk shows scene `then`: a press that comes too early for a rider to have read doesn't count."""

    def pressed() -> bool:
        if page.page.locator(f".scene-{then}").count():
            return True
        if page.page.locator(button).count():
            page.page.click(button)
        return False

    wait_until(pressed, f"the kiosk shows {then}", timeout_s=40, poll_s=0.3)


def buy(page: Watched, consent: bool, pictures: Path, prefix: str) -> str:
    """A single, at the kiosk's page; the text of its QR code, taken out of the tray."""

    def picture(name: str) -> None:
        page.page.screenshot(path=pictures / f"{prefix}-{name}.png")

    page.until("() => document.querySelector('.scene-start') !== null")
    picture("start")
    press(page, "#buy", "choose")
    press(page, "#choose-single", "pay")
    page.page.get_by_role("button", name="2 €", exact=False).first.scroll_into_view_if_needed()
    picture("pay")
    page.page.locator("#machine button.coin").first.click()
    page.until("() => document.querySelector('.scene-ask') !== null")
    picture("ask")
    press(page, "#yes" if consent else "#no", "hand_over")
    page.page.wait_for_selector("#qr-text", timeout=30_000)
    page.page.locator("#qr").scroll_into_view_if_needed()
    picture("ticket")
    return page.page.inner_text("#qr-text").strip()


def handle_of(text: str, demo: Demo) -> str:
    """As docs/passes.md says, from the pass alone."""
    raw = pass_bytes(medium_of(text))
    assert raw is not None and demo.station is not None
    day = demo.station.truth.service_day(int(time.time() * 1000))
    token = hmac.new(raw[9:41], str(day).encode(), hashlib.sha256).digest()
    return hashlib.sha256(token).hexdigest()


def rows(demo: Demo) -> list[str]:
    with closing(sqlite3.connect(f"file:{demo.folder}/gateway/gateline.sqlite?mode=ro", uri=True)) as database:
        return [str(handle) for (handle,) in database.execute("SELECT handle FROM passages")]


def bytes_of(demo: Demo) -> bytes:
    """The database's files as they lie on the disk: itself, its write-ahead log, and whatever else is beside it."""
    return b"".join(file.read_bytes() for file in sorted((demo.folder / "gateway").glob("gateline.sqlite*")))


def through_the_gate(gateline: Watched, pictures: Path, name: str) -> None:
    gateline.until("() => document.querySelectorAll('.lane').length === 2")
    gateline.page.click("[data-lane=gate-1] button")
    gateline.until(
        """() => {
          const own = document.querySelector("[data-lane=gate-1] .person.own");
          const place = own && own.transform.baseVal.consolidate();  // null until it is first drawn
          const arm = document.querySelector("[data-lane=gate-1]").dataset.arm;
          return place && place.matrix.e > 350 && Number(arm) === 100;
        }"""
    )
    gateline.page.screenshot(path=pictures / name)
    gateline.until("() => document.getElementById('said').textContent === 'Green. Your rider is through gate-1.'")


def test_buy_pass_see_erase_gone(demo: Demo, open_page: OpenPage, screenshots: Path) -> None:
    kiosk = open_page(demo.kiosk_url, viewport=SIZE)
    text = buy(kiosk, True, screenshots, "walk-1")
    handle = handle_of(text, demo)
    assert handle.encode() not in bytes_of(demo), "nobody has seen it yet"

    # From the tray to the gates by the link: what follows the # fills the field, and is gone from the address.
    with kiosk.page.context.expect_page() as opened:
        kiosk.page.click("#present")
    opened.value.wait_for_selector("#pass")
    assert opened.value.input_value("#pass") == text and "#" not in opened.value.url
    opened.value.close()
    gateline = open_page(demo.gateline_url, viewport=SIZE)
    gateline.page.fill("#pass", text)
    through_the_gate(gateline, screenshots, "walk-2-gate.png")
    told = gateline.page.text_content("#read") or ""
    assert "single pass" in told and handle in told, "whoever holds the pass can know its handle"
    wait_until(lambda: rows(demo) == [handle], "the passage is stored", timeout_s=30)
    assert handle.encode() in bytes_of(demo), "so the search below would find it"

    data = open_page(demo.url + "my-data", viewport=SIZE, locale="en-GB")
    data.page.fill("#pass", text)
    data.page.click("#show")
    data.until("() => !document.getElementById('found').hidden")
    assert data.page.locator("#rows li").count() == 1 and "gate-1" in data.page.inner_text("#rows")
    data.page.screenshot(path=screenshots / "walk-3-my-data.png", full_page=True)
    data.page.click("#erase")
    data.page.click("#yes")
    data.until("() => !document.getElementById('done').hidden")
    data.page.screenshot(path=screenshots / "walk-4-erased.png", full_page=True)
    assert handle.encode() not in bytes_of(demo) and bytes.fromhex(handle) not in bytes_of(demo)
    assert rows(demo) == []

    # The same single again: red, whatever was erased.
    gateline.page.click("[data-lane=gate-1] button")
    gateline.until("() => document.getElementById('said').textContent.startsWith('Red.')")
    gateline.page.screenshot(path=screenshots / "walk-5-again.png")

    summary = demo.finish()
    assert (summary.recorded, summary.erased, summary.lost, summary.invented, summary.gaps) == (0, 1, 0, 0, 0)
    assert summary.truth["refused"] == 1 and summary.riders == 2 and summary.clean
    assert kiosk.complaints == gateline.complaints == data.complaints == []


def test_who_says_no_leaves_no_row(demo: Demo, open_page: OpenPage, screenshots: Path) -> None:
    kiosk = open_page(demo.kiosk_url, viewport=SIZE, color_scheme="dark")
    text = buy(kiosk, False, screenshots, "walk-6-no")
    handle = handle_of(text, demo)
    gateline = open_page(demo.gateline_url, viewport=SIZE, color_scheme="dark")
    gateline.page.fill("#pass", text)
    through_the_gate(gateline, screenshots, "walk-7-no-gate.png")

    data = open_page(demo.url + "my-data", viewport=SIZE, color_scheme="dark", locale="en-GB")
    data.page.fill("#pass", text)
    data.page.click("#show")
    data.until("() => !document.getElementById('found').hidden")
    assert data.page.locator("#rows li").count() == 0
    data.page.screenshot(path=screenshots / "walk-8-no-my-data.png", full_page=True)

    summary = demo.finish()
    assert rows(demo) == [] and handle.encode() not in bytes_of(demo)
    assert demo.log is not None
    assert not any(handle.encode() in message.payload for message in demo.log.messages()), "nor did the broker see it"
    assert (summary.declined, summary.declined_located, summary.held, summary.tallied) == (1, 0, 1, 0)
    assert summary.clean and summary.lost == 0
    assert kiosk.complaints == gateline.complaints == data.complaints == []
