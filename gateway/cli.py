"""The gateway's commands: ``gateline gateway run`` and ``gateline device add``.

Rules: what a program reads goes to standard output as JSON, what people read goes to standard error; what a user can
mend is a UserError, which the front door turns into one sentence and status 2. Nothing is decided here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from gateway.broker import HOST
from gateway.errors import UserError
from gateway.passes.defaults import DEFAULT_QUOTA, SPENT_INTERVAL_S

app_gateway = typer.Typer(no_args_is_help=True, help="Run the gateway: broker to database, API and pages.")
app_device = typer.Typer(no_args_is_help=True, help="Make devices known to the gateway.")

DEFAULT_HTTP_PORT = 8080
DEFAULT_MQTT_PORT = 1883
COUNT_MAX = 20_000

Data = Annotated[Path, typer.Option("--data", help="The data directory; made if it is not there.")]


@app_gateway.callback()
def _gateway() -> None:
    """Run the gateway: broker to database, API and pages."""


@app_device.callback()
def _device() -> None:
    """Make devices known to the gateway."""


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UserError(f"--broker takes HOST:PORT, for example 127.0.0.1:1883, and not {text!r}.")
    return host, int(port)


@contextlib.contextmanager
def _new_secret_file(path: Path) -> Iterator[TextIO]:
    """A file that was not there, readable by its owner alone; gone again when what is done with it fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UserError(
            f"{path} is there already, and stays as it is: it may hold keys. Choose another name."
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); choose another place with --out.") from error
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            yield file
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(f"{path} cannot be written ({error.strerror}); nothing was added.") from error
        raise


@app_gateway.command("run")
def run(
    data: Data = Path("gateline-data"),
    http_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of API and pages; 0 picks a free one.")
    ] = DEFAULT_HTTP_PORT,
    http_host: Annotated[
        str,
        typer.Option(
            help="Address of API and pages. There are no accounts yet: whoever reaches it may look and steer."
        ),
    ] = HOST,
    http_name: Annotated[
        list[str] | None,
        typer.Option(help="A name that API and pages are asked for by, through a proxy; may be given several times."),
    ] = None,
    mqtt_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the embedded broker; 0 picks a free one.")
    ] = DEFAULT_MQTT_PORT,
    broker: Annotated[
        str | None, typer.Option(help="Use the broker at HOST:PORT and do not start the embedded one.")
    ] = None,
    broker_user: Annotated[str | None, typer.Option(help="User name at a broker elsewhere.")] = None,
    broker_password: Annotated[
        str | None, typer.Option(envvar="GATELINE_BROKER_PASSWORD", help="Password at a broker elsewhere.")
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=366,
            help="How long consented passages live, in days; at most, and by default, what the notice has told riders.",
        ),
    ] = None,
    pass_quota: Annotated[
        int, typer.Option(min=1, help="Passes that one kiosk may have signed on one service day.")
    ] = DEFAULT_QUOTA,
    spent_interval: Annotated[
        float, typer.Option(min=0.1, max=3600, help="How often used passes are published to the gates, in seconds.")
    ] = SPENT_INTERVAL_S,
    runs: Annotated[
        Path | None,
        typer.Option(help="A folder with runs of `gateline simulate FILE --out FOLDER/NAME`, for the page of results."),
    ] = None,
    json_ready: Annotated[
        bool, typer.Option("--json-ready", help="When ready, write one line of JSON to standard output.")
    ] = False,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", hidden=True, help="End when standard input closes.")
    ] = False,
) -> None:
    """Run the gateway until it is interrupted (Ctrl-C or SIGTERM)."""
    from gateway.api.server import serve
    from gateway.service import Settings

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    logging.getLogger("gateline").setLevel(logging.INFO)
    settings = Settings(
        data,
        broker=None if broker is None else _address(broker),
        mqtt_port=mqtt_port,
        broker_user=broker_user,
        broker_password=broker_password,
        keep_days=keep_days,
        quota=pass_quota,
        spent_interval_s=spent_interval,
        runs=runs,
    )

    def ready(url: str, mqtt: tuple[str, int]) -> None:
        if json_ready:
            print(json.dumps({"http": url, "mqtt": mqtt[1]}), flush=True)
        else:
            typer.echo(f"The gateway serves at {url} and listens to the broker at {mqtt[0]}:{mqtt[1]}.", err=True)

    status = serve(
        settings,
        http_port,
        ready,
        http_host=http_host,
        names=http_name or (),
        until_stdin_closes=until_stdin_closes,
    )
    if status:
        raise typer.Exit(status)


@app_device.command("add")
def add(
    device: Annotated[str, typer.Argument(help="The device's name: lower-case letters, digits, hyphens.")],
    site: Annotated[str, typer.Option(help="The site's name; made if it is not there.")],
    site_class: Annotated[
        str, typer.Option(help="What the site is, for ever: emulated (hardware in the simulator) or physical.")
    ],
    data: Data = Path("gateline-data"),
    kind: Annotated[str, typer.Option(help="What it is, for ever: gate, or kiosk (which sells passes).")] = "gate",
    gateway: Annotated[
        str, typer.Option(help="Where a kiosk finds the gateway: http(s)://HOST:PORT.")
    ] = f"http://{HOST}:{DEFAULT_HTTP_PORT}",
    day_start_ms: Annotated[
        int,
        typer.Option(
            help="When the service day begins, ms after midnight UTC, a multiple of 900000; for a new site only."
        ),
    ] = 0,
    broker: Annotated[str, typer.Option(help="Where the device finds the broker.")] = f"{HOST}:{DEFAULT_MQTT_PORT}",
    json_only: Annotated[bool, typer.Option("--json", help="Print the settings alone, as one JSON object.")] = False,
    count: Annotated[
        int | None,
        typer.Option(min=1, max=COUNT_MAX, help="A whole fleet: DEVICE-1 to DEVICE-COUNT. Takes --out."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A new file for the fleet's settings, one JSON object a line. Takes --count.")
    ] = None,
) -> None:
    """Add a device: print the settings file with its key, which is shown this once. Or add a fleet, into a file."""
    from gateway.devices.provisioning import Provisioning, device_kind
    from gateway.store.database import Database
    from gateway.store.directory import Directory

    host, port = _address(broker)
    if (count is None) != (out is None):
        raise UserError(
            "--count and --out go together: a fleet's settings are written to a file, one JSON object a line."
        )
    if count is not None and kind != "gate":
        raise UserError("--count makes a fleet of gates; add kiosks one by one.")
    if out is not None and json_only:
        raise UserError("--json prints one device's settings; a fleet's are JSON in the file that --out names.")
    database = Database(data)
    try:
        provisioning = Provisioning(Directory(database))
        if count is not None and out is not None:
            rows = provisioning.draw_fleet(site, device, count, site_class, day_start_ms)
            # The file first: a device that is known and whose key nobody has could never be used.
            with _new_secret_file(out) as file:
                file.writelines(json.dumps(provisioning.settings(row, host, port)) + "\n" for row in rows)
                file.flush()
                provisioning.add_fleet(rows)
            typer.echo(
                f"{count} devices, {rows[0].device} to {rows[-1].device}, are added; their settings with their secret "
                f"keys are in {out}.\nThen start the gateway, if it does not run: gateline gateway run --data {data}",
                err=True,
            )
            return
        row = provisioning.add_device(site, device, site_class, day_start_ms, device_kind(kind))
        settings = provisioning.settings(row, host, port, gateway)
    finally:
        database.close()
    typer.echo(json.dumps(settings, indent=None if json_only else 2))
    if not json_only:
        typer.echo(
            f"Save this as the settings file of {device}. It holds the device's secret key and is not shown again.\n"
            f"Then start the gateway, if it does not run: gateline gateway run --data {data}",
            err=True,
        )


def main() -> None:
    """``python -m gateway``: the same commands, without the front door."""
    from gateway.consent.commands import app_notice

    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
    app.command("run")(run)
    app.add_typer(app_device, name="device")
    app.add_typer(app_notice, name="notice")
    try:
        app()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
