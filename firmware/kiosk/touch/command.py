"""`gateline kiosk`: one kiosk with its touch page, until it is interrupted.

Rules: nothing is decided here. What a user can mend is a UserError of one sentence. The emulated hardware is the
simulator's, which firmware never sees: the front door hands it in.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Annotated, Any, Protocol

import typer

from firmware.config import SettingsError
from firmware.kiosk.touch.errors import UserError

DEFAULT_PORT = 8090
BOARDS = ("emulated", "raspberry-pi")
SCANNER_BAUD = 9600


class RunsKiosk(Protocol):
    """A kiosk that runs by itself: a `Machine` for the page, with a beginning and an end."""

    def screen(self) -> Mapping[str, Any]: ...
    def press(self, event: tuple[Any, ...]) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


MakeEmulated = Callable[..., RunsKiosk]
"""Called with the settings, the folder, and epoch_ms, present_url and on_failure by name."""


def read_settings(path: Path, gateway: str | None) -> dict[str, Any]:
    """The settings file, with the gateway's address put in; UserError where there is none or it is no JSON object."""
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(
            f"There is no settings file {path}; `gateline device add` on the gateway's machine prints one for a kiosk."
        ) from None
    except OSError as error:
        raise UserError(f"The settings file {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); it must be the file that the gateway printed.") from error
    if not isinstance(values, dict) or not isinstance(values.get("kiosk", {}), dict):
        raise UserError(f"{path} is no kiosk's settings: it must be an object with a member `kiosk`.")
    if "kiosk" not in values and "device" in values:
        raise UserError(
            f"{path} has a gate's settings, not a kiosk's; `gateline device add <site> <device> --kind kiosk` on the "
            "gateway's machine makes a kiosk's."
        )
    if gateway is not None:
        values["kiosk"] = {**values.get("kiosk", {}), "gateway": gateway.rstrip("/")}
    return values


def only_one(folder: Path) -> IO[str]:
    """A lock on the kiosk's storage, held while the file is open: two kiosks on one ledger would lose money."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = (folder / "lock").open("w")
    except OSError as error:
        raise UserError(
            f"The kiosk's storage {folder} cannot be used ({error.strerror}); choose another with --data."
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise UserError(
            f"A kiosk is running on {folder} already; stop it, or choose another place with --data."
        ) from None
    return held


def _raspberry_pi(
    values: dict[str, Any], folder: Path, printer: str, scanner: str | None, on_failure: Callable[[], None]
) -> RunsKiosk:
    from firmware.kiosk.config import KioskSettings
    from firmware.kiosk.touch.runner import Runner

    settings = KioskSettings(values, emulated_bundle=False)
    try:
        from firmware.boards.kiosk_raspberry_pi import KioskRaspberryPi
        from firmware.drivers.escpos_printer import TtyPrinter

        board = KioskRaspberryPi(
            str(folder),
            TtyPrinter(printer),
            scanner=None if scanner is None else open(scanner, "rb", buffering=0),
        )
    except OSError as error:
        raise UserError(
            f"The printer or the scanner cannot be opened ({error}); see --printer and --scanner."
        ) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] != "gpiozero":
            raise
        raise UserError(f"This machine's pins cannot be used ({error}); is it a Raspberry Pi?") from error
    return Runner(settings, board, on_failure)


def kiosk_command(make_emulated: MakeEmulated) -> Callable[..., None]:
    """The command, given the simulator's kiosk (see `MakeEmulated`)."""

    def kiosk(
        settings: Annotated[Path, typer.Argument(help="The kiosk's settings file, as the gateway printed it.")],
        gateway: Annotated[
            str | None, typer.Option(help="Where the gateway's API is; else what the settings say.", metavar="URL")
        ] = None,
        port: Annotated[
            int, typer.Option(min=0, max=65_535, help="Port of the page on the loopback address; 0 picks a free one.")
        ] = DEFAULT_PORT,
        board: Annotated[str, typer.Option(help="The hardware: emulated or raspberry-pi.")] = BOARDS[0],
        data: Annotated[Path, typer.Option(help="The kiosk's durable storage; made if it is not there.")] = Path(
            "kiosk-data"
        ),
        present: Annotated[
            str | None,
            typer.Option(help="With emulated hardware: where a pass can be held to a gate.", metavar="URL"),
        ] = None,
        printer: Annotated[str, typer.Option(help="On a Raspberry Pi: the printer's serial line.")] = "/dev/serial0",
        scanner: Annotated[
            str | None, typer.Option(help="On a Raspberry Pi: the scanner's line, if it does not type.")
        ] = None,
        json_ready: Annotated[
            bool, typer.Option("--json-ready", help="When ready, write one line of JSON to standard output.")
        ] = False,
    ) -> None:
        """Run a kiosk and its touch page until it is interrupted (Ctrl-C or SIGTERM)."""
        if board not in BOARDS:
            raise UserError(f"--board takes {' or '.join(BOARDS)}, and not {board!r}.")
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
        values = read_settings(settings, gateway)
        failed: list[bool] = []

        def on_failure() -> None:
            # Whoever watches the process starts it anew; what is owed is in the ledger.
            failed.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

        # Slow to import, and not needed for a slip on the command line.
        from firmware.kiosk.touch import server
        from firmware.kiosk.touch.views import make_view

        listener = server.listen(port)
        with only_one(data), listener:
            try:
                running = (
                    make_emulated(
                        values,
                        data,
                        epoch_ms=time.time_ns() // 1_000_000,
                        present_url=present,
                        on_failure=on_failure,
                    )
                    if board == "emulated"
                    else _raspberry_pi(values, data, printer, scanner, on_failure)
                )
            except SettingsError as error:
                raise UserError(f"{settings}: {error}") from error
            url = f"http://{server.HOST}:{listener.getsockname()[1]}/"

            def ready() -> None:
                if json_ready:
                    print(json.dumps({"http": url}), flush=True)
                else:
                    typer.echo(f"The kiosk {values['device']} shows its page at {url} (Ctrl-C ends it).", err=True)

            app = server.create_app({values["device"]: (running, make_view)})
            running.start()
            try:
                server.serve(app, listener, ready)
            finally:
                running.stop()
        if failed:
            raise typer.Exit(1)

    return kiosk
