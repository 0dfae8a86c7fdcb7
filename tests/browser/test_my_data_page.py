"""The page "my data" in a real browser: see, erase, gone from the database's file; and the pass never leaves the page.

Rows come to the gateway as a gate sends them; the pass is one of random bytes, because the page verifies nothing.
"""

import base64
import hashlib
import hmac
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded import EmbeddedGateway
from tests.browser.conftest import OpenPage, Watched
from tests.browser.test_overview import MOST_BYTES, PHONE, POOR_CONTRAST, WALL, origin
from tests.gateway.support import NOON_MS, QUARTER_MS, Peer, passage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DAY_MS = 86_400_000
PASS = (
    b"\x01"
    + hashlib.sha512(b"key").digest()[:8]
    + hashlib.sha256(b"nonce").digest()
    + bytes(byte for number in range(4) for byte in hashlib.sha512(b"signature %d" % number).digest())
)
NONCE = PASS[9:41]
QR_TEXT = base64.b32encode(PASS).decode().rstrip("=")
assert (len(PASS), len(QR_TEXT)) == (297, 476)


def token(day: int) -> str:
    return hmac.new(NONCE, str(day).encode(), hashlib.sha256).hexdigest()


def handle(day: int) -> str:
    return hashlib.sha256(bytes.fromhex(token(day))).hexdigest()


@dataclass
class Station:
    url: str
    data: Path

    def traces(self) -> list[str]:
        """The files of the data directory with a handle of the pass in them."""
        wanted = [handle(NOON_MS // DAY_MS - back).encode() for back in range(9)]
        files = [path for path in self.data.rglob("*") if path.is_file()]
        return [path.name for path in files if any(one in path.read_bytes() for one in wanted)]


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """A gateway in which three passages of our pass are stored, and one of somebody else's."""
    backend = EmbeddedGateway(tmp_path / "gateway")
    peer = None
    try:
        settings = backend.provision("majestic", ["gate-1"])["gate-1"]
        backend.start_broker()
        url = backend.start_gateway()
        peer = Peer(settings)
        today, before = handle(NOON_MS // DAY_MS), handle(NOON_MS // DAY_MS - 2)
        rows = [
            passage(handle=before, at=NOON_MS - 2 * DAY_MS, product="day"),
            passage(handle=today, transit_ms=2250),
            passage(handle=today, at=NOON_MS + 3 * QUARTER_MS + 61_000, way="exit"),
            passage(1),
        ]
        peer.send_until_stored(rows, 0, 1, len(rows))
        yield Station(url, tmp_path / "gateway")
    finally:
        if peer is not None:
            peer.close()
        backend.stop()


@dataclass
class Sent:
    """Everything that the page has sent: method, URL and body."""

    requests: list[tuple[str, str, str]]

    def bodies(self, path: str) -> list[Any]:
        return [json.loads(body) for method, url, body in self.requests if method == "POST" and url.endswith(path)]


def open_my_data(open_page: OpenPage, url: str, **options: Any) -> tuple[Watched, Sent]:
    page = open_page(url, **options)
    sent = Sent([])
    page.page.on(
        "request", lambda request: sent.requests.append((request.method, request.url, request.post_data or ""))
    )
    return page, sent


def ask(page: Watched, text: str = QR_TEXT) -> None:
    page.page.fill("#pass", text)
    page.page.click("#show")


def found(page: Watched) -> list[str]:
    page.until("() => !document.getElementById('found').hidden")
    return page.page.locator("#rows li").all_inner_texts()


def test_see_erase_and_gone_from_the_file(station: Station, open_page: OpenPage, tmp_path: Path) -> None:
    page, sent = open_my_data(open_page, station.url + "/my-data", timezone_id="UTC", locale="en-GB")
    assert station.traces() != []
    # As people copy: small letters, spaces, lines.
    ask(page, "\n".join(re.findall(".{1,40}", QR_TEXT.lower())) + "  ")
    rows = found(page)
    assert page.page.inner_text("#found-title") == "3 passages are recorded under this pass."
    assert page.page.evaluate("document.activeElement.id") == "found-title"
    assert len(rows) == 3 and page.page.locator("#rows h3").count() == 2
    assert "between 12:00 and 12:15: entry, gate gate-1, majestic" in rows[0] and "day pass" in rows[0]
    assert "between 12:00 and 12:15: entry" in rows[1] and "2.25 s in the gate" in rows[1]
    assert "at 12:46: exit" in rows[2] and "Deleted by itself on" in rows[2]

    page.page.click("#erase")
    assert page.page.locator("#confirm").is_visible() and station.traces() != []
    page.page.click("#no")
    assert not page.page.locator("#confirm").is_visible() and sent.bodies("/erase") == []
    page.page.click("#erase")
    page.page.click("#yes")
    page.until("() => !document.getElementById('done').hidden")
    assert station.traces() == [], "gone, while the gateway runs"
    assert page.page.inner_text("#done-words") == "3 passages were erased. They are gone from the database and its log."
    assert page.page.input_value("#pass") == ""
    with page.page.expect_download() as download:
        page.page.click("#receipt")
    path = tmp_path / "receipt.json"
    download.value.save_as(path)
    receipt = json.loads(path.read_text(encoding="utf-8"))
    assert (download.value.suggested_filename, receipt["erased"]) == ("gateline-erasure.json", 3)
    assert handle(NOON_MS // DAY_MS) in [one["handle"] for one in receipt["days"]]
    assert not leaks(path.read_text(encoding="utf-8"))

    ask(page)
    assert found(page) == []
    assert page.page.inner_text("#found-title") == "Nothing is recorded under this pass on these days."
    with closing(sqlite3.connect(f"file:{station.data / 'gateline.sqlite'}?mode=ro", uri=True)) as database:
        assert database.execute("SELECT count(*) FROM passages").fetchone() == (1,), "somebody else's stays"
    assert page.complaints == []
    assert {origin(url) for _, url, _ in sent.requests if not url.startswith(("data:", "blob:"))} == {
        origin(station.url)
    }


def leaks(text: str) -> list[str]:
    """Forms in which the pass, or a part of its nonce or signature, is in a text."""
    lowered = text.lower()
    forms = {"qr": QR_TEXT.lower(), "qr, a part": QR_TEXT[100:130].lower()}
    for name, part in (("nonce", NONCE), ("signature", PASS[41:]), ("key", PASS[1:9])):
        piece = part[:12]
        forms[f"{name} in hex"] = part[:8].hex()
        forms[f"{name} in base64"] = base64.b64encode(piece).decode().lower()
        forms[f"{name} in base64url"] = base64.urlsafe_b64encode(piece).decode().lower()
        forms[f"{name} as numbers"] = ",".join(str(byte) for byte in part[:6])
    return [name for name, form in forms.items() if form in lowered]


def test_the_pass_never_leaves_the_page(station: Station, open_page: OpenPage) -> None:
    page, sent = open_my_data(open_page, station.url + "/my-data")
    ask(page)
    found(page)
    page.page.click("#erase")
    page.page.click("#yes")
    page.until("() => !document.getElementById('done').hidden")
    everything = json.dumps(sent.requests)
    assert leaks(everything) == []
    assert leaks(QR_TEXT) == ["qr", "qr, a part"] and leaks(NONCE.hex()) == ["nonce in hex"], "the search finds it"
    assert leaks(json.dumps(list(PASS), separators=(",", ":")))
    today = NOON_MS // DAY_MS + 1
    for path in ("/v1/my-data", "/v1/my-data/erase"):
        (body,) = sent.bodies(path)
        assert body == {"tokens": [token(today - back) for back in range(10)]}
    kept = page.page.evaluate(
        "JSON.stringify([localStorage, sessionStorage, document.cookie, location.href, history.state])"
    )
    assert kept == json.dumps([{}, {}, "", station.url + "/my-data", None], separators=(",", ":"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "enter the text of your pass first"),
        (QR_TEXT[:-1], "475 characters"),
        (QR_TEXT + "A", "477 characters"),
        ("0" + QR_TEXT[1:], "“0” does not occur"),
        ("<img src=x onerror=alert(1)>", "“<” does not occur"),
        ("C" + QR_TEXT[1:], "not a pass that this page knows"),
        (QR_TEXT[:-1] + "P", "not a pass that this page knows"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_pass_is_told_and_sends_nothing(
    station: Station, open_page: OpenPage, text: str, words: str
) -> None:
    page, sent = open_my_data(open_page, station.url + "/my-data", locale="en")
    ask(page, text)
    page.until("(words) => document.getElementById('pass-error').textContent.includes(words)", words)
    assert page.page.get_attribute("#pass", "aria-invalid") == "true"
    assert page.page.evaluate("document.activeElement.id") == "pass"
    assert sent.requests == [] and page.complaints == []


def test_with_the_keyboard_alone(station: Station, open_page: OpenPage) -> None:
    page, _ = open_my_data(open_page, station.url + "/my-data?lang=en")
    keyboard = page.page.keyboard

    def tab_to(wanted: str) -> None:
        for _ in range(12):
            keyboard.press("Tab")
            if page.page.evaluate("document.activeElement.id") == wanted:
                width = page.page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
                assert width >= 3, "what has the focus is seen"
                return
        raise AssertionError(f"the Tab key does not reach {wanted}")

    tab_to("pass")
    keyboard.insert_text(QR_TEXT)
    tab_to("days")
    tab_to("show")
    keyboard.press("Enter")
    assert len(found(page)) == 3
    tab_to("erase")
    keyboard.press("Space")
    page.until("() => document.activeElement.id === 'confirm-title'")
    tab_to("no")
    tab_to("yes")
    keyboard.press("Enter")
    page.until("() => document.activeElement.id === 'done-title'")
    tab_to("receipt")
    assert station.traces() == []


def test_with_a_screen_reader(station: Station, open_page: OpenPage) -> None:
    """What it reads out: names, roles, live regions, headings in order."""
    page, _ = open_my_data(open_page, station.url + "/my-data?lang=en")
    box = page.page.get_by_role("textbox", name="Your pass, as text")
    described = page.page.evaluate(
        """() => document.getElementById("pass").getAttribute("aria-describedby").split(" ")
          .every((id) => document.getElementById(id) !== null)"""
    )
    assert box.count() == 1 and described
    assert page.page.get_by_role("combobox", name="Which days").count() == 1
    assert page.page.locator("[role=status]").count() == 1 and page.page.locator("[role=alert]").count() == 2
    assert page.page.get_by_role("link", name="Deutsch").get_attribute("lang") == "de"
    ask(page)
    found(page)
    assert page.page.get_by_role("region", name="3 passages are recorded under this pass.").count() == 1
    assert page.page.get_by_role("listitem").filter(has_text="gate-1").count() == 3
    button = page.page.get_by_role("button", name="Erase all of this")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    levels = [
        int(name[1])
        for name in page.page.evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4')].filter((one) => one.offsetParent).map((one) => one.tagName)"
        )
    ]
    assert levels[0] == 1 and all(after <= before + 1 for before, after in pairwise(levels)), levels
    yes, no = (page.page.locator(f"#{name}").bounding_box() for name in ("yes", "no"))
    assert yes is not None and no is not None and abs(yes["width"] - no["width"]) < 2 and yes["height"] == no["height"]


def test_in_german(station: Station, open_page: OpenPage) -> None:
    page, _ = open_my_data(open_page, station.url + "/my-data", locale="de-DE", timezone_id="UTC")
    assert page.page.inner_text("h1") == "Meine Daten"
    assert page.page.evaluate("document.documentElement.lang") == "de"
    ask(page)
    rows = found(page)
    assert page.page.inner_text("#found-title") == "Unter diesem Ticket sind 3 Durchgänge aufgezeichnet."
    assert "zwischen 12:00 und 12:15: Eingang, Sperre gate-1, majestic" in rows[0]
    assert "2,25 s in der Sperre" in rows[1]
    page.page.get_by_role("link", name="English").click()
    page.until("() => document.documentElement.lang === 'en'")
    assert page.page.input_value("#pass") == "", "the pass does not come along"


def test_only_today_and_yesterday(station: Station, open_page: OpenPage) -> None:
    page, sent = open_my_data(open_page, station.url + "/my-data?lang=en")
    page.page.select_option("#days", "two")
    ask(page)
    assert len(found(page)) == 2
    assert [len(body["tokens"]) for body in sent.bodies("/v1/my-data")] == [2]


def test_while_the_database_is_read_it_waits_and_never_says_done(station: Station, open_page: OpenPage) -> None:
    page, sent = open_my_data(open_page, station.url + "/my-data?lang=en")
    ask(page)
    found(page)
    with closing(sqlite3.connect(station.data / "gateline.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM passages").fetchone()
        page.page.click("#erase")
        page.page.click("#yes")
        page.until("() => document.getElementById('status').textContent.includes('not gone yet')")
        assert not page.page.locator("#done").is_visible()
    page.until("() => !document.getElementById('done').hidden")
    assert station.traces() == [] and len(sent.bodies("/erase")) >= 2


def test_a_gateway_that_is_away_is_told(station: Station, open_page: OpenPage) -> None:
    page, _ = open_my_data(open_page, station.url + "/my-data?lang=en")
    page.page.route("**/v1/**", lambda route: route.abort())
    ask(page)
    page.until("() => document.getElementById('pass-error').textContent.includes('does not answer')")
    page.page.unroute("**/v1/**")
    page.page.click("#show")
    assert len(found(page)) == 3


def test_nothing_stays_for_who_comes_next(station: Station, open_page: OpenPage) -> None:
    page, _ = open_my_data(open_page, station.url + "/my-data?lang=en")
    ask(page)
    found(page)
    page.page.click("#clear")
    assert page.page.input_value("#pass") == "" and not page.page.locator("#found").is_visible()
    assert page.page.locator("#rows *").count() == 0
    ask(page)
    found(page)
    page.page.goto(station.url + "/inventory")
    page.page.go_back()
    page.until("() => document.getElementById('pass') !== null")
    assert page.page.input_value("#pass") == "" and not page.page.locator("#found").is_visible()
    # Nobody touches it for five minutes.
    page.page.clock.install()
    page.page.goto(station.url + "/my-data?lang=en")
    ask(page)
    found(page)
    page.page.clock.fast_forward(299_000)
    assert page.page.input_value("#pass") != ""
    page.page.clock.fast_forward(2_000)
    assert page.page.input_value("#pass") == "" and not page.page.locator("#found").is_visible()


def test_without_a_secure_context_it_says_so(station: Station, open_page: OpenPage) -> None:
    page, sent = open_my_data(open_page, station.url + "/my-data?lang=en")
    page.page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.page.reload()
    assert page.page.get_by_text("Open this page there, or go to a kiosk").is_visible()
    assert not page.page.locator("#ask").is_visible()
    assert sent.bodies("/v1/my-data") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("phone", PHONE), ("wall", WALL)])
def test_every_size_and_scheme(
    station: Station,
    open_page: OpenPage,
    screenshots: Path,
    size: str,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    language = "en" if scheme == "light" else "de"
    page, _ = open_my_data(
        open_page,
        f"{station.url}/my-data?lang={language}",
        viewport=viewport,
        color_scheme=scheme,
        timezone_id="UTC",
    )
    fits(page)
    ask(page)
    found(page)
    fits(page)
    page.page.click("#erase")
    fits(page)
    if (size, scheme) in (("wall", "light"), ("phone", "dark")):
        page.page.locator("#found").scroll_into_view_if_needed()
        picture = screenshots / f"my-data-{size}-{scheme}.png"
        page.page.screenshot(path=picture, full_page=True)
        assert 0 < picture.stat().st_size < 2 * MOST_BYTES
    page.page.click("#yes")
    page.until("() => !document.getElementById('done').hidden")
    fits(page)
    page.page.goto(station.url + "/inventory")
    fits(page)
    if (size, scheme) in (("wall", "light"), ("phone", "dark")):
        picture = screenshots / f"inventory-{size}-{scheme}.png"
        page.page.screenshot(path=picture)
        assert 0 < picture.stat().st_size < 2 * MOST_BYTES
    page.page.goto(f"{station.url}/notice?lang={language}")
    fits(page)
    assert page.complaints == []


def fits(page: Watched) -> None:
    """Nothing to scroll sideways, text with a contrast of 4.5 to 1, and what is pressed is large enough (WCAG 2.2)."""
    assert page.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.page.evaluate(POOR_CONTRAST) == []
    small = page.page.evaluate(
        """() => [...document.querySelectorAll("button, select, textarea")].filter((one) => one.offsetParent)
          .filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.id)"""
    )
    assert small == []
