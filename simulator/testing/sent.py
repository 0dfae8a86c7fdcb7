"""One rider who was sent to a lane: what they really did, and what the gate made of them.

Does not belong here: sending (lane.py), the rule by which verdicts go to riders (simulator/study/join.py).
"""

from collections.abc import Callable, Iterable

from simulator.study.join import ACCUSATIONS, FALSE, REPEATED, Joined
from simulator.study.rows import Crossing
from simulator.world.riders import Rider


class Sent:
    """A rider; everything but the first five attributes is known when they have gone (`done`)."""

    def __init__(
        self,
        rider: Rider,
        crossings: Callable[[], Iterable[Crossing]],
        joined: Callable[[], Iterable[Joined]],
    ) -> None:
        self.id: str = rider.id
        self.behaviour: str = rider.behaviour
        self.kind: str = rider.kind
        self.product: str = rider.product
        self.consent: bool = rider.consent
        self._rider = rider
        self._crossings = crossings
        self._joined = joined

    def __repr__(self) -> str:
        came = f"{self.outcome}, verdict {self.verdict}" if self.done else "still here"
        return f"<rider {self.id}: {self.behaviour}, {self.kind}; {came}>"

    @property
    def nonce(self) -> bytes:
        """What is on the rider's medium; another rider may be sent with the same (`medium_of`)."""
        return self._rider.nonce

    @property
    def carried(self) -> bytes | None:
        """The real pass that they were given, if they were."""
        return self._rider.carried

    @property
    def done(self) -> bool:
        """True once the rider has gone."""
        return self._found() is not None

    @property
    def crossing(self) -> Crossing:
        """The row of truth: when they came, presented a medium, were between the beams, and left. Times in ms."""
        found = self._found()
        if found is None:
            raise ValueError(
                f"rider {self.id} has not gone yet, so nothing has come of it: let time run with lane.run()"
            )
        return found

    @property
    def outcome(self) -> str:
        """What they really did: `passed`, `passed_free`, `refused`, `turned_back`, `gave_up`, `tailgated`, ..."""
        return self.crossing.outcome

    @property
    def honest(self) -> bool:
        """False for who got through without having paid for it."""
        return self.crossing.honest

    @property
    def verdicts(self) -> list[str]:
        """All that the firmware decided about them; first what answers to what they did, then further accusations."""
        mine = self.crossing.rider
        rows = [row for row in self._joined() if row.rider == mine and row.what]
        return [row.what for row in sorted(rows, key=lambda row: row.match in (FALSE, REPEATED))]

    @property
    def verdict(self) -> str | None:
        """What the firmware decided: `passed`, `refused`, `tailgate`, ...; None when the gate noticed nobody."""
        return next(iter(self.verdicts), None)

    @property
    def accused(self) -> bool:
        """Whether the firmware told something irregular of them, rightly or not."""
        return any(what in ACCUSATIONS for what in self.verdicts)

    def _found(self) -> Crossing | None:
        return next((row for row in self._crossings() if row.rider == self.id), None)
