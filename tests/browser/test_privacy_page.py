"""The page of privacy in a real browser: it says what is kept, leads to what riders need, and shows nobody."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import MakeStation, OpenPage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PHONE = {"width": 390, "height": 844}
WALL = {"width": 1920, "height": 1080}
READY = "() => document.querySelector('#keep-days')?.textContent.startsWith('7 days')"


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("wall", "light")])
def test_it_says_what_is_kept_and_shows_nobody(
    make_station: MakeStation, open_page: OpenPage, screenshots: Path, size: str, scheme: str
) -> None:
    whole = make_station(4, speed=10)
    page = open_page(
        f"{whole.url.rstrip('/')}/privacy", viewport=PHONE if size == "phone" else WALL, color_scheme=scheme
    )
    page.until(READY)
    # The shares of those who agreed come by themselves, once there are enough of both.
    page.until("() => /\\d+ %/.test([...document.querySelectorAll('.counts-table')].at(-1).textContent)")
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    html = page.page.content()
    assert not any(handle in html for _, _, handle in whole.facts()["passages"])
    assert re.search(r"\b[0-9a-f]{64}\b", html) is None
    # The notice's own hash is shown by its first sixteen digits.
    assert re.search(r"\b[0-9a-f]{17,}\b", page.page.inner_html("main")) is None
    said = page.page.inner_text("main")
    assert not re.search(r"\bgate-\d|\bkiosk-\d", said), "by site and day, never by device"
    for figure in page.page.locator(".counts-table td.number").all_inner_texts():
        number = re.fullmatch(r"([\d,]+)", figure)
        assert number is None or int(number[1].replace(",", "")) >= 10
    page.page.screenshot(path=screenshots / f"privacy-{size}-{scheme}.png")
    assert page.complaints == []
    assert {urlsplit(url).netloc for url in page.requests if url.startswith("http")} == {urlsplit(whole.url).netloc}


def test_it_leads_to_my_data_notice_and_inventory_and_back(make_station: MakeStation, open_page: OpenPage) -> None:
    whole = make_station(1)
    page = open_page(f"{whole.url.rstrip('/')}/privacy")
    for path in ("/my-data", "/notice", "/inventory"):
        page.until(READY)
        page.page.click(f'main a[href="{path}"]')
        page.page.wait_for_url(f"**{path}")
        home = page.page.locator('a[href="/"]').first
        assert "Gateline" in home.inner_text()
        page.page.go_back()
    page.until(READY)
    # All groups can be opened by keyboard; what is in them is the inventory's.
    page.page.focus("details.group:nth-of-type(2) summary")
    page.page.keyboard.press("Enter")
    page.until("() => document.querySelector('details.group:nth-of-type(2)').open")
    assert "declined" in page.page.inner_text("details.group:nth-of-type(2)")
