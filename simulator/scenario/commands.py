"""`gateline simulate` and `gateline scenario new | check | show`."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulator import engines
from simulator.clock import rng
from simulator.devices.process import micropython_available
from simulator.errors import UserError
from simulator.plant.silhouette import Shape
from simulator.scenario.build import build, geometry, make_arm
from simulator.scenario.load import load
from simulator.scenario.models import Scenario
from simulator.study import parquet
from simulator.study.bar import bar
from simulator.study.execute import Options, Result, execute_all, seeds, write_json
from simulator.study.scorecard import SCORECARD_FORM, Scorecard
from simulator.study.scorecard_view import show as show_card
from simulator.study.spec import Spec, StationSpec
from simulator.whole import write_whole
from simulator.world import bodies

_SHOW_SPEED_MMPS = 1340  # Weidmann 1993

app = typer.Typer(help="Make, check and draw scenario files.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A scenario file (TOML).", show_default=False)]


@app.command()
def new(file: File) -> None:
    """Write a commented scenario to begin with: one lane with three beams."""
    text = files("simulator.scenario").joinpath("template.toml").read_text(encoding="utf-8")
    try:
        if file.exists():
            raise UserError(f"{file} is there already, and stays as it is. Choose another name.")
        write_whole(file, text.replace("FILE", str(file)).replace("PICTURE", str(file.with_suffix(".svg"))))
    except OSError as error:
        raise UserError(f"Can't write {file}: {error.strerror}.") from error
    print(f"{file} is written. Next: gateline simulate {file}, or gateline scenario show {file}")


@app.command()
def check(file: File) -> None:
    """Say what is wrong with a scenario, or what it comes to."""
    spec = build(load(file), file.parent)
    lanes = sum(len(station.lanes) for station in spec.stations)
    stations = f"{len(spec.stations)} stations, " if len(spec.stations) > 1 else ""
    riders = sum(_riders(spec, station) for station in spec.stations)
    few = "lane" if lanes == 1 else "lanes"
    print(f"{file} is good: {stations}{lanes} {few}, {_duration(spec)}, about {riders:,.0f} riders.")


def _duration(spec: Spec) -> str:
    minutes = spec.duration_ms / 60_000
    return f"{minutes:.3g} min" if minutes < 60 else f"{round(minutes / 60, 2):g} h"


def _riders(spec: Spec, station: StationSpec) -> float:
    """How many are expected: by the station's stream where a lane shares it, and by the lanes' own."""
    streams = [(station.own_demand[lane.name], lane.way) for lane in station.lanes if lane.name in station.own_demand]
    if station.demand is not None:
        shared = {lane.way for lane in station.lanes if lane.name not in station.own_demand}
        streams += [(station.demand, way) for way in sorted(shared)]
    return sum(demand.expected(way, spec.duration_ms) for demand, way in streams)


@app.command("show")
def show(
    file: File,
    lane: Annotated[str | None, typer.Option(help="Which lane; the first unless given.")] = None,
    rider: Annotated[str, typer.Option(help=f"Who walks through: {', '.join(bodies.KINDS)}.")] = bodies.SUITCASE,
    out: Annotated[Path | None, typer.Option(help="The SVG to write; beside FILE unless given.")] = None,
) -> None:
    """Draw a lane from the side, its beams, and a body passing, as SVG."""
    target = _draw(load(file), file, lane, rider, out)
    print(f"{target} is written.")


def _draw(scenario: Scenario, file: Path, lane: str | None, rider: str, out: Path | None) -> Path:
    from simulator.scenario.drawing import lane_svg

    parts = {name: part for part in scenario.lane for name in part.names}
    part = parts.get(lane or scenario.lane_names[0])
    if part is None:
        raise UserError(f"There is no lane {lane!r} in {file}; its lanes are {', '.join(parts)}.")
    shape = _shape(rider)
    name = lane or scenario.lane_names[0]
    title = f"{scenario.scenario.name}: {name}, {part.detector}"
    svg = lane_svg(title, geometry(part), make_arm(part.arm, scenario.arm), shape, _SHOW_SPEED_MMPS, rider)
    target = out or file.with_suffix(".svg")
    if target.resolve() == file.resolve():
        raise UserError(f"{target} is the scenario itself. Choose another place for the drawing with --out.")
    try:
        write_whole(target, svg)
    except OSError as error:
        raise UserError(f"Can't write {target}: {error.strerror}. Choose another place with --out.") from error
    return target


def _shape(rider: str) -> Shape:
    try:
        return bodies.draw_shape(rider, rng(1, "drawing", rider))
    except ValueError as error:
        raise UserError(f"--rider: {error}") from error


def compile_() -> None:
    """Compile the simulator's engines with this machine's C compiler: runs of many stations take a third less time."""
    print("Compiling the engines; this takes about half a minute.", file=sys.stderr)
    print(f"The engines are compiled, in {engines.compile_engines()}. Runs of several stations or seeds use them.")


def simulate(
    file: File,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the file's own.")] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Runs, with seeds one after the other.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="An empty folder for truth, records, joined and edges as Parquet.")
    ] = None,
    edges: Annotated[bool, typer.Option(help="Write edges.parquet too, the largest of them.")] = True,
    walks: Annotated[
        bool, typer.Option(help="Write walks.parquet and shows.parquet too: all that a replay needs to draw riders.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="The scorecard as one JSON object, and nothing else.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that share the stations; as many as processors unless given.")
    ] = None,
    micropython: Annotated[
        bool, typer.Option("--micropython", help="Each gate a real MicroPython process, in lockstep; the same bytes.")
    ] = False,
    realtime: Annotated[bool, typer.Option("--realtime", help="At the pace of real time; ends when late.")] = False,
    source: Annotated[
        bool, typer.Option("--source", help="Run the engines' source even where `gateline compile` has compiled them.")
    ] = False,
    speed: Annotated[
        float | None,
        typer.Option(min=0.1, max=1e6, help="So many times real time; ends when late.", show_default="unpaced"),
    ] = None,
) -> None:
    """Run a scenario, and say how good its gates' evidence is."""
    if realtime and speed not in (None, 1.0):
        raise UserError("--realtime is --speed 1; give one of them.")
    if micropython and not micropython_available():
        raise UserError(
            "There is no MicroPython for this machine's processor (its wheel is for x86-64 only). "
            "Without --micropython the same firmware runs in this process and gives the same bytes."
        )
    scenario = load(file)
    kept = file.read_bytes()  # what is run, whatever becomes of the file meanwhile
    first = scenario.scenario.seed if seed is None else seed
    specs = [build(scenario, file.parent, number) for number in seeds(first, repeat)]
    folder = None if out is None else parquet.run_folder(out)
    pace = 1.0 if realtime else speed
    # Runs that keep real time come one after the other: side by side they would make each other late.
    processes = 1 if pace is not None else workers or os.cpu_count() or 1
    options = Options(
        edges=edges, walks=walks, workers=processes, micropython=micropython, speed=pace, compiled=not source
    )
    try:
        with _ended_as_by_ctrl_c(), _emptied(folder):
            results = _execute(specs, folder, options, quiet=as_json)
    except KeyboardInterrupt:
        print("gateline: Interrupted; no figures.", file=sys.stderr)
        raise typer.Exit(130) from None
    card = Scorecard(tuple(result.tally for result in results))
    said = _said(specs, results, card)
    if folder is not None:
        try:
            write_json(folder / "scorecard.json", said)
            (folder / "scenario.toml").write_bytes(kept)
        except OSError as error:
            raise UserError(f"Can't write in {folder}: {error.strerror}.") from error
    if as_json:
        print(json.dumps(said, ensure_ascii=False))
        return
    with suppress(BrokenPipeError):
        show_card(card, _title(specs, results), Console(), _notes(results))
        if folder is not None:
            extra = (", edges" if edges else "") + (", walks, shows" if walks else "")
            print(f"\nWritten: {folder} (truth, records, joined, layout{extra}, scorecard.json).")


@contextmanager
def _emptied(folder: Path | None) -> Iterator[None]:
    """A run that fails leaves its folder as empty as it was, so that the same command can be given again."""
    try:
        yield
    except BaseException:
        for child in () if folder is None else folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child, ignore_errors=True)
            else:
                child.unlink(missing_ok=True)
        raise


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Meanwhile SIGTERM does what Ctrl-C does: processes are ended, and half files go."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _execute(specs: list[Spec], folder: Path | None, options: Options, quiet: bool) -> list[Result]:
    """All runs, side by side, with a bar where somebody watches."""
    said = f"{len(specs)} seeds" if len(specs) > 1 else f"seed {specs[0].seed}"
    runs = [(spec, _seed_folder(folder, spec.seed, len(specs))) for spec in specs]
    with bar(f"{specs[0].name}, {said}", quiet) as progress:
        return execute_all(runs, options, progress)


def _seed_folder(folder: Path | None, seed: int, repeat: int) -> Path | None:
    if folder is None or repeat == 1:
        return folder
    return parquet.run_folder(folder / f"seed-{seed}")


def _said(specs: list[Spec], results: list[Result], card: Scorecard) -> dict[str, object]:
    return {
        "form": SCORECARD_FORM,
        "scenario": specs[0].name,
        "first_seed": specs[0].seed,
        "hours": specs[0].duration_ms / 3_600_000,
        "stations": len(specs[0].stations),
        "lanes": sum(len(station.lanes) for station in specs[0].stations),
        "riders": sum(result.riders for result in results),
        "turned_away": sum(result.turned_away for result in results),
        "still_waiting": sum(result.riders - result.tally.crossings for result in results),
        "arm_contacts": sum(result.contacts for result in results),
        **card.to_dict(),
    }


def _title(specs: list[Spec], results: list[Result]) -> str:
    riders = sum(result.riders for result in results)
    runs = f", {len(specs)} seeds from {specs[0].seed}" if len(specs) > 1 else f", seed {specs[0].seed}"
    times = f"{len(specs)} × " if len(specs) > 1 else ""
    return f"{specs[0].name}{runs}: {riders:,} riders in {times}{_duration(specs[0])}"


def _notes(results: list[Result]) -> list[str]:
    """Of whom no figure tells."""
    away = sum(result.turned_away for result in results)
    left = sum(result.riders - result.tally.crossings for result in results)
    notes = []
    if away:
        notes.append(f"{away:,} more found the queues full and went away.")
    if left:
        notes.append(f"{left:,} of the riders were still waiting half an hour after the end; no figure counts them.")
    return notes
