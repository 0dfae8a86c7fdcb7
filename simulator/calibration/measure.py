"""Measures the simulator against what is known of real gates and riders.

All runs of it, some of them whole days, go through the real firmware, spread over processes. The same seeds give the
same figures, whatever machine they are measured on.

Does not belong here: how the page looks (page.py), the scenarios themselves (scenarios/).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, pstdev

from simulator.calibration.figures import Calibration, Day, Figure, Intervention, Throughput
from simulator.clock import rng
from simulator.errors import UserError
from simulator.plant import makes
from simulator.plant.reader import tap_ms
from simulator.scenario.build import build
from simulator.scenario.load import load
from simulator.scenario.models import Scenario
from simulator.study.execute import Options, Progress, execute_all
from simulator.study.intervals import mean_interval
from simulator.study.scorecard import BUSY_MS, Tally
from simulator.study.spec import LaneSpec, Spec, StationSpec
from simulator.world import behaviours as b
from simulator.world import bodies, riders
from simulator.world.counts import ENTRY, EXIT, HOURS, constant_profile, load_profile, metro_day
from simulator.world.demand import Demand
from simulator.world.population import Population

SEED = 20
SEEDS = 6  # runs of each intervention, with the same riders before and after
DAYS = tuple(f"2025-08-{day:02d}" for day in range(1, 19))
DAYS_STATION = "Peenya Industry"
METRO_DATE = "2025-08-14"
TAPS = 200_000
TAP_BIN_MS = 5
_PEAK_ALONE_MS = 20  # nothing higher is so near to a peak
TAP_SHOWN_MS = 20
WALKERS = 20_000

_HOUR_MS = 3_600_000
_SATURATED_PER_H = 6000
_SATURATED_QUARTERS = (1, 2)  # the first has no queue yet
_TRAINS_S = 300.0

# The rating: everybody grown up, unburdened, medium in hand, and read as fast as the fastest cards are (TfL: 300 ms).
RATED = Population({bodies.ADULT: 1.0}, tap_ms=300)
# Practice: real tap times, luggage, and one in seven who looks for the medium at the reader. The last is the assumption
# that carries most of the fall; nobody has published how many do.
PRACTISED = Population(
    {
        bodies.ADULT: 0.72,
        bodies.BACKPACK: 0.20,
        bodies.SUITCASE: 0.04,
        bodies.CHILD_BY_HAND: 0.03,
        bodies.PRAM: 0.005,
        bodies.WHEELCHAIR: 0.005,
    },
    (b.Hesitate(0.01), b.PresentTwice(0.03), b.RefusedRetreat(0.01)),
    unprepared=0.15,
)

_WAVE, _FIVE_FOOT, _DELAYED = "evasion-wave", "five-foot-gates", "delayed-egress"


def measure(scenarios: Path, workers: int, progress: Progress | None = None) -> Calibration:
    """Everything; `scenarios` is the folder of the shipped ones. Raises UserError."""
    interventions = _interventions(scenarios)
    specs: dict[str, Spec] = {}
    for name, kind in makes.KINDS.items():
        specs[f"rated {name}"] = _saturated(kind, RATED)
        specs[f"practised {name}"] = _saturated(kind, PRACTISED)
    for date in DAYS:
        specs[date] = _day(date)
    for name, (before, after) in interventions.items():
        for seed in range(SEED, SEED + SEEDS):
            specs[f"{name} before {seed}"] = before(seed)
            specs[f"{name} after {seed}"] = after(seed)
    results = execute_all([(spec, None) for spec in specs.values()], Options(workers=workers), progress)
    tallies = {name: result.tally for name, result in zip(specs, results, strict=True)}
    throughput = tuple(
        Throughput(name, _per_minute(tallies[f"rated {name}"]), _per_minute(tallies[f"practised {name}"]))
        for name in makes.KINDS
    )
    days = tuple(_compared(date, tallies[date]) for date in DAYS)
    histogram, taps = _taps()
    return Calibration(
        figures=(
            *_throughput_figures(throughput),
            *taps,
            *_speeds(),
            *_profile_figures(days),
            *_exits_over_entries(),
        ),
        throughput=throughput,
        days=days,
        station=DAYS_STATION,
        interventions=tuple(_intervention(name, tallies) for name in interventions),
        seeds=SEEDS,
        tap_histogram=histogram,
    )


# --- throughput ------------------------------------------------------------------------------------------------------


def _saturated(kind: makes.ArmKind, population: Population) -> Spec:
    """One lane with more riders before it than it can carry, for three quarters of an hour."""
    station = StationSpec("", (LaneSpec("gate-1", arm=kind),), Demand(constant_profile(_SATURATED_PER_H, 0), 0))
    return Spec(f"saturated {kind.name}", SEED, 0, 3 * BUSY_MS, (station,), population)


def _per_minute(tally: Tally) -> float:
    return sum(tally.flow["gate-1", quarter] for quarter in _SATURATED_QUARTERS) / len(_SATURATED_QUARTERS) / 15


def _throughput_figures(throughput: Sequence[Throughput]) -> list[Figure]:
    found = {one.arm: one for one in throughput}
    trade = "trade article (tgstco.com): rated 40, in practice 18 to 28"
    paddle = found[makes.PADDLE.name]
    return [
        Figure("tripod_rated", "tripod, rated", "25–40", "vendors", 25, 40, found[makes.TRIPOD.name].rated),
        Figure("paddle_rated", "paddle, rated", "30–60", "vendors; BART's modified gate 30", 30, 60, paddle.rated),
        Figure("flap_rated", "flap, rated", "30–60", "vendors", 30, 60, found[makes.FLAP.name].rated),
        Figure("paddle_practised", "paddle, in practice", "18–28", trade, 18, 28, paddle.practised),
        Figure("flap_practised", "flap, in practice", "18–28", trade, 18, 28, found[makes.FLAP.name].practised),
        Figure("tripod_practised", "tripod, in practice", "18–28", trade, 18, 28, found[makes.TRIPOD.name].practised),
        Figure(
            "paddle_fall",
            "practice over rating, paddle",
            "0.45–0.70",
            trade,
            0.45,
            0.70,
            paddle.practised / paddle.rated,
            2,
        ),
    ]


# --- taps and walking ------------------------------------------------------------------------------------------------


def _taps() -> tuple[tuple[tuple[int, int], ...], list[Figure]]:
    own = rng(SEED, "calibration", "taps")
    taps = [tap_ms(own) for _ in range(TAPS)]
    bins = Counter(round(tap / TAP_BIN_MS) * TAP_BIN_MS for tap in taps)
    near = range(-_PEAK_ALONE_MS, _PEAK_ALONE_MS + 1, TAP_BIN_MS)
    peaks = [at for at in sorted(bins) if bins[at] > TAPS / 200 and bins[at] == max(bins[at + by] for by in near)]
    mode_ms = max(bins, key=lambda at: bins[at])
    smaller = [at for at in peaks if at != mode_ms]
    cards = "bank cards on buses (chyp.com 2013)"
    figures = [
        Figure("tap_mean", "tap time, mean, ms", "about 530", cards, 515, 545, fmean(taps), 0),
        Figure("tap_mode", "tap time, mode, ms", "545", cards, 530, 560, mode_ms, 0),
        Figure("tap_low_peak", "tap time, first smaller peak, ms", "420", cards, 405, 435, min(smaller, default=0), 0),
        Figure("tap_mid_peak", "tap time, second smaller peak, ms", "490", cards, 475, 505, max(smaller, default=0), 0),
        Figure(
            "tap_tail",
            "taps above 900 ms, %",
            "a tail",
            cards,
            1,
            8,
            100 * sum(tap > 900 for tap in taps) / TAPS,
            why="The source names the tail and not its weight; 4 % is a setting.",
        ),
    ]
    shown = Counter(tap // TAP_SHOWN_MS * TAP_SHOWN_MS for tap in taps)
    return tuple(sorted(shown.items())), figures


def _speeds() -> list[Figure]:
    people = Population({bodies.ADULT: 1.0})
    speeds = [riders.draw(SEED, f"walker-{n}", ENTRY, people).speed_mmps / 1000 for n in range(WALKERS)]
    source = "Weidmann 1993"
    return [
        Figure("speed_mean", "walking speed, mean, m/s", "1.34", source, 1.32, 1.36, fmean(speeds), 3),
        Figure(
            "speed_sd",
            "walking speed, standard deviation, m/s",
            "0.26",
            source,
            0.24,
            0.27,
            pstdev(speeds),
            3,
            "Clipped to 0.7–2.0 m/s, which takes a little off the tails.",
        ),
    ]


# --- demand ----------------------------------------------------------------------------------------------------------


def _day(date: str) -> Spec:
    """One real day at one station, every rider grown up and paying: the counts are of those who paid."""
    demand = Demand(load_profile(DAYS_STATION, date), 0, smooth=True, headway_s=_TRAINS_S)
    lanes = tuple(LaneSpec(f"{way}-{n}", way) for way in (ENTRY, EXIT) for n in (1, 2))
    station = StationSpec("", lanes, demand)
    # A seed for each day: the same chance on all of them would be one deviation, eighteen times.
    seed = SEED + DAYS.index(date)
    return Spec(date, seed, 0, 24 * _HOUR_MS, (station,), Population({bodies.ADULT: 1.0}))


def _compared(date: str, tally: Tally) -> Day:
    profile = load_profile(DAYS_STATION, date)
    passed: Counter[tuple[str, int]] = Counter()
    for (lane, quarter), count in tally.flow.items():
        passed[lane.split("-")[0], min(quarter // 4, HOURS - 1)] += count
    pairs = [(profile.count(way, hour), passed[way, hour]) for way in (ENTRY, EXIT) for hour in range(HOURS)]
    counted = [(real, ours) for real, ours in pairs if real >= 5]  # fewer are no chi-squared matter
    return Day(
        date,
        round(sum(profile.entries)),
        round(sum(profile.exits)),
        sum(count for (way, _), count in passed.items() if way == ENTRY),
        sum(count for (way, _), count in passed.items() if way == EXIT),
        _correlation(pairs),
        fmean((ours - real) ** 2 / real for real, ours in counted),
    )


def _correlation(pairs: list[tuple[float, int]]) -> float:
    xs, ys = [x for x, _ in pairs], [float(y) for _, y in pairs]
    mean_x, mean_y = fmean(xs), fmean(ys)
    covariance = fmean((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return covariance / sqrt(fmean((x - mean_x) ** 2 for x in xs) * fmean((y - mean_y) ** 2 for y in ys))


def _profile_figures(days: tuple[Day, ...]) -> list[Figure]:
    source = f"Namma Metro, {DAYS_STATION}, {len(days)} days"
    return [
        Figure(
            "profile_correlation",
            "hourly counts of a day, worst correlation with the real ones",
            "1",
            source,
            0.97,
            1.0,
            min(day.correlation for day in days),
            3,
        ),
        Figure(
            "profile_scatter",
            "scatter of the hours around the real counts, in Poisson's",
            "1",
            source,
            0.8,
            1.3,
            fmean(day.chi2_per_count for day in days),
            2,
        ),
        Figure(
            "profile_riders",
            "riders of all days, simulated over real",
            "1",
            source,
            0.98,
            1.02,
            sum(day.entries + day.exits for day in days) / sum(day.real_entries + day.real_exits for day in days),
            3,
        ),
    ]


def _exits_over_entries() -> list[Figure]:
    profiles, _ = metro_day(METRO_DATE)
    real, ours = [], []
    for seed, profile in enumerate(profiles.values(), SEED):
        demand = Demand(profile, 0, smooth=True)
        real.append(sum(profile.exits) / sum(profile.entries))
        counts = {way: _arrivals(demand, way, seed) for way in (ENTRY, EXIT)}
        ours.append(counts[EXIT] / counts[ENTRY])
    source = f"Namma Metro, {len(profiles)} stations, {METRO_DATE}; 48 days: 0.81 / 0.98 / 1.15"
    return [
        Figure(
            f"exits_over_entries_{name}",
            f"exits over entries of a station's day, {name}",
            f"{_quantile(real, at):.2f}",
            source,
            _quantile(real, at) - 0.03,
            _quantile(real, at) + 0.03,
            _quantile(ours, at),
            2,
        )
        for name, at in (("p5", 0.05), ("p50", 0.5), ("p95", 0.95))
    ]


def _arrivals(demand: Demand, way: str, seed: int) -> int:
    count = 0
    for at_ms in demand.arrivals(way, seed):
        if at_ms >= 24 * _HOUR_MS:
            break
        count += 1
    return count


def _quantile(values: list[float], at: float) -> float:
    return sorted(values)[min(len(values) - 1, int(at * len(values)))]


# --- interventions ---------------------------------------------------------------------------------------------------

Make = Callable[[int], Spec]


def _interventions(folder: Path) -> dict[str, tuple[Make, Make]]:
    wave = _hour_of(folder, _WAVE)
    # Every entry a tripod, and four times as many who know the trick: in the wave itself they are one evader in fifty.
    slack = wave.model_copy(
        update={
            "lane": tuple(
                lane.model_copy(update={"arm": "tripod"}) if lane.way == ENTRY else lane for lane in wave.lane
            ),
            "behaviour": {**wave.behaviour, b.Backcock.name: {"share": 0.02}},
        }
    )
    firm = replace(makes.TRIPOD, backcock_mm=0)

    def without_slack(seed: int) -> Spec:
        spec = build(slack, folder, seed)
        return replace(
            spec,
            stations=tuple(
                replace(
                    station,
                    lanes=tuple(
                        replace(lane, arm=firm) if lane.arm.name == firm.name else lane for lane in station.lanes
                    ),
                )
                for station in spec.stations
            ),
        )

    return {
        "five-foot gates": (_maker(wave, folder), _maker(_hour_of(folder, _FIVE_FOOT), folder)),
        "exits that open 15 s late": (_maker(wave, folder), _maker(_hour_of(folder, _DELAYED), folder)),
        "back-cocking fixed": (_maker(slack, folder), without_slack),
    }


PUBLISHED = {
    "five-foot gates": "−82 % (Washington, after 1,200 gates)",
    "exits that open 15 s late": "−10 % (press reports)",
    "back-cocking fixed": "a named kind of evasion in New York; no figure",
}


def _maker(scenario: Scenario, folder: Path) -> Make:
    return lambda seed: build(scenario, folder, seed)


def _hour_of(folder: Path, name: str) -> Scenario:
    file = folder / f"{name}.toml"
    if not file.is_file():
        raise UserError(f"There is no {file}; name the folder of the shipped scenarios with --scenarios.")
    scenario = load(file)
    return scenario.model_copy(update={"scenario": scenario.scenario.model_copy(update={"duration_min": 60.0})})


def _intervention(name: str, tallies: Mapping[str, Tally]) -> Intervention:
    seeds = range(SEED, SEED + SEEDS)
    before = [tallies[f"{name} before {seed}"] for seed in seeds]
    after = [tallies[f"{name} after {seed}"] for seed in seeds]
    rates = [(_evasion(one), _evasion(other)) for one, other in zip(before, after, strict=True)]
    outcomes = sorted(b.EVASIONS & set().union(*(tally.came_in for tally in (*before, *after))))
    return Intervention(
        name,
        PUBLISHED[name],
        _mean([rate for rate, _ in rates]),
        _mean([rate for _, rate in rates]),
        _mean([(rate - was) / was for was, rate in rates]),
        tuple(
            (outcome, sum(tally.came_in[outcome] for tally in before), sum(tally.came_in[outcome] for tally in after))
            for outcome in outcomes
        ),
    )


def _evasion(tally: Tally) -> float:
    """Of those who came in, the share who evaded; who leaves without paying is no evader to the agencies quoted."""
    return sum(count for outcome, count in tally.came_in.items() if outcome in b.EVASIONS) / tally.came_in.total()


def _mean(values: list[float]) -> tuple[float, float, float]:
    found = mean_interval(values)
    assert found is not None, "several seeds"
    mean, (low, high) = found
    return mean, low, high
