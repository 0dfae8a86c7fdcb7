"""The front door: the `gateline` command.

It joins the command groups of the gateway and the simulator, which never see each other, and decides nothing itself.
A group is imported only when it is asked for, so that `gateline device` doesn't wait for a simulator it never uses.
What a user can mend arrives here as a `UserError` of either side and leaves as one sentence on stderr and status 2.
Commands, options and their defaults don't belong here: they live beside what they command.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

__version__ = "0.1.0"

USAGE_STATUS = 2
"""What a shell sees when the user can mend it: wrong usage, a taken port, a directory that can't be written."""


def _join_demo(app: typer.Typer) -> None:
    # Only this file sees both sides: the demo is handed the gateway it starts, and knows only how to call it.
    from gateway.embedded import EmbeddedGateway
    from simulator.cli import demo_command
    from simulator.demo import PASS_QUOTA

    def backend(data: Path, runs: Path) -> EmbeddedGateway:
        return EmbeddedGateway(data, pass_quota=PASS_QUOTA, runs=runs)

    app.command("demo")(demo_command(backend))


def _join_gateway(app: typer.Typer) -> None:
    from gateway.cli import app_gateway

    app.add_typer(app_gateway, name="gateway")


def _join_device(app: typer.Typer) -> None:
    from gateway.cli import app_device

    app.add_typer(app_device, name="device")


def _join_notice(app: typer.Typer) -> None:
    from gateway.consent.commands import app_notice

    app.add_typer(app_notice, name="notice")


def _join_passes(app: typer.Typer) -> None:
    from gateway.passes.commands import app_passes

    app.add_typer(app_passes, name="passes")


def _join_simulate(app: typer.Typer) -> None:
    from simulator.scenario.commands import simulate

    app.command("simulate")(simulate)


def _join_report(app: typer.Typer) -> None:
    from simulator.report.commands import report

    app.command("report")(report)


def _join_compile(app: typer.Typer) -> None:
    from simulator.scenario.commands import compile_

    app.command("compile")(compile_)


def _join_scenario(app: typer.Typer) -> None:
    from simulator.scenario.commands import app as app_scenario

    app.add_typer(app_scenario, name="scenario")


def _join_calibrate(app: typer.Typer) -> None:
    from simulator.calibration.commands import calibrate

    app.command("calibrate")(calibrate)


def _join_fleet(app: typer.Typer) -> None:
    from simulator.fleet.commands import fleet

    app.command("fleet")(fleet)


def _join_kiosk(app: typer.Typer) -> None:
    # The kiosk is firmware, its emulated hardware the simulator's: they meet here.
    from firmware.kiosk.touch.command import kiosk_command

    def emulated(*given: Any, **named: Any) -> Any:
        from simulator.kiosk.paced import PacedKiosk

        return PacedKiosk(*given, **named)

    app.command("kiosk")(kiosk_command(emulated))


Join = Callable[[typer.Typer], None]

GROUPS: dict[str, Join] = {
    "demo": _join_demo,
    "simulate": _join_simulate,
    "report": _join_report,
    "scenario": _join_scenario,
    "calibrate": _join_calibrate,
    "compile": _join_compile,
    "fleet": _join_fleet,
    "gateway": _join_gateway,
    "device": _join_device,
    "notice": _join_notice,
    "kiosk": _join_kiosk,
    "passes": _join_passes,
}
"""Every command group, in the order in which the help lists them."""


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gateline {__version__}")
        raise typer.Exit


def build(words: Sequence[str], groups: dict[str, Join] = GROUPS) -> typer.Typer:
    """The command line for `words`: with the one group they name, or with all when they name none (help, a slip)."""
    app = typer.Typer(name="gateline", no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback(help="A fare gate whose every part can be studied, and whose riders cannot.")
    def front_door(
        version: Annotated[
            bool, typer.Option("--version", help="Say the version and end.", callback=_say_version, is_eager=True)
        ] = False,
    ) -> None:
        pass

    named = next((word for word in words if not word.startswith("-")), None)
    for name, join in groups.items():
        if name == named or named not in groups:
            join(app)
    return app


def user_errors() -> tuple[type[Exception], ...]:
    """The `UserError` of each side that has been imported: the others can't have raised one."""
    modules = (sys.modules.get(f"{side}.errors") for side in ("gateway", "simulator", "firmware.kiosk.touch"))
    return tuple(module.UserError for module in modules if module is not None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line in `arguments`, or the process's own; always ends by `SystemExit`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # --version needs none of the groups, and answers even where one can't be imported.
        build(words, {} if words == ["--version"] else GROUPS)(words, prog_name="gateline")
    except Exception as error:
        if not isinstance(error, user_errors()):
            raise
        typer.echo(f"gateline: {error}", err=True)
        raise SystemExit(USAGE_STATUS) from error


if __name__ == "__main__":
    main()
