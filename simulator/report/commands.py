"""`gateline report RUN [OTHER]`: one self-contained HTML file about one run, or two side by side."""

from pathlib import Path
from typing import Annotated

import typer

from simulator.errors import UserError


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `gateline simulate --out` wrote.")],
    other: Annotated[
        Path | None, typer.Argument(metavar="[OTHER]", help="A second run, to be shown beside the first.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file to write; report.html in RUN unless given.", show_default=False)
    ] = None,
) -> None:
    """Write a report of a run, or of two side by side: one HTML file with its figures, which needs nothing else."""
    from simulator.report.page import render
    from simulator.report.runs import load_run
    from simulator.whole import write_whole

    runs = [load_run(folder) for folder in (run, other) if folder is not None]
    target = out or run / "report.html"
    if target.is_dir():
        raise UserError(f"{target} is a folder. Name a file with --out.")
    try:
        write_whole(target, render(runs))
    except OSError as error:
        raise UserError(f"Can't write {target}: {error.strerror}. Choose another place with --out.") from error
    print(f"{target} is written. Open it in a browser; it needs nothing else.")
