"""What an attack has learnt: a number, what a guesser would reach, and how sure both are.

Pure. Does not belong here: attacks; how it is printed (report.py).
"""

from dataclasses import dataclass

from simulator.study.intervals import Interval, wilson


@dataclass(frozen=True, slots=True)
class Finding:
    """`hits` of `trials` guesses are right. `chance` is the share that a guesser who has nothing but the question
    expects.

    `note` says in words what the number means.
    """

    hits: int
    trials: int
    chance: float
    note: str = ""

    @property
    def share(self) -> float:
        """0 where nothing could be tried."""
        return self.hits / self.trials if self.trials else 0.0

    @property
    def interval(self) -> Interval:
        """Wilson's, 95 %; all of it where nothing was tried."""
        return wilson(self.hits, self.trials) or (0.0, 1.0)

    @property
    def beats_chance(self) -> bool:
        """Whether the whole interval lies above what a guesser expects."""
        return self.interval[0] > self.chance
