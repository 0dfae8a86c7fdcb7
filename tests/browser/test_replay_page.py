"""The page of replays in a real browser: stepped edge by edge, scrubbed, played, shared as a link, at every size.

A small run of the real simulator is shown, and traces that a device has sent; what the page says is held against the
run's own tables.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyarrow.parquet as pq
import pytest

from gateway.devices.provisioning import Provisioning
from gateway.embedded import EmbeddedGateway
from gateway.store.database import Database
from gateway.store.directory import Directory
from simulator.scenario.build import build
from simulator.scenario.load import parse
from simulator.study.execute import Options, execute
from tests.browser.accessibility import Axe
from tests.browser.accessibility import axe as axe
from tests.browser.conftest import OpenPage, Watched
from tests.gateway.support import NOON_MS, Peer, irregular, layout, sealed, text

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 800}
WALL = {"width": 1920, "height": 1080}

SCENARIO = """
[scenario]
name = "yard"
seed = 4
duration_min = 10
[demand]
entries_per_h = 900
[population]
suitcase = 0.2
pram = 0.08
[behaviour.tailgate_covert]
share = 0.1
[behaviour.jump_over]
share = 0.05
[[lane]]
name = "in"
[[lane]]
name = "out"
way = "exit"
"""
NIGHT = """
[scenario]
name = "night"
seed = 4
duration_min = 480
[demand]
entries_per_h = 30
[[lane]]
name = "in"
"""
TRACE = [[0, 0, 1], [140, 1, 1], [280, 2, 1], [300, 0, 0], [420, 3, 1], [440, 1, 0], [580, 2, 0], [720, 3, 0]]


@dataclass
class Served:
    """A gateway with a run, `yard`, a long and quiet one, `night`, and what is in their tables."""

    url: str
    runs: Path
    device: dict[str, Any]

    def rows(self, table: str, lane: str = "in", run: str = "yard") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(self.runs / run / f"{table}.parquet").to_pylist()
        return [row for row in found if row["lane"] == lane]

    def address(self, **values: Any) -> str:
        return f"{self.url}/replay?{urlencode(values)}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("replay")
    runs = folder / "runs"
    for name, scenario in (("yard", SCENARIO), ("night", NIGHT)):
        (runs / name).mkdir(parents=True)
        execute(build(parse(scenario, Path(f"{name}.toml")), Path()), Options(), folder=runs / name)
    shutil.copytree(runs / "yard", runs / "damaged")
    edges = runs / "damaged" / "edges.parquet"
    edges.write_bytes(edges.read_bytes()[:500])
    backend = EmbeddedGateway(folder / "gateway", runs=runs)
    settings = backend.provision("yard", ["gate-1"])
    database = Database(folder / "gateway")
    try:
        Provisioning(Directory(database)).add_device("depot", "door-1", "physical", 0)
    finally:
        database.close()
    peers = []
    try:
        backend.start_broker()
        url = backend.start_gateway()
        gate, simulator = Peer(settings["gate-1"]), Peer(settings["simulator"])
        peers += [gate, simulator]
        gate.send([irregular(at=NOON_MS, what="jump"), irregular(at=NOON_MS + 9, trace=TRACE)], 0)
        gate.wait_stored(1, 2)
        simulator.publish(gate.topic("layout"), sealed(text(layout()), simulator.key, gate.topic("layout")))
        yield Served(url, runs, settings["gate-1"])
    finally:
        for peer in peers:
            peer.close()
        backend.stop()


READ = "() => document.querySelector('gateline-replay')?.stretch && !document.querySelector('gateline-replay.reading')"
TIME_IS = "(words) => document.querySelector('.replay-time')?.textContent === words"
AT = "(t) => new URLSearchParams(location.search).get('t') === String(t)"
BROKEN = "() => [...document.querySelectorAll('.dot')].map((dot) => dot.classList.contains('broken') ? 1 : 0)"
BODIES = "() => [...document.querySelectorAll('.side .body')].map((body) => body.getAttribute('transform')).sort()"


def moment(page: Watched) -> int:
    return int(parse_qs(urlsplit(page.page.url).query)["t"][0])


def clock(ms: int) -> str:
    """The time as the page says it: the run begins at its scenario's hour."""
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def start_ms(served: Served) -> int:
    epoch: int = served.rows("layout")[0]["from_epoch_ms"]
    return epoch % 86_400_000


def test_edges_are_stepped_one_by_one_and_described(served: Served, open_page: OpenPage) -> None:
    page = open_page(served.address(run="yard", lane="in", t=0, **{"from": 0, "to": 8_000}), viewport=LAPTOP)
    page.until(READ)
    edges = served.rows("edges")
    times = sorted({edge["at_ms"] for edge in edges})[:25]
    begin = start_ms(served)
    for at in times:
        page.page.keyboard.press(".")
        page.until(AT, at)
        of_then = [edge for edge in edges if edge["at_ms"] == at]
        words = ", ".join(f"beam {edge['beam']} {'broken' if edge['blocked'] else 'clear'}" for edge in of_then)
        page.until(
            "(words) => document.querySelector('.replay-edge').textContent === words", f"{words} at {clock(begin + at)}"
        )
        assert page.page.locator("[aria-live=polite]").inner_text() == f"{words} at {clock(begin + at)}"
        state = [0, 0, 0, 0]
        for edge in edges:
            if edge["at_ms"] <= at:
                state[edge["beam"]] = edge["blocked"]
        page.until(f"(state) => JSON.stringify(({BROKEN})()) === JSON.stringify(state)", state)
    assert times[-1] > 8_000, "the stretch followed"
    page.page.get_by_role("button", name="Previous edge").click()
    page.until(AT, times[-2])
    page.page.keyboard.press(",")
    page.until(AT, times[-3])
    page.page.get_by_role("button", name="Next edge").click()
    page.until(AT, times[-2])
    assert page.complaints == []


def test_the_first_and_the_last_edge_are_ends_and_that_is_said(served: Served, open_page: OpenPage) -> None:
    edges = served.rows("edges")
    page = open_page(served.address(run="yard", lane="in", t=edges[-1]["at_ms"]), viewport=LAPTOP)
    page.until(READ)
    page.page.keyboard.press(".")
    page.until("() => document.querySelector('[aria-live=polite]').textContent === 'No edge comes behind this.'")
    page = open_page(served.address(run="yard", lane="in", t=edges[0]["at_ms"]), viewport=LAPTOP)
    page.until(READ)
    page.page.keyboard.press(",")
    page.until("() => document.querySelector('[aria-live=polite]').textContent === 'No edge comes before this.'")


def test_in_a_long_run_no_edge_is_stepped_over_however_far_it_is(served: Served, open_page: OpenPage) -> None:
    times = sorted({edge["at_ms"] for edge in served.rows("edges", run="night")})
    between = [(before, after) for before, after in pairwise(times) if after - before > 30_000]
    gaps = sorted(between, key=lambda gap: gap[0] - gap[1])[:4] + between[3:60:7]
    assert gaps[0][1] - gaps[0][0] > 300_000 and len(gaps) == 13
    page = open_page(served.address(run="night", lane="in", t=0), viewport=LAPTOP)
    page.until(READ)
    step = """([from, to, way]) => new Promise((done) => {
      const one = document.querySelector("gateline-replay");
      one.go(from);
      one.pending.then(() => one.step(way));
      const began = performance.now();
      (function look() {
        if (one.t !== from || performance.now() - began > 10000) done(one.t); else requestAnimationFrame(look);
      })();
    })"""
    for before, after in gaps:
        assert page.page.evaluate(step, [before, after, 1]) == after
        assert page.page.evaluate(step, [after, before, -1]) == before
    # Somebody scrubs faster than can be read: what is read in the end is where they are.
    page.page.evaluate(
        """() => {
          const one = document.querySelector("gateline-replay");
          for (let part = 0; part < 20; part++) one.go(Math.round((one.end * part) / 20), true);
        }"""
    )
    page.until("() => { const { stretch, t } = document.querySelector('gateline-replay'); return stretch.has(t); }")
    assert page.page.locator(".replay-problem").is_hidden() and page.complaints == []


def test_a_link_opens_the_same_moment(served: Served, open_page: OpenPage) -> None:
    follower = next(row for row in served.rows("truth") if row["outcome"] == "tailgated" and row["entered_ms"] > 0)
    page = open_page(
        served.address(run="yard", lane="in"), viewport=LAPTOP, permissions=["clipboard-read", "clipboard-write"]
    )
    page.until(READ)
    at = follower["entered_ms"] + 170
    page.page.evaluate("(t) => document.querySelector('gateline-replay').go(t)", at)
    page.until(AT, at)
    page.until(f"() => ({BODIES})().length >= 2")
    page.page.get_by_role("combobox", name="Stretch").select_option("2000")
    page.page.get_by_role("button", name="Copy link").click()
    page.until("() => document.querySelector('.replay-copied').textContent === 'The link is copied.'")
    link = page.page.evaluate("navigator.clipboard.readText()")
    assert link == page.page.url
    shown = [page.page.inner_text(".replay-time"), page.page.evaluate(BROKEN), page.page.evaluate(BODIES)]
    other = open_page(link, viewport=LAPTOP)
    other.until(READ)
    other.until(TIME_IS, shown[0])
    other.until(f"() => ({BODIES})().length >= 2")
    assert [other.page.inner_text(".replay-time"), other.page.evaluate(BROKEN), other.page.evaluate(BODIES)] == shown
    assert other.page.get_by_role("combobox", name="Stretch").input_value() == "2000"
    assert other.page.url == link and other.complaints == []


def test_keys_move_time(served: Served, open_page: OpenPage) -> None:
    page = open_page(served.address(run="yard", lane="in", t=30_000), viewport=LAPTOP)
    page.until(READ)
    keys = page.page.keyboard
    for key, at in (
        ("ArrowRight", 30_050),
        ("Shift+ArrowRight", 31_050),
        ("ArrowLeft", 31_000),
        ("Shift+ArrowLeft", 30_000),
    ):
        keys.press(key)
        page.until(AT, at)
    scrub = page.page.get_by_role("slider", name="Moment in this stretch")
    scrub.focus()
    keys.press("ArrowUp")
    page.until(AT, 30_050)
    words = scrub.get_attribute("aria-valuetext")
    assert words is not None and words.startswith(clock(start_ms(served) + 30_050)) and "beam " in words
    # In a list of choices the arrows choose.
    page.page.get_by_role("combobox", name="Speed").focus()
    keys.press("ArrowDown")
    page.until("() => document.querySelector('gateline-replay').speed === 2")
    assert moment(page) == 30_050
    page.page.locator(".replay-list").focus()
    keys.press("Space")
    page.until("() => document.querySelector('.play').textContent.includes('pause')")
    page.until("() => document.querySelector('gateline-replay').t > 30500")
    keys.press("Space")
    page.until("() => document.querySelector('.play').textContent.includes('play')")
    page.until(
        "() => new URLSearchParams(location.search).get('t') === String(document.querySelector('gateline-replay').t)"
    )
    assert page.complaints == []


def test_time_is_scrubbed_by_pointing_at_it(served: Served, open_page: OpenPage) -> None:
    page = open_page(served.address(run="yard", lane="in", t=60_000, **{"from": 60_000, "to": 80_000}), viewport=LAPTOP)
    page.until(READ)
    strip = page.page.locator(".replay-strip.beams")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    assert box is not None
    scale = page.page.evaluate("document.querySelector('gateline-replay').scale")
    left, right = box["x"] + 64 * scale, box["x"] + box["width"] - 8 * scale
    for share in (0.25, 0.9, 0.5):
        page.page.mouse.click(left + share * (right - left), box["y"] + 40)
        page.until("(t) => Math.abs(document.querySelector('gateline-replay').t - t) < 40", 60_000 + share * 20_000)
    # The whole run, by its own strip.
    page.page.locator(".replay-strip.whole").scroll_into_view_if_needed()
    whole = page.page.locator(".replay-strip.whole").bounding_box()
    assert whole is not None
    page.page.mouse.click(whole["x"] + whole["width"] / 2, whole["y"] + 40)
    page.until(
        "() => { const { t, end } = document.querySelector('gateline-replay'); return Math.abs(t / end - 0.5) < 0.01; }"
    )
    page.until(READ)
    page.until("() => { const one = document.querySelector('gateline-replay'); return one.stretch.has(one.t); }")


def test_time_is_played_at_the_speed_that_was_chosen(served: Served, open_page: OpenPage) -> None:
    page = open_page(served.address(run="yard", lane="in", t=60_000), viewport=LAPTOP)
    page.until(READ)
    rate = """(speed) => new Promise((done) => {
      const one = document.querySelector("gateline-replay");
      one.speed = speed;
      one.start();
      const began = performance.now(), from = one.t;
      requestAnimationFrame(function look(now) {
        if (now - began < 1500) { requestAnimationFrame(look); return; }
        one.pause();
        done((one.t - from) / (now - began));
      });
    })"""
    for speed in (0.1, 1, 10):
        assert page.page.evaluate(rate, speed) == pytest.approx(speed, rel=0.25)
    assert page.complaints == []


def test_the_moments_worth_a_look_are_found(served: Served, open_page: OpenPage) -> None:
    joined = [row for row in served.rows("joined") if row["match"] in ("false", "phantom")]
    assert len(joined) >= 3
    page = open_page(served.address(run="yard", lane="in", t=0), viewport=LAPTOP)
    page.until(READ)
    button = page.page.get_by_role("button", name=f"Next wrong accusation ({len(joined)})")
    times = sorted(row["at_ms"] for row in joined)
    for at in [*times[:3]]:
        button.click()
        page.until(AT, at)
    page.until(READ)
    page.until("() => document.querySelector('.replay-line.here .badge.bad')?.textContent === 'accused wrongly'")
    said = page.page.inner_text(".replay-look-words")
    assert said.startswith(f"3 of {len(joined)}: the gate says ")
    page.page.evaluate("(t) => document.querySelector('gateline-replay').go(t)", times[-1])
    button.click()
    page.until(AT, times[0])
    assert page.page.inner_text(".replay-look-words").startswith("From the beginning again: 1 of ")


def test_marks_that_would_hide_each_other_are_counted(served: Served, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/replay", viewport=PHONE)
    bunches = """async () => {
      const player = [...document.scripts].find((one) => one.src.endsWith("/replay.js")).src;
      const { bunched } = await import(new URL("replay-strips.js", player));
      const matches = ["true", "false", "missed", "phantom", "repeated", "unseen"];
      const moments = Array.from({ length: 6000 }, (_, n) => ({ at_ms: n * 6, match: matches[n % 6] }));
      return bunched([...moments, { at_ms: 36000, match: "true" }], 36000, 360);
    }"""
    found = page.page.evaluate(bunches)
    assert len(found) == 40 and [one["at"] for one in found] == [9 * n for n in range(40)]
    totals = [sum(one[form] for one in found) for form in ("right", "wrong", "missed")]
    assert totals == [2001, 2000, 2000] and {one["wrong"] for one in found} == {50}
    # Days, times and names stay whole on a phone.
    cell = "() => [...document.querySelectorAll('td.replay-gate a')].map((one) => one.getClientRects().length)"
    assert page.until(f"() => ({cell})().length") and set(page.page.evaluate(cell)) == {1}


def test_another_lane_is_chosen(served: Served, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/replay", viewport=LAPTOP)
    page.page.get_by_role("link", name="yard", exact=True).click()
    page.until(READ)
    assert "lane=in&" in page.page.url
    page.page.get_by_role("combobox", name="Lane").select_option(label="out, exit")
    page.until("() => location.search.includes('lane=out&')")
    page.until(READ)
    assert page.complaints == []


def test_a_trace_shows_beams_and_nobody(served: Served, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/replay", viewport=LAPTOP)
    page.page.get_by_role("link", name=re.compile("gate-1, tailgating")).click()
    page.until("() => document.querySelector('.replay-caption')?.textContent.startsWith('A trace holds')")
    page.page.evaluate("() => document.querySelector('gateline-replay').go(-1)")
    for at, beam, blocked in TRACE:
        page.page.keyboard.press(".")
        page.until(AT, at)
        words = f"beam {beam} {'broken' if blocked else 'clear'} at {at} ms"
        page.until("(words) => document.querySelector('.replay-edge').textContent === words", words)
    page.page.keyboard.press(",")
    page.until(AT, 580)
    page.until(f"() => JSON.stringify(({BROKEN})()) === '[0,0,0,1]'")
    assert page.page.locator(".body").count() == 0, "no body is made up"
    assert not page.page.locator(".lane-drawing .lamp").first.is_visible(), "nor a lamp or an arm"
    assert "site yard" in page.page.inner_text(".replay-record")
    # Of a beam that is not known it isn't said that it is whole.
    unknown = """() => {
      const one = document.querySelector("gateline-replay");
      one.drawing.show({ ...one.stretch.momentAt(0), beams: [null, 0, 1, 0] });
      return [...document.querySelectorAll(".dot")].map((dot) => dot.className.baseVal);
    }"""
    assert page.page.evaluate(unknown) == ["dot unknown", "dot", "dot broken", "dot"]
    other = open_page(page.page.url, viewport=LAPTOP)
    other.until(TIME_IS, "580 ms after the first edge")
    other.until(f"() => JSON.stringify(({BROKEN})()) === '[0,0,0,1]'")
    assert page.complaints == [] == other.complaints


def test_a_run_shows_by_itself_and_a_gate_has_a_list_of_its_own(served: Served, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/replay?device=gate-1", viewport=LAPTOP)
    page.page.get_by_role("heading", name="Recorded traces of gate-1").wait_for()
    assert page.page.get_by_role("link", name=re.compile("^gate-1, ")).count() == 2
    (served.runs / "later").mkdir()
    try:
        for table in ("truth", "layout"):
            (served.runs / "later" / f"{table}.parquet").write_bytes(
                (served.runs / "yard" / f"{table}.parquet").read_bytes()
            )
        page.page.get_by_role("link", name="later").wait_for()
        assert "verdicts only" in page.page.inner_text("main")
    finally:
        for file in (served.runs / "later").iterdir():
            file.unlink()
        (served.runs / "later").rmdir()
    assert page.complaints == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"device": "door-1", "boot": 1, "seq": 0}, "door-1 stands at a physical site"),
        ({"device": "gate-9", "boot": 1, "seq": 0}, "There is no such device"),
        ({"device": "gate-1", "boot": 1, "seq": 77}, "no such record any more"),
        ({"device": "gate-1", "boot": "<b>", "seq": 77}, "A trace is named by"),
        ({"run": "../gateway"}, "There is no such run"),
        ({"run": "damaged", "lane": "in"}, "edges.parquet is damaged"),
    ],
)
def test_what_cannot_be_replayed_is_said(query: dict[str, Any], says: str, served: Served, open_page: OpenPage) -> None:
    page = open_page(served.address(**query), viewport=LAPTOP)
    page.until(
        """(says) => [...document.querySelectorAll("[role=alert]")]
          .some((one) => !one.hidden && one.textContent.includes(says))""",
        says,
    )
    assert not page.page.get_by_role("button", name="play").is_visible(), "there is nothing to play"


def look(page: Watched, served: Served, scanner: Axe) -> None:
    """What holds at every size and in every scheme."""
    assert page.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.page.locator("h1").count() == 1
    assert scanner.grave(page.page) == []
    assert all(request.startswith((served.url, "data:", "blob:")) for request in page.requests), page.requests
    assert page.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "viewport"), [("phone", PHONE), ("laptop", LAPTOP), ("wall", WALL)])
def test_every_size_and_scheme(
    served: Served,
    open_page: OpenPage,
    axe: Axe,
    screenshots: Path,
    size: str,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    follower = next(row for row in served.rows("truth") if row["outcome"] == "tailgated" and row["entered_ms"] > 0)
    at = follower["entered_ms"] + 170
    page = open_page(
        served.address(run="yard", lane="in", t=at, **{"from": at - 3000, "to": at + 5000}),
        viewport=viewport,
        color_scheme=scheme,
    )
    page.until(READ)
    page.until(f"() => ({BODIES})().length >= 2")
    look(page, served, axe)
    box = page.page.locator(".play").bounding_box()
    assert box is not None and (size == "phone" or box["y"] + box["height"] < viewport["height"])
    if (size, scheme) in (("laptop", "light"), ("phone", "dark")):
        page.until("() => [...document.querySelectorAll('.q-loading-bar')].every((one) => one.style.opacity === '0')")
        picture = screenshots / f"replay-{size}-{scheme}.png"
        page.page.screenshot(path=picture, full_page=size == "laptop")
        assert 0 < picture.stat().st_size < 300_000
    for rest in ("", "?device=gate-1&boot=1&seq=1&t=300"):
        other = open_page(f"{served.url}/replay{rest}", viewport=viewport, color_scheme=scheme)
        other.until("() => document.querySelector('main h2, main table')")
        if rest:
            other.until("() => document.querySelector('.dot.broken')")
        look(other, served, axe)


def test_less_motion_is_respected(served: Served, open_page: OpenPage) -> None:
    page = open_page(served.address(run="yard", lane="in", t=30_000), viewport=LAPTOP, reduced_motion="reduce")
    page.until(READ)
    pictures = page.page.evaluate(
        """() => new Promise((done) => {
          const one = document.querySelector("gateline-replay"), seen = new Set();
          one.start();
          const began = performance.now();
          requestAnimationFrame(function look(now) {
            seen.add(document.querySelector(".replay-time").textContent);
            if (now - began < 2000) { requestAnimationFrame(look); return; }
            one.pause();
            done(seen.size);
          });
        })"""
    )
    assert 3 <= pictures <= 11, "some four pictures a second"
