"""What people do by hand at a station: carries orders out, knows what is meddled with now, and lets go.

Rules: in the thread of the station's loop alone. Each fault reaches the part that has it: a beam is broken in the
plant, the arm jams in the plant, the network's cable is pulled, the fire contact closes. What is on already is not
done twice. The truth is told of hands in beams before the firmware is, so that what it makes of them can be reckoned.
Whoever sends more riders to a lane than WAITING_MAX gets none beyond, and it is counted.

Does not belong here: which orders are believed (orders.py), what riders do (simulator/world).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from simulator.byhand import orders
from simulator.byhand.orders import Order
from simulator.clock import Scheduler
from simulator.plant import faults
from simulator.plant.lane import LanePlant
from simulator.truth import TruthLog
from simulator.world import behaviours as b
from simulator.world import bodies
from simulator.world.riders import Rider
from simulator.world.station import Station

WAITING_MAX = 20
"""Riders sent by hand who may be on their way to, in front of or in one lane."""

_KINDS = {"suitcase": bodies.SUITCASE, "pram": bodies.PRAM, "wheelchair": bodies.WHEELCHAIR}


class Network(Protocol):
    """The devices' cables."""

    def cut(self, device: str) -> None: ...

    def mend(self, device: str) -> None: ...


class _Lane:
    """What is on at one lane."""

    def __init__(self, plant: LanePlant) -> None:
        self.plant = plant
        self.beams: set[int] = set()
        self.arm = self.network = False


class Hands:
    """`plants` by device; `network` None where there is none to cut."""

    def __init__(
        self,
        scheduler: Scheduler,
        world: Station,
        plants: Mapping[str, LanePlant],
        truth: TruthLog,
        network: Network | None,
    ) -> None:
        self.done = 0
        self.refused = 0
        """Orders that could not be carried out: too many riders, no network to cut, or the station ends."""
        self._scheduler = scheduler
        self._world = world
        self._truth = truth
        self._network = network
        self._lanes = {name: _Lane(plant) for name, plant in plants.items()}
        self._fire = False
        self._ended = False

    def on(self, device: str) -> list[str]:
        """What is meddled with at that lane now, as the scene has it."""
        lane = self._lanes[device]
        found = [f"beam {beam}" for beam in sorted(lane.beams)]
        return found + [name for name, is_on in self._switches(lane) if is_on]

    def _switches(self, lane: _Lane) -> list[tuple[str, bool]]:
        return [("arm", lane.arm), ("network", lane.network), ("fire", self._fire)]

    def do(self, device: str, order: Order) -> bool:
        """Carry one order out; False, and counted, when it can't be."""
        done = self._act(device, order)
        self.done += done
        self.refused += not done
        return done

    def _act(self, device: str, order: Order) -> bool:
        if self._ended:
            return False
        if order.do == orders.SEND:
            return self._send(device, order.what, order.number)
        if order.do == orders.BEAM:
            self._hold_beam(device, order.beam, order.on)
        elif order.do == orders.ARM:
            self._jam(self._lanes[device], order.on)
        elif order.do == orders.FIRE:
            self._ring(order.on)
        elif self._network is None:
            return False
        else:
            self._cut(device, self._network, order.on)
        return True

    def end(self) -> None:
        """Everything that is on ends, and no order is carried out any more."""
        self._ended = True
        for device, lane in self._lanes.items():
            for beam in sorted(lane.beams):
                self._hold_beam(device, beam, False)
            self._jam(lane, False)
            if self._network is not None:
                self._cut(device, self._network, False)
        self._ring(False)

    # -- riders

    def _send(self, device: str, what: str, number: int) -> bool:
        party = 2 if what == "tailgater" else 1
        if self._world.by_hand(device) + party > WAITING_MAX:
            return False
        if what == "jumper":
            self._world.send(
                device, b.JumpOver.name, bodies.ADULT, self._jumper(device), first=True, buys=False, order=number
            )
        elif what == "tailgater":
            follower = b.TailgateFriendly.name
            self._world.send(device, b.PAY, bodies.ADULT, first=True, followed_by=follower, order=number)
        else:
            self._world.send(device, b.PAY, _KINDS.get(what, bodies.ADULT), first=True, order=number)
        return True

    def _jumper(self, device: str) -> Callable[[Rider], None]:
        """Somebody who gets over this arm, however high."""
        height_m = self._lanes[device].plant.arm.kind.height_mm / 1000

        def change(rider: Rider) -> None:
            assert isinstance(rider.plan, b.JumpOver)
            reach_m = max(rider.plan.reach_m[1], height_m)
            rider.plan = replace(rider.plan, reach_m=(reach_m, reach_m))

        return change

    # -- what can be on

    def _hold_beam(self, device: str, beam: int, on: bool) -> None:
        lane = self._lanes[device]
        if on == (beam in lane.beams):
            return
        self._truth.meddle(self._scheduler.now_ms, device, lane.plant.way, on)
        if on:
            lane.beams.add(beam)
        else:
            lane.beams.remove(beam)
        lane.plant.cover(beam, on)

    @staticmethod
    def _jam(lane: _Lane, on: bool) -> None:
        if on != lane.arm:
            lane.arm = on
            lane.plant.fault(faults.ARM_JAMMED, 0, on)

    def _cut(self, device: str, network: Network, on: bool) -> None:
        lane = self._lanes[device]
        if on != lane.network:
            lane.network = on
            (network.cut if on else network.mend)(device)

    def _ring(self, on: bool) -> None:
        if on != self._fire:
            self._fire = on
            self._world.fire(on)
