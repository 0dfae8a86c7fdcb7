"""What fifty open pages cost the ingest: events a second stored by the real gateway, with and without them.

The pages are held by a process of their own that does what an open page does and nothing more: it fetches the page
once, holds NiceGUI's socket with the handshake, the pongs and the acknowledgements of its browser client, and reads the
page's stream of events: `/v1/live` with half of them, `/v1/live/{device}` with the others. It draws nothing. Whether
pages are open or not, a simulator's process says ten scenes a second for each of eight lanes, so that the streams have
something to tell, and events come one a message, as fast as they are acknowledged. All goes through one gateway; pages
are opened well before their stretch and closed after it, and who goes first takes turns.

All share the machine's cores, the holder of the pages too, so the rate tells what somebody would see who has all of it
on one small machine. What the gateway itself spends is told by its own processor time for one event.
"""

import ast
import asyncio
import json
import multiprocessing
import os
import re
import sqlite3
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from bench.harness import written
from bench.ingest import publisher
from gateway.embedded import EmbeddedGateway
from simulator.scene import frame
from simulator.scene.publisher import ScenePublisher

_LANES = [f"gate-{number}" for number in range(1, 9)]
_PAGES = 50
_OPENING = 5
"""Pages that are fetched at once: what is measured is open pages, not how they open."""
_ROUNDS = 20
_EVENTS = 12_000
_SETTLE_S = 5.0
"""Time before each stretch: what opening pages took, and the end of those that were closed before (NiceGUI keeps a page
for three seconds, should it come back), is not what open pages take."""
_LIMIT_S = 120.0
_FRAME_S = 0.1
_ACK_S = 3.0
_BEAMS_MM = (0, 140, 280, 420)
_WALK_MM_PER_FRAME = 120
_FROM_MM, _TO_MM, _DEEP_MM = -1_000, 1_600, 260
_LAYOUT = (
    b'{"v":1,"way":"entry","make":"paddle","detector":"ordered","beams":[[0,900],[140,300],[280,900],[420,1150]],'
    b'"arm":[600,1100,220],"stand_mm":-300,"queue_mm":-1000,"away_mm":1000,"width_mm":550}'
)
_PARTS = '["torso",0,260,600,1450],["head",20,210,1450,1720],["leg",30,140,0,620],["suitcase",290,420,60,560]'
_QUERY = re.compile(r"query: (\{.*?\}),$", re.MULTILINE)


class _Walk:
    """One lane where somebody walks through again and again, and somebody waits."""

    def __init__(self, ahead: int) -> None:
        self._front_mm = _FROM_MM + ahead * 300
        self._number = 1
        self._beams = [0] * len(_BEAMS_MM)
        self._edges: list[frame.Edge] = []
        self._seen: list[frame.Seen] = []
        self._told = 0

    def scene(self, now_ms: int) -> bytes:
        """The next frame."""
        self._front_mm += _WALK_MM_PER_FRAME
        if self._front_mm > _TO_MM:
            self._seen = [frame.Seen(self._number, now_ms, "passed", "entry", "suitcase", 0)]
            self._front_mm = _FROM_MM
            self._number += 1
        for beam, at_mm in enumerate(_BEAMS_MM):
            blocked = int(self._front_mm - _DEEP_MM <= at_mm <= self._front_mm)
            if blocked != self._beams[beam]:
                self._beams[beam] = blocked
                self._told += 1
                self._edges = [*self._edges[-63:], frame.Edge(self._told, now_ms, beam, blocked)]
        bodies = f"[{self._number},{self._front_mm},0,0,0,[{_PARTS}]],[{self._number + 1},-1000,0,0,0,[{_PARTS}]]"
        shown = frame.look("released", 100, "go", self._beams, 2, bodies)
        return frame.scene(now_ms, shown, frame.recent(now_ms, self._edges, self._seen), "")


def _say_scenes(settings: dict[str, Any], connected: Event, stop: Event) -> None:
    """The simulator's process."""
    sender = ScenePublisher(settings, dict.fromkeys(_LANES, _LAYOUT), lambda topic, payload: None)
    walks = {name: _Walk(number) for number, name in enumerate(_LANES)}
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        due += _FRAME_S
        if not sender.connected:
            continue
        for name, walk in walks.items():
            sender.publish(name, walk.scene(time.time_ns() // 1_000_000))
        connected.set()
    sender.close()


@dataclass
class _Held:
    """What one page has got."""

    path: str
    stream: str
    first: bool = False
    socket: bool = False
    events: int = 0
    event_bytes: int = 0
    messages: int = 0
    next_id: int = 0


async def _hold_socket(session: aiohttp.ClientSession, held: _Held, query: dict[str, Any]) -> None:
    asked = {name: json.dumps(value).strip('"') for name, value in query.items()}
    asked |= {"document_id": str(uuid.uuid4()), "tab_id": str(uuid.uuid4()), "old_tab_id": "null"}
    asked |= {"EIO": "4", "transport": "websocket"}
    held.next_id = int(query["next_message_id"])
    acknowledged, acknowledge_at = -1, time.monotonic() + _ACK_S
    async with session.ws_connect("/_nicegui_ws/socket.io/", params=asked, max_msg_size=0) as socket:
        async for message in socket:
            said = str(message.data)
            if said.startswith("0"):
                await socket.send_str("40")
            elif said.startswith("40"):
                held.socket = True
            elif said == "2":
                await socket.send_str("3")
            elif said.startswith("42"):
                held.messages += 1
                _, told = json.loads(said[2:])
                if isinstance(told, dict) and "_id" in told:
                    held.next_id = int(told["_id"]) + 1
            else:
                raise RuntimeError(f"the socket of {held.path} said {said[:200]}")
            if time.monotonic() >= acknowledge_at and held.next_id > acknowledged:
                acknowledged, acknowledge_at = held.next_id, time.monotonic() + _ACK_S
                ack = {"client_id": query["client_id"], "next_message_id": held.next_id}
                await socket.send_str("42" + json.dumps(["ack", ack]))
    raise RuntimeError(f"the socket of {held.path} ended")


async def _hold_stream(session: aiohttp.ClientSession, held: _Held) -> None:
    async with session.get(held.stream, headers={"Accept": "text/event-stream"}) as answer:
        answer.raise_for_status()
        async for chunk in answer.content.iter_any():
            held.events += chunk.count(b"data: ")
            held.event_bytes += len(chunk)
            held.first = held.first or held.events > 0
    raise RuntimeError(f"the stream {held.stream} ended")


async def _hold(session: aiohttp.ClientSession, held: _Held, opening: asyncio.Semaphore) -> None:
    """One page, until it is cancelled."""
    async with opening, session.get(held.path) as answer:
        page = await answer.text()
    if not answer.ok:
        raise RuntimeError(f"{held.path} was answered with {answer.status}")
    found = _QUERY.search(page)
    if found is None:
        raise RuntimeError(f"{held.path} is no NiceGUI page")
    # As NiceGUI writes it into the page's script: Python's own form, for which the script has a constant True.
    query = ast.literal_eval(found[1])
    async with asyncio.TaskGroup() as both:
        both.create_task(_hold_socket(session, held, query))
        both.create_task(_hold_stream(session, held))


async def _hold_all(url: str, ready: Event, measure: Connection) -> None:
    pages = [
        _Held("/", "/v1/live") if number % 2 else _Held(f"/lane/{lane}", f"/v1/live/{lane}")
        for number, lane in ((number, _LANES[number // 2 % len(_LANES)]) for number in range(_PAGES))
    ]
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_LIMIT_S, sock_read=_LIMIT_S)
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Origin": url}

    async def watch() -> None:
        while not all(page.first and page.socket for page in pages):
            await asyncio.sleep(0.05)
        ready.set()
        # Twice: where the measured stretch begins, and where it ends.
        for _ in range(2):
            await asyncio.to_thread(measure.recv)
            measure.send([sum(getattr(page, name) for page in pages) for name in ("events", "event_bytes", "messages")])
        raise _Done

    async with (
        aiohttp.ClientSession(url, timeout=timeout, connector=connector, headers=headers) as session,
        asyncio.TaskGroup() as group,
    ):
        opening = asyncio.Semaphore(_OPENING)
        for page in pages:
            group.create_task(_hold(session, page, opening))
        group.create_task(watch())


class _Done(Exception):
    """Ends the holder's tasks."""


def _hold_pages(url: str, ready: Event, measure: Connection) -> None:
    """The process that holds the pages. A page that is lost ends it, and with it the bench."""
    try:
        asyncio.run(_hold_all(url, ready, measure))
    except* _Done:
        pass


class _Pages:
    """Fifty pages, held by another process."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_hold_pages, args=(url, ready, other), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        if not _until(ready, self._process):
            raise RuntimeError(f"{_PAGES} pages could not be opened")

    def counts(self) -> list[int]:
        """Events of streams, their bytes, and messages of sockets, of all pages so far; all must be held still."""
        if not self._process.is_alive():
            raise RuntimeError("a page was lost on the way")
        self._pipe.send(None)
        if not self._pipe.poll(_LIMIT_S):
            raise RuntimeError("the pages did not answer")
        found: list[int] = self._pipe.recv()
        return found

    def close(self) -> None:
        # It ends by itself once it was asked twice.
        self._process.join(5)
        self._process.kill()
        self._process.join()


def _until(ready: Event, process: Any) -> bool:
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        if ready.wait(0.2):
            return True
        if not process.is_alive():
            return False
    return False


@contextmanager
def _scenes(settings: dict[str, Any]) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    connected, stop = context.Event(), context.Event()
    process = context.Process(target=_say_scenes, args=(settings, connected, stop), daemon=True)
    process.start()
    try:
        if not _until(connected, process):
            raise RuntimeError("the simulator did not connect")
        yield
    finally:
        stop.set()
        process.join(5)
        process.kill()
        process.join()


def _processor_s(pid: int) -> float:
    """Processor time that a process has had, its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """One stretch: ``events`` stored in ``seconds``, and what the gateway and the pages did meanwhile."""

    seconds: float
    processor_s: float
    holder_s: float = 0
    """Processor time of whoever held the pages."""
    page_events: int = 0
    page_bytes: int = 0
    socket_messages: int = 0

    @property
    def rate(self) -> float:
        """Events stored a second."""
        return _EVENTS / self.seconds

    @property
    def cost_us(self) -> float:
        """Processor time of the gateway for one event, microseconds."""
        return self.processor_s / _EVENTS * 1e6


def _stretch(backend: EmbeddedGateway, publish: Callable[[], None], stored: int, pages: _Pages | None) -> Measured:
    """What comes behind the first ``stored`` events, with or without pages."""
    pid = backend.gateway_pid
    assert pid is not None
    threading.Event().wait(_SETTLE_S)
    before = pages.counts() if pages else [0, 0, 0]
    processor_s, holder_s = _processor_s(pid), _processor_s(pages.pid) if pages else 0.0
    seconds = _timed(backend.database_path, publish, stored + _EVENTS)
    processor_s = _processor_s(pid) - processor_s
    holder_s = _processor_s(pages.pid) - holder_s if pages else 0.0
    after = pages.counts() if pages else [0, 0, 0]
    return Measured(seconds, processor_s, holder_s, *(b - a for a, b in zip(before, after, strict=True)))


def _timed(path: Path, publish: Callable[[], None], events: int) -> float:
    """Seconds until the database at `path` holds so many events; the watermark is committed with the rows."""
    pause = threading.Event()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as database:
        started = time.perf_counter()
        publish()
        while True:
            row = database.execute("SELECT watermark FROM boots WHERE device = 'gate-1'").fetchone()
            if row is not None and row[0] >= events:
                break
            if time.perf_counter() - started > _LIMIT_S:
                raise RuntimeError(f"the events were not stored within {_LIMIT_S:.0f} s")
            pause.wait(0.005)
        seconds = time.perf_counter() - started
        stored = database.execute("SELECT count(*) FROM passages").fetchone()[0]
        if stored != events:
            raise RuntimeError(f"{stored} of {events} events are stored")
        return seconds


@dataclass
class PagesReport:
    """Both rows, round by round."""

    without: list[Measured] = field(default_factory=list)
    held: list[Measured] = field(default_factory=list)

    def ratios(self) -> list[float]:
        """Of each round: the rate with pages over the one without."""
        return [b.rate / a.rate for a, b in zip(self.without, self.held, strict=True)]

    def report(self, console: Console) -> Path:
        """Print the table, write `out/bench-pages.json`, return its path."""
        ratios = self.ratios()
        note = (
            f"{_EVENTS} events a round, one a message; {len(_LANES)} lanes with ten scenes a second; the pages are "
            "held by a process of their own on the same cores. Ratio: the median of the rounds' own."
        )
        table = Table(title="pages: durable events per second", caption=note, caption_justify="left")
        for title in ("", "median", "min", "max", "ratio", "gateway's CPU an event, µs"):
            table.add_column(title, justify="left" if not title else "right")
        rows = []
        for name, found, ratio in (
            ("no page open (peer)", self.without, 1.0),
            (f"{_PAGES} pages open", self.held, statistics.median(ratios)),
        ):
            rates, costs = [one.rate for one in found], [one.cost_us for one in found]
            median, cost = statistics.median(rates), statistics.median(costs)
            table.add_row(
                name, f"{median:,.0f}", f"{min(rates):,.0f}", f"{max(rates):,.0f}", f"{ratio:.3f}", f"{cost:,.0f}"
            )
            rows.append({"row": name, "rates": rates, "median": median, "ratio": ratio, "cpu_us_an_event": costs})
        rows[1]["ratios"] = ratios
        seconds = sum(one.seconds for one in self.held)
        per_page = {
            "events_a_second": sum(one.page_events for one in self.held) / seconds / _PAGES,
            "kilobytes_a_second": sum(one.page_bytes for one in self.held) / seconds / _PAGES / 1000,
            "socket_messages_a_second": sum(one.socket_messages for one in self.held) / seconds / _PAGES,
        }
        rows[1]["per_page"] = per_page
        rows[1]["holder_cores"] = sum(one.holder_s for one in self.held) / seconds
        console.print(table)
        console.print(
            f"ratio by rounds: {', '.join(f'{one:.3f}' for one in ratios)}; each page got "
            + ", ".join(f"{value:.1f} {name.replace('_', ' ')}" for name, value in per_page.items())
            + f"; their holder took {rows[1]['holder_cores']:.0%} of a core"
        )
        return written("pages", {"unit": "durable events per second", "note": note}, rows)


def run() -> PagesReport:
    found, stored = PagesReport(), 0
    with tempfile.TemporaryDirectory() as folder:
        backend = EmbeddedGateway(Path(folder) / "data")
        settings = backend.provision("bench", _LANES)
        try:
            backend.start_broker()
            url = backend.start_gateway()
            with _scenes(settings["simulator"]):
                for number in range(-1, _ROUNDS):
                    for with_pages in (False, True) if number % 2 == 0 else (True, False):
                        with closing(_Pages(url)) if with_pages else nullcontext() as pages:
                            publish = publisher(settings["gate-1"], _EVENTS, 1, stored)
                            measured = _stretch(backend, publish, stored, pages)
                        stored += _EVENTS
                        # The first round warms up: pages are made for the first time, caches filled.
                        if number >= 0:
                            (found.held if with_pages else found.without).append(measured)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; the gateway last said: {' '.join(backend.output[-12:])}") from None
        finally:
            backend.stop()
    return found
