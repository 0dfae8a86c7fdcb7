"""Real passes at emulated lanes: the right ones open, wrong ones don't, in this process and in a MicroPython process.

The issuer is OpenSSL's (tests/passes.py). Over a real broker, the list may have 8 KiB and pages come sixteen at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from firmware.boards import board as b
from gateway.broker import EmbeddedBroker
from pytest_gateline import MakeGateLane, VirtualLane
from simulator.devices import bundle
from simulator.devices.process import PlantServer, ProcessDevice, micropython_available
from tests.passes import DAY, Issuer, IssuerKey, day_pass, handle_of, list_hash, nullifier_of, single, text_of
from tests.simulator.devices_support import EPOCH_MS, Event, Rig, as_process, in_process, settings, walk
from tests.simulator.link_support import USERS, Listener
from tests.support import wait_until

NOON = datetime.fromtimestamp(DAY * 86_400 + 43_200, UTC)


class Sold:
    """An issuer with its keys of the day, and passes to be had."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.keys = {
            "research": single("research"),
            "none": single("none"),
            "day research": day_pass("research"),
            "day none": day_pass("none"),
            "tomorrow": day_pass("none", DAY + 1),
            "over": single("none", DAY - 40),
        }
        self.listed = self.issuer.key_list(3, list(self.keys.values()))

    def sell(self, name: str) -> bytes:
        return self.keys[name].new_pass()


@pytest.fixture(scope="module")
def sold() -> Sold:
    return Sold()


def lane_of(make_gate_lane: MakeGateLane, sold: Sold, way: str = "entry", **passes: Any) -> VirtualLane:
    lane = make_gate_lane(way=way, starts_at=NOON, passes={"list_key": sold.issuer.list_key, **passes})
    lane.retain("keys", sold.listed)
    lane.advance(0.1)
    return lane


# --- in this process, with riders ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["research", "none", "day research", "day none"])
def test_a_rider_with_a_pass_goes_through(make_gate_lane: MakeGateLane, sold: Sold, name: str) -> None:
    lane = lane_of(make_gate_lane, sold)
    raw = sold.sell(name)
    consents = "none" not in name
    rider = lane.send(medium=text_of(raw).encode(), consent=consents, product="day" if "day" in name else "single")
    assert (rider.outcome, rider.verdict, lane.reason) == ("passed", "passed", None)
    assert [(row["handle"], row["product"]) for row in lane.passages] == (
        [(handle_of(raw, DAY), rider.product)] if consents else []
    )
    lane.end_interval()
    spent = [row for row in lane.records if row["kind"] == "spent"]
    assert [row["nullifiers"] for row in spent] == ([] if "day" in name else [[nullifier_of(raw).hex()]])


def test_the_second_rider_with_the_same_single_is_refused(make_gate_lane: MakeGateLane, sold: Sold) -> None:
    lane = lane_of(make_gate_lane, sold)
    first = lane.send(medium=sold.sell("none"), consent=False)
    second = lane.send(medium_of=first)
    assert (first.outcome, second.verdict, lane.reason) == ("passed", "refused", "spent")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("tomorrow", "not_yet_valid"), ("over", "expired"), ("flipped", "bad_signature"), ("token", "malformed")],
)
def test_a_wrong_pass_is_refused(make_gate_lane: MakeGateLane, sold: Sold, name: str, reason: str) -> None:
    lane = lane_of(make_gate_lane, sold)
    if name == "flipped":
        raw = bytearray(sold.sell("none"))
        raw[200] ^= 4
        medium = bytes(raw)
    else:
        medium = b"GLT0sn" + bytes(16) if name == "token" else sold.sell(name)
    rider = lane.send(medium=medium, consent=False)
    assert (rider.verdict, lane.reason) == ("refused", reason)
    assert rider.outcome != "passed"


def test_the_status_tells_the_list_and_tells_it_anew(make_gate_lane: MakeGateLane, sold: Sold) -> None:
    lane = lane_of(make_gate_lane, sold)
    later = sold.issuer.key_list(4, [sold.keys["none"]])
    lane.retain("keys", later)
    lane.retain("keys", sold.listed)
    lane.advance(0.1)
    said = [message.body["keys"] for message in lane.messages if message.channel == "status"]
    assert said == ["", list_hash(sold.listed), list_hash(later)]
    assert [row["what"] for row in lane.records if row["kind"] == "device"] == ["boot", "keys_refused"]
    with lane.cut_network():
        lane.advance(1)
    lane.advance(10)
    assert [message.body["keys"] for message in lane.messages if message.body.get("keys") is not None][-1] == list_hash(
        later
    )


def test_the_list_holds_over_a_power_cut_without_a_network(make_gate_lane: MakeGateLane, sold: Sold) -> None:
    lane = lane_of(make_gate_lane, sold)
    used = lane.send(medium=sold.sell("none"), consent=False)
    with lane.cut_network(), lane.cut_power():
        lane.advance(1)
    lane.cut_network()
    lane.advance(1)
    assert lane.send(medium=sold.sell("research")).outcome == "passed"
    assert lane.send(medium_of=used).verdict == "refused" and lane.reason == "spent"


def test_what_was_spent_elsewhere_opens_an_exit_and_no_entry(make_gate_lane: MakeGateLane, sold: Sold) -> None:
    raw, exchanged = sold.sell("none"), sold.sell("day research")
    page = sold.issuer.page(41, [nullifier_of(raw), nullifier_of(exchanged)])
    for way, outcome in (("entry", "refused"), ("exit", "passed")):
        lane = lane_of(make_gate_lane, sold, way)
        lane.retain("spent-9", page)
        lane.advance(0.1)
        for medium in (raw, exchanged):
            rider = lane.send(medium=medium, consent=False)
            assert rider.verdict == outcome and lane.reason == ("spent" if way == "entry" else None)


# --- in lockstep, on both runtimes -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emulated_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.build("emulated", tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def server() -> Iterator[PlantServer]:
    server = PlantServer()
    yield server
    server.close()


needs_micropython = pytest.mark.skipif(
    not micropython_available(), reason="MicroPython's unix port is packaged for x86-64 only"
)
RIG_DAY = EPOCH_MS // 86_400_000


def keys_of_rig() -> dict[str, IssuerKey]:
    return {
        "research": single("research", RIG_DAY - 3),
        "none": single("none", RIG_DAY - 3),
        "day": day_pass("research", RIG_DAY),
        "tomorrow": day_pass("none", RIG_DAY + 1),
        "stranger": single("none", RIG_DAY - 3),
    }


def with_passes(issuer: Issuer, **report: Any) -> dict[str, Any]:
    return settings(**report) | {"passes": {"list_key": issuer.list_key, "passback_ms": 30_000}}


def script_of(keys: dict[str, IssuerKey]) -> tuple[list[Event], list[str]]:
    """Media one after the other, each followed by a body; and the state that each must lead to."""
    chosen = {name: keys[name].new_pass() for name in keys}
    flipped = bytearray(chosen["research"])
    flipped[-1] ^= 1
    media = [
        ("research", "released"),
        ("research", "refusing"),  # spent
        ("none", "released"),
        ("none", "refusing"),
        ("day", "released"),
        ("day", "refusing"),  # passback
        ("tomorrow", "refusing"),
        ("stranger", "refusing"),
    ]
    events: list[Event] = []
    expected = []
    now_ms = 1000
    for number, (name, state) in enumerate(media):
        medium = chosen[name] if number % 2 else text_of(chosen[name]).lower().encode()
        events.append((now_ms, b.MEDIUM, medium, 0))
        expected.append(state)
        if state == "released":
            events += walk(now_ms + 300, 100)
        now_ms += 3000
    for medium in (bytes(flipped), bytes(1025), b"", b"GLT0"):
        events.append((now_ms, b.MEDIUM, medium, 0))
        expected.append("refusing")
        now_ms += 3000
    return events, expected


@needs_micropython
def test_both_runtimes_decide_alike(tmp_path: Path, server: PlantServer, emulated_bundle: Path) -> None:
    issuer, keys = Issuer(), keys_of_rig()
    listed = issuer.key_list(1, [key for name, key in keys.items() if name != "stranger"])
    events, expected = script_of(keys)
    rigs = []
    for number, make in enumerate((in_process, as_process(server, emulated_bundle))):
        folder = tmp_path / str(number) / "flash"
        folder.mkdir(parents=True)
        (folder / "keys").write_bytes(listed)  # as an earlier connection left it
        rig = Rig(folder, make, with_passes(issuer))
        rig.device.start()
        rig.run(events, events[-1][0] + 20_000)
        rig.device.kill()
        rigs.append(rig)
    one, other = rigs
    assert [state for *_, state in one.outputs if state in ("released", "refusing")] == expected
    assert one.outputs == other.outputs
    told = [b"".join(data for name, data in sorted(rig.files().items()) if name[0] == "q") for rig in rigs]
    for kept in told:
        records = [json.loads(line.split(b" ", 2)[2]) for line in kept.splitlines()]
        spent = [row["nullifiers"] for row in records if row["kind"] == "spent"]
        assert [len(each) for each in spent] == [1, 1] or [len(each) for each in spent] == [2]


# --- over a real broker ----------------------------------------------------------------------------------------------


@needs_micropython
def test_a_list_of_8_kib_and_sixteen_pages_come_over_a_real_broker(
    tmp_path: Path, server: PlantServer, emulated_bundle: Path
) -> None:
    """The limits of docs/passes.md, retained on the broker before the gate connects, under the gate's own heap."""
    issuer = Issuer()
    keys = [IssuerKey("single", "none", RIG_DAY, RIG_DAY, RIG_DAY, "2026-1" + "x" * 16) for _ in range(16)]
    listed = issuer.key_list(1, keys)
    assert 8192 - 600 < len(listed) <= 8192
    raw, fresh = keys[7].new_pass(), keys[8].new_pass()
    pages = [
        issuer.page(
            page, [(page * 1000 + n).to_bytes(8, "big") for n in range(255)] + [nullifier_of(raw)] * (page == 24)
        )
        for page in range(10, 26)
    ]
    broker = EmbeddedBroker(tmp_path / "broker")
    broker.start(USERS)
    listener = Listener(broker.port)
    values = with_passes(issuer) | {
        "broker": {"host": "127.0.0.1", "port": broker.port, "user": "gate-1", "password": USERS["gate-1"]}
    }
    rig = Rig(tmp_path / "flash", as_process(server, emulated_bundle, speed=1), values)
    device = rig.device
    assert isinstance(device, ProcessDevice)

    def statuses() -> list[str]:
        assert device.readable(), device.last_words()
        found = [json.loads(payload) for topic, payload in list(listener.messages) if topic.endswith("/status")]
        return [body["keys"] for body in found if body["state"] == "online"]

    def shown(state: str) -> bool:
        assert device.readable(), device.last_words()
        return rig.outputs[-1][-1] == state

    try:
        assert listener.subscribed.wait(10)
        listener.retain("gateline/1/north/passes/keys", listed)
        for number, page in enumerate(pages):
            listener.retain(f"gateline/1/north/passes/spent-{(number + 10) % 16}", page)
        device.start()
        wait_until(lambda: statuses()[-1:] == [list_hash(listed)], "the gate tells the list's hash", timeout_s=40)
        wait_until(lambda: shown("locked"), "the lamp is ready")

        def refused() -> bool:
            """Pages come behind the list, when the broker likes: the spent pass is shown until it is refused."""
            if not shown("locked"):
                return rig.outputs[-1][-1] == "refusing"
            device.post(rig.scheduler.now_ms, b.MEDIUM, raw, 0)
            return False

        wait_until(refused, "the spent pass is refused", timeout_s=40, poll_s=0.2)
        wait_until(lambda: shown("locked"), "the refusal has been shown")
        device.post(rig.scheduler.now_ms, b.MEDIUM, text_of(fresh).encode(), 0)
        wait_until(lambda: shown("released"), "a pass that nobody has used opens the lane")
    finally:
        device.kill()
        listener.close()
        broker.stop()
