"""The firmware runs in its heap: a busy station's worst hours, in a real MicroPython process under HEAP_LIMIT_BYTES.

The unix port's objects are those of a 64-bit build, up to twice as large as a board's, so what fits here fits there.
The smallest heap that passes is printed, not asserted.
"""

import json
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware import config
from firmware.boards import board as b
from gateway.broker import EmbeddedBroker
from simulator.devices import bundle
from simulator.devices.process import DeviceDied, PlantServer, ProcessDevice, micropython_available
from tests.simulator.devices_support import Event, Rig, as_process, settings, token, walk
from tests.simulator.link_support import USERS, Listener, stored
from tests.support import ROOT, wait_until

pytestmark = pytest.mark.skipif(
    not micropython_available(), reason="MicroPython's unix port is packaged for x86-64 only"
)

PASSAGES = 600
IRREGULAR = 60
GOLDEN = json.loads((ROOT / "tests" / "golden" / "passes.json").read_text())


def with_passes(folder: Path, **report: Any) -> dict[str, Any]:
    """Settings of a gate that reads real passes: its pages and buffers are set aside, its key list is in its flash."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "keys").write_text(GOLDEN["lists"]["7"])
    return settings(**report) | {"passes": {"list_key": GOLDEN["list_key"]}}


@pytest.fixture(scope="module")
def emulated_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.build("emulated", tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def server() -> Iterator[PlantServer]:
    server = PlantServer()
    yield server
    server.close()


def busy(start_ms: int, passages: int, irregular: int) -> list[Event]:
    """Consenting and declining riders, then people without a medium whose bodies flicker, so that traces are full."""
    events: list[Event] = []
    now_ms = start_ms
    for n in range(passages):
        events += [(now_ms, b.MEDIUM, token(n, n % 3 != 0), 0), *walk(now_ms + 300, 100)]
        now_ms += 1500
    for _ in range(irregular):
        events += [(now_ms, b.BEAM, 0, 1), (now_ms + 1, b.BEAM, 1, 1), (now_ms + 2, b.BEAM, 2, 1)]
        for flicker in range(3, 40, 2):
            events += [(now_ms + flicker, b.BEAM, 1, 0), (now_ms + flicker + 1, b.BEAM, 1, 1)]
        events += [(now_ms + 50, b.BEAM, 3, 1)]
        events += [(now_ms + 51 + index, b.BEAM, index, 0) for index in range(4)]
        now_ms += 1000
    return events


def worst_hours(folder: Path, server: PlantServer, built: Path, heap_bytes: int, share: int = 1) -> dict[str, int]:
    """Nobody confirms anything: the outbox fills, folds, is loaded again after a reboot and fills once more."""
    flash = folder / "flash"
    values = with_passes(flash, interval_ms=900_000, tally_min=10)
    rig = Rig(flash, as_process(server, built, heap_bytes=heap_bytes), values)
    try:
        rig.device.start()
        script = busy(1000, PASSAGES // share, IRREGULAR // share)
        rig.run(script, script[-1][0] + 1000)
        rig.device.kill()
        rig.device.start()
        script = busy(rig.scheduler.now_ms + 1000, 100 // share, 20 // share)
        rig.run(script, script[-1][0] + 1000)
    finally:
        rig.device.kill()
    totals = {"records": 0, "passage": 0, "irregular": 0, "paid": 0}
    for name, data in rig.files().items():
        if name[0] != "q":
            continue
        for line in data.splitlines():
            record = json.loads(line.split(b" ", 2)[2])
            totals["records"] += 1
            if record["kind"] in totals:
                totals[record["kind"]] += 1
            if record["kind"] == "tally":
                totals["irregular"] += record["irregular"]
                totals["paid"] += record["paid"]
    return totals


def test_the_worst_hours_fit_the_heap(tmp_path: Path, server: PlantServer, emulated_bundle: Path) -> None:
    totals = worst_hours(tmp_path, server, emulated_bundle, config.HEAP_LIMIT_BYTES)
    assert totals["records"] >= 400  # hundreds that nobody has confirmed
    assert totals["irregular"] == IRREGULAR + 20
    # The rest of the riders declined: the open journal has the last of them.
    assert totals["passage"] + totals["paid"] > 400


def held_interval(folder: Path, server: PlantServer, built: Path, riders: int) -> int:
    """One interval of consented passages held as a physical device holds them; how many were told at its end."""
    values = with_passes(folder / "flash", interval_ms=900_000, tally_min=10, send_at_once=False)
    rig = Rig(folder / "flash", as_process(server, built), values)
    try:
        rig.device.start()
        events: list[Event] = []
        for n in range(riders):
            events += [(1000 + 2000 * n, b.MEDIUM, token(n), 0), *walk(1300 + 2000 * n, 100)]
        rig.run(events, 900_000)
    finally:
        rig.device.kill()
    return b"".join(data for name, data in rig.files().items() if name[0] == "q").count(b'"kind":"passage"')


def test_a_held_interval_at_full_flow_fits_the_heap(tmp_path: Path, server: PlantServer, emulated_bundle: Path) -> None:
    assert (
        held_interval(tmp_path, server, emulated_bundle, 425) == 425
    )  # 28 riders a minute, as a real lane at its best


PROFILE = {"detector": "profile", "layout": [[x, z] for x in range(0, 800, 100) for z in (200, 550, 1200)]}


@pytest.mark.parametrize("lane", [{}, {"detector": "single"}, PROFILE], ids=["ordered", "single", "profile"])
def test_a_full_outbox_is_delivered_within_the_heap(
    tmp_path: Path, server: PlantServer, emulated_bundle: Path, lane: dict[str, Any]
) -> None:
    folder = tmp_path / "flash"
    rig = Rig(folder, as_process(server, emulated_bundle))
    rig.device.start()
    script = busy(1000, 330, IRREGULAR)
    rig.run(script, script[-1][0] + 1000)
    rig.device.kill()
    kept = sum(len(data.splitlines()) for name, data in rig.files().items() if name[0] == "q")
    assert kept > 250

    broker = EmbeddedBroker(tmp_path / "broker")
    broker.start(USERS)
    listener = Listener(broker.port)
    networked = with_passes(folder) | {
        "lane": {"way": "entry", **lane},
        "broker": {"host": "127.0.0.1", "port": broker.port, "user": "gate-1", "password": USERS["gate-1"]},
    }
    online = Rig(folder, as_process(server, emulated_bundle, speed=1), networked)
    device = online.device
    assert isinstance(device, ProcessDevice)
    confirmed = {1: 0, 2: 0}
    seen = 0

    def confirm() -> None:
        """A gateway's part: take what follows the watermark, and say the watermark."""
        nonlocal seen
        batches = listener.batches()
        for batch in batches[seen:]:
            boot, end = batch["boot"], batch["seq"] + sum(record.get("folds", 1) for record in batch["records"])
            if batch["seq"] <= confirmed[boot] < end:
                confirmed[boot] = end
            listener.say("stored", stored(boot, confirmed[boot]))
        seen = len(batches)

    def delivered() -> bool:
        assert device.socket is not None
        while select.select([device.socket], [], [], 0)[0]:
            assert device.readable(), device.last_words()
        confirm()
        return not list(folder.glob("q00000001-*"))

    try:
        assert listener.subscribed.wait(10)
        device.start()
        wait_until(delivered, "all of the first boot is confirmed", timeout_s=40)
        assert confirmed[1] >= kept
    finally:
        device.kill()
        listener.close()
        broker.stop()


def test_a_heap_far_too_small_fails(tmp_path: Path, server: PlantServer, emulated_bundle: Path) -> None:
    with pytest.raises(DeviceDied, match=r"(?s)MemoryError|memory allocation failed|ended by itself"):
        worst_hours(tmp_path, server, emulated_bundle, 24 * 1024, share=20)


@pytest.mark.slow
def test_the_smallest_heap_that_passes(
    tmp_path: Path, server: PlantServer, emulated_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    too_small, enough = 16 * 1024, config.HEAP_LIMIT_BYTES
    while enough - too_small > 4 * 1024:
        middle = (too_small + enough) // 2048 * 1024
        try:
            worst_hours(tmp_path / str(middle), server, emulated_bundle, middle)
            enough = middle
        except DeviceDied:
            too_small = middle
    with capsys.disabled():
        print(
            f"\nsmallest heap that passes without a link: {enough // 1024} KiB of {config.HEAP_LIMIT_BYTES // 1024} KiB"
        )
    assert enough <= config.HEAP_LIMIT_BYTES
