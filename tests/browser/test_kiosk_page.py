"""The kiosk's page in a real browser, its machine a puppet: what is shown, measured, spoken and forgotten.

What the kiosk does is decided by its engine and tested with it (test_kiosk_walk); here the screen is set by the test.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.browser.conftest import OpenPage, Watched
from tests.support import wait_until
from tests.touch.screens import EMPTY_MACHINE, PASS_TEXT, RECEIPT, TICKET, Puppet, notice, screens
from tests.touch.serving import Pages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HD = {"width": 1920, "height": 1080}
DESK = {"width": 1280, "height": 800}
SMALL = {"width": 800, "height": 480}

# All that a page remembers where a script can look: document, fields, storages, address, title.
TRACES = """() => JSON.stringify([
  document.documentElement.outerHTML, [...document.querySelectorAll("input")].map((one) => one.value),
  {...localStorage}, {...sessionStorage}, document.cookie, location.href, document.title, history.state,
  window.name, mounted_app.elements,
])"""


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


def shows(page: Watched, state: str) -> None:
    page.until("(state) => document.querySelector(`.scene-${state}`) !== null", state)


def heading(page: Watched) -> str:
    return page.page.inner_text("#heading")


def focused(page: Watched, wanted: str) -> None:
    page.until("(wanted) => document.activeElement.id === wanted", wanted)


def test_a_new_screen_has_its_heading_in_focus_and_its_language_set(
    pages: Pages, puppet: Puppet, open_page: OpenPage
) -> None:
    page = open_page(pages.add(puppet), viewport=SMALL)
    for name, screen in screens().items():
        puppet.show(**screen)
        shows(page, screen["state"])
        focused(page, "pass" if name == "my_data" else "heading")
    puppet.show(language="de", **screens()["choose"])
    page.until("() => document.documentElement.lang === 'de'")
    assert heading(page) == "Welches Ticket?" and page.page.title() == "Ticketautomat"
    assert page.complaints == []


@pytest.mark.parametrize("viewport", [HD, DESK, SMALL], ids=["hd", "desk", "small"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_screen_fits(
    pages: Pages, puppet: Puppet, open_page: OpenPage, viewport: dict[str, int], language: str
) -> None:
    page = open_page(pages.add(puppet), viewport=viewport)
    for screen in screens().values():
        puppet.show(**screen | {"language": language})
        shows(page, screen["state"])
        page.until("(language) => document.documentElement.lang === language", language)
        measured = page.page.evaluate(
            """() => {
              const over = (one) => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1;
              const boxes = [...document.querySelectorAll("#rider button, #rider input, h1")];
              return {
                page: over(document.documentElement),
                scene: over(document.querySelector(".scene")),
                out: boxes.filter((one) => {
                  const box = one.getBoundingClientRect();
                  return box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight || over(one);
                }).map((one) => one.textContent),
                covered: boxes.flatMap((one, at) => boxes.slice(at + 1).filter((other) => {
                  const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
                  return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
                }).map((other) => [one.textContent, other.textContent])),
                low: boxes.filter((one) => one.tagName === "BUTTON" && one.getBoundingClientRect().height < 44)
                  .map((one) => one.textContent),
                type: Math.min(...boxes.map((one) => parseFloat(getComputedStyle(one).fontSize))),
              };
            }"""
        )
        assert measured["page"] is False and measured["scene"] is False, (screen["state"], measured)
        assert measured["out"] == [] and measured["low"] == [], (screen["state"], measured)
        assert measured["covered"] == [], (screen["state"], measured)
        assert measured["type"] >= 15, measured


def test_yes_and_no_weigh_the_same(pages: Pages, puppet: Puppet, open_page: OpenPage) -> None:
    for viewport in (HD, SMALL):
        for scheme in ("light", "dark"):
            page = open_page(pages.add(puppet), viewport=viewport, color_scheme=scheme)
            for state in ("ask", "erase", "withdraw"):
                puppet.show(**screens()[state])
                shows(page, state)
                focused(page, "heading")
                no, yes = (
                    page.page.evaluate(
                        """(id) => {
                          const one = document.getElementById(id), box = one.getBoundingClientRect();
                          const styles = (part) => Object.fromEntries([...getComputedStyle(part)].map(
                            (name) => [name, getComputedStyle(part)[name]]));
                          return {
                            box: [box.width, box.height, box.top], left: box.left, own: styles(one),
                            inner: [...one.children].map((child) => {
                              const {color, fontSize, fontWeight, opacity, backgroundColor} = getComputedStyle(child);
                              return [child.tagName, color, fontSize, fontWeight, opacity, backgroundColor];
                            }),
                          };
                        }""",
                        name,
                    )
                    for name in ("no", "yes")
                )
                assert no["box"] == yes["box"]
                assert no["own"] == yes["own"], "two answers with different computed styles"
                assert no["inner"] == yes["inner"]
                assert no["left"] < yes["left"], "no stands first, as the documentation says"
            page.page.context.close()


def test_neither_enter_nor_escape_nor_a_double_tap_says_yes(pages: Pages, puppet: Puppet, open_page: OpenPage) -> None:
    page = open_page(pages.add(puppet), viewport=SMALL)
    puppet.show(**screens()["pay"])
    shows(page, "pay")
    puppet.show(**screens()["ask"])
    shows(page, "ask")
    page.page.evaluate("document.getElementById('yes').click()")
    focused(page, "heading")
    for key in ("Enter", "Escape", "Space", "Enter", "Escape"):
        page.page.keyboard.press(key)

    def no() -> bool:
        page.page.click("#no")
        return bool(puppet.pressed)

    # Then an answer that is meant, for as long as it takes: what came before it, in order, has not counted.
    wait_until(no, "the answer")
    assert set(puppet.pressed) == {("answer", False)}


def test_all_can_be_done_with_the_keyboard_alone(pages: Pages, puppet: Puppet, open_page: OpenPage) -> None:
    page = open_page(pages.add(puppet), viewport=SMALL)
    expected: list[tuple[Any, ...]] = []
    for name, screen in screens().items():
        puppet.show(**screen)
        shows(page, screen["state"])
        focused(page, "pass" if name == "my_data" else "heading")
        reached = page.page.evaluate("document.querySelectorAll('#rider button').length")
        seen = []
        for _ in range(reached + 4):
            page.page.keyboard.press("Tab")
            active = page.page.evaluate(
                """() => {
                  const one = document.activeElement, style = getComputedStyle(one);
                  return [one.tagName, one.textContent, style.outlineStyle, parseFloat(style.outlineWidth)];
                }"""
            )
            if active[0] == "BUTTON":
                seen.append(active[1])
                assert active[2] == "solid" and active[3] >= 4, f"{active[1]} has no visible focus"
        assert len(set(seen)) == reached, (name, seen)
    puppet.show(**screens()["start"])
    shows(page, "start")
    focused(page, "heading")
    # The languages stand before the heading; the first stop behind it is the first tile.
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    expected.append(("buy",))
    wait_until(lambda: puppet.pressed == expected, "Enter presses the focused button")


def test_a_pass_goes_from_the_field_to_the_kiosk_and_stays_nowhere(
    pages: Pages, puppet: Puppet, open_page: OpenPage
) -> None:
    page = open_page(pages.add(puppet), viewport=SMALL)
    puppet.show(**screens()["my_data"])
    focused(page, "pass")
    page.page.keyboard.press("Enter")  # an empty field shows nothing
    page.page.keyboard.type(PASS_TEXT)  # as a scanner types it: with Enter at its end
    page.page.keyboard.press("Enter")
    wait_until(lambda: puppet.pressed, "the pass")
    assert puppet.pressed == [("show", PASS_TEXT)]
    assert page.page.input_value("#pass") == ""
    assert PASS_TEXT not in page.page.evaluate(TRACES)
    page.page.fill("#pass", PASS_TEXT)
    page.page.click("#show")
    wait_until(lambda: len(puppet.pressed) == 2, "the pass, by the button")
    page.page.fill("#pass", PASS_TEXT)
    puppet.show(**screens()["start"])
    shows(page, "start")
    focused(page, "heading")
    assert PASS_TEXT not in page.page.evaluate(TRACES)
    assert not [url for url in page.requests if PASS_TEXT[:40] in url]


def test_nothing_of_the_last_rider_is_left(pages: Pages, open_page: OpenPage) -> None:
    puppet = Puppet(EMPTY_MACHINE)
    page = open_page(pages.add(puppet), viewport=HD)
    began = page.page.evaluate("history.length")
    puppet.show(**screens()["hand_over"])
    puppet.put(ticket=TICKET | {"receipt": RECEIPT})
    page.until("(text) => document.getElementById('qr-text')?.textContent === text", PASS_TEXT)
    code = page.page.get_attribute("#qr", "src")
    assert code is not None and code.startswith("data:image/svg+xml")
    assert PASS_TEXT in page.page.evaluate(TRACES), "the search finds what is there"
    # Reloaded while the ticket lies in the tray: the document itself must not hold it.
    document = page.page.request.get(page.page.url).text()
    assert PASS_TEXT not in document
    puppet.show(**screens()["start"])
    puppet.put(ticket=None)
    page.until("() => document.getElementById('qr-text') === null")
    shows(page, "start")
    for trace in (PASS_TEXT, code, "consent receipt"):
        assert trace not in page.page.evaluate(TRACES)
    assert page.page.evaluate("history.length") == began
    assert page.page.context.cookies() == []
    page.page.reload()
    shows(page, "start")
    assert PASS_TEXT not in page.page.evaluate(TRACES)
    page.page.goto("about:blank")
    page.page.go_back()
    shows(page, "start")
    assert PASS_TEXT not in page.page.evaluate(TRACES)


def test_rows_are_gone_with_their_rider_and_so_is_the_second_browser(
    pages: Pages, puppet: Puppet, open_page: OpenPage
) -> None:
    url = pages.add(puppet)
    first, second = open_page(url, viewport=SMALL), open_page(url, viewport=HD)
    puppet.show(**screens()["my_data, rows"])
    for page in (first, second):
        page.until("() => document.querySelectorAll('.rows li').length === 2")
        assert "gate-4" in page.page.inner_text(".rows")
    puppet.show(**screens()["start"])
    for page in (first, second):
        shows(page, "start")
        assert "gate-4" not in page.page.evaluate(TRACES)


LAPTOP = {"width": 1280, "height": 800}
WIDE = {"width": 1600, "height": 900}
PICTURES = [
    ("start", "start", "en", LAPTOP, "light"),
    ("choose", "choose", "en", LAPTOP, "light"),
    ("pay", "pay", "de", LAPTOP, "light"),
    ("ask", "ask", "en", LAPTOP, "light"),
    ("ask-dark", "ask", "de", LAPTOP, "dark"),
    ("ask-small", "ask", "en", SMALL, "light"),
    ("machine", "hand_over", "en", WIDE, "light"),
    ("my-data", "my_data, rows", "en", LAPTOP, "light"),
    ("withdraw", "withdraw", "en", LAPTOP, "light"),
    ("out-of-order", "out_of_order", "de", SMALL, "dark"),
]


def test_pictures_for_the_documentation(pages: Pages, open_page: OpenPage, screenshots: Path) -> None:
    for name, screen, language, viewport, scheme in PICTURES:
        puppet = Puppet(EMPTY_MACHINE if name == "machine" else None)
        if name == "machine":
            puppet.put(ticket=TICKET, present_url="http://127.0.0.1:9/present")
        shown = screens()[screen] | {"language": language}
        if screen == "ask":
            shown["notice"] = notice(language)
        puppet.show(**shown)
        page = open_page(pages.add(puppet), viewport=viewport, color_scheme=scheme)
        shows(page, shown["state"])
        focused(page, "heading")
        page.page.evaluate("document.fonts.ready")
        path = screenshots / f"kiosk-{name}.png"
        page.page.screenshot(path=path)
        with Image.open(path) as picture:
            # Few colours are in it: a palette makes the file a third as large.
            picture.convert("RGB").quantize(64).save(path, optimize=True)
            assert picture.size == (viewport["width"], viewport["height"])
        assert path.stat().st_size < 80_000
        page.page.context.close()


CONTRASTS = """() => {
  const linear = (byte) => (byte /= 255) <= 0.04045 ? byte / 12.92 : ((byte + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const one of document.querySelectorAll("#rider *, #machine *")) {
    if (![...one.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim())) continue;
    const pair = [light(parts(getComputedStyle(one).color)), light(ground(one))].sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), one.className || one.tagName, one.textContent.slice(0, 30)]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_a_contrast_of_seven_to_one(pages: Pages, open_page: OpenPage, scheme: Any) -> None:
    puppet = Puppet(EMPTY_MACHINE | {"ticket": TICKET | {"receipt": RECEIPT}, "cup_cents": 50})
    page = open_page(pages.add(puppet), viewport=HD, color_scheme=scheme)
    grounds = {"light": "rgb(244, 241, 234)", "dark": "rgb(16, 20, 27)"}
    for screen in screens().values():
        puppet.show(**screen)
        shows(page, screen["state"])
        ground = page.page.evaluate("getComputedStyle(document.getElementById('rider')).backgroundColor")
        assert ground == grounds[scheme]
        found = page.page.evaluate(CONTRASTS)
        assert len(found) >= 8
        assert [one for one in found if one[0] < 7] == [], screen["state"]


def test_what_changes_is_spoken_and_moves_nothing(pages: Pages, puppet: Puppet, open_page: OpenPage) -> None:
    page = open_page(pages.add(puppet), viewport=SMALL, reduced_motion="reduce")
    pay = screens()["pay"]
    puppet.show(**pay)
    page.until("() => document.getElementById('say')?.textContent === '€1.00 paid, €1.50 still to pay.'")
    assert page.page.get_attribute("#say", "role") == "status"
    page.page.focus("#cancel")
    places = "() => JSON.stringify([...document.querySelectorAll('#rider *')].map((o) => o.getBoundingClientRect().y))"
    before = page.page.evaluate(places)
    puppet.show(**pay | {"paid_cents": 200, "missing_cents": 50, "seconds_left": 9})
    page.until("() => document.getElementById('missing').textContent === '€0.50'")
    assert page.page.evaluate(places) == before
    assert page.page.evaluate("document.activeElement.id") == "cancel", "a coin must not take the focus away"
    assert page.page.evaluate("document.getAnimations().length") == 0


def test_the_language_is_chosen_on_any_screen(pages: Pages, puppet: Puppet, open_page: OpenPage) -> None:
    page = open_page(pages.add(puppet), viewport=SMALL)
    for count, (name, screen) in enumerate(screens().items(), 1):
        puppet.show(**screen)
        shows(page, screen["state"])
        focused(page, "pass" if name == "my_data" else "heading")
        page.page.click("button[lang=de]")
        wait_until(lambda count=count: len(puppet.pressed) == count, "the language")  # type: ignore[misc]
        assert puppet.pressed[-1] == ("language", "de")


def test_the_machine_around_the_screen(pages: Pages, open_page: OpenPage) -> None:
    puppet = Puppet(EMPTY_MACHINE | {"present_url": "http://127.0.0.1:9/present"})
    page = open_page(pages.add(puppet), viewport=HD)
    shows(page, "start")
    rider, machine = (
        page.page.evaluate("(id) => document.getElementById(id).getBoundingClientRect().toJSON()", name)
        for name in ("rider", "machine")
    )
    assert rider["right"] <= machine["left"], "the machine stands beside the rider's screen"
    page.page.click("text=2 €")
    puppet.put(cup_cents=150, ticket=TICKET | {"receipt": RECEIPT})
    page.page.click("#take-money")
    page.page.click("#take-ticket")
    wait_until(lambda: len(puppet.pressed) == 3, "three presses")
    assert puppet.pressed == [("machine", "insert", 200), ("machine", "take_money"), ("machine", "take_ticket")]
    link = page.page.locator("#present")
    assert link.get_attribute("href") == f"http://127.0.0.1:9/present#pass={TICKET['pass_text']}"
    assert link.get_attribute("target") == "_blank"
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.click("#copy")
    page.until("() => document.getElementById('copy').dataset.copied !== undefined")
    assert page.page.evaluate("navigator.clipboard.readText()") == PASS_TEXT


def test_nothing_leaves_the_machine(pages: Pages, open_page: OpenPage) -> None:
    puppet = Puppet(EMPTY_MACHINE)
    page = open_page(pages.add(puppet), viewport=HD)
    puppet.put(ticket=TICKET | {"receipt": RECEIPT})
    for screen in screens().values():
        puppet.show(**screen)
        shows(page, screen["state"])
    hosts = {urlsplit(url).netloc for url in page.requests if not url.startswith("data:")}
    assert hosts == {urlsplit(pages.origin).netloc}
    assert page.complaints == []


def test_the_headers_are_strict(pages: Pages, puppet: Puppet, open_page: OpenPage) -> None:
    url = pages.add(puppet)
    page = open_page(url)
    answer = page.page.request.get(url)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "'unsafe-inline'" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    (nonce,) = re.findall(r"script-src 'self' 'nonce-([\w-]+)'", policy)
    scripts = re.findall(r"<script\b[^>]*", answer.text())
    assert scripts and all(f'nonce="{nonce}"' in script for script in scripts)
    again = page.page.request.get(url).headers["content-security-policy"]
    assert again != policy, "a nonce is used once"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "kiosk.example.org"},
        {"Host": "127.0.0.1.example.org"},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
    ],
    ids=json.dumps,
)
def test_strangers_are_refused(pages: Pages, puppet: Puppet, headers: dict[str, str]) -> None:
    import httpx

    answer = httpx.get(pages.add(puppet), headers=headers)
    assert answer.status_code == 403 and "kiosk" in answer.text
    socket_path = f"{pages.origin}/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    assert httpx.get(socket_path, headers=headers).status_code == 403
    assert httpx.get(socket_path).status_code == 200, "without them it is answered"
