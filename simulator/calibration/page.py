"""docs/calibration.md, from what one calibration measured. Drawing only: a Calibration in, Markdown out."""

from simulator.calibration.figures import Calibration, Figure, Intervention
from simulator.calibration.measure import PRACTISED, RATED, SEED
from simulator.plant.makes import FLAP

COMMAND = "gateline calibrate --out docs/calibration.md"

_BAR_MAX = 50

_HEAD = f"""# Calibration: does the simulator behave as the field does?

Made by `{COMMAND}`; a test makes it again and compares. Every passage below went through the real firmware. A range
says what counts as agreement; sources are named as they were found, "vendors" means a sales claim.
"""

_THROUGHPUT = f"""
## Throughput of a saturated lane

Persons a minute through one lane with a queue before it, from the 15th to the 45th minute. *Rated* riders are a
vendor's: grown up, unburdened, medium in hand, and read in {RATED.tap_ms} ms. *In practice* they have real tap
times and luggage, and {PRACTISED.unprepared * 100:.0f} % of them look for their medium only at the reader, for
{PRACTISED.search_s[0]:g} to {PRACTISED.search_s[1]:g} s. That share is the assumption that carries most of the
fall; nobody has published it.

| arm | rated | in practice | practice over rating |
|---|---:|---:|---:|
"""

_PACE = """
A rider is let in when the one before has left the beams: with every arm riders go one by one, which bounds all of
them. The 60 a minute that vendors quote for flaps need gates that read the next medium while the rider before is
still in the lane. This firmware doesn't, so 60 is **not reproduced**: the simulator reaches {reached:.0f} % of it.
Riders keep 75 % of their pace through a tripod and 50 % through a full-height turnstile, because they turn it:
settings, made to these figures.
"""

_TAPS = """
## Tap times

The mixture of simulator/plant/reader.py, drawn {taps:,} times; a bar is the share of taps in those {step} ms.

```
{bars}
```
"""

_DAYS = """
## A station's hours, day by day

{station}, every day of the counts, simulated from midnight to midnight with trains every five minutes and two lanes
each way. Correlation is over the 48 hourly counts (entries and exits) of a day; scatter is the mean of (simulated −
real)² / real over the hours with at least five riders, 1 where they scatter as Poisson numbers.

| day | entries, real | simulated | exits, real | simulated | correlation | scatter |
|---|---:|---:|---:|---:|---:|---:|
"""

_INTERVENTIONS = """
## Interventions

Evasion as a share of all who came in (as agencies count it; the scenarios' riders pay on their way out, too), mean and
95 % interval over {seeds} seeds of an hour each; the change is taken seed by seed, with the same riders before and
after.

**The assumption about how riders react:** who meant to jump, climb, crawl, force or turn back an arm and finds that
this one won't have it pays with probability 0.8 (`pays_if_stopped`), and otherwise follows somebody through; of
those who find no way in by the exit, 0.8 pay. Who leaves goes where it promises to be quickest; who wants in by the
exit goes to a wide one. Nobody changes their mind before the gate, nobody stays away, and nobody learns.

| change | published | before | after | change |
|---|---|---:|---:|---:|
"""

_NOT_REPRODUCED = """
## What is not reproduced, and by how much

- **Five-foot gates**: Washington reports −82 %, the simulator {five_foot:+.0f} %. What is left are followers and
  those who come in by the exit, whom a higher arm doesn't stop, and one in five of the stopped, who follows
  somebody. Washington's figure also holds what its enforcement did in the same months, and riders who no longer
  try.
- **Exits that open late**: reported −10 %, the simulator {late:+.0f} %. Here only some come in by the exit, and
  only by gates that open for riders with a medium; the reports are of doors that everybody can push open.
- **An emergency gate removed** (reported −20 %; one such gate let in about one evader a minute): there are no doors
  here that riders open themselves. In the scenario {reversed_per_min:.2f} riders a minute go against a lane.
- **Flaps at 60 a minute**: see above.
"""


def page(found: Calibration) -> str:
    """The whole page."""
    parts = [_HEAD, _summary(found), _THROUGHPUT]
    parts += [
        f"| {one.arm} | {one.rated:.1f} | {one.practised:.1f} | {one.practised / one.rated:.2f} |\n"
        for one in found.throughput
    ]
    flap = next(one for one in found.throughput if one.arm == FLAP.name)
    parts.append(_PACE.format(reached=100 * flap.rated / 60))
    taps = sum(count for _, count in found.tap_histogram)
    step_ms = found.tap_histogram[1][0] - found.tap_histogram[0][0]
    parts.append(_TAPS.format(taps=taps, step=step_ms, bars=_bars(found.tap_histogram, taps)))
    parts.append(_DAYS.format(station=found.station))
    parts += [
        f"| {day.date} | {day.real_entries:,} | {day.entries:,} | {day.real_exits:,} | {day.exits:,} "
        f"| {day.correlation:.3f} | {day.chi2_per_count:.2f} |\n"
        for day in found.days
    ]
    parts.append(_INTERVENTIONS.format(seeds=found.seeds))
    parts += [_intervention(one) for one in found.interventions]
    parts.append("\nEvaders who came in, by what they did, before → after, all seeds:\n\n")
    parts += [f"- {one.name}: {_kinds(one)}\n" for one in found.interventions]
    parts.append(_unreproduced(found))
    return "".join(parts)


def _summary(found: Calibration) -> str:
    rows = "".join(_row(figure) for figure in found.figures)
    doubts = "".join(f"- {figure.what}: {figure.why}\n" for figure in found.figures if figure.why)
    return (
        f"\n| figure | published | agreement | simulated | | source |\n|---|---:|---:|---:|---|---|\n{rows}\n{doubts}"
        f"\nSeeds begin at {SEED}.\n"
    )


def _row(figure: Figure) -> str:
    mark = "agrees" if figure.agrees else "**does not agree**"
    return f"| {figure.what} | {figure.published} | {figure.wanted} | {figure.given} | {mark} | {figure.source} |\n"


def _bars(histogram: tuple[tuple[int, int], ...], taps: int) -> str:
    most = max(count for _, count in histogram)
    lines = []
    for at_ms, count in histogram:
        if count * 2000 < taps:  # less than one in two thousand
            continue
        bar = "█" * max(1, round(count / most * _BAR_MAX))
        lines.append(f"{at_ms:>5} ms  {count / taps * 100:>5.2f} %  {bar}")
    return "\n".join(lines)


def _percent(value: tuple[float, float, float], digits: int, signed: bool = False) -> str:
    mean, low, high = (100 * one for one in value)
    sign = "+" if signed else ""
    return f"{mean:{sign}.{digits}f} % ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"


def _intervention(one: Intervention) -> str:
    return (
        f"| {one.name} | {one.published} | {_percent(one.before, 2)} | {_percent(one.after, 2)} "
        f"| {_percent(one.change, 1, signed=True)} |\n"
    )


def _kinds(one: Intervention) -> str:
    return ", ".join(f"{outcome} {before:,} → {after:,}" for outcome, before, after in one.kinds)


def _unreproduced(found: Calibration) -> str:
    by_name = {one.name: one for one in found.interventions}
    reversed_before = next(before for outcome, before, _ in by_name["five-foot gates"].kinds if outcome == "reversed")
    return _NOT_REPRODUCED.format(
        five_foot=100 * by_name["five-foot gates"].change[0],
        late=100 * by_name["exits that open 15 s late"].change[0],
        reversed_per_min=reversed_before / found.seeds / 60,  # an hour
    )
