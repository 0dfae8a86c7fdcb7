"""Riders at one lane: the queue, the tap, the wait for the lamp, the walk, who follows, and who finds another way.

Riders see lamp and arm and nothing else of the device, and act a reaction time later. One rider at a time is at the
reader; a medium is held there only while the lamp says ready; nobody walks before the arm is open enough; whoever has
not reached the arm when it closes walks back and tries again. Who means to follow waits for somebody to follow, and
pays when nobody comes. Who means to get past a closed arm goes when it is their turn.

Rules: what a rider does depends on that rider and on this lane alone.

Does not belong here: hardware (simulator/plant), who comes and to which lane (station.py), paths (moves.py), what came
of it (account.py).
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import takewhile

from simulator.clock import Scheduler
from simulator.plant import lane
from simulator.truth import TruthLog
from simulator.world import behaviours as b
from simulator.world import bodies, moves
from simulator.world.account import Account, CrossingSink
from simulator.world.moves import Move
from simulator.world.riders import Rider
from simulator.world.visit import AT_READER, State, Visit

QUEUE_MAX = 500
NO_ANSWER_MS = 10_000
TRIES_MAX = 4  # who gets no answer, or is locked out, so often has had enough
FOLLOW_UP_MS = 300  # the next rider starts for the reader this long after the one before has left it
# Two squeeze through one turn of a tripod when the second is this close behind the first.
_SQUEEZE_MM = 100
_COMPANIONS_GAP_MM = 350
_HOLDER_SPARE_MS = 500

Step = Callable[[Visit], None]


class LaneTraffic:
    """The riders of one lane. It makes itself the plant's listener.

    `truth` gets every outcome as it is decided, `crossings` one row for each rider who is done with the lane.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        plant: lane.LanePlant,
        truth: TruthLog | None,
        crossings: CrossingSink | None = None,
        station: str = "",
    ) -> None:
        self.plant = plant
        self.turned_away = 0  # riders who found the queue full
        self.joined = 0
        self.neighbour: LaneTraffic | None = None
        self.convert: Callable[[Rider], None] | None = None  # who gave up here may pay elsewhere
        self._scheduler = scheduler
        self.account = Account(scheduler, plant, truth, crossings, station)
        self._decide, self._report = self.account.decide, self.account.report
        self._queue: deque[Visit] = deque()
        self._head: Visit | None = None
        self._walking: list[Visit] = []
        self._beyond: deque[Visit] = deque()  # at the far side, waiting for a way in
        plant.listener = self

    # --- what the station asks ---------------------------------------------------------------------------------------

    def join(self, rider: Rider, first: bool = False) -> bool:
        """Stand in the queue; False, and counted, when it is full.

        `first`: before all but others who were sent by hand, and those who belong to whoever is at the reader.
        """
        if len(self._queue) >= QUEUE_MAX:
            self.turned_away += 1
            return False
        self.joined += 1
        visit = Visit(rider, self._scheduler.now_ms)
        if isinstance(visit.plan, b.EnterThroughExit):
            self._beyond.append(visit)
            self._set_timer(visit, self._scheduler.now_ms + round(visit.plan.patience_s * 1000), self._give_up)
            return True
        if visit.intrudes and not moves.fits(visit.plan, rider, self.plant.arm.kind):
            # Too high, too low, too strong: some pay after all, the others follow somebody.
            assert visit.plan is not None
            visit.pays = rider.rng.random() < getattr(visit.plan, "pays_if_stopped", 1.0)
            visit.plan = None if visit.pays else b.TailgateCovert()
        if first:
            ahead = takewhile(lambda one: one.rider.by_hand or one.rider.behaviour == b.COMPANION, self._queue)
            self._queue.insert(sum(1 for _ in ahead), visit)
        else:
            self._queue.append(visit)
        self._advance()
        return True

    def waiting(self) -> int:
        """Riders in the queue and at the reader."""
        return len(self._queue) + (self._head is not None)

    def idle(self) -> bool:
        """True when nobody is here."""
        return not (self._queue or self._head is not None or self._walking or self._beyond)

    def visits(self) -> list[Visit]:
        """Everybody who is here."""
        return list(dict.fromkeys((*self._walking, *([self._head] if self._head else []), *self._queue, *self._beyond)))

    # --- what riders see (lane.Listener) -----------------------------------------------------------------------------

    def outputs_changed(self, t_ms: int) -> None:
        """The rider at the reader acts on what is seen now, a reaction time later."""
        visit = self._head
        if visit is None:
            self._advance()
        elif visit.state in AT_READER:
            self._cancel_reaction(visit)
            visit.reaction = self._scheduler.at(t_ms + visit.rider.reaction_ms, partial(self._react, visit))

    def arm_closing(self, t_ms: int) -> None:
        """Whoever has not reached the arm turns round."""
        for visit in list(self._walking):
            if visit.retreating or visit.body is None or visit.intrudes:
                continue
            front_mm = visit.body.front_at(t_ms)
            arm_mm = self.plant.geometry.arm_mm
            if isinstance(visit.plan, b.EnterThroughExit) and not visit.pays:
                if front_mm > arm_mm and not self.plant.free:
                    self._retreat_beyond(visit, front_mm)
                continue
            if visit.follows and isinstance(visit.plan, b.TailgateFriendly | b.TwoAbreast):
                arm_mm -= _SQUEEZE_MM
            already_back = visit.turn_ms is not None and (front_mm >= 0 or t_ms >= visit.turn_ms)
            if front_mm < arm_mm and not already_back:
                self._retreat(visit, front_mm)

    def events_lost(self, t_ms: int, taken_until_ms: int) -> None:
        """Correct the truth of all whose deciding edge the dead device had not dealt with."""
        self.account.events_lost(t_ms, taken_until_ms)

    # --- queue and reader --------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Let the next rider step up, when the reader is free and somebody wants to."""
        if self._head is not None or not self._queue:
            return
        free = self.plant.free
        visit = None
        for candidate in self._queue:
            if candidate.pays or candidate.intrudes or free:
                visit = candidate
                break
        if visit is None:
            first = self._queue[0]
            if first.timer is None:
                patience_ms = round(getattr(first.plan, "patience_s", 8.0) * 1000)
                self._set_timer(first, self._scheduler.now_ms + patience_ms, self._lose_patience)
            return
        if visit is self._queue[0]:
            self._queue.popleft()
        else:
            self._queue.remove(visit)
        self._cancel_timer(visit)
        self._head = visit
        now_ms = self._scheduler.now_ms
        geometry, rider = self.plant.geometry, visit.rider
        queue_mm = moves.queue_mm(geometry, rider.shape)
        if visit.intrudes and not free:
            self._intrude(visit, queue_mm)
            return
        visit.state = State.STEPPING_UP
        stand_mm = moves.stand_mm(geometry, rider.shape)
        arrival_ms = now_ms + moves.walk_ms(rider.speed_mmps, stand_mm - queue_mm)
        kind = lane.PAYING if visit.pays else lane.WITHOUT_MEDIUM
        self._appear(visit, kind, Move([(now_ms, queue_mm), (arrival_ms, stand_mm)], rider.shape))
        self._set_timer(visit, arrival_ms, self._arrive)

    def _lose_patience(self, visit: Visit) -> None:
        if visit.state is State.QUEUED and self._head is None and self._queue and self._queue[0] is visit:
            visit.pays = True
        self._advance()

    def _arrive(self, visit: Visit) -> None:
        if visit.reader_ms < 0:
            visit.reader_ms = self._scheduler.now_ms
        visit.state = State.WAITING
        self._react(visit)

    def _react(self, visit: Visit) -> None:
        """Act on lamp and arm as they are; a dark lane tells nobody anything."""
        visit.reaction = None
        plant = self.plant
        if not plant.powered or visit.state not in AT_READER:
            return
        done = visit.outcome != ""  # refused once: nothing brings this rider through
        if plant.free or (plant.lamp == lane.LAMP_GO and visit.asked):
            if done:
                self._leave(visit)
            else:
                self._start(visit)
        elif plant.lamp == lane.LAMP_STOP and visit.asked:
            if not done:
                self._decide(visit, b.REFUSED)
            self._leave(visit)
        elif plant.lamp == lane.LAMP_READY and visit.state is not State.TAPPING:
            visit.state = State.TAPPING
            tap_ms = visit.rider.next_tap_ms(visit.taps) + plant.reader_delay_ms
            if not visit.taps and not visit.tries:
                tap_ms += visit.rider.search_ms
            self._set_timer(visit, self._scheduler.now_ms + tap_ms, self._tapped)

    def _tapped(self, visit: Visit) -> None:
        visit.taps += 1
        visit.pays = True  # also who came to the reader only because all might pass, when that is over
        visit.state = State.PRESENTED
        now_ms = self._scheduler.now_ms
        if visit.tapped_ms < 0:
            visit.tapped_ms = now_ms
        medium = visit.rider.medium()
        if isinstance(visit.plan, b.WrongSide) and visit.taps == 1 and self.neighbour is not None:
            wait_ms = round(b.drawn(visit.rider.rng, visit.plan.realises_after_s) * 1000)
            self._set_timer(visit, now_ms + wait_ms, self._arrive)
            self.neighbour.plant.present(medium)
            return
        self._set_timer(visit, now_ms + NO_ANSWER_MS, self._no_answer)
        if not self.plant.powered:
            return
        visit.asked = True
        if visit.rider.behaviour == b.RefusedRetreat.name and not visit.outcome:
            self._decide(visit, b.REFUSED)
        if isinstance(visit.plan, b.PresentTwice) and visit.taps == 1:
            again_ms = round(b.drawn(visit.rider.rng, visit.plan.again_after_s) * 1000)
            self._scheduler.at(now_ms + again_ms, partial(self._present_again, visit))
        if not self.plant.present(medium):  # misread: hold it there once more
            visit.asked = False
            if visit.outcome:
                self._leave(visit)
            else:
                self._arrive(visit)

    def _no_answer(self, visit: Visit) -> None:
        """Nothing happened; a powered gate that goes on so loses its rider."""
        visit.tries += self.plant.powered
        if visit.tries < TRIES_MAX or visit.outcome:
            self._arrive(visit)
            return
        self._decide(visit, b.GAVE_UP)
        self._leave(visit)

    def _present_again(self, visit: Visit) -> None:
        if not visit.outcome:
            self.plant.present(visit.rider.medium())

    def _leave(self, visit: Visit) -> None:
        """Walk away from the reader, the way one came."""
        visit.state = State.LEAVING
        self._back_off(visit, moves.queue_mm(self.plant.geometry, visit.rider.shape), self._gone)

    # --- the lane ----------------------------------------------------------------------------------------------------

    def _start(self, visit: Visit) -> None:
        at_ms = self.plant.passable_at()
        if at_ms is None:  # the lamp says go, the arm says no: wait for the arm, or for the lamp
            return
        visit.granted = not self.plant.free
        visit.state = State.STARTING
        stand_mm = moves.stand_mm(self.plant.geometry, visit.rider.shape)
        self._set_timer(visit, max(at_ms, self._room_at(visit.rider, stand_mm)), self._go)

    def _go(self, visit: Visit) -> None:
        if self.plant.passable_at() is None:
            visit.asked = visit.granted = False
            self._arrive(visit)
            return
        now_ms, geometry, rider, plan = self._scheduler.now_ms, self.plant.geometry, visit.rider, visit.plan
        stand_mm = moves.stand_mm(geometry, rider.shape)
        visit.state = State.WALKING
        visit.asked = False
        self._walking.append(visit)
        if isinstance(plan, b.Hesitate) and visit.granted and visit.turn_ms is None:
            self._hesitate(visit, plan)
            return
        followers = self._followers(visit) if visit.granted else []
        speed_mmps = rider.speed_mmps
        if isinstance(plan, b.Staff):
            speed_mmps = round(b.drawn(rider.rng, plan.speed_mps) * 1000)
        speed_mmps = round(speed_mmps * self.plant.arm.kind.pace)
        last_mm = stand_mm
        starts: list[tuple[Visit, int]] = []
        for follower in followers:
            last_mm = self._behind_mm(last_mm, starts[-1][0] if starts else visit, follower)
            starts.append((follower, last_mm))
        if isinstance(plan, b.HoldGate) and followers:
            rear_mm = last_mm - followers[-1].rider.shape.rear_mm
            hold_ms = moves.walk_ms(speed_mmps, geometry.last_mm - rear_mm) + _HOLDER_SPARE_MS
            own = moves.with_stop(
                now_ms, stand_mm, geometry, rider.shape, speed_mmps, geometry.arm_mm + rider.shape.core_rear_mm, hold_ms
            )
        elif isinstance(plan, b.Loiter):
            stay_ms = round(b.drawn(rider.rng, plan.stay_s) * 1000)
            at_mm = (geometry.arm_mm + geometry.last_mm) // 2
            own = moves.with_stop(now_ms, stand_mm, geometry, rider.shape, speed_mmps, at_mm, stay_ms)
        else:
            own = moves.straight(now_ms, stand_mm, geometry, rider.shape, speed_mmps)
        self._take(visit, own)
        for follower, from_mm in starts:
            self._follow(follower, visit, moves.straight(now_ms, from_mm, geometry, follower.rider.shape, speed_mmps))
        last = starts[-1][0].rider if starts else rider
        room_mm = moves.queue_mm(geometry, rider.shape) + moves.ROOM_MM - (last_mm - last.shape.rear_mm)
        pause_ms = max(FOLLOW_UP_MS, moves.walk_ms(speed_mmps, room_mm))
        self._scheduler.after(pause_ms, partial(self._free_reader, visit))
        self._let_in_beyond(own)

    def _followers(self, leader: Visit) -> list[Visit]:
        """Who goes with this rider: a companion each for whom the gate is held, or one who was waiting for somebody."""
        found: list[Visit] = []
        while self._queue and not self._queue[0].pays and not self._queue[0].intrudes:
            first = self._queue[0]
            if first.rider.behaviour == b.COMPANION:
                if first.leader != leader.rider.id:
                    break
            elif found:
                break
            found.append(self._queue.popleft())
            if first.rider.behaviour != b.COMPANION:
                break
        return found

    def _behind_mm(self, ahead_mm: int, ahead: Visit, follower: Visit) -> int:
        """Where a follower's front is when the one ahead is at `ahead_mm`."""
        plan, own, shape = follower.plan, follower.rider.rng, ahead.rider.shape
        in_front_mm = min(0, bodies.without_legs(follower.rider.shape)[0])
        if isinstance(plan, b.TwoAbreast):
            return ahead_mm - round((1.0 - b.drawn(own, plan.overlap)) * shape.core_rear_mm)
        if isinstance(plan, b.TailgateFriendly):
            return ahead_mm - shape.core_rear_mm - round(b.drawn(own, plan.gap_m) * 1000) + in_front_mm
        gap_mm = round(b.drawn(own, plan.gap_m) * 1000) if isinstance(plan, b.TailgateCovert) else _COMPANIONS_GAP_MM
        return ahead_mm - bodies.without_legs(shape)[1] - gap_mm + in_front_mm

    def _follow(self, follower: Visit, leader: Visit, move: Move) -> None:
        self._cancel_timer(follower)
        follower.state = State.WALKING
        follower.follows = True
        follower.leader = leader.rider.id
        self._walking.append(follower)
        self._appear(follower, lane.WITHOUT_MEDIUM, move)
        self._set_timer(follower, move.end_ms, self._gone)

    def _intrude(self, visit: Visit, queue_mm: int) -> None:
        """Past a closed arm, as soon as there is room."""
        visit.state = State.STARTING
        room_at_ms = self._room_at(visit.rider, queue_mm)
        if room_at_ms > self._scheduler.now_ms:
            self._set_timer(visit, room_at_ms, lambda waiting: self._intrude(waiting, queue_mm))
            return
        assert visit.plan is not None
        visit.state = State.WALKING
        geometry, now_ms = self.plant.geometry, self._scheduler.now_ms
        move = moves.intrusion(now_ms, queue_mm, visit.rider, visit.plan, geometry, self.plant.arm.kind)
        self._walking.append(visit)
        self._appear(visit, lane.WITHOUT_MEDIUM, move)
        self._set_timer(visit, move.end_ms, self._gone)
        if move.push is not None:
            push_ms, for_ms = move.push
            self._scheduler.at(push_ms, partial(self.plant.push, push_ms + for_ms))
        rear_in_ms = moves.front_passes_ms(move.path, visit.rider.shape.rear_mm)
        self._scheduler.at(max(now_ms + FOLLOW_UP_MS, rear_in_ms or 0), partial(self._free_reader, visit))

    def _room_at(self, rider: Rider, from_mm: int) -> int:
        """When the rider may set off without running into anybody ahead (0: at once).

        It is enough that there is room where the rider starts, and where the one ahead ends.
        """
        room_at_ms = 0
        for ahead in self._walking:
            path, rear_mm = self._body(ahead).path, ahead.rider.shape.rear_mm
            if path[-1][1] <= path[0][1]:  # somebody who comes back; the reader is not left to the next before that
                continue
            for place_mm in (from_mm, path[-1][1] - rear_mm - moves.ROOM_MM):
                there_ms = moves.front_passes_ms(path, place_mm + moves.ROOM_MM + rear_mm)
                if there_ms is not None:
                    own_ms = moves.walk_ms(rider.speed_mmps, place_mm - from_mm)
                    room_at_ms = max(room_at_ms, there_ms - own_ms)
        return room_at_ms

    def _take(self, visit: Visit, move: Move) -> None:
        """Go that way, and be gone at its end."""
        self.plant.walk(self._body(visit), move.path)
        self._set_timer(visit, move.end_ms, self._gone)

    def _hesitate(self, visit: Visit, plan: b.Hesitate) -> None:
        """Step in, think again, step back out. The reader stays taken until this rider has gone."""
        own = visit.rider.rng
        pause_ms, turn_at = round(b.drawn(own, plan.pause_s) * 1000), own.random()
        returns = own.random() < plan.returns
        move, turn_ms = moves.there_and_back(
            self._scheduler.now_ms, visit.rider, self.plant.geometry, pause_ms, turn_at
        )
        visit.turn_ms = turn_ms
        visit.turns_back = not returns
        self.plant.walk(self._body(visit), move.path)
        self._set_timer(visit, move.end_ms, self._come_again if returns else self._gone)

    def _come_again(self, visit: Visit) -> None:
        """Back before the lane after a change of mind, which changes again: go through if the gate still says so."""
        self._walking.remove(visit)
        visit.plan = visit.turn_ms = None
        if self.plant.powered and self.plant.lamp == lane.LAMP_GO and self.plant.passable_at() is not None:
            visit.asked = True
            visit.state = State.PRESENTED
        else:
            visit.state = State.WAITING
            visit.granted = False
        self._react(visit)

    def _retreat(self, visit: Visit, front_mm: int) -> None:
        visit.retreating = True
        visit.turns_back = visit.turns_back or visit.follows
        stand_mm = moves.stand_mm(self.plant.geometry, visit.rider.shape)
        self._back_off(visit, min(front_mm, stand_mm), self._retreated)

    def _retreated(self, visit: Visit) -> None:
        """Back before the lane. Who was caught tailgating goes home, all others want to try again."""
        visit.tries += 1
        if visit.outcome or visit.tries >= TRIES_MAX:
            self._gone(visit)
            return
        self._remove(visit)
        visit.forget()
        self._queue.appendleft(visit)
        self._advance()

    # --- in by the far side ------------------------------------------------------------------------------------------

    def _let_in_beyond(self, own: Move) -> None:
        """Somebody is on the way out: who waits at the far side slips in beside them."""
        if not self._beyond:
            return
        out_ms = moves.front_passes_ms(own.path, self.plant.geometry.last_mm)
        if out_ms is not None:
            self._scheduler.at(out_ms, self._slip_in)

    def _slip_in(self) -> None:
        if not self._beyond or not self.plant.open_now():
            return
        visit = self._beyond.popleft()
        self._cancel_timer(visit)
        visit.state = State.WALKING
        move = moves.against(self._scheduler.now_ms, visit.rider, self.plant.geometry)
        self._walking.append(visit)
        self._appear(visit, lane.WITHOUT_MEDIUM, move)
        self._set_timer(visit, move.end_ms, self._gone)

    def _retreat_beyond(self, visit: Visit, front_mm: int) -> None:
        visit.retreating = visit.turns_back = True
        to_mm = max(front_mm, moves.against_stand_mm(self.plant.geometry, visit.rider.shape))
        self._back_off(visit, to_mm, self._gone)

    def _give_up(self, visit: Visit) -> None:
        """Nobody let this rider in by the far side."""
        self._beyond.remove(visit)
        self._decide(visit, b.GAVE_UP)
        self._report(visit)
        stays = getattr(visit.plan, "pays_if_stopped", 0.0)
        if self.convert is not None and visit.rider.rng.random() < stays:
            self.convert(visit.rider)

    def _gone(self, visit: Visit) -> None:
        if not visit.outcome:  # never came as far as the beams, or was locked out too often
            self._decide(visit, b.GAVE_UP)
        self._remove(visit)
        self._report(visit)
        self._advance()

    def _free_reader(self, visit: Visit) -> None:
        # A rider who had to retreat meanwhile has given up the reader already, and may even be back at it.
        if self._head is visit and visit.state is State.WALKING:
            self._head = None
            self._advance()

    # --- small things ------------------------------------------------------------------------------------------------

    def _appear(self, visit: Visit, kind: int, move: Move) -> None:
        visit.body = self.plant.add(
            move.shape,
            kind,
            move.path,
            partial(self.account.mark, visit),
            reverse=move.reverse,
            lifts=move.lifts,
            who=visit.rider.id,
        )

    def _body(self, visit: Visit) -> lane.Body:
        if visit.body is None:
            raise RuntimeError(f"rider {visit.rider.id} has no body in lane {self.plant.name}")
        return visit.body

    def _back_off(self, visit: Visit, to_mm: int, then: Step) -> None:
        now_ms = self._scheduler.now_ms
        front_mm = self._body(visit).front_at(now_ms)
        there_ms = now_ms + max(1, moves.walk_ms(visit.rider.speed_mmps, abs(front_mm - to_mm)))
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
        visit.timer = self._scheduler.at(at_ms, partial(self._due, visit, then))

    @staticmethod
    def _due(visit: Visit, then: Step) -> None:
        visit.timer = None
        then(visit)

    @staticmethod
    def _cancel_timer(visit: Visit) -> None:
        if visit.timer is not None:
            visit.timer.cancel()
            visit.timer = None

    @staticmethod
    def _cancel_reaction(visit: Visit) -> None:
        if visit.reaction is not None:
            visit.reaction.cancel()
            visit.reaction = None
