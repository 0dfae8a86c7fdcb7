"""The page of one lane in a real browser: who is sent goes through, what the gate said stands beside what happened,
hands meddle and are seen to, nothing of it exists for a physical gate, and the picture is smooth.

The page is watched as its user sees it; the station behind it is real but for its devices, which run in this process.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from firmware.lane import turnstile
from gateway.live.world import NOBODY
from tests.browser.conftest import OpenPage, Watched
from tests.integration.harness import Whole, sigkill
from tests.support import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
WALL = {"width": 1920, "height": 1080}
PHYSICAL = "lab-1"
MOST_BYTES = 400_000

DRAWN = (
    "() => document.querySelector('.stage-host .side .body') !== null && document.querySelectorAll('.dot').length > 0"
)
# The newest rider sent by hand of whom that is said stands beside this result.
SENT = """([result, words]) => {
  const mine = [...document.querySelectorAll(".pair")].filter((pair) => pair.querySelector(".yours"));
  const newest = mine.find((pair) => pair.querySelector(".happened").textContent.includes(words));
  return newest?.querySelector(".badge").textContent === result;
}"""
BROKEN = "(beam) => document.querySelectorAll('.dot')[beam].classList.contains('broken')"
PRESSED = "([what, on]) => document.querySelector(`[data-fault='${what}']`).getAttribute('aria-pressed') === on"
STATE = "(state) => document.querySelector('gateline-lane').dataset.state === state"
HONEST = "document.querySelector('.meter.honest p').textContent"


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A lane each way, and a physical gate: for all tests that leave it as they found it."""
    yield from running(tmp_path_factory.mktemp("station"))


@pytest.fixture
def own_station(tmp_path: Path) -> Iterator[Whole]:
    """Another, for one test alone."""
    yield from running(tmp_path)


def running(folder: Path) -> Iterator[Whole]:
    whole = Whole(folder, 2, 1, micropython=False, physical=PHYSICAL)
    try:
        whole.start()
        yield whole
    finally:
        whole.close()


def lane(whole: Whole, open_page: OpenPage, **options: Any) -> Watched:
    """The first lane's page, when riders move on it."""
    page = open_page(f"{whole.url.rstrip('/')}/lane/gate-1", **{"viewport": DESK} | options)
    page.until(DRAWN)
    return page


def send(page: Watched, who: str) -> None:
    page.page.click(f"[data-send={who}]")
    page.until("() => document.querySelector('.told-line').textContent.endsWith('on the way.')")


def toggle(page: Watched, what: str, on: str) -> None:
    page.page.click(f"[data-fault={what}]")
    page.until(PRESSED, [what, on])


def test_a_jumper_is_caught_and_one_sees_by_what(station: Whole, open_page: OpenPage) -> None:
    page, other = lane(station, open_page), lane(station, open_page)
    send(page, "jumper")
    page.until("() => [...document.querySelectorAll('.stage-host .side .guest .hull.lit')].length > 0")
    # Hip-high beams can't tell a jump from a walk through a closed arm, so the name is another; caught it is.
    page.until(SENT, ["caught", "jumped over"])
    row = page.page.locator(".pair", has=page.page.locator(".yours")).filter(has_text="jumped over").first
    assert "forced entry" in row.inner_text() and "a wrong name" in row.inner_text()
    assert "% sure" in row.inner_text() and "sent by you" in row.inner_text()
    page.until("() => /^Your jumper jumped over: .* Caught/.test(document.querySelector('.told-line')?.textContent)")
    # Somebody else's page knows that a hand sent them, and calls them nobody's.
    other.until(SENT, ["caught", "jumped over"])
    assert set(other.page.locator(".yours").all_inner_texts()) == {"sent by hand"}
    label = row.locator(".spark").get_attribute("aria-label")
    assert label is not None and label.startswith("These beams told: 0, 1, 2, 3,")
    link = row.locator("a").get_attribute("href")
    assert link is not None and link.startswith("/replay?device=gate-1&boot=1&seq=")
    page.until("() => document.querySelectorAll('.timeline .bar.told').length === 4")
    page.until(
        "() => /^Of [0-9]+ who evaded, [0-9]+ (was|were) caught/"
        ".test(document.querySelector('.meter.evaded p').textContent)"
    )
    assert page.page.locator("a[href='/results']").first.is_visible()
    assert page.complaints == []


def test_a_commuter_passes_and_is_accused_of_nothing(station: Whole, open_page: OpenPage) -> None:
    page = lane(station, open_page)
    send(page, "commuter")
    page.until(SENT, ["passed", "paid and passed"])
    page.until("() => document.querySelector('.records .kind') !== null")
    assert page.page.evaluate(HONEST).startswith("Of ")
    # Every transition on the way was drawn: the diagram lights the last, and says it.
    page.until("() => document.querySelector('.turnstile .arrow.last') !== null")
    page.until("() => document.querySelector('.last-step').textContent.includes('passing')")
    assert page.complaints == []


def test_a_broken_beam_is_an_intrusion_until_it_is_free(own_station: Whole, open_page: OpenPage) -> None:
    page = lane(own_station, open_page)
    # In an empty lane, so that nobody's right of way covers what stands there.
    own_station.station.stop_arrivals()
    wait_until(own_station.station.idle, "all riders are through", timeout_s=60)
    page.until(STATE, "locked")
    page.page.select_option(".beam-choice select", "1")
    page.page.click("[data-fault=beam]")
    page.until(PRESSED, ["beam", "true"])
    page.until(BROKEN, 1)
    page.until("() => document.querySelectorAll('.dot .hand')[1].getAttribute('visibility') === 'visible'")
    page.until(STATE, "intrusion")
    # The beam itself is a button too, for whoever has a mouse.
    page.page.locator(".dot .hit").nth(1).click()
    page.until(PRESSED, ["beam", "false"])
    page.until("() => !document.querySelectorAll('.dot')[1].classList.contains('broken')")
    page.until("() => document.querySelector('gateline-lane').dataset.state !== 'intrusion'")
    assert page.complaints == []


def test_a_cut_network_holds_back_what_the_gate_has_to_say(station: Whole, open_page: OpenPage) -> None:
    page = lane(station, open_page)
    toggle(page, "network", "true")
    send(page, "jumper")
    page.until(SENT, ["not told yet", "jumped over"])
    assert "waits in it" in page.page.inner_text(".lane-records")
    toggle(page, "network", "false")
    page.until(SENT, ["caught", "jumped over"])
    assert page.complaints == []


def test_fire_frees_the_lane_and_a_jammed_arm_is_marked(station: Whole, open_page: OpenPage) -> None:
    page = lane(station, open_page)
    toggle(page, "fire", "true")
    page.until(STATE, "free")
    page.until("() => document.querySelector('.turnstile .state.now').dataset.state === 'free'")
    toggle(page, "fire", "false")
    page.until("() => document.querySelector('gateline-lane').dataset.state !== 'free'")
    toggle(page, "arm", "true")
    page.until("() => document.querySelector('.jam').getAttribute('visibility') === 'visible'")
    toggle(page, "arm", "false")
    page.until("() => document.querySelector('.jam').getAttribute('visibility') === 'hidden'")
    assert page.complaints == []


def test_a_physical_gate_has_no_hands_no_truth_and_refuses(station: Whole, open_page: OpenPage) -> None:
    base = station.url.rstrip("/")
    page = open_page(f"{base}/lane/{PHYSICAL}", viewport=DESK)
    page.until("() => document.querySelector('gateline-lane[data-link=ok]') !== null")
    for absent in (
        "[data-send]",
        "[data-fault]",
        ".stage-host",
        ".pairs",
        ".meter",
        ".timeline",
        "gateline-lane select",
    ):
        assert page.page.locator(absent).count() == 0, absent
    assert page.page.locator("gateline-lane button").count() == 0
    assert page.page.locator(".counts dd").count() == 4
    answer = httpx.post(f"{base}/v1/devices/{PHYSICAL}/world", json={"do": "send", "what": "jumper"})
    assert answer.status_code == 409
    assert page.complaints == []


def test_an_order_that_is_refused_is_told(station: Whole, open_page: OpenPage) -> None:
    page = lane(station, open_page)
    page.page.route("**/world", lambda route: route.fulfill(status=503, json={"detail": "No simulator shows it."}))
    page.page.click("[data-send=pram]")
    page.until("() => document.querySelector('.told-line[role=status]').textContent === 'No simulator shows it.'")


def test_without_a_simulator_its_controls_stand_still_and_are_off_until_one_speaks(
    station: Whole, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = lane(station, open_page)
    enabled = """() => [...document.querySelectorAll(".rider-button, .faults button, .faults select")]
      .map((one) => !one.disabled)"""
    places = """() => [...document.querySelectorAll(".riders, .stage-host, .faults, .told-line, .key, .lane-time")]
      .map((one) => { const { x, y, width, height } = one.getBoundingClientRect(); return [x, y, width, height]; })"""
    assert set(page.page.evaluate(enabled)) == {True}
    before = page.page.evaluate(places)
    with monkeypatch.context() as patch:
        patch.setattr(station.station._scene, "publish", lambda *_: None)  # it falls silent; its broker knows nothing
        page.until("() => document.querySelector('gateline-lane').hasAttribute('unshown')")
        assert set(page.page.evaluate(enabled)) == {False}
        assert page.page.inner_text(".told-line[role=status]") == NOBODY
        assert page.page.inner_text(".state-pill") == "not seen"
        assert page.page.evaluate(places) == before
        late = lane(station, open_page)  # who comes now sees the last picture, and can't press anything either
        late.until("() => document.querySelector('gateline-lane').hasAttribute('unshown')")
        assert set(late.page.evaluate(enabled)) == {False}
    page.until("() => document.querySelector('[data-send=pram]').disabled === false")
    send(page, "pram")
    assert set(late.page.evaluate(enabled)) == {True}
    assert page.complaints == []


def test_it_comes_back_after_the_gateway_was_killed(own_station: Whole, open_page: OpenPage) -> None:
    page = lane(own_station, open_page)
    page.page.evaluate("window.neverReloaded = true")
    pid = own_station.backend.gateway_pid
    assert pid is not None
    sigkill(pid)
    page.until("() => document.querySelector('gateline-lane').dataset.link === 'away'")
    own_station.backend.restart_gateway()
    page.until("() => document.querySelector('gateline-lane').dataset.link === 'ok'")
    page.bodies_move()


def test_thirty_pictures_a_second(station: Whole, open_page: OpenPage) -> None:
    page = lane(station, open_page)
    send(page, "commuter")
    page.until("() => Number(document.querySelector('gateline-lane').dataset.fps) >= 30")


def test_nodes_are_kept_and_bounded(station: Whole, open_page: OpenPage) -> None:
    """A page that is left open doesn't grow."""
    page = lane(station, open_page)
    page.until("() => document.querySelectorAll('.pair').length >= 3")
    assert page.page.evaluate("document.querySelectorAll('gateline-lane *').length") < 2500
    assert page.page.evaluate("document.querySelectorAll('.timeline .bar').length") < 200


def test_less_motion_is_respected(station: Whole, open_page: OpenPage) -> None:
    page = lane(station, open_page, reduced_motion="reduce")
    pictures = page.page.evaluate(
        """() => new Promise((done) => {
          let count = 0;
          const begun = performance.now();
          const people = document.querySelector(".stage-host .side");
          new MutationObserver((changes) => { if (changes.length) count += 1; })
            .observe(people, { subtree: true, attributes: true, childList: true });
          requestAnimationFrame(function frame(now) {
            if (now - begun < 4000) requestAnimationFrame(frame); else done(count);
          });
        })"""
    )
    assert pictures <= 6, "the picture changes once a second"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("phone", PHONE), ("desk", DESK), ("wall", WALL)])
def test_every_size_and_scheme(
    station: Whole, open_page: OpenPage, screenshots: Path, size: str, viewport: dict[str, int], scheme: str
) -> None:
    page = lane(station, open_page, viewport=viewport, color_scheme=scheme)
    assert page.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    picture = page.page.locator(".stage-host svg").bounding_box()
    assert picture is not None
    assert picture["y"] + picture["height"] <= viewport["height"] * (1.15 if size == "phone" else 1), "in sight"
    if (size, scheme) in (("desk", "light"), ("phone", "dark")):
        send(page, "jumper")
        page.until(SENT, ["caught", "jumped over"])
        # And another in the air, for the picture's sake.
        send(page, "jumper")
        page.until("() => document.querySelector('.stage-host .side .guest .hull.lit') !== null")
        target = screenshots / f"lane-{size}-{scheme}.png"
        page.page.screenshot(path=target)
        assert 0 < target.stat().st_size < MOST_BYTES
    assert page.complaints == []


def test_no_such_lane(station: Whole, open_page: OpenPage) -> None:
    page = open_page(f"{station.url.rstrip('/')}/lane/nobody")
    page.until("() => document.querySelector('h1')?.textContent === 'No such lane'")
    page.until("() => document.querySelector('main a[href=\"/lane/gate-1\"]') !== null")


def test_every_transition_has_its_arrow(station: Whole, open_page: OpenPage) -> None:
    page = lane(station, open_page)
    page.until("() => document.querySelector('.turnstile .state') !== null")
    drawn = set(page.page.evaluate("[...document.querySelectorAll('.turnstile .arrow')].map((one) => one.dataset.way)"))
    wanted = {
        f"{state if event != turnstile.FIRE_ON else ''}>{after}"
        for state, events in turnstile.TABLE.items()
        for event, after in events.items()
        if after != state
    }
    assert drawn == wanted
    shown = set(
        page.page.evaluate("[...document.querySelectorAll('.turnstile .state')].map((one) => one.dataset.state)")
    )
    assert shown == set(turnstile.TABLE)
