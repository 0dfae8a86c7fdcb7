"""Live devices on two cores: memory and processor time a device, and the largest fleet, beside paho with a thread a
device.

Every measurement is a process of its own. All talk to one embedded broker; a real gateway stores and confirms what they
send, on the same processors. Ours is `gateline fleet` as it comes: real firmware and link, a lane and riders for each
device, 20 riders a minute. The peer is what a load test with paho looks like: a client with its network thread for each
device, and a message as large as a gate's, sealed under the device's key, as often as a gate sends one. It has no lane,
no firmware and no storage.

The largest fleet is the largest of the sizes tried whose run ends with status 0: all devices connected, never more than
1,000 ms late, and everything confirmed; a size has two tries, because machines are shared. The first size that fails
ends the search.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.harness import written
from gateway.embedded import EmbeddedGateway

_ROOT = Path(__file__).resolve().parent.parent
_SIZES = (100, 500, 1000, 1500, 2000, 3000, 4000, 6000, 8000)
_TRIES = 2
_PEER_SIZES = (100, 300, 500)
_RATE = 20
_RIDE_S = 20
_MESSAGE_EVERY_S = 3.5  # what a gate with 20 riders a minute, 55 % of whom consent, and a tally each 10 s comes to
_LIMIT_S = 240
_ALL = "all confirmed"
_FLEET, _PEER_ROW = "gateline fleet", "paho (peer)"

_PEER = """
import json, random, resource, sys, threading, time
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from firmware.report import records
from firmware.report.seal import Seal
from simulator.fleet.fleet import rss_bytes

path, port, count, ride_s, every_s = sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
failed = []
threading.excepthook = lambda args: failed.append(repr(args.exc_value))
settings = [json.loads(line) for _, line in zip(range(int(count)), open(path))]
connected, acknowledged = set(), set()
before = rss_bytes()

class Device:
    def __init__(self, values):
        self.name, self.seq = values["device"], 0
        self.topic = "gateline/1/%s/%s/event" % (values["site"], self.name)
        self.seal = Seal(bytes.fromhex(values["key"]))
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="peer-" + self.name)
        self.client.username_pw_set(values["broker"]["user"], values["broker"]["password"])
        self.client.on_connect = lambda *_: connected.add(self.name)
        self.client.on_publish = lambda *_: acknowledged.add(self.name)
        try:
            self.client.connect("127.0.0.1", port, keepalive=30)
            self.client.loop_start()
        except Exception as error:
            failed.append(repr(error))

    def send(self):
        record = records.passage(int(time.time() * 1000), "entry", "single", "%064x" % self.seq, 500)
        batch = records.batch(self.name, 2147483, self.seq, [record])
        self.client.publish(self.topic, self.seal.close(self.topic, batch), qos=1)
        self.seq += 1

devices = [Device(values) for values in settings]
pause = threading.Event()
until = time.monotonic() + 15
while len(connected) < count and time.monotonic() < until:
    pause.wait(0.1)
from_s, from_cpu_s = time.monotonic(), time.process_time()
due = sorted((from_s + random.expovariate(1 / every_s), n) for n in range(len(devices)))
import heapq
while due[0][0] < from_s + ride_s:
    at, n = due[0]
    pause.wait(max(0, at - time.monotonic()))
    devices[n].send()
    heapq.heapreplace(due, (at + random.expovariate(1 / every_s), n))
share = (time.process_time() - from_cpu_s) / (time.monotonic() - from_s)
memory = rss_bytes() - before
pause.wait(2)
print(json.dumps({"connected": len(connected), "acknowledged": len(acknowledged), "cpu_share": share,
                  "rss_bytes_per_device": memory // max(1, len(connected)), "failed": failed[:1]}))
import os
sys.stdout.flush()
os._exit(0)
"""


@dataclass(frozen=True)
class Row:
    """One measurement. `cpu_share` is of one core, `cpu_ms` for each device and second; None where there is none."""

    row: str
    asked: int
    connected: int | None
    memory_kib: float | None
    cpu_share: float | None
    cpu_ms: float | None
    late_ms: int | None
    came_to: str


@dataclass(frozen=True)
class FleetBench:
    """The table, and what it says."""

    rows: list[Row]
    largest: int

    def report(self, console: Console) -> Path:
        """Print the table, write `out/bench-fleet.json`, return its path."""
        note = (
            f"{_RATE} riders a minute and device for {_RIDE_S} s, broker and gateway on the same machine; cpu is of "
            f"the one process alone, of one core. The largest fleet: {self.largest:,} devices."
        )
        table = Table(title="fleet: live devices in one process", caption=note, caption_justify="left")
        for title in ("", "devices", "KiB each", "cpu", "cpu ms/s each", "late ms", "came to"):
            table.add_column(title, justify="left" if title in ("", "came to") else "right")
        for row in self.rows:
            table.add_row(
                row.row,
                f"{row.asked:,}",
                "" if row.memory_kib is None else f"{row.memory_kib:,.0f}",
                "" if row.cpu_share is None else f"{row.cpu_share:.0%}",
                "" if row.cpu_ms is None else f"{row.cpu_ms:.2f}",
                "" if row.late_ms is None else f"{row.late_ms:,}",
                row.came_to,
            )
        console.print(table)
        about = {"unit": "one row a process; see the head of bench/fleet.py", "note": note}
        return written("fleet", about, [asdict(row) for row in self.rows])


def _fleet(settings: Path, port: int, devices: int, folder: Path) -> Row:
    command = [sys.executable, "-m", "gateline", "fleet", "--settings", str(settings), "--json"]
    command += ["--broker", f"127.0.0.1:{port}", "--devices", str(devices), "--rate", str(_RATE)]
    command += ["--seconds", str(_RIDE_S), "--data", str(folder / "fleet-data")]
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    if not ended.stdout:
        late = re.search(r"was (\d+) ms late", ended.stderr)
        came_to = "too late" if late else ended.stderr.strip()[:60]
        return Row(_FLEET, devices, None, None, None, None, int(late[1]) if late else None, came_to)
    found: dict[str, Any] = json.loads(ended.stdout)
    came_to = _ALL if ended.returncode == 0 else ended.stderr.strip()[:60]
    return Row(
        _FLEET,
        devices,
        found["connected"],
        found["rss_bytes_per_device"] / 1024,
        found["cpu_share"],
        found["cpu_share"] * 1000 / devices,
        found["late_ms"],
        came_to,
    )


def _peer(settings: Path, port: int, devices: int) -> Row:
    command = [sys.executable, "-c", _PEER, str(settings), str(port), str(devices), str(_RIDE_S), str(_MESSAGE_EVERY_S)]
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    if not ended.stdout:
        return Row(_PEER_ROW, devices, None, None, None, None, None, ended.stderr.strip()[-60:])
    found = json.loads(ended.stdout)
    served = found["acknowledged"]
    came_to = f"{served} served"
    if found["failed"]:
        came_to += f", then {found['failed'][0]}"
    return Row(
        _PEER_ROW,
        devices,
        found["connected"],
        found["rss_bytes_per_device"] / 1024,
        found["cpu_share"],
        found["cpu_share"] * 1000 / max(1, served),
        None,
        came_to,
    )


def run() -> FleetBench:
    rows: list[Row] = []
    largest = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = folder / "fleet.jsonl"
        command = [sys.executable, "-m", "gateline", "device", "add", "gate", "--count", str(_SIZES[-1])]
        command += ["--site", "bench", "--site-class", "emulated", "--data", str(folder / "data")]
        subprocess.run([*command, "--out", str(settings)], cwd=_ROOT, check=True, stderr=subprocess.DEVNULL)
        backend = EmbeddedGateway(folder / "data")
        try:
            _, port = backend.start_broker()
            backend.start_gateway()
            rows += [_peer(settings, port, devices) for devices in _PEER_SIZES]
            for devices in _SIZES:
                for _ in range(_TRIES):
                    rows.append(_fleet(settings, port, devices, folder))
                    if rows[-1].came_to == _ALL:
                        largest = devices
                        break
                if largest != devices:
                    break
        finally:
            backend.stop()
    return FleetBench(rows, largest)
