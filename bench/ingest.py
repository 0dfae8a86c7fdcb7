"""Durable events a second, from the broker to the database.

The peer is what a hobbyist writes: paho and sqlite3, one commit a message, the default journal. Beside it the same
script with a write-ahead log. Ours is the real gateway in its own process: decode, authenticate, admit, store,
acknowledge after the commit. All get the same kind of sealed messages over the same kind of broker from a publisher in
a process of its own that has connected before the clock starts, and are timed from the first message published to the
last row found in the database file. The slow ones get fewer events, so that the bench ends within a minute or two.
"""

import json
import multiprocessing
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.harness import Bench, interleaved
from firmware.report import records
from firmware.report.seal import Seal
from gateway.embedded import EmbeddedGateway

_EVENTS_PLAIN = 3_000
_EVENTS_OURS = 16_000
_PER_BATCH = 16
_LIMIT_S = 120.0

_PLAIN_SCRIPT = """
import json, sqlite3, sys
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
port, user, password, path, journal = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]
db = sqlite3.connect(path)
db.execute(f"PRAGMA journal_mode={journal}")
db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE events (device, boot, seq, at, way, product, handle)")
db.commit()
def on_message(client, userdata, message):
    batch = json.loads(message.payload)
    for n, record in enumerate(batch["records"]):
        db.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?)", (batch["device"], batch["boot"], batch["seq"] + n,
                   record["at"], record["way"], record["product"], record["handle"]))
    db.commit()
def on_subscribe(client, *rest):
    print("ready", flush=True)
client = mqtt.Client(CallbackAPIVersion.VERSION2)
client.username_pw_set(user, password)
client.on_connect = lambda *rest: client.subscribe("gateline/1/+/+/event", 1)
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect("127.0.0.1", port)
client.loop_forever()
"""


def _messages(key: bytes, events: int, per_message: int, first: int = 0) -> list[tuple[str, bytes]]:
    """All events as sealed batches of one device, the first with this sequence number."""
    topic = "gateline/1/bench/gate-1/event"
    seal = Seal(key)
    found = []
    end = first + events
    # Of now: older ones would be past their time, and their erasure would be measured too.
    at_ms = int(time.time() * 1000)
    for seq in range(first, end, per_message):
        batch = [
            records.passage(at_ms + n, "entry", "single", f"{n:064x}", 500)
            for n in range(seq, min(seq + per_message, end))
        ]
        found.append((topic, seal.close(topic, records.batch("gate-1", 1, seq, batch))))
    return found


def _publish(
    port: int, user: str, password: str, messages: list[tuple[str, bytes]], connected: Event, go: Event
) -> None:
    """The publisher's process: QoS 1, at most 100 in flight, ends when the broker has acknowledged all."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-publisher")
    client.username_pw_set(user, password)
    client.max_inflight_messages_set(100)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    connected.set()
    go.wait(_LIMIT_S)
    for info in [client.publish(topic, payload, qos=1) for topic, payload in messages]:
        info.wait_for_publish(_LIMIT_S)
    client.disconnect()
    client.loop_stop()


def _timed(path: Path, table: str, events: int, publish: Callable[[], None]) -> float:
    """Events a second until `table` in the database at `path` holds them all."""
    pause = threading.Event()
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30) as database:
        started = time.perf_counter()
        publish()
        while database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] < events:
            if time.perf_counter() - started > _LIMIT_S:
                raise RuntimeError(f"{table} did not fill within {_LIMIT_S:.0f} s")
            pause.wait(0.01)
        return events / (time.perf_counter() - started)


def publisher(settings: dict[str, Any], events: int, per_message: int, first: int = 0) -> Callable[[], None]:
    """Connects a publisher of a device's events behind its ``first`` ones; what it returns makes it start."""
    broker = settings["broker"]
    messages = _messages(bytes.fromhex(settings["key"]), events, per_message, first)
    context = multiprocessing.get_context("spawn")
    connected, go = context.Event(), context.Event()
    where = (broker["port"], broker["user"], broker["password"])
    context.Process(target=_publish, args=(*where, messages, connected, go), daemon=True).start()
    if not connected.wait(_LIMIT_S):
        raise RuntimeError("the publisher did not connect")
    return go.set


def ours(per_message: int) -> float:
    """The gateway."""
    with tempfile.TemporaryDirectory() as folder:
        backend = EmbeddedGateway(Path(folder) / "data")
        settings = backend.provision("bench", ["gate-1"])["gate-1"]
        try:
            backend.start_broker()
            backend.start_gateway()
            return _timed(
                backend.database_path, "passages", _EVENTS_OURS, publisher(settings, _EVENTS_OURS, per_message)
            )
        finally:
            backend.stop()


def plain(journal: str) -> float:
    """The hobbyist's script."""
    with tempfile.TemporaryDirectory() as folder:
        backend = EmbeddedGateway(Path(folder) / "data")
        settings = backend.provision("bench", ["gate-1", "reader"])
        try:
            _, port = backend.start_broker()
            reader = settings["reader"]["broker"]
            path = Path(folder) / "events.sqlite"
            command = [sys.executable, "-c", _PLAIN_SCRIPT, str(port), reader["user"], reader["password"], str(path)]
            with subprocess.Popen([*command, journal], stdout=subprocess.PIPE, text=True) as script:
                try:
                    assert script.stdout is not None
                    if script.stdout.readline() != "ready\n":
                        raise RuntimeError("the plain script did not start")
                    return _timed(path, "events", _EVENTS_PLAIN, publisher(settings["gate-1"], _EVENTS_PLAIN, 1))
                finally:
                    script.terminate()
        finally:
            backend.stop()


def run() -> Bench:
    bench = Bench(
        "ingest",
        "durable events per second, broker to database",
        f"{_EVENTS_PLAIN} events to the scripts, {_EVENTS_OURS} to the gateway; a message with one event has "
        f"{len(_messages(bytes(32), 1, 1)[0][1])} bytes; every row committed with "
        "synchronous=FULL.",
    )
    interleaved(
        bench,
        3,
        {
            "plain script, commit per message (peer)": lambda: plain("DELETE"),
            "plain script, commit per message, WAL": lambda: plain("WAL"),
            "gateway, one event a message": lambda: ours(1),
            f"gateway, {_PER_BATCH} events a message": lambda: ours(_PER_BATCH),
        },
    )
    return bench


if __name__ == "__main__":
    print(json.dumps(run().medians()))
