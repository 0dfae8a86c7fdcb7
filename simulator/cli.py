"""The simulator's commands. `demo_command` gets the backend from the front door, which alone knows the gateway."""

import errno
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from simulator.demo import Backend, Demo, Summary, run_folder
from simulator.demo_study import DemoStudy
from simulator.demo_view import screen, summary_table
from simulator.devices.process import micropython_available
from simulator.errors import UserError
from simulator.interrupt import Interrupt

NO_MICROPYTHON = (
    "There is no MicroPython for this machine's processor (its wheel is for x86-64 only), so the gates' firmware runs "
    "inside this process, under CPython."
)


MakeBackend = Callable[[Path, Path], Backend]
"""Of a gateway's data folder, and of the folder whose runs it shows."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def demo_command(make_backend: MakeBackend) -> Callable[..., None]:
    """The `demo` command, over a gateway that only the front door knows."""

    def demo(
        data: Annotated[Path, typer.Option(help="Folder for the run's data; one demo at a time may use it.")] = Path(
            "demo-data"
        ),
        seconds: Annotated[
            float | None, typer.Option(min=1, help="How long riders arrive. Without it: until Ctrl-C.")
        ] = None,
        headless: Annotated[bool, typer.Option("--headless", help="No live view.")] = False,
        as_json: Annotated[
            bool,
            typer.Option("--json", help="Print the summary as one JSON object, and nothing else, on standard output."),
        ] = False,
        seed: Annotated[int, typer.Option(help="The same seed sends the same riders.")] = 7,
        in_process: Annotated[
            bool, typer.Option("--in-process", help="Run the firmware in this process instead of under MicroPython.")
        ] = False,
    ) -> None:
        """Run a station of eight emulated gates and its kiosks, a broker and a gateway, and compare truth with table.

        The exit status is 0 only if nothing was lost, doubled or invented, and nobody who said no can be placed.
        """
        status = _run(make_backend, data.resolve(), seconds, headless or as_json, as_json, seed, in_process)
        raise typer.Exit(status)

    return demo


def _run(
    make_backend: MakeBackend,
    data: Path,
    seconds: float | None,
    headless: bool,
    as_json: bool,
    seed: int,
    in_process: bool,
) -> int:
    out = Console(file=sys.stdout)
    err = Console(file=sys.stderr)
    interrupt = Interrupt()
    headless = headless or not out.is_terminal
    try:
        with run_folder(data) as folder:
            summary = _run_in(folder, make_backend, seconds, headless, as_json, seed, in_process, out, err, interrupt)
            if summary is None:
                err.print("Ended at once; riders and records on their way were left behind.")
                return 130
            if as_json:
                print(summary.json())
            else:
                out.print(summary_table(summary))
                out.print(f"The run's data: {folder}", style="dim", soft_wrap=True)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise UserError(
            f"The data folder {data} takes no more ({error.strerror}). Make room, or choose another with --data. "
            "What was stored until then is intact."
        ) from error
    return 0 if summary.clean else 1


def _run_in(
    folder: Path,
    make_backend: MakeBackend,
    seconds: float | None,
    headless: bool,
    as_json: bool,
    seed: int,
    in_process: bool,
    out: Console,
    err: Console,
    interrupt: Interrupt,
) -> Summary | None:
    """The demo in its run's folder; None when it was ended at once."""
    study = DemoStudy(folder.parent / "runs")
    demo = Demo(
        make_backend(folder / "gateway", study.runs), folder, seed=seed, micropython=False if in_process else None
    )
    try:
        if not micropython_available() and not in_process:
            err.print(NO_MICROPYTHON)
        if not headless:
            err.print("Starting broker, gateway, kiosks and eight gates…", style="dim")
        demo.start()
        if not as_json:  # a program that reads the summary looks at no page
            study.start()
        if not headless:
            return _shown(demo, seconds, interrupt, out)
        if not as_json:
            out.print(f"Gateline demo: {demo.url} (pages and API); Ctrl-C ends it.")
            out.print(f"Buy a pass: {demo.kiosk_url} (kiosk)")
            out.print(f"Hold it to a gate: {demo.gateline_url} (emulated gateline)")
        _headless(demo, seconds, interrupt)
        return demo.finish()
    except KeyboardInterrupt:
        return None
    finally:
        study.close()
        demo.close()


def _headless(demo: Demo, seconds: float | None, interrupt: Interrupt) -> None:
    started_s = time.monotonic()
    while not interrupt.count and (seconds is None or time.monotonic() - started_s < seconds):
        demo.check()
        time.sleep(0.1)


def _shown(demo: Demo, seconds: float | None, interrupt: Interrupt, console: Console) -> Summary:
    started_s = time.monotonic()
    note = f"API {demo.url}v1/health · description {demo.url}openapi.json"

    with Live(console=console, auto_refresh=False, screen=True) as live:

        def draw() -> None:
            station = demo.station
            assert station is not None
            reckoning, facts = demo.reckoned()
            live.update(
                screen(
                    station.views(),
                    url=demo.url,
                    kiosk_url=demo.kiosk_url,
                    gateline_url=demo.gateline_url,
                    clock_s=time.monotonic() - started_s,
                    riders=station.riders_sent(),
                    stored=reckoning.recorded + reckoning.tallied,
                    in_flight=reckoning.lost,
                    held=reckoning.held,
                    shopping=station.shopping(),
                    refused=facts["duplicates_refused"],
                    note=note,
                ),
                refresh=True,
            )

        def ending(text: str) -> None:
            nonlocal note
            note = f"Ending: {text}. Ctrl-C again ends it at once."
            draw()

        while not interrupt.count and (seconds is None or time.monotonic() - started_s < seconds):
            demo.check()
            draw()
            time.sleep(0.2)
        return demo.finish(ending)
