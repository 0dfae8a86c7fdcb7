"""What stands between a beam and the device: dirt, light, and a sensor that takes its time.

A beam's physical state comes in, what the device hears goes out. In between a beam may be stuck, dust may break it for
a moment, sunlight may clear it for a moment while it is broken; then a change is believed only when it has lasted
`debounce_ms`, and is heard `latency_ms` later. Misalignment is geometry: the lane shifts its beams by it.

Event-driven and exact. Every beam has a generator of its own for its dust and its sunlight. The arm's own safety looks
at the physical beams, not at this.

Figures: rates and durations are settings of a study.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from simulator.clock import Scheduler, Timer

HOUR_MS = 3_600_000
_STUCK_ON, _STUCK_OFF = 1, 0


@dataclass(frozen=True)
class Noise:
    """How good a lane's beams are. Rates are per beam and hour; durations are exponential with the mean given."""

    debounce_ms: int = 0
    latency_ms: int = 0
    dust_per_h: float = 0.0
    dust_ms: float = 40.0
    sunlight_per_h: float = 0.0
    sunlight_ms: float = 80.0
    misalignment_mm: int = 0

    def __post_init__(self) -> None:
        numbers = (self.debounce_ms, self.latency_ms, self.dust_per_h, self.sunlight_per_h)
        if min(numbers) < 0 or self.dust_ms <= 0 or self.sunlight_ms <= 0:
            raise ValueError("a beam's noise has no times or rates below 0")

    @property
    def ideal(self) -> bool:
        """True when what the device hears is what is there, at once."""
        return not (self.debounce_ms or self.latency_ms or self.dust_per_h or self.sunlight_per_h)


IDEAL = Noise()


class _Beam:
    __slots__ = ("dust", "heard", "pending", "physical", "stuck", "sunlight")

    def __init__(self) -> None:
        self.physical = self.heard = 0
        self.dust = self.sunlight = False
        self.stuck: int | None = None
        self.pending: Timer | None = None

    def level(self) -> int:
        """What the sensor sees before it has made up its mind."""
        if self.stuck is not None:
            return self.stuck
        return 1 if self.dust or (self.physical and not self.sunlight) else 0


class Channel:
    """The beams of one lane as the device hears them: `send(beam, blocked)` is called at the scheduler's time.

    `generator(*names)` gives a private generator for each identity.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        noise: Noise,
        beams: int,
        generator: Callable[..., random.Random],
        send: Callable[[int, int], None],
    ) -> None:
        self._scheduler = scheduler
        self._noise = noise
        self._send = send
        self._beams = [_Beam() for _ in range(beams)]
        for n in range(beams):
            if noise.dust_per_h:
                self._plan(n, generator("dust", n), "dust", noise.dust_per_h, noise.dust_ms)
            if noise.sunlight_per_h:
                self._plan(n, generator("sunlight", n), "sunlight", noise.sunlight_per_h, noise.sunlight_ms)

    def heard(self) -> list[int]:
        """1 for each beam that the device holds for broken, 0 for each clear one."""
        return [beam.heard for beam in self._beams]

    def feed(self, beam: int, blocked: int) -> None:
        """The beam is physically broken (1) or clear (0) from now on."""
        self._beams[beam].physical = blocked
        self._look(beam)

    def stick(self, beam: int, level: int | None) -> None:
        """From now on the sensor says broken (1) or clear (0) whatever happens; None mends it."""
        self._beams[beam].stuck = level
        self._look(beam)

    def _look(self, n: int) -> None:
        beam = self._beams[n]
        if beam.pending is not None:
            if beam.level() == beam.heard:
                beam.pending.cancel()  # it did not last
                beam.pending = None
            return
        if beam.level() == beam.heard:
            return
        if not self._noise.debounce_ms:
            self._believe(n)
            return
        beam.pending = self._scheduler.after(self._noise.debounce_ms, lambda: self._believe(n))

    def _believe(self, n: int) -> None:
        beam = self._beams[n]
        beam.pending = None
        beam.heard = level = beam.level()
        if self._noise.latency_ms:
            self._scheduler.after(self._noise.latency_ms, lambda: self._send(n, level))
        else:
            self._send(n, level)

    def _plan(self, n: int, own: random.Random, what: str, per_h: float, mean_ms: float) -> None:
        """Disturbances of one kind at one beam, one after the other, for ever."""

        def begin() -> None:
            setattr(self._beams[n], what, True)
            self._look(n)
            self._scheduler.after(max(1, round(own.expovariate(1.0 / mean_ms))), end)

        def end() -> None:
            setattr(self._beams[n], what, False)
            self._look(n)
            self._scheduler.after(max(1, round(own.expovariate(per_h / HOUR_MS))), begin)

        self._scheduler.after(max(1, round(own.expovariate(per_h / HOUR_MS))), begin)
