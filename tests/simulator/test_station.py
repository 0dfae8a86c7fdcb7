"""The station against an ideal device: whatever happens, the truth is what a perfect observer would have counted.

`IdealDevice` is written from the semantics alone (docs/protocol.md and the board seam), not from the firmware, so that
neither can hide the other's mistakes.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from simulator import truth as kinds
from simulator.clock import Scheduler, Timer, rng
from simulator.plant import lane
from simulator.plant.lane import LanePlant
from simulator.plant.makes import PADDLE, TRIPOD, ArmKind
from simulator.truth import TruthLog, handle_of
from simulator.world import behaviours as b
from simulator.world import traffic
from simulator.world.demand import Demand, HourlyProfile, evening_peak, lane_ways
from simulator.world.population import PLAIN, Population
from simulator.world.riders import Rider
from simulator.world.station import Station

EPOCH_MS = 1_754_400_000_000
DAY = EPOCH_MS // kinds.DAY_MS
MINUTE_MS = 60_000
LEAVE = b.Hesitate.name
BEHAVIOURS = (b.PAY, LEAVE, b.RefusedRetreat.name, b.TailgateCovert.name)


def plain(turn_back: float, refused: float, tailgate: float) -> Population:
    """Grown-ups without luggage, so that an ideal device can tell all of them apart."""
    tailgaters = b.TailgateCovert(tailgate, gap_m=(0.25, 0.40))
    return Population({PLAIN: 1.0}, (b.Hesitate(turn_back, returns=0.0), b.RefusedRetreat(refused), tailgaters))


def epoch_of(t_ms: int) -> int:
    return EPOCH_MS + t_ms


@dataclass
class Seen:
    """One body between the beams."""

    grant: bytes | None
    free: bool = False


@dataclass
class IdealDevice:
    """Grants by reading the medium, detects by the order of edges; answers after `late_ms()` of virtual time."""

    scheduler: Scheduler
    plant: LanePlant
    late_ms: Callable[[], int] = lambda: 0
    log: list[tuple[int, str, str | None]] = field(default_factory=list)  # (when, what, handle)
    release_ms: int = 5_000

    def __post_init__(self) -> None:
        self.plant.post = self.post
        self.timer: Timer | None = None
        self.boot()

    def boot(self) -> None:
        self.bodies: list[Seen] = []
        self.broken = [False] * len(self.plant.geometry.beams)
        self.grant: bytes | None = None
        self.stopping = False
        self.fire = False
        if self.timer is not None:
            self.timer.cancel()

    def start(self) -> None:
        self.boot()
        self.plant.power(True)
        self.plant.announce()
        self.show()

    def die(self, taken_until_ms: int) -> None:
        """Power cut: what came after `taken_until_ms` was not made durable."""
        self.log = [entry for entry in self.log if entry[0] <= taken_until_ms]
        self.plant.power(False, taken_until_ms)
        if self.timer is not None:
            self.timer.cancel()

    def post(self, t_ms: int, kind: int, a: int | bytes, value: int) -> None:
        assert t_ms == self.scheduler.now_ms
        if kind == lane.MEDIUM:
            assert isinstance(a, bytes)
            self.medium(a)
        elif kind == lane.FIRE:
            self.fire, self.grant = bool(a), None
            for body in self.bodies:
                body.free = body.free or (self.fire and body.grant is None)
        else:
            assert isinstance(a, int) and self.broken[a] != bool(value), "edges alternate"
            self.broken[a] = bool(value)
            self.beam(t_ms, a, value)
        self.show()

    def medium(self, medium: bytes) -> None:
        if self.grant is not None or self.stopping or any(self.broken) or self.fire:
            return
        if medium[:4] == b"GLT1" and len(medium) == 22:
            self.grant = medium
            self.after(self.release_ms, self.lapse)
        else:
            self.log.append((self.scheduler.now_ms, "refused", None))
            self.stopping = True
            self.after(1_500, self.lapse)

    def beam(self, t_ms: int, beam: int, blocked: int) -> None:
        last = len(self.broken) - 1
        if beam == 0 and blocked:
            self.bodies.append(Seen(self.grant, self.fire))
            self.grant = None
        elif beam == last and not blocked and self.bodies:
            body = self.bodies.pop(0)
            if body.free:
                self.log.append((t_ms, "free", None))
            elif body.grant is None:
                self.log.append((t_ms, "tailgate", None))
            elif body.grant[5:6] == b"y":
                self.log.append((t_ms, "consented", handle_of(body.grant[6:], DAY)))
            else:
                self.log.append((t_ms, "declined", None))
        elif beam == 0 and not blocked and not self.broken[1] and self.bodies:
            body = self.bodies.pop()
            if body.grant is not None and not self.bodies:
                self.grant = body.grant
                self.after(self.release_ms, self.lapse)

    def lapse(self) -> None:
        self.grant, self.stopping = None, False
        self.show()

    def after(self, delay_ms: int, fn: Callable[[], None]) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.scheduler.after(delay_ms, fn)

    def show(self) -> None:
        if self.fire:
            outputs = (lane.ARM_FREE, lane.LAMP_GO)
        elif any(self.broken):
            outputs = (lane.ARM_RELEASED if self.bodies else lane.ARM_LOCKED, lane.LAMP_WAIT)
        elif self.grant is not None:
            outputs = (lane.ARM_RELEASED, lane.LAMP_GO)
        else:
            outputs = (lane.ARM_LOCKED, lane.LAMP_STOP if self.stopping else lane.LAMP_READY)
        at_ms = self.scheduler.now_ms + self.late_ms()
        self.plant.apply(at_ms, *outputs, 0)

    def counts(self) -> Counter[str]:
        return Counter(what for _, what, _ in self.log)

    def handles(self) -> list[str]:
        return [handle for _, _, handle in self.log if handle is not None]


class World:
    """Lanes with ideal devices, and their station."""

    def __init__(
        self,
        ways: list[str],
        seed: int = 7,
        demand: Demand | None = None,
        *,
        population: Population | None = None,
        arm: ArmKind = PADDLE,
        path: Path | None = None,
        late_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self.scheduler = Scheduler()
        self.truth = TruthLog(path, epoch_of)
        plants = [LanePlant(self.scheduler, name=f"gate-{n}", way=way, arm=arm) for n, way in enumerate(ways, start=1)]
        self.devices = {plant.name: IdealDevice(self.scheduler, plant, late_ms) for plant in plants}
        self.station = Station(self.scheduler, plants, demand, seed, self.truth, population=population)
        for device in self.devices.values():
            device.start()

    def drain(self, limit_ms: int = 10 * MINUTE_MS) -> None:
        """No more riders; until everybody has gone."""
        self.station.stop_arrivals()
        end_ms = self.scheduler.now_ms + limit_ms
        while not self.station.idle():
            due_ms = self.scheduler.next_at()
            assert due_ms is not None and due_ms <= end_ms, f"riders are stuck: {self.station.queue_lengths()}"
            self.scheduler.run_until(due_ms)

    def run(self, minutes: int) -> None:
        self.scheduler.run_until(minutes * MINUTE_MS)
        self.drain()

    def one(self, behaviour: str = b.PAY) -> str:
        return self.station.send("gate-1", behaviour).id

    def check(self) -> None:
        """Truth and devices agree, lane by lane, and every rider sent has an outcome."""
        expected = self.truth.expected()
        assert sum(self.truth.counts().values()) == self.station.riders_sent
        for name, device in self.devices.items():
            seen, want = device.counts(), expected.get(name, kinds.LaneExpectation())
            handles = device.handles()
            assert len(handles) == len(set(handles))
            assert set(handles) - want.uncertain_handles == want.handles, name
            assert (seen["declined"], seen["free"]) == (want.declined, want.free), name
            assert (seen["tailgate"], seen["refused"]) == (want.tailgates, want.refused), name


@pytest.mark.parametrize("arm", [PADDLE, TRIPOD], ids=["paddle", "tripod"])
def test_over_two_thousand_riders_the_truth_is_what_the_device_counted(arm: ArmKind) -> None:
    world = World(lane_ways(8, evening_peak()), demand=evening_peak(), arm=arm)
    world.run(14)
    assert world.station.riders_sent > 2_000
    counts = world.truth.counts()
    assert all(counts[kind] > 20 for kind in ("tailgated", "turned_back", "refused"))
    assert counts["unobserved"] == counts["passed_free"] == 0
    world.check()


def test_the_truth_is_on_file_before_the_device_sees_the_deciding_edge(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    world = World(["entry"], path=path)
    device = world.devices["gate-1"]
    decided: list[int] = []

    def watch(t_ms: int, kind: int, a: int | bytes, value: int) -> None:
        refused = kind == lane.MEDIUM and isinstance(a, bytes) and a[:4] != b"GLT1"
        if refused or (kind == lane.BEAM and a == 3 and value == 0):
            decided.append(t_ms)
            lines = path.read_text().splitlines()
            assert len(lines) == len(decided) and f'"at":{epoch_of(t_ms)}' in lines[-1]
        device.post(t_ms, kind, a, value)

    device.plant.post = watch
    for behaviour in (b.PAY, b.TailgateCovert.name, b.RefusedRetreat.name, b.PAY):
        world.one(behaviour)
    world.drain()
    world.truth.close()
    assert len(decided) == 4


def test_lanes_pass_what_lanes_pass() -> None:
    """Figures: a tripod passes 25-40 a minute as sold, a gate rated 40 in practice 18-28; one busy lane here."""
    crowd = Demand(HourlyProfile("Crowd", "2025-08-01", (3_600,) * 24, (0,) * 24))
    world = World(["entry"], demand=crowd)
    world.scheduler.run_until(10 * MINUTE_MS)
    through = sum(world.truth.counts().values()) / 10
    assert 18 <= through <= 40


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    texts = []
    for n, seed in enumerate((7, 7, 8)):
        path = tmp_path / f"{n}.jsonl"
        world = World(lane_ways(4, evening_peak()), seed, Demand(evening_peak().profile, scale=0.5), path=path)
        world.run(3)
        world.truth.close()
        texts.append(path.read_bytes())
        assert len(texts[-1].splitlines()) == world.station.riders_sent
    assert texts[0] == texts[1] != texts[2]


def test_a_lane_more_changes_neither_riders_nor_arrivals() -> None:
    def arrivals(lanes: int) -> dict[str, tuple[bool | None, str | None]]:
        demand = Demand(evening_peak().profile, scale=0.1)
        world = World(["entry"] * lanes, demand=demand, population=plain(0, 0, 0))
        world.run(5)
        found = [world.truth.outcome(f"entry-{n}") for n in range(world.station.riders_sent)]
        return {one.rider: (one.consent, one.handle) for one in found if one is not None}

    assert arrivals(1) == arrivals(3)
    assert len(arrivals(1)) > 15


def test_riders_by_hand_are_their_lanes_own() -> None:
    def truth_of_gate_1(others: int) -> list[object]:
        world = World(["entry"] * (1 + others))
        names = []
        for n in range(60):
            names.append(world.one(BEHAVIOURS[n % 4]))
            for other in range(others):
                world.station.send(f"gate-{other + 2}")
        world.drain()
        return [world.truth.outcome(name) for name in names]

    alone = truth_of_gate_1(0)
    assert None not in alone and alone == truth_of_gate_1(2)


@pytest.mark.parametrize("late", [30, 400, 1_500])
def test_late_answers_change_times_and_no_counts(late: int) -> None:
    own = rng(1, "late")
    delays = Delays(own.randint, late)
    world = World(["entry", "entry", "exit"], demand=Demand(evening_peak().profile, scale=0.2), late_ms=delays)
    world.run(10)
    world.check()


class Delays:
    """Random delays of a device's answers."""

    def __init__(self, randint: Callable[[int, int], int], most_ms: int) -> None:
        self._randint, self._most_ms = randint, most_ms

    def __call__(self) -> int:
        return self._randint(0, self._most_ms)


@pytest.mark.parametrize("arm", [PADDLE, TRIPOD], ids=["paddle", "tripod"])
@pytest.mark.parametrize("seed", range(6))
def test_power_cuts_at_any_moment_leave_no_rider_without_truth(seed: int, arm: ArmKind) -> None:
    """Cuts lose up to a second of what was posted; nobody whom the device may have missed counts as seen."""
    demand = Demand(evening_peak().profile, scale=0.3)
    world = World(["entry", "exit", "exit"], seed, demand, arm=arm, population=plain(0.1, 0, 0.1))
    own = rng(seed, "cuts")
    for _ in range(60):
        world.scheduler.run_until(world.scheduler.now_ms + own.randint(500, 15_000))
        device = own.choice(list(world.devices.values()))
        device.die(max(0, world.scheduler.now_ms - own.randint(0, 1_000)))
        world.scheduler.run_until(world.scheduler.now_ms + own.randint(1, 3_000))
        device.start()
    world.drain()
    counts = world.truth.counts()
    assert sum(counts.values()) == world.station.riders_sent > 300
    assert counts["unobserved"] > 5
    expected = world.truth.expected()
    for name, device in world.devices.items():
        seen, want = device.counts(), expected[name]
        assert set(device.handles()) - want.uncertain_handles == want.handles, name
        assert want.declined <= seen["declined"] <= want.declined + want.uncertain.get("passed_declined", 0)
        # After a cut a follower may look like a lone intruder, and a payer like one without a grant.
        assert want.tailgates <= seen["tailgate"] <= want.tailgates + want.unobserved


def test_a_rider_before_a_dead_gate_waits_and_then_passes() -> None:
    world = World(["entry"])
    device = world.devices["gate-1"]
    device.die(0)
    name = world.one()
    world.scheduler.run_until(40_000)
    assert world.truth.outcome(name) is None and device.plant.arm.position(40_000) == 0
    device.start()
    world.drain()
    assert world.truth.counts()["unobserved"] == 0
    world.check()


def test_a_rider_past_the_arm_goes_on_when_the_device_dies(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    world = World(["entry"], path=path)
    name = world.one()
    while not world.devices["gate-1"].broken[3]:
        due_ms = world.scheduler.next_at()
        assert due_ms is not None
        world.scheduler.run_until(due_ms)
    world.devices["gate-1"].die(world.scheduler.now_ms)
    world.drain()
    world.truth.close()
    lines = path.read_text().splitlines()
    assert len(lines) == 2 and '"kind":"passed_' in lines[0] and '"kind":"unobserved"' in lines[1]
    assert all(f'"rider":"{name}"' in line for line in lines)
    assert world.truth.counts()["unobserved"] == 1


def test_whoever_had_the_grant_when_the_device_died_asks_again() -> None:
    world = World(["entry"])
    device = world.devices["gate-1"]
    world.one()
    while device.grant is None:
        due_ms = world.scheduler.next_at()
        assert due_ms is not None
        world.scheduler.run_until(due_ms)
    device.die(world.scheduler.now_ms)
    world.scheduler.run_until(world.scheduler.now_ms + 1_000)
    device.start()
    world.drain()
    assert world.truth.counts()["unobserved"] == 0
    world.check()


def test_a_tailgater_follows_with_a_gap_and_without_a_medium() -> None:
    world = World(["entry"])
    leader, follower = world.one(), world.one(b.TailgateCovert.name)
    clear: list[int] = []
    device = world.devices["gate-1"]

    def watch(t_ms: int, kind: int, a: int | bytes, value: int) -> None:
        if kind == lane.BEAM and a == 0:
            clear.append(t_ms)
            if len(clear) == 3:
                second, first = sorted(device.plant.bodies(), key=lambda body: body.front_at(t_ms))
                assert first.front_at(t_ms) - first.shape.rear_mm - second.front_at(t_ms) >= 250
                assert any(device.broken), "the leader is still between the beams"
        device.post(t_ms, kind, a, value)

    device.plant.post = watch
    world.drain()
    assert len(clear) == 4 and all(early < late for early, late in pairwise(clear))
    outcome = world.truth.outcome(follower)
    assert outcome is not None
    assert (outcome.kind, outcome.consent, outcome.product, outcome.handle) == (kinds.TAILGATED, None, None, None)
    assert world.truth.outcome(leader) is not None
    world.check()


def test_an_evader_whom_nobody_precedes_pays_in_the_end() -> None:
    world = World(["entry"])
    name = world.one(b.TailgateCovert.name)
    world.scheduler.run_until(7_999)
    assert world.truth.outcome(name) is None
    world.drain()
    outcome = world.truth.outcome(name)
    assert outcome is not None and outcome.kind in (kinds.PASSED_CONSENTED, kinds.PASSED_DECLINED)
    world.check()


@pytest.mark.parametrize(("behaviour", "kind"), [(LEAVE, kinds.TURNED_BACK), (b.RefusedRetreat.name, kinds.REFUSED)])
def test_who_does_not_pass(behaviour: str, kind: str) -> None:
    world = World(["exit"])
    name = world.one(behaviour)
    world.one()
    world.drain()
    outcome = world.truth.outcome(name)
    assert outcome is not None and (outcome.kind, outcome.handle, outcome.way) == (kind, None, "exit")
    assert sum(world.truth.counts().values()) == 2
    world.check()


def test_when_fire_releases_the_gate_all_pass_without_a_medium() -> None:
    world = World(["entry", "exit"], demand=Demand(evening_peak().profile, scale=0.2))
    world.scheduler.run_until(MINUTE_MS)
    world.station.fire(True)
    world.scheduler.run_until(2 * MINUTE_MS)
    free = world.truth.counts()["passed_free"]
    assert free > 15
    world.drain()
    world.station.fire(False)
    world.one()
    world.drain()
    assert world.truth.counts()["passed_free"] >= free
    world.check()


def test_nobody_walks_through_anybody() -> None:
    world = World(["entry"], demand=Demand(evening_peak().profile, scale=0.6))
    plant = world.devices["gate-1"].plant
    close = 0
    for t_ms in range(0, 4 * MINUTE_MS, 20):
        world.scheduler.run_until(t_ms)
        if t_ms in (MINUTE_MS, 2 * MINUTE_MS, 3 * MINUTE_MS):
            world.station.fire(t_ms != 2 * MINUTE_MS)
        ahead_mm = None
        for body in sorted(plant.bodies(), key=lambda body: -body.front_at(t_ms)):
            front_mm = body.front_at(t_ms)
            if front_mm >= 0 and ahead_mm is not None:
                assert ahead_mm - front_mm >= 100, t_ms
                close += 1
            ahead_mm = front_mm - body.shape.rear_mm
    assert close > 100
    world.drain()
    world.check()


def test_a_full_queue_turns_riders_away_and_counts_them() -> None:
    world = World(["entry"])
    world.devices["gate-1"].die(0)
    for _ in range(traffic.QUEUE_MAX + 10):
        world.one()
    assert world.station.queue_length("gate-1") == traffic.QUEUE_MAX + 1
    assert (world.station.riders_sent, world.station.turned_away) == (traffic.QUEUE_MAX + 1, 9)


def test_riders_choose_the_shortest_queue_of_their_way() -> None:
    world = World(["entry", "entry", "exit"], demand=Demand(evening_peak().profile, scale=1.0))
    for device in world.devices.values():
        device.die(0)
    world.scheduler.run_until(20_000)
    first, second, third = world.station.queue_lengths().values()
    assert abs(first - second) <= 1 and first > 5 and third > first


def test_what_a_station_refuses() -> None:
    world = World(["entry"])
    with pytest.raises(ValueError, match="no lane 'gate-9': it has gate-1"):
        world.station.send("gate-9")
    plants = [LanePlant(world.scheduler), LanePlant(world.scheduler)]
    with pytest.raises(ValueError, match="two lanes are named gate-1"):
        Station(world.scheduler, plants, None, 1, world.truth)


def test_who_has_no_pass_yet_waits_at_the_shop_and_then_shows_what_was_sold() -> None:
    scheduler = Scheduler()
    customers: list[tuple[Rider, Callable[[], None]]] = []
    device = IdealDevice(scheduler, LanePlant(scheduler))
    station = Station(
        scheduler, [device.plant], None, seed=1, truth=None, shop=lambda rider, then: customers.append((rider, then))
    )
    device.start()
    station.send("gate-1")
    scheduler.run_until(30_000)
    assert (station.shopping, station.riders_sent, device.log, station.idle()) == (1, 0, [], False)
    rider, bought = customers.pop()
    rider.carry(b"GLT1sy" + b"s" * 16, b"s" * 16)
    bought()
    scheduler.run_until(60_000)
    assert (station.shopping, station.riders_sent) == (0, 1)
    station.send("gate-1", change=lambda other: other.carry(b"GLT1dy" + b"d" * 16, b"d" * 16))
    scheduler.run_until(90_000)
    assert not customers and station.idle()
    assert [handle for _, _, handle in device.log] == [handle_of(b"s" * 16, DAY), handle_of(b"d" * 16, DAY)]
