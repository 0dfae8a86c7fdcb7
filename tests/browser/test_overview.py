"""The overview in a real browser: lanes move, counters tell the truth, nothing leaves the machine, it comes back.

The page is watched as its user sees it, by what is drawn; the station behind it is real but for its devices, which run
in this process.
"""

import re
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.devices.provisioning import Provisioning
from gateway.embedded import EmbeddedGateway
from gateway.store.database import Database
from gateway.store.directory import Directory
from gateway.web.pages.overview import SHARE_MIN
from tests.browser.conftest import MakeStation, OpenPage, Watched
from tests.integration.harness import sigkill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
WALL = {"width": 1920, "height": 1080}
MOST_BYTES = 200_000

LANES_SHOWN = "(count) => document.querySelectorAll('a.lane').length === count"
LINK_SAYS = "(text) => document.querySelector('.plan-link')?.textContent.startsWith(text)"
ALL_THROUGH = """[...document.querySelectorAll(".lane-through")]
  .reduce((sum, one) => sum + Number(one.textContent.replaceAll(",", "")), 0)"""
COUNTED = f"(least) => {ALL_THROUGH} >= least"
FIGURE = "(key) => document.querySelector(`[data-figure=${key}] dd`).textContent"

# A scene worth a picture: in sight are riders in two lanes or more, and a broken beam.
IN_THE_PICTURE = """() => {
  const starts = (lane) => lane.getBoundingClientRect().top;
  const seen = [...document.querySelectorAll("a.lane")].filter((lane) => starts(lane) < innerHeight * 0.9);
  return seen.filter((lane) => lane.querySelector(".rider, .guest")).length >= 2
    && seen.some((lane) => lane.querySelector(".beam.broken"));
}"""

# Every drawn frame's time and positions of the bodies, by a number of its own for each; ends after `wanted_ms`.
RECORD = """(wanted_ms) => new Promise((done) => {
  const numbers = new Map(), frames = [];
  requestAnimationFrame(function frame(now) {
    const bodies = [...document.querySelectorAll(".rider, .guest")].flatMap((one) => {
      const found = /translate\\(([-0-9.]+)/.exec(one.getAttribute("transform") ?? "");
      if (!numbers.has(one)) numbers.set(one, numbers.size);
      return found ? [[numbers.get(one), Number(found[1])]] : [];
    });
    frames.push([now, bodies]);
    if (now - frames[0][0] < wanted_ms) requestAnimationFrame(frame); else done(frames);
  });
})"""


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def wait_for_lanes(page: Watched, count: int) -> None:
    page.until(LANES_SHOWN, count)
    page.until(LINK_SAYS, "live")


def recorded(page: Watched, wanted_ms: int) -> list[tuple[float, dict[int, float]]]:
    """Time (ms) and position (mm) of every body, of each frame that the browser drew."""
    return [(now, {int(body): x for body, x in bodies}) for now, bodies in page.page.evaluate(RECORD, wanted_ms)]


def steps(frames: list[tuple[float, dict[int, float]]]) -> list[tuple[float, float]]:
    """(ms, mm) of each body from each drawn frame to the next."""
    return [
        (now - before, x - was[body])
        for (before, was), (now, bodies) in pairwise(frames)
        for body, x in bodies.items()
        if body in was
    ]


def test_lanes_move_and_nothing_leaves_the_machine(make_station: MakeStation, open_page: OpenPage) -> None:
    whole = make_station(2)
    page = open_page(whole.url)
    wait_for_lanes(page, 2)
    for name in whole.station.lanes:
        lane = page.page.locator(f'a.lane[data-lane="{name}"]')
        assert lane.get_attribute("href") == f"/lane/{name}"
        # What is seen is said in words to who hears the page.
        page.until(
            "(name) => document.querySelector(`[data-lane=${name}]`).textContent.startsWith(`${name}, way `)", name
        )
    page.bodies_move()
    page.until("() => document.querySelector('.beam.broken') !== null")
    page.until(
        """() => {
          const said = window.statesSaid ??= new Set();
          for (const one of document.querySelectorAll(".lane-state")) said.add(one.textContent);
          return ["locked", "released", "passing"].every((state) => [...said].some((one) => one.startsWith(state)));
        }"""
    )
    page.until(COUNTED, 3)
    assert {origin(url) for url in page.requests if not url.startswith("data:")} == {origin(whole.url)}
    assert page.complaints == []


def test_the_counters_agree_with_the_database(make_station: MakeStation, open_page: OpenPage) -> None:
    whole = make_station(4, speed=5)
    page = open_page(whole.url)
    wait_for_lanes(page, 4)
    page.until(COUNTED, 40)
    whole.settle()
    whole.assert_exact()
    facts = whole.facts()
    expected = {}
    for lane in sorted(whole.station.lanes):
        tallied = facts["tallied"].get(lane, {"entries": 0, "exits": 0})
        recorded = sum(device == lane for device, _, _ in facts["passages"])
        expected[lane] = str(recorded + tallied["entries"] + tallied["exits"])
    page.until(
        """(expected) => Object.entries(expected).every(([name, count]) =>
          document.querySelector(`[data-lane="${name}"] .lane-through`).textContent === count)""",
        expected,
    )
    recorded = len(facts["passages"])
    in_tallies = sum(tally["entries"] + tally["exits"] for tally in facts["tallied"].values())
    assert recorded > 0 and in_tallies > 0
    # Of so few no share is shown: who declined is told in tens, and later.
    said_yes = f"{100 * recorded / (recorded + in_tallies):.0f} %" if recorded + in_tallies >= SHARE_MIN else "–"
    page.until("(text) => document.querySelector('[data-figure=yes] dd').textContent === text", said_yes)


def test_it_comes_back_after_the_gateway_was_killed(make_station: MakeStation, open_page: OpenPage) -> None:
    whole = make_station(2, speed=2)
    page = open_page(whole.url)
    wait_for_lanes(page, 2)
    page.until(COUNTED, 1)
    page.page.evaluate("window.asBefore = true")
    address = whole.url
    pid = whole.backend.gateway_pid
    assert pid is not None
    sigkill(pid)
    page.until(LINK_SAYS, "reconnecting")
    assert whole.backend.restart_gateway() == address
    # NiceGUI loads the page anew where its server doesn't know it any more: nobody has to press anything.
    page.until("() => window.asBefore === undefined")
    wait_for_lanes(page, 2)
    page.bodies_move()
    before = int(page.page.evaluate(ALL_THROUGH))
    assert before >= 1, "the counters begin with what is stored"
    page.until(COUNTED, before + 1)


def test_movement_is_smooth_with_eight_lanes(make_station: MakeStation, open_page: OpenPage) -> None:
    """Bodies walk between the ten scenes a second instead of hopping from one to the next."""
    whole = make_station(8)
    page = open_page(whole.url, viewport=WALL)
    wait_for_lanes(page, 8)
    page.until("() => document.querySelectorAll('.rider, .guest').length >= 6")
    frames = recorded(page, 6000)
    moved = [(ms, mm) for ms, mm in steps(frames) if mm != 0]
    span_s = (frames[-1][0] - frames[0][0]) / 1000
    moving = sum(1 for before, after in pairwise(frames) if before[1] != after[1])
    assert moving / span_s > 15, f"{moving} of {len(frames)} drawn frames in {span_s:.1f} s show movement"
    # The fastest rider walks 2 m/s. A browser that was held up itself draws bigger steps, so they are judged by time.
    hops = [(ms, mm) for ms, mm in moved if abs(mm) > 4 * max(ms, 17) + 20]
    assert len(hops) <= len(moved) / 100, hops[:20]
    assert page.complaints == []


def test_less_motion_is_respected(make_station: MakeStation, open_page: OpenPage) -> None:
    whole = make_station(2)
    page = open_page(whole.url, reduced_motion="reduce")
    wait_for_lanes(page, 2)
    assert page.page.get_by_text("You asked for less motion").is_visible()
    page.bodies_move()
    frames = recorded(page, 4000)
    pictures = sum(1 for before, after in pairwise(frames) if before[1] != after[1])
    assert pictures <= 5, "the picture changes once a second"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("phone", PHONE), ("wall", WALL)])
def test_every_size_and_scheme(
    make_station: MakeStation,
    open_page: OpenPage,
    screenshots: Path,
    size: str,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    documented = (size, scheme) in (("wall", "light"), ("phone", "dark"))
    whole = make_station(8 if documented else 2)
    page = open_page(whole.url, viewport=viewport, color_scheme=scheme)
    wait_for_lanes(page, len(whole.station.lanes))
    look(page)
    if documented:
        page.until(COUNTED, 30)
        page.until(IN_THE_PICTURE)
        picture = screenshots / f"live-{size}-{scheme}.png"
        shown = page.page.viewport_size
        assert shown is not None
        # Of a wall what lies above the charts: they are still empty here.
        page.page.screenshot(path=picture, clip={"x": 0, "y": 0, **shown, "height": min(shown["height"], 960)})
        assert 0 < picture.stat().st_size < MOST_BYTES
    look(page)


def look(page: Watched) -> None:
    """What holds at every size: nothing to scroll sideways, title and lanes in sight, headings in order."""
    assert page.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.page.evaluate("document.documentElement.lang").startswith("en")
    assert page.page.locator("h1").is_visible()
    assert page.page.locator("h1").count() == 1
    box = page.page.locator("svg.from-above").first.bounding_box()
    viewport = page.page.viewport_size
    assert box is not None and viewport is not None
    assert box["y"] + box["height"] <= viewport["height"], "the first lane is in sight without scrolling"
    assert all(lane.is_visible() for lane in page.page.locator("a.lane").all())
    levels = [
        int(name[1]) for name in page.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => h.tagName)")
    ]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


# Each element with text of its own whose colour and the nearest painted ground differ by less than 4.5 to 1, with every
# lamp's colour tried on the lanes.
POOR_CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const linear = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [r, g, b] = numbers(colour).map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if ((numbers(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const words = [...document.body.querySelectorAll("*")].filter((one) => !one.closest("svg, script, noscript, [hidden]")
    && [...one.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim()));
  const poor = [];
  for (const lamp of ["wait", "ready", "go", "stop"]) {
    for (const lane of document.querySelectorAll("a.lane, .lane")) lane.dataset.lamp = lamp;
    for (const one of words) {
      const [high, low] = [light(getComputedStyle(one).color), light(ground(one))].sort((a, b) => b - a);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < 4.5) poor.push(`${one.textContent.trim().slice(0, 40)} (${lamp}): ${ratio.toFixed(2)}`);
    }
  }
  return poor;
}"""


def test_text_can_be_read_in_both_schemes(make_station: MakeStation, open_page: OpenPage) -> None:
    """Text has a contrast of 4.5 to 1 or more (WCAG 2.2, AA)."""
    whole = make_station(2)
    grounds = set()
    for scheme in ("light", "dark"):
        page = open_page(whole.url, color_scheme=scheme)
        wait_for_lanes(page, 2)
        grounds.add(page.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.page.evaluate(POOR_CONTRAST) == [], scheme
    assert len(grounds) == 2


def test_an_empty_system_says_what_to_do(tmp_path: Path, open_page: OpenPage, screenshots: Path) -> None:
    backend = EmbeddedGateway(tmp_path / "gateway")
    try:
        backend.start_broker()
        url = backend.start_gateway()
        page, steps = open_page(url, viewport=DESK, color_scheme="light"), open_page(f"{url}/start")
        for one in (page, steps):
            one.until("() => document.querySelectorAll('.step').length === 3")
            told = one.page.inner_text(".steps")
            assert "make demo" in told and "gateline device add gate-1 --site" in told and "gateline simulate" in told
            assert f"--data {tmp_path / 'gateway'}" in told and "--runs runs" in told
            assert one.page.locator("pre", has_text="source .venv/bin/activate").count() == 1
            assert one.page.locator(".step[data-done=yes]").count() == 0
            assert one.page.locator("a.lane").count() == 0
        # In the picture the folder and the port are those of a gateway that was started without options.
        page.page.evaluate(
            """(folder) => { for (const one of document.querySelectorAll(".steps code")) {
              const text = one.textContent.replace(folder, "gateline-data");
              one.textContent = text.replace(/127[.]0[.]0[.]1:[0-9]+/, "127.0.0.1:1883");
            } }""",
            str(tmp_path / "gateway"),
        )
        picture = screenshots / "start-desk-light.png"
        page.page.screenshot(path=picture)
        assert 0 < picture.stat().st_size < MOST_BYTES
        page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.page.locator(".step button").first.click()
        page.until("() => document.querySelector('.step button').textContent === 'Copied'")
        assert page.page.evaluate("navigator.clipboard.readText()") == "make demo"

        database = Database(tmp_path / "gateway")
        try:
            Provisioning(Directory(database)).add_device("my-station", "gate-1", "physical", 0)
        finally:
            database.close()
        for one in (page, steps):  # both go on to the overview by themselves
            wait_for_lanes(one, 1)
            assert one.page.inner_text(".lane-state") == "not heard yet"
            assert "counted, never pictured" in one.page.inner_text(".lane-picture")
            assert one.page.locator(".rider, .guest").count() == 0
            assert one.complaints == []
        steps.page.goto(f"{url}/start")
        steps.until("() => document.querySelectorAll('.step').length === 3")
        assert steps.page.locator(".step[data-done=yes]").count() == 0, "it was added, and never heard"
        assert "gateline device add gate-2 --site my-station" in steps.page.inner_text(".steps")
    finally:
        backend.stop()


def test_the_way_of_a_newcomer(make_station: MakeStation, open_page: OpenPage) -> None:
    """From the address alone: to a lane by the invitation, or by any lane; to how often the gate is wrong."""
    whole = make_station(3, speed=2)
    page = open_page(whole.url)
    wait_for_lanes(page, 3)
    assert page.page.locator("h2", has_text="How often is the gate wrong?").is_visible()
    page.until(
        "() => /[0-9]+ honest passages: [0-9]+ accused wrongly/.test(document.querySelector('.try').textContent)"
    )
    assert page.page.get_by_role("link", name="Results of whole days").get_attribute("href") == "/results"
    page.page.get_by_role("link", name="Send somebody through a gate").click()
    page.page.wait_for_url("**/lane/gate-1")
    page.page.go_back()
    wait_for_lanes(page, 3)
    page.page.locator("a.lane[data-lane=gate-2]").focus()
    page.page.keyboard.press("Enter")
    page.page.wait_for_url("**/lane/gate-2")


def test_charts_are_redrawn_in_place(make_station: MakeStation, open_page: OpenPage) -> None:
    """New figures make no node anew: nothing flickers, and what the keyboard points at stays."""
    whole = make_station(2)
    page = open_page(whole.url, locale="en-US", timezone_id="Asia/Kolkata")
    wait_for_lanes(page, 2)
    # Whoever comes first is recorded or counted, whichever way they go.
    page.until("() => document.querySelector('.told-chart .bars-0')?.getAttribute('d')")
    page.page.evaluate(
        """() => {
          window.made = 0;
          const charts = document.querySelector(".charts");
          const look = (list) => { for (const one of list) for (const node of one.addedNodes)
            window.made += node.nodeType === Node.ELEMENT_NODE && node.tagName !== "text"; };
          new MutationObserver(look).observe(charts, { childList: true, subtree: true });
          window.barsBefore = charts.querySelector(".told-chart .bars-0").getAttribute("d");
        }"""
    )
    page.until("() => document.querySelector('.told-chart .bars-0').getAttribute('d') !== window.barsBefore")
    assert page.page.evaluate("window.made") == 0
    chart = page.page.locator("gateline-chart svg").first
    chart.focus()
    page.page.keyboard.press("ArrowLeft")
    page.until("() => / in, .* out/.test(document.querySelector('.chart-readout').textContent)")
    # By a clock of 24 hours in the reader's time zone, which here is half an hour off.
    here = datetime.now(timezone(timedelta(hours=5, minutes=30)))
    read = page.page.locator(".chart-readout").first.inner_text()
    assert re.match(r"\d\d:\d\d:\d\d: ", read), read
    hours, minutes = (int(one) for one in read.split(":")[:2])
    assert (here.hour * 60 + here.minute - hours * 60 - minutes) % 1440 <= 15, (read, here)
    assert page.page.inner_text("#charts") == "The last quarter of an hour"
    page.page.locator("gateline-chart summary").first.click()
    page.until("() => document.querySelectorAll('gateline-chart table tbody tr').length === 60")
