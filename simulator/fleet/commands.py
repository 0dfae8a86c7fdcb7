"""`gateline fleet`: reads the settings, runs the fleet, prints one summary.

Rules: what a program reads goes to standard output as JSON, alone; all else to standard error. A run that was late
prints no summary, because its figures would be of another load than was asked for.
"""

import errno
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from simulator.errors import TooLate, UserError
from simulator.fleet.fleet import LATE_MAX_MS, POLL_S, Fleet, Load
from simulator.fleet.settings import how_to_add, parse_broker, parse_fleet
from simulator.fleet.summary import Summary
from simulator.fleet.view import screen, summary_table
from simulator.interrupt import Interrupt
from simulator.locked import locked_folder

RATE_MAX = 30  # a lane lets about so many riders a minute through
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES)
_DRAW_S = 0.5


def fleet(
    settings: Annotated[
        Path, typer.Option(help="The devices: one JSON object of settings a line, as gateline device add --out writes.")
    ] = Path("fleet.jsonl"),
    broker: Annotated[
        str | None,
        typer.Option(help="The broker of all devices, mqtt://[USER:PASSWORD@]HOST:PORT, instead of what FILE says."),
    ] = None,
    devices: Annotated[int | None, typer.Option(min=1, help="Only the first so many devices.")] = None,
    rate: Annotated[float, typer.Option(min=0, max=RATE_MAX, help="Riders a minute and device.")] = 12.0,
    consent: Annotated[float, typer.Option(min=0, max=1, help="The share of riders who have consented.")] = 0.55,
    seed: Annotated[int, typer.Option(min=0, help="The same seed sends the same riders and faults.")] = 7,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="How long riders arrive. Without it: until Ctrl-C.")
    ] = None,
    network_cuts: Annotated[float, typer.Option(min=0, help="Cuts of the network, an hour and device (mean).")] = 0.0,
    network_cut_s: Annotated[float, typer.Option(min=0.1, help="How long one lasts, in seconds (mean).")] = 5.0,
    power_cuts: Annotated[float, typer.Option(min=0, help="Power cuts, an hour and device (mean).")] = 0.0,
    power_cut_s: Annotated[float, typer.Option(min=0.1, help="How long one lasts, in seconds (mean).")] = 2.0,
    grace: Annotated[
        float, typer.Option(min=0, help="How long, at the end, everything may take to be confirmed, in seconds.")
    ] = 60.0,
    late_max_ms: Annotated[
        int, typer.Option(min=1, help="The run ends, with status 1, when the loop is later than this.")
    ] = LATE_MAX_MS,
    allow_late: Annotated[bool, typer.Option("--allow-late", help="Go on however late it is, and say so.")] = False,
    truth: Annotated[
        Path | None, typer.Option(help="A new file for what every rider really did, as JSON lines.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder for the devices' storage; one fleet at a time may use it.")] = Path(
        "fleet-data"
    ),
    headless: Annotated[bool, typer.Option("--headless", help="No live view.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the summary as one JSON object, and nothing else, on standard output."),
    ] = False,
) -> None:
    """Run many emulated gates, with the real firmware and its link, against any broker and gateway.

    The exit status is 0 only if the gateway has confirmed everything within the grace.
    """
    load = Load(rate, consent, seed, network_cuts, network_cut_s, power_cuts, power_cut_s)
    address = None if broker is None else parse_broker(broker)
    found = parse_fleet(_read(settings), str(settings), address, devices)
    interrupt = Interrupt()
    out, err = Console(file=sys.stdout), Console(file=sys.stderr, soft_wrap=True)
    bound_ms = None if allow_late else late_max_ms
    try:
        # Two devices on one storage would be one device.
        with locked_folder(data.resolve(), "fleet") as folder:
            run = _Run(found, folder, load, truth, bound_ms, seconds, grace, interrupt)
            if headless or as_json or not out.is_terminal:
                summary = run.headless(lambda note: None if as_json else err.print(note))
            else:
                summary = run.shown(out)
    except TooLate as error:
        err.print(
            f"gateline: {error} There are no figures, for they would be of another load. Ask for fewer devices or "
            "riders, or give --allow-late.",
            highlight=False,
        )
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        err.print("Ended at once; what was not confirmed is in the devices' storage and comes with the next run.")
        raise typer.Exit(130) from None
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise UserError(
            f"The data folder {data} takes no more ({error.strerror}). Make room, or choose another with --data."
        ) from error
    if summary.late_ms > late_max_ms:
        err.print(f"The loop was up to {summary.late_ms} ms late: this was not the load that was asked for.")
    if as_json:
        print(summary.json())
    else:
        out.print(summary_table(summary))
    if not summary.clean:
        err.print(summary.verdict())
    raise typer.Exit(0 if summary.clean else 1)


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"There is no {path}; {how_to_add(str(path))}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read ({error}). Name another with --settings.") from None


class _Run:
    """One run of a fleet, with or without somebody who watches."""

    def __init__(
        self,
        found: list[dict[str, Any]],
        folder: Path,
        load: Load,
        truth: Path | None,
        late_max_ms: int | None,
        seconds: float | None,
        grace_s: float,
        interrupt: Interrupt,
    ) -> None:
        broker = found[0]["broker"]
        self._broker = f"{broker['host']}:{broker['port']}"
        try:
            self._fleet = Fleet(found, folder, load, truth=truth, late_max_ms=late_max_ms)
        except FileExistsError as error:
            raise UserError(f"{truth} is there already, and stays as it is. Choose another with --truth.") from error
        except FileNotFoundError as error:
            raise UserError(f"Can't write {truth} ({error.strerror}). Choose another with --truth.") from error
        self._devices = len(found)
        self._seconds = seconds
        self._grace_s = grace_s
        self._interrupt = interrupt

    def headless(self, say: Callable[[str], None]) -> Summary:
        said = ""

        def draw(note: str) -> None:
            nonlocal said
            if note != said:
                said = note
                say(note)

        return self._go(draw)

    def shown(self, console: Console) -> Summary:
        started_s = time.monotonic()
        drawn_s = 0.0
        with Live(console=console, auto_refresh=False, screen=True) as live:

            def draw(note: str) -> None:
                nonlocal drawn_s
                now_s = time.monotonic()
                if now_s - drawn_s >= _DRAW_S:
                    drawn_s = now_s
                    look = self._fleet.look()
                    live.update(screen(look, broker=self._broker, clock_s=now_s - started_s, note=note), refresh=True)

            return self._go(draw)

    def _go(self, draw: Callable[[str], None]) -> Summary:
        fleet, interrupt = self._fleet, self._interrupt

        def wanted(note: str, wishes: int) -> bool:
            fleet.check()
            draw(note)
            return interrupt.count < wishes

        try:
            fleet.start(lambda: wanted(f"{self._devices} devices boot and connect. Ctrl-C ends it.", 1))
            if not interrupt.count:
                gc.freeze()  # the devices stay: looking through them for garbage again and again makes the loop late
                fleet.ride()
            started_s = time.monotonic()
            while wanted("Riders come.", 1) and (self._seconds is None or time.monotonic() - started_s < self._seconds):
                time.sleep(POLL_S)
            ending = "Ending: riders go, outboxes empty. Ctrl-C again ends it at once."
            # Whatever brought us here, the second wish raises by itself.
            return fleet.finish(self._grace_s, lambda: wanted(ending, 2))
        finally:
            gc.unfreeze()
            fleet.close()
