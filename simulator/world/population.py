"""Who comes: shares of kinds of riders, of what they mean to do, of consent. Data only.

All shares are settings of a study, not findings, except where a scenario names a source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.world import bodies
from simulator.world.behaviours import Behaviour, Hesitate, RefusedRetreat, Span, TailgateCovert

# A body that is only as deep as a torso and as high as a grown-up, whatever height a beam is at.
PLAIN = "plain"


@dataclass(frozen=True)
class Population:
    """Who comes: `kinds` maps bodies.KINDS (or PLAIN) to shares that add up to 1; `behaviours` is what some of them
    mean to do (the rest pay); `consent` and `day_pass` are shares of all riders.

    `unprepared` is the share of riders who look for their medium only when they stand at the reader, which takes them a
    time between the two ends of `search_s`. `tap_ms` makes every tap take just that long instead of the usual mixture:
    the ideal riders of a vendor's rating.
    """

    kinds: Mapping[str, float] = field(default_factory=lambda: {bodies.ADULT: 1.0})
    behaviours: tuple[Behaviour, ...] = ()
    consent: float = 0.55
    day_pass: float = 0.30
    unprepared: float = 0.0
    search_s: Span = (1.0, 4.0)
    tap_ms: int | None = None

    def __post_init__(self) -> None:
        shares = (*self.kinds.values(), self.consent, self.day_pass, self.unprepared)
        if not all(0.0 <= share <= 1.0 for share in shares):
            raise ValueError("shares of riders lie between 0 and 1")
        if abs(sum(self.kinds.values()) - 1.0) > 1e-6:
            raise ValueError(f"the shares of kinds of riders add up to 1, not to {sum(self.kinds.values()):g}")
        if sum(behaviour.share for behaviour in self.behaviours) > 1.0 + 1e-6:
            raise ValueError("the shares of behaviours add up to 1 at most")
        if not 0.0 <= self.search_s[0] <= self.search_s[1] or (self.tap_ms is not None and self.tap_ms < 1):
            raise ValueError("search_s needs its smaller end first, not below 0, and a tap takes at least 1 ms")
        unknown = set(self.kinds) - {*bodies.KINDS, PLAIN}
        if unknown:
            raise ValueError(f"riders come as {', '.join(bodies.KINDS)}, not as {', '.join(sorted(unknown))}")


def plain_population() -> Population:
    """Grown-ups without luggage, of whom few do anything but pay: nothing that a gate with four beams could mistake.

    For fleets and tests: every difference between truth and table is a fault of the system and none of the detector. A
    follower keeps 250 to 400 mm: less could merge with who is ahead, more would be two lone passages.
    """
    return Population(
        {PLAIN: 1.0},
        (Hesitate(0.02, returns=0.0), RefusedRetreat(0.02), TailgateCovert(0.02, gap_m=(0.25, 0.40))),
    )
