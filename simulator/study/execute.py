"""A whole run, over as many processes as there are: stations are worlds of their own, so the work is spread by station
and the result is the same for any number of processes.

Does not belong here: what happens in a station (run.py), scenario files, printing.
"""

import gc
import json
import multiprocessing
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator import engines
from simulator.errors import UserError
from simulator.study import join, parquet
from simulator.study.film import layout
from simulator.study.paced import paced_steps
from simulator.study.rows import Crossing, Verdict
from simulator.study.run import MicroPython, Sinks, StationRun
from simulator.study.scorecard import Tally
from simulator.study.spec import Spec

Progress = Callable[[float], None]
"""Called with the share of the run (0 to 1) that is done."""


@dataclass(frozen=True)
class Result:
    """What a run, or one station of it, came to.

    `digests` has, for each gate whose transcript was asked for, the hash of all it said.
    """

    tally: Tally
    digests: dict[str, str]
    riders: int
    turned_away: int
    contacts: int


@dataclass(frozen=True)
class Options:
    """How to run. `edges` and `walks` say whether these tables (and with walks `shows`) are written. `workers` are
    processes; `speed` is a multiple of real time (None: as fast as can be).

    `compiled` lets processes that share the stations of a run use the compiled engines, where there are some; the
    result is the same.
    """

    edges: bool = True
    walks: bool = True
    workers: int = 1
    micropython: bool = False
    transcript: bool = False
    speed: float | None = None
    compiled: bool = True


def execute(
    spec: Spec, options: Options = Options(), *, folder: Path | None = None, progress: Progress | None = None
) -> Result:
    """Run it all. `folder` (an empty one) gets the Parquet files. A paced run is of one station; raises TooLate."""
    return execute_all([(spec, folder)], options, progress)[0]


def execute_all(
    runs: Sequence[tuple[Spec, Path | None]], options: Options = Options(), progress: Progress | None = None
) -> list[Result]:
    """Several runs, with their stations spread over one set of processes; a result for each, in order."""
    for spec, _ in runs:
        if options.speed is not None and len(spec.stations) > 1:
            raise UserError(f"A paced run is of one station; {spec.name} has {len(spec.stations)}.")
    with ExitStack() as stack:
        jobs: list[_Job] = []
        spans: list[range] = []
        for spec, folder in runs:
            parts_folder = None
            if folder is not None:
                parts_folder = parquet.run_folder(folder / "parts")
                stack.callback(shutil.rmtree, parts_folder, ignore_errors=True)
            spans.append(range(len(jobs), len(jobs) + len(spec.stations)))
            jobs += [
                _Job(
                    replace(spec, stations=(station,)),
                    None if parts_folder is None else parts_folder / f"{n:04d}",
                    options,
                )
                for n, station in enumerate(spec.stations)
            ]
        parts = _run_all(jobs, progress)
        for (_, folder), span in zip(runs, spans, strict=True):
            if folder is not None:
                _merge(folder, [job.folder for job in jobs[span.start : span.stop] if job.folder], options)
    return [_joined(parts[span.start : span.stop]) for span in spans]


def _joined(parts: Sequence[Result]) -> Result:
    tally = Tally()
    digests: dict[str, str] = {}
    for part in parts:
        tally.add(part.tally)
        digests.update(part.digests)
    return Result(
        tally,
        digests,
        sum(part.riders for part in parts),
        sum(part.turned_away for part in parts),
        sum(part.contacts for part in parts),
    )


@dataclass(frozen=True)
class _Job:
    """One station of one run."""

    spec: Spec
    folder: Path | None
    options: Options


def _run_all(jobs: list[_Job], progress: Progress | None) -> list[Result]:
    options, workers = jobs[0].options, jobs[0].options.workers
    weights = [_weight(job.spec) for job in jobs]
    whole = sum(weights) or 1.0
    compiled = engines.ready() if options.compiled and len(jobs) > 1 else None
    if len(jobs) == 1 or (workers <= 1 and compiled is None):
        found = []
        done = 0.0
        for job, weight in zip(jobs, weights, strict=True):
            found.append(_run_part(job, _scaled(progress, done / whole, weight / whole)))
            done += weight
        _finish(progress)
        return found
    parts: dict[int, Result] = {}
    done = 0.0
    # The largest first, so that no process is left with a long one at the end.
    order = sorted(range(len(jobs)), key=lambda n: (-weights[n], n))
    before = multiprocessing.active_children()
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _calm) as pool:
        with engines.first_on_path(compiled):
            running = {pool.submit(_run_part, jobs[n]): n for n in order}
        waiting = set(running)
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    parts[running[future]] = future.result()
                    done += weights[running[future]]
                if progress is not None:
                    progress(done / whole)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                if process not in before:
                    process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise UserError(
                    "One of the run's processes was ended from outside, perhaps for want of memory. "
                    "Try again with fewer processes (--workers)."
                ) from error
            raise
    _finish(progress)
    return [parts[n] for n in range(len(jobs))]


def _finish(progress: Progress | None) -> None:
    """All of it, whatever the sum of its parts was rounded to."""
    if progress is not None:
        progress(1.0)


_ended = False  # in a process of its own: it was told to end, and begins no other part


def _calm() -> None:
    """In a process of its own: Ctrl-C is for the one who started us, who then ends us; we tidy up before we go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)


def _end(*_: object) -> None:
    global _ended
    _ended = True
    sys.exit(1)


def _scaled(progress: Progress | None, done: float, share: float) -> Progress | None:
    if progress is None:
        return None
    return lambda part: progress(done + share * part)


def _weight(spec: Spec) -> float:
    """How long a station takes, roughly: riders."""
    station = spec.stations[0]
    demand = station.demand
    if demand is None:
        return 1.0
    return 1.0 + sum(demand.expected(way, spec.duration_ms) for way in ("entry", "exit"))


@contextmanager
def _no_cycles() -> Iterator[None]:
    """Meanwhile nobody looks for cycles of objects: a run makes none (a test holds that), and rows by the million."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


def _run_part(job: _Job, progress: Progress | None = None) -> Result:
    if _ended:
        sys.exit(1)  # this part was on its way here already
    spec, options = job.spec, job.options
    crossings: list[Crossing] = []
    verdicts: list[Verdict] = []
    with ExitStack() as stack:
        stack.enter_context(_no_cycles())
        edge_sink = walk_sink = show_sink = None
        if job.folder is not None:
            parquet.run_folder(job.folder)
            if options.edges:
                edge_sink = stack.enter_context(parquet.TableWriter(job.folder, parquet.EDGES)).add
            if options.walks:
                walk_sink = stack.enter_context(parquet.TableWriter(job.folder, parquet.WALKS)).add
                show_sink = stack.enter_context(parquet.TableWriter(job.folder, parquet.SHOWS)).add
        hardware = None
        if options.micropython:
            hardware = MicroPython(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateline-"))))
            stack.callback(hardware.close)
        sinks = Sinks(crossings.append, verdicts.append, edge_sink, walk_sink, show_sink)
        run = StationRun(spec, spec.stations[0], sinks, micropython=hardware, transcript=options.transcript)
        stack.callback(run.close)
        for reached_ms in run.steps() if options.speed is None else paced_steps(run, options.speed):
            if progress is not None:
                progress(min(1.0, reached_ms / spec.duration_ms))
        run.close()
        digests = run.digests() if options.transcript else {}
    rows = list(join.join(crossings, verdicts))
    tally = Tally()
    tally.add_rows(crossings, rows, spec.duration_ms)
    if job.folder is not None:
        parquet.write(job.folder, parquet.TRUTH, crossings)
        parquet.write(job.folder, parquet.RECORDS, verdicts)
        parquet.write(job.folder, parquet.JOINED, rows)
        station = spec.stations[0]
        parquet.write(job.folder, parquet.LAYOUT, [layout(spec, station.name, lane) for lane in station.lanes])
    contacts = sum(lane.plant.contacts for lane in run.lanes)
    return Result(tally, digests, run.station.riders_sent, run.station.turned_away, contacts)


def _merge(folder: Path, parts: list[Path], options: Options) -> None:
    tables = [parquet.TRUTH, parquet.RECORDS, parquet.JOINED, parquet.LAYOUT]
    if options.edges:
        tables.append(parquet.EDGES)
    if options.walks:
        tables += [parquet.WALKS, parquet.SHOWS]
    for table in tables:
        parquet.merge(folder, table, parts)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """A small result beside the tables; whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def seeds(first: int, repeat: int) -> Iterator[int]:
    """The seeds of so many runs."""
    return iter(range(first, first + repeat))
