"""What riders mean to do at a lane: one class a behaviour, its share of the population and its parameters.

Rules: data only; how each is acted out is in traffic.py. Lengths are drawn uniformly between the two ends given, unless
a docstring says otherwise. Shares and parameters are settings of a study, not findings, except where a source is named.

Kinds of evasion are those that agencies name: New York's under, bump, over, backcock and exit gate; BART's jump over,
crawl under, climb over, force through and tailgating (see docs/scenarios.md).

Does not belong here: bodies (bodies.py), a rider's own numbers (riders.py).
"""

import random
from dataclasses import dataclass, fields
from typing import ClassVar

Span = tuple[float, float]
"""The two ends that a number is drawn between."""

# What came of it, as the truth has it.
PASSED = "passed"
PASSED_FREE = "passed_free"
TURNED_BACK = "turned_back"
REFUSED = "refused"
GAVE_UP = "gave_up"
TAILGATED = "tailgated"
JUMPED = "jumped"
CLIMBED = "climbed"
CRAWLED = "crawled"
FORCED = "forced"
BACKCOCKED = "backcocked"
REVERSED = "reversed"
PASSED_BACK = "passed_back"
OUTCOMES = (
    PASSED,
    PASSED_FREE,
    TURNED_BACK,
    REFUSED,
    GAVE_UP,
    TAILGATED,
    JUMPED,
    CLIMBED,
    CRAWLED,
    FORCED,
    BACKCOCKED,
    REVERSED,
    PASSED_BACK,
)
EVASIONS = frozenset((TAILGATED, JUMPED, CLIMBED, CRAWLED, FORCED, BACKCOCKED, REVERSED, PASSED_BACK))
"""Outcomes that a perfect gate would report: somebody got through who had not paid for it."""


def drawn(rng: random.Random, span: Span) -> float:
    """One number of the span."""
    return span[0] + (span[1] - span[0]) * rng.random()


@dataclass(frozen=True)
class Behaviour:
    """`share` of all riders (0 to 1) who mean to behave so."""

    name: ClassVar[str]
    share: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"{self.name}: a share lies between 0 and 1, not {self.share}")
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, tuple) and (len(value) != 2 or value[0] > value[1]):
                raise ValueError(f"{self.name}: {item.name} needs its smaller end first, not {list(value)}")


@dataclass(frozen=True)
class PresentTwice(Behaviour):
    """Holds the medium to the reader again after it was accepted, because nothing seemed to happen."""

    name = "present_twice"
    again_after_s: Span = (0.2, 0.8)


@dataclass(frozen=True)
class Hesitate(Behaviour):
    """Steps in after paying, thinks again and steps back out; `returns` of them come through after all."""

    name = "hesitate"
    pause_s: Span = (0.3, 1.5)
    returns: float = 0.7


@dataclass(frozen=True)
class WrongSide(Behaviour):
    """Holds the medium to the neighbouring lane's reader first, and finds out after a while."""

    name = "wrong_side"
    realises_after_s: Span = (2.0, 5.0)


@dataclass(frozen=True)
class Passback(Behaviour):
    """Passes, and hands the medium back to a companion, who uses it again."""

    name = "passback"


@dataclass(frozen=True)
class RefusedRetreat(Behaviour):
    """Presents a medium that no reader accepts, and goes away."""

    name = "refused_retreat"


@dataclass(frozen=True)
class TailgateFriendly(Behaviour):
    """Follows another rider, who minds nothing, through one release; close enough to touch."""

    name = "tailgate_friendly"
    gap_m: Span = (0.05, 0.30)
    patience_s: float = 20.0


@dataclass(frozen=True)
class TailgateCovert(Behaviour):
    """Follows a stranger at a distance that the stranger does not notice; the arm may close on them.

    Who finds nobody to follow within `patience_s` pays.
    """

    name = "tailgate_covert"
    gap_m: Span = (0.25, 0.80)
    patience_s: float = 8.0


@dataclass(frozen=True)
class TwoAbreast(Behaviour):
    """Goes through beside another: `overlap` is the share of the other's depth that both share."""

    name = "two_abreast"
    overlap: Span = (0.5, 1.0)
    patience_s: float = 20.0


@dataclass(frozen=True)
class JumpOver(Behaviour):
    """Vaults the arm. `reach_m` is the highest arm that this rider gets over.

    Whom the arm is too high for pays with the probability `pays_if_stopped`, else turns to follow somebody. This is the
    assumption about how riders react to a higher gate; nothing measured stands behind its value.
    """

    name = "jump_over"
    reach_m: Span = (0.9, 1.3)
    speed_mps: Span = (1.2, 2.2)
    pays_if_stopped: float = 0.8


@dataclass(frozen=True)
class Climb(Behaviour):
    """Climbs over the arm, slowly; `reach_m` and `pays_if_stopped` as for jump_over."""

    name = "climb"
    reach_m: Span = (1.2, 1.8)
    on_top_s: Span = (1.0, 3.0)
    pays_if_stopped: float = 0.8


@dataclass(frozen=True)
class CrawlUnder(Behaviour):
    """Goes under the arm. `height_m` is how low this rider gets; `pays_if_stopped` as for jump_over."""

    name = "crawl_under"
    height_m: Span = (0.45, 0.70)
    speed_mps: Span = (0.4, 0.8)
    pays_if_stopped: float = 0.8


@dataclass(frozen=True)
class Force(Behaviour):
    """Pushes the closed arm aside with `push_n` newtons; a lane without an arm is simply walked through."""

    name = "force"
    push_n: Span = (150.0, 500.0)
    struggle_s: Span = (0.5, 3.0)
    pays_if_stopped: float = 0.8


@dataclass(frozen=True)
class Backcock(Behaviour):
    """Turns a tripod back by its slack and slips through the gap."""

    name = "backcock"
    squeeze_s: Span = (1.0, 3.0)
    pays_if_stopped: float = 0.8


@dataclass(frozen=True)
class HoldGate(Behaviour):
    """Pays, stands in the open lane and lets `companions` pass who do not pay."""

    name = "hold_gate"
    companions: tuple[int, int] = (1, 3)


@dataclass(frozen=True)
class EnterThroughExit(Behaviour):
    """Walks in against the direction of a lane that stands open for somebody else; gives up after `patience_s`.

    Goes to a wide lane if one leads out (an emergency exit): it stands open longest. An assumption, as all of this is.

    One in `pays_if_stopped` of those who give up pays at a lane of the right way instead.
    """

    name = "enter_through_exit"
    patience_s: float = 30.0
    pays_if_stopped: float = 0.8


@dataclass(frozen=True)
class Loiter(Behaviour):
    """Pays, and stands in the lane for a while before leaving it by the far side."""

    name = "loiter"
    stay_s: Span = (5.0, 30.0)


@dataclass(frozen=True)
class Staff(Behaviour):
    """Passes on a staff medium, briskly, with a trolley or tools now and then; reported as any other passage."""

    name = "staff"
    speed_mps: Span = (1.4, 1.8)


ALL: dict[str, type[Behaviour]] = {
    kind.name: kind
    for kind in (
        PresentTwice,
        Hesitate,
        WrongSide,
        Passback,
        RefusedRetreat,
        TailgateFriendly,
        TailgateCovert,
        TwoAbreast,
        JumpOver,
        Climb,
        CrawlUnder,
        Force,
        Backcock,
        HoldGate,
        EnterThroughExit,
        Loiter,
        Staff,
    )
}
"""Every behaviour but paying, which is what the rest do."""

PAY = "pay"
COMPANION = "companion"
"""Goes through a gate that somebody holds. Comes with who holds it, never by share."""
