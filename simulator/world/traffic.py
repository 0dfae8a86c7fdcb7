"""Riders at one lane: the queue, the tap, the wait for the lamp, the walk, and the tailgater behind.

Riders see lamp and arm and nothing else of the device, and act a reaction time later. One rider at a time is at the
reader; a medium is held there only while the lamp says ready; nobody walks before the arm is open enough; whoever has
not reached the arm when it closes walks back and tries again. A tailgater waits for somebody to follow, and pays when
nobody comes.

Rules: a rider's truth is written here, from a body's `watch`, before the plant posts the edge that decides it. What a
rider does depends on that rider and on this lane alone.

Does not belong here: hardware (simulator/plant), who comes and to which lane (station.py).
"""

from collections import deque
from collections.abc import Callable
from enum import Enum

from simulator import truth as kinds
from simulator.clock import Scheduler, Timer
from simulator.plant import lane
from simulator.plant.beams import Point
from simulator.truth import TruthLog
from simulator.world import riders
from simulator.world.riders import Rider

QUEUE_MAX = 500
NO_ANSWER_MS = 10_000
PATIENCE_MS = 8_000  # how long a tailgater waits for somebody to follow
TURN_PAUSE_MS = 400
FOLLOW_UP_MS = 300  # the next rider starts for the reader this long after the one before has left it
_ROOM_MM = 150
# A body that turns back keeps the first beam broken throughout: its tail stays this far before it.
_TURN_MARGIN_MM = 30
# How many decided riders can still be corrected when a device dies: far more than one could leave undealt with.
_DECIDED_KEPT = 4096


class State(Enum):
    """Where a rider is."""

    QUEUED = "queued"
    STEPPING_UP = "stepping up to the reader"
    WAITING = "at the reader, waiting for the lamp"
    TAPPING = "holding the medium to the reader"
    PRESENTED = "read; waiting for an answer"
    STARTING = "told to go; waiting for the arm"
    WALKING = "in the lane"
    LEAVING = "walking away"


class Visit:
    """One rider's stay at the lane."""

    def __init__(self, rider: Rider) -> None:
        self.rider = rider
        self.state = State.QUEUED
        self.body: lane.Body | None = None
        self.taps = 0
        self.asked = False  # a medium was read and no answer has been acted upon
        self.granted = False
        self.free = False  # the gate was released to all when this rider broke the first beam
        self.follows = False
        self.pays = rider.behaviour != riders.TAILGATE
        self.retreating = False
        self.turn_ms: int | None = None
        self.session: int | None = None  # of the device, when the first beam broke; 0 while it was dead
        self.timer: Timer | None = None
        self.reaction: Timer | None = None

    def forget(self) -> None:
        """Begin anew: what was granted is gone."""
        self.state, self.body, self.asked, self.granted, self.free = State.QUEUED, None, False, False, False
        self.follows = self.retreating = False
        self.turn_ms = self.session = None


Step = Callable[[Visit], None]


class LaneTraffic:
    """The riders of one lane. It makes itself the plant's listener."""

    def __init__(self, scheduler: Scheduler, plant: lane.LanePlant, truth: TruthLog) -> None:
        self.plant = plant
        self.turned_away = 0  # riders who found the queue full
        self.joined = 0
        self._scheduler = scheduler
        self._truth = truth
        self._queue: deque[Visit] = deque()
        self._head: Visit | None = None
        self._walking: list[Visit] = []
        self._decided: deque[tuple[int, int, str]] = deque(maxlen=_DECIDED_KEPT)  # (session, when, rider)
        plant.listener = self

    # --- what the station asks ---------------------------------------------------------------------------------------

    def join(self, rider: Rider) -> bool:
        """Stand in the queue; False, and counted, when it is full."""
        if len(self._queue) >= QUEUE_MAX:
            self.turned_away += 1
            return False
        self.joined += 1
        self._queue.append(Visit(rider))
        self._advance()
        return True

    def waiting(self) -> int:
        """Riders in the queue and at the reader."""
        return len(self._queue) + (self._head is not None)

    def idle(self) -> bool:
        """True when nobody is here."""
        return not self._queue and self._head is None and not self._walking

    # --- what riders see (lane.Listener) -----------------------------------------------------------------------------

    def outputs_changed(self, t_ms: int) -> None:
        """The rider at the reader acts on what is seen now, a reaction time later."""
        visit = self._head
        if visit is None:
            self._advance()
        elif visit.state in (State.WAITING, State.TAPPING, State.PRESENTED):
            self._cancel_reaction(visit)
            visit.reaction = self._scheduler.at(t_ms + visit.rider.reaction_ms, lambda: self._react(visit))

    def arm_closing(self, t_ms: int) -> None:
        """Whoever has not reached the arm turns round."""
        for visit in list(self._walking):
            if visit.retreating or visit.body is None:
                continue
            front_mm = visit.body.front_at(t_ms)
            already_back = visit.turn_ms is not None and (front_mm >= 0 or t_ms >= visit.turn_ms)
            if front_mm < self.plant.geometry.arm_mm and not already_back:
                self._retreat(visit, front_mm)

    def events_lost(self, t_ms: int, taken_until_ms: int) -> None:
        """Correct the truth of all whose deciding edge the dead device had not dealt with."""
        for session, at_ms, rider in self._decided:
            if session == self.plant.session and at_ms > taken_until_ms:
                self._truth.unobserved(t_ms, rider)

    # --- queue and reader --------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Let the next rider step up, when the reader is free and somebody wants to."""
        if self._head is not None or not self._queue:
            return
        visit = next((v for v in self._queue if v.pays or self.plant.free), None)
        if visit is None:
            first = self._queue[0]
            if first.timer is None:
                first.timer = self._scheduler.after(PATIENCE_MS, lambda: self._lose_patience(first))
            return
        self._queue.remove(visit)
        self._head = visit
        visit.state = State.STEPPING_UP
        spot = self.plant.geometry
        arrival_ms = self._scheduler.now_ms + self._walk_ms(visit.rider, spot.stand_mm - spot.queue_mm)
        path = [(self._scheduler.now_ms, spot.queue_mm), (arrival_ms, spot.stand_mm)]
        visit.body = self._add_body(visit, lane.PAYING if visit.pays else lane.WITHOUT_MEDIUM, path)
        self._set_timer(visit, arrival_ms, self._arrive)

    def _lose_patience(self, visit: Visit) -> None:
        visit.timer = None
        if visit.state is State.QUEUED and self._head is None and self._queue and self._queue[0] is visit:
            visit.pays = True
        self._advance()

    def _arrive(self, visit: Visit) -> None:
        visit.state = State.WAITING
        self._react(visit)

    def _react(self, visit: Visit) -> None:
        """Act on lamp and arm as they are; a dark lane tells nobody anything."""
        visit.reaction = None
        plant = self.plant
        if not plant.powered or visit.state not in (State.WAITING, State.TAPPING, State.PRESENTED):
            return
        done = self._truth.outcome(visit.rider.id) is not None  # refused once: nothing brings this rider through
        if plant.free or (plant.lamp == lane.LAMP_GO and visit.asked):
            if done:
                self._leave(visit)
            else:
                self._start(visit)
        elif plant.lamp == lane.LAMP_STOP and visit.asked:
            if not done:
                self._write(visit, kinds.REFUSED)
            self._leave(visit)
        elif plant.lamp == lane.LAMP_READY and visit.state is not State.TAPPING:
            visit.state = State.TAPPING
            tap_ms = visit.rider.next_tap_ms(visit.taps)
            self._set_timer(visit, self._scheduler.now_ms + tap_ms, self._tapped)

    def _tapped(self, visit: Visit) -> None:
        visit.taps += 1
        visit.state = State.PRESENTED
        self._set_timer(visit, self._scheduler.now_ms + NO_ANSWER_MS, self._arrive)
        if self.plant.powered:
            visit.asked = True
            if visit.rider.behaviour == riders.REFUSED and self._truth.outcome(visit.rider.id) is None:
                self._write(visit, kinds.REFUSED)
            self.plant.present(visit.rider.medium())

    def _leave(self, visit: Visit) -> None:
        """Walk away from the reader, the way one came."""
        visit.state = State.LEAVING
        self._back_off(visit, self.plant.geometry.queue_mm, self._gone)

    # --- the lane ----------------------------------------------------------------------------------------------------

    def _start(self, visit: Visit) -> None:
        at_ms = self.plant.passable_at()
        if at_ms is None:  # the lamp says go, the arm says no: wait for the arm, or for the lamp
            return
        visit.granted = not self.plant.free
        visit.state = State.STARTING
        self._set_timer(visit, max(at_ms, self._room_at(visit.rider)), self._go)

    def _go(self, visit: Visit) -> None:
        if self.plant.passable_at() is None:
            visit.asked = visit.granted = False
            self._arrive(visit)
            return
        now_ms = self._scheduler.now_ms
        stand_mm = self.plant.geometry.stand_mm
        visit.state = State.WALKING
        visit.asked = False
        self._walking.append(visit)
        if visit.rider.behaviour == riders.TURN_BACK and visit.granted:
            self._turn_back(visit)
            return
        self._pass(visit, stand_mm, visit.rider)
        last, last_mm = visit, stand_mm
        follower = self._queue[0] if self._queue else None
        if visit.granted and follower is not None and not follower.pays:
            self._queue.popleft()
            follower.state = State.WALKING
            follower.follows = True
            self._walking.append(follower)
            last_mm = stand_mm - visit.rider.length_mm - follower.rider.gap_mm
            follower.body = self._add_body(follower, lane.WITHOUT_MEDIUM, [(now_ms, last_mm)])
            self._pass(follower, last_mm, visit.rider)
            last = follower
        room_mm = self.plant.geometry.queue_mm + _ROOM_MM - (last_mm - last.rider.length_mm)
        pause_ms = max(FOLLOW_UP_MS, self._walk_ms(visit.rider, room_mm))
        self._scheduler.after(pause_ms, lambda: self._free_reader(visit))

    def _room_at(self, rider: Rider) -> int:
        """When the rider may set off without running into anybody ahead (0: at once).

        Only a gate released to all lets riders in so closely. All walk straight on, so it is enough that there is room
        at both ends of the lane.
        """
        spot = self.plant.geometry
        own_ms = self._walk_ms(rider, spot.last_mm - spot.stand_mm)
        room_at_ms = 0
        for ahead in self._walking:
            (t0, x0), (t1, x1) = self._body(ahead).path[0], self._body(ahead).path[-1]
            if x1 <= x0:  # somebody who comes back; the reader is not left to the next before that
                continue
            for place_mm, before_ms in ((spot.stand_mm, 0), (spot.last_mm, own_ms)):
                front_mm = place_mm + _ROOM_MM + ahead.rider.length_mm
                room_at_ms = max(room_at_ms, t0 - (-(front_mm - x0) * (t1 - t0) // (x1 - x0)) - before_ms)
        return room_at_ms

    def _pass(self, visit: Visit, from_mm: int, pace: Rider) -> None:
        """Walk through and out, at the pace of the one in front."""
        out_mm = max(self.plant.geometry.away_mm, self.plant.geometry.last_mm + visit.rider.length_mm + _ROOM_MM)
        out_ms = self._scheduler.now_ms + self._walk_ms(pace, out_mm - from_mm)
        self.plant.walk(self._body(visit), [(self._scheduler.now_ms, from_mm), (out_ms, out_mm)])
        self._set_timer(visit, out_ms, self._gone)

    def _turn_back(self, visit: Visit) -> None:
        """Step in as far as the arm, think again, step back out. The reader stays taken until this rider has gone."""
        geometry, rider, now_ms = self.plant.geometry, visit.rider, self._scheduler.now_ms
        deepest_mm = min(rider.length_mm, geometry.arm_mm) - _TURN_MARGIN_MM
        turn_mm = _TURN_MARGIN_MM + round(rider.turn_at * (deepest_mm - _TURN_MARGIN_MM))
        there_ms = now_ms + self._walk_ms(rider, turn_mm - geometry.stand_mm)
        visit.turn_ms = there_ms + TURN_PAUSE_MS
        back_ms = visit.turn_ms + there_ms - now_ms
        there_and_back = [(there_ms, turn_mm), (visit.turn_ms, turn_mm), (back_ms, geometry.stand_mm)]
        self.plant.walk(self._body(visit), [(now_ms, geometry.stand_mm), *there_and_back])
        self._set_timer(visit, back_ms, self._gone)

    def _retreat(self, visit: Visit, front_mm: int) -> None:
        visit.retreating = True
        self._back_off(visit, min(front_mm, self.plant.geometry.stand_mm), self._retreated)

    def _retreated(self, visit: Visit) -> None:
        """Back before the lane. Who was caught tailgating goes home, all others want to try again."""
        if self._truth.outcome(visit.rider.id) is not None:
            self._gone(visit)
            return
        self._remove(visit)
        visit.forget()
        self._queue.appendleft(visit)
        self._advance()

    def _gone(self, visit: Visit) -> None:
        self._remove(visit)
        self._advance()

    def _free_reader(self, visit: Visit) -> None:
        # A rider who had to retreat meanwhile has given up the reader already, and may even be back at it.
        if self._head is visit and visit.state is State.WALKING:
            self._head = None
            self._advance()

    # --- truth -------------------------------------------------------------------------------------------------------

    def _edge(self, visit: Visit, t_ms: int, beam: int, blocked: int) -> None:
        """A body's edge, before the device hears of it: the first tells by what right, the last decides."""
        plant = self.plant
        if blocked:
            if beam == 0 and visit.session is None:
                visit.session = plant.session if plant.powered else 0
                visit.free = plant.fire_on
        elif beam == len(plant.geometry.beams_mm) - 1:
            self._write(visit, self._passed_as(visit))
            if plant.powered and visit.session == plant.session:
                self._decided.append((plant.session, t_ms, visit.rider.id))
            else:
                self._truth.unobserved(t_ms, visit.rider.id)
        elif beam == 0 and (visit.turn_ms is not None or (visit.retreating and visit.follows)):
            self._write(visit, kinds.TURNED_BACK)

    def _passed_as(self, visit: Visit) -> str:
        if visit.free or (self.plant.fire_on and not visit.granted):
            return kinds.PASSED_FREE
        if not visit.granted:  # also who set off while all might pass, and slips in behind another when that is over
            return kinds.TAILGATED
        return kinds.PASSED_CONSENTED if visit.rider.consent else kinds.PASSED_DECLINED

    def _write(self, visit: Visit, kind: str) -> None:
        rider = visit.rider
        # Where a medium was shown, it says product and choice.
        asked = visit.pays and kind not in (kinds.PASSED_FREE, kinds.TAILGATED)
        self._truth.write(
            self._scheduler.now_ms,
            kind,
            rider=rider.id,
            lane=self.plant.name,
            way=self.plant.way,
            consent=rider.consent if asked else None,
            product=rider.product if asked else None,
            nonce=rider.nonce if asked else None,
        )

    # --- small things ------------------------------------------------------------------------------------------------

    def _add_body(self, visit: Visit, kind: int, path: list[Point]) -> lane.Body:
        def watch(t_ms: int, beam: int, blocked: int) -> None:
            self._edge(visit, t_ms, beam, blocked)

        return self.plant.add(visit.rider.length_mm, kind, path, watch)

    def _body(self, visit: Visit) -> lane.Body:
        if visit.body is None:
            raise RuntimeError(f"rider {visit.rider.id} has no body in lane {self.plant.name}")
        return visit.body

    def _back_off(self, visit: Visit, to_mm: int, then: Step) -> None:
        now_ms = self._scheduler.now_ms
        front_mm = self._body(visit).front_at(now_ms)
        there_ms = now_ms + max(1, self._walk_ms(visit.rider, abs(front_mm - to_mm)))
        self.plant.walk(self._body(visit), [(now_ms, front_mm), (there_ms, to_mm)])
        self._cancel_reaction(visit)
        self._set_timer(visit, there_ms, then)

    def _remove(self, visit: Visit) -> None:
        self.plant.remove(self._body(visit))
        if visit in self._walking:
            self._walking.remove(visit)
        if self._head is visit:
            self._head = None

    def _set_timer(self, visit: Visit, at_ms: int, then: Step) -> None:
        if visit.timer is not None:
            visit.timer.cancel()

        def due() -> None:
            visit.timer = None
            then(visit)

        visit.timer = self._scheduler.at(at_ms, due)

    def _cancel_reaction(self, visit: Visit) -> None:
        if visit.reaction is not None:
            visit.reaction.cancel()
            visit.reaction = None

    @staticmethod
    def _walk_ms(rider: Rider, distance_mm: int) -> int:
        """How long the rider takes, rounded up to whole ms; 0 for no distance."""
        return max(0, -(-distance_mm * 1000 // rider.speed_mmps))
