"""An eye at one lane: remembers what its firmware was just told and what riders just did, and takes pictures.

Rules: everything is bounded. A picture that looks like the one before is none, unless nothing was shown for
SHOW_AGAIN_MS: a page must know that the lane is still there, and a frame may be lost.

Does not belong here: the form (frame.py), the broker (publisher.py).
"""

from collections import deque

from simulator.plant import lane
from simulator.scene import frame
from simulator.scene.frame import Edge, Seen
from simulator.world.riders import Rider

SHOW_AGAIN_MS = 1_000
UNOBSERVED = "unobserved"


class Eye:
    """Looks at `plant`; an `Onlooker` of its riders. All times in virtual ms."""

    def __init__(self, plant: lane.LanePlant) -> None:
        self._plant = plant
        self._edges: deque[Edge] = deque(maxlen=frame.EDGES_MAX)
        self._edge_n = 0
        self._outcomes: deque[Seen] = deque(maxlen=frame.OUTCOMES_MAX)
        self._outcome_n = 0
        self._riders: dict[str, Seen] = {}  # the last ones, should their outcome turn out to be unobserved
        self._last: tuple[str, str, int, int] | None = None
        self._last_ms = 0

    def told(self, t_ms: int, kind: int, a: int | bytes, b: int) -> None:
        """The lane's firmware is told of something; beams are what is remembered, those that a page can show."""
        if kind == lane.BEAM:
            assert isinstance(a, int)
            if a >= frame.BEAMS_MAX:
                return
            self._edge_n += 1
            self._edges.append(Edge(self._edge_n, t_ms, a, b))

    # -- account.Onlooker

    def decided(self, t_ms: int, rider: Rider, way: str, outcome: str) -> None:
        self._see(t_ms, outcome, way, rider.kind, rider.order or int(rider.by_hand))
        self._riders[rider.id] = self._outcomes[-1]
        if len(self._riders) > frame.OUTCOMES_MAX:
            del self._riders[next(iter(self._riders))]

    def unobserved(self, t_ms: int, rider: str) -> None:
        known = self._riders.pop(rider, None)
        if known is not None:
            self._see(t_ms, UNOBSERVED, known.way, known.figure, known.hand)

    def _see(self, t_ms: int, what: str, way: str, figure: str, hand: int) -> None:
        self._outcome_n += 1
        self._outcomes.append(Seen(self._outcome_n, t_ms, what, way, figure, hand))

    # -- pictures

    def picture(self, t_ms: int, at_ms: int, state: str, waiting: int, hands: list[str], pace: int = 1) -> bytes | None:
        """The lane now (epoch ms `at_ms`), or None when there is nothing new to see.

        `pace` is how many virtual ms a real one has.
        """
        plant = self._plant
        now = frame.look(
            state,
            plant.arm.position(t_ms),
            lane.LAMP_NAMES[plant.lamp],
            plant.broken(),
            waiting,
            frame.bodies(plant.bodies(), t_ms),
        )
        meddled = frame.hands(hands)
        shown = (now, meddled, self._edge_n, self._outcome_n)
        if shown == self._last and t_ms - self._last_ms < SHOW_AGAIN_MS * pace:
            return None
        self._last, self._last_ms = shown, t_ms
        return frame.scene(at_ms, now, frame.recent(t_ms, self._edges, self._outcomes), meddled)
