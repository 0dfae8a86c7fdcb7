"""`gateline calibrate`: hold the simulator against what is known of the field, and write the page that says so."""

import os
import sys
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from simulator.calibration.figures import Calibration
from simulator.calibration.measure import measure
from simulator.calibration.page import page
from simulator.errors import UserError
from simulator.study.bar import bar


def calibrate(
    out: Annotated[
        Path | None, typer.Option(help="Write the page (Markdown) to this file.", show_default=False)
    ] = None,
    scenarios: Annotated[Path, typer.Option(help="The folder with the shipped scenarios.")] = Path("scenarios"),
    as_json: Annotated[bool, typer.Option("--json", help="All figures as one JSON object, and nothing else.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that share the runs; as many as processors unless given.")
    ] = None,
) -> None:
    """Measure throughput, taps, demand and interventions against published figures; status 1 where one disagrees."""
    try:
        with bar("calibration", quiet=as_json) as progress:
            found = measure(scenarios, workers or os.cpu_count() or 1, progress)
    except KeyboardInterrupt:
        print("gateline: Interrupted; nothing is written.", file=sys.stderr)
        raise typer.Exit(130) from None
    if out is not None:
        try:
            out.write_text(page(found), encoding="utf-8")
        except OSError as error:
            raise UserError(f"Can't write {out}: {error.strerror}. Choose another place with --out.") from error
    if as_json:
        print(dumps({"agrees": found.agrees, **asdict(found)}, ensure_ascii=False))
    else:
        _show(found, Console())
        if out is not None:
            print(f"{out} is written.")
    if not found.agrees:
        raise typer.Exit(1)


def _show(found: Calibration, console: Console) -> None:
    table = Table(title="Calibration", title_justify="left", box=None, pad_edge=False)
    for title in ("figure", "published", "agreement", "simulated", ""):
        table.add_column(title, justify="left" if title in ("figure", "") else "right")
    for figure in found.figures:
        mark = "" if figure.agrees else "does not agree"
        table.add_row(figure.what, figure.published, figure.wanted, figure.given, mark)
    for one in found.interventions:
        mark = "" if one.right_direction else "wrong direction"
        mean, low, high = (f"{100 * value:+.1f}" for value in one.change)
        table.add_row(f"{one.name}: evasion, %", one.published, "falls", f"{mean} ({low} to {high})", mark)
    console.print(table)
