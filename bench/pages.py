"""What open pages cost: durable events a second with and without fifty pages that are looked at.

Beside each measurement the gateway is shown eight moving lanes, ten scenes a second each. The pages are held open by a
process of its own, each as a browser holds one: its document fetched, its socket connected and shaken hands with, its
live stream read to the last byte. Half show the overview, half a lane each. Peer: the same without pages. All else is
as in the bench of ingest (bench/ingest.py): the real gateway in its own process, timed from the first message
published to the last row found in the database file.
"""

import asyncio
import multiprocessing
import re
import tempfile
import threading
import time
import uuid
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import websockets
from paho.mqtt.enums import CallbackAPIVersion

from bench.harness import Bench, interleaved
from bench.ingest import publisher, timed
from firmware.report.seal import Seal
from gateway.embedded import EmbeddedGateway

PAGES = 50
LANES = 8
ROUNDS = 5
_EVENTS = 16_000
_PER_BATCH = 16
_SCENE_S = 0.1
_LIMIT_S = 120.0
_CLIENT = re.compile(r"""["']?client_id["']?\s*:\s*["']([0-9a-f-]{36})["']""")

_LAYOUT = (
    '{"v":1,"way":"entry","make":"paddle","detector":"ordered","beams":[[0,900],[150,900],[300,900],[450,900]],'
    '"arm":[225,1000,300],"stand_mm":-300,"queue_mm":-1000,"away_mm":1000,"width_mm":550}'
)
_PARTS = '[["torso",0,300,890,1400],["head",50,200,1400,1700],["thighs",0,300,480,890],["leg",-170,120,0,480]]'


def _scene(n: int, at_ms: int) -> str:
    """One of a body that walks through, its beams breaking and clearing."""
    front_mm = n * 134 % 2_600 - 1_200
    beams = [int(0 <= front_mm - 150 * beam <= 300) for beam in range(4)]
    edges = ",".join(f"[{n * 2 + k},{ago},{k},{beams[k]}]" for k, ago in ((0, 90), (1, 40)))
    return (
        f'{{"v":1,"at":{at_ms},"state":"passing","arm":100,"lamp":"wait","beams":{str(beams).replace(" ", "")},'
        f'"waiting":2,"bodies":[[{n // 20},{front_mm},0,0,0,{_PARTS}],[{n // 20 + 1},-300,0,0,0,{_PARTS}]],'
        f'"edges":[{edges}],"truth":[],"hands":[]}}'
    )


def _show(settings: dict[str, Any], stop: threading.Event) -> threading.Thread:
    """Shows all lanes until told to stop."""
    seal, broker = Seal(bytes.fromhex(settings["key"])), settings["broker"]
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-simulator")
    client.username_pw_set(broker["user"], broker["password"])
    client.connect("127.0.0.1", broker["port"])
    client.loop_start()

    def say(lane: int, channel: str, body: str) -> None:
        topic = f"gateline/1/bench/gate-{lane}/{channel}"
        client.publish(topic, seal.close(topic, body.encode()), retain=channel == "layout")

    def run() -> None:
        for lane in range(1, LANES + 1):
            say(lane, "layout", _LAYOUT)
        n = 0
        while not stop.wait(_SCENE_S):
            n += 1
            for lane in range(1, LANES + 1):
                say(lane, "scene", _scene(n + lane, time.time_ns() // 1_000_000))
        client.disconnect()
        client.loop_stop()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


async def _socket(url: str, page: str, ready: asyncio.Event, seen: dict[str, int]) -> None:
    """What the page's own script does: engine.io 4 over a websocket, with the handshake in the query."""
    found = _CLIENT.search(page)
    if found is None:
        raise RuntimeError("the page doesn't name its client")
    query = (
        f"EIO=4&transport=websocket&client_id={found[1]}&next_message_id=0&document_id={uuid.uuid4()}"
        f"&tab_id={uuid.uuid4()}&implicit_handshake=true"
    )
    address = url.replace("http://", "ws://") + f"/_nicegui_ws/socket.io/?{query}"
    async with websockets.connect(address, max_size=None) as connection:
        await connection.recv()
        await connection.send("40")
        async for message in connection:
            text = message if isinstance(message, str) else ""
            if text.startswith("40"):
                ready.set()
            elif text.startswith("44"):
                raise RuntimeError(f"the gateway refused a page's socket: {text}")
            elif text == "2":
                await connection.send("3")
            seen["messages"] += 1


async def _stream(http: httpx.AsyncClient, path: str, ready: asyncio.Event, seen: dict[str, int]) -> None:
    async with http.stream("GET", path, timeout=None) as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            ready.set()
            seen["chunks"] += 1
            seen["bytes"] += len(chunk)


async def _look(url: str, opened: Event, stop: Event) -> dict[str, int]:
    seen = {"messages": 0, "chunks": 0, "bytes": 0}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=_LIMIT_S) as http, asyncio.TaskGroup() as group:
        tasks, readies = [], []
        for number in range(PAGES):
            lane = "" if number % 2 else f"gate-{number % LANES + 1}"
            page = await http.get(f"/lane/{lane}" if lane else "/")
            page.raise_for_status()
            shaken, streaming = asyncio.Event(), asyncio.Event()
            readies += [shaken, streaming]
            tasks.append(group.create_task(_socket(url, page.text, shaken, seen)))
            stream = f"/v1/live/{lane}" if lane else "/v1/live"
            tasks.append(group.create_task(_stream(http, stream, streaming, seen)))
        await asyncio.wait_for(asyncio.gather(*(one.wait() for one in readies)), _LIMIT_S)
        seen.update(dict.fromkeys(seen, 0))
        opened.set()
        await asyncio.to_thread(stop.wait)
        told = dict(seen)
        for task in tasks:
            task.cancel()
        return told


def _pages(url: str, opened: Event, stop: Event, told: Connection) -> None:
    """The pages' process."""
    told.send(asyncio.run(_look(url, opened, stop)))


def measure(pages: bool, seen: dict[str, list[float]]) -> float:
    """Events a second, beside open pages or without; what the pages got a second is added to `seen`."""
    with tempfile.TemporaryDirectory() as folder:
        backend = EmbeddedGateway(Path(folder) / "data")
        settings = backend.provision("bench", [f"gate-{n + 1}" for n in range(LANES)])
        stop_scenes = threading.Event()
        context = multiprocessing.get_context("spawn")
        opened, stop = context.Event(), context.Event()
        hears, says = context.Pipe(duplex=False)
        process = None
        try:
            backend.start_broker()
            url = backend.start_gateway()
            shown = _show(settings["simulator"], stop_scenes)
            if pages:
                process = context.Process(target=_pages, args=(url, opened, stop, says), daemon=True)
                process.start()
                if not opened.wait(_LIMIT_S):
                    raise RuntimeError("the pages did not open")
            rate = timed(backend.database_path, "passages", _EVENTS, publisher(settings["gate-1"], _EVENTS, _PER_BATCH))
            if process is not None:
                stop.set()
                if not hears.poll(_LIMIT_S):
                    raise RuntimeError("the pages did not tell what they got")
                for name, value in hears.recv().items():
                    seen.setdefault(name, []).append(value * rate / _EVENTS)
                process.join(_LIMIT_S)
            stop_scenes.set()
            shown.join(_LIMIT_S)
            return rate
        finally:
            stop_scenes.set()
            stop.set()
            if process is not None and process.is_alive():
                process.terminate()
            backend.stop()


def run() -> Bench:
    bench = Bench(
        "pages",
        "durable events per second, broker to database",
        f"{_EVENTS} events, {_PER_BATCH} a message, while {LANES} lanes are shown ten times a second. {PAGES} pages in "
        "a process of their own: half the overview, half a lane, each with its socket and its stream.",
    )
    seen: dict[str, list[float]] = {}
    interleaved(
        bench,
        ROUNDS,
        {
            "no page open (peer)": lambda: measure(False, seen),
            f"{PAGES} pages open": lambda: measure(True, seen),
        },
    )
    told = {name: round(sum(values) / len(values)) for name, values in seen.items()}
    bench.note += (
        f" All pages together got {told['messages']:,} messages over sockets, {told['chunks']:,} events of streams and "
        f"{told['bytes'] / 1_000_000:.1f} MB a second."
    )
    return bench
