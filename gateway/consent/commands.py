"""The commands of consent: ``gateline notice add``, ``list`` and ``operator``.

Rules as in gateway/cli.py: JSON for programs on standard output, sentences for people on standard error, and what a
user can mend is a UserError. Nothing is decided here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.consent.notices import Notices

app_notice = typer.Typer(no_args_is_help=True, help="What riders are told before they are asked for their consent.")

Data = Annotated[Path, typer.Option("--data", help="The data directory; made if it is not there.")]
Present = Annotated[Path, typer.Option("--data", help="The data directory of a gateway.")]


@app_notice.callback()
def _notice() -> None:
    """What riders are told before they are asked for their consent."""


@contextlib.contextmanager
def _notices(data: Path) -> Iterator[Notices]:
    from gateway.consent.notices import Notices
    from gateway.store.database import Database

    database = Database(data)
    try:
        yield Notices(database)
    finally:
        database.close()


@app_notice.command("add")
def add(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The notice, a TOML file; or the version of one that comes along.")
    ],
    data: Data = Path("gateline-data"),
) -> None:
    """Make a notice the current one: keys made from now on belong to it. Its text is fixed from then on."""
    from gateway.consent.notices import read, shipped

    notice = next((one for one in shipped() if one.version == file), None) or read(Path(file))
    with _notices(data) as notices:
        added = notices.add(notice)
    said = "is the current notice now" if added else "was there already, word for word, and nothing has changed"
    typer.echo(f"{notice.version} (SHA-256 {notice.sha256}) {said}.", err=True)


@app_notice.command("list")
def list_(data: Present = Path("gateline-data")) -> None:
    """Print all notices of this data directory as JSON, one a line, the current one last."""
    from gateway.store.database import require_directory

    require_directory(data)
    with _notices(data) as notices:
        found = notices.all()
    for notice in found:
        line = {
            "version": notice.version,
            "sha256": notice.sha256,
            "keep_days": notice.keep_days,
            "languages": sorted(notice.texts),
            "current": notice is found[-1],
        }
        typer.echo(json.dumps(line))


@app_notice.command("operator")
def operator(
    name: Annotated[str, typer.Option(help="Who answers for the records, as riders read it.")],
    contact: Annotated[str, typer.Option(help="How riders reach them: an address, a telephone number, a desk.")],
    data: Data = Path("gateline-data"),
) -> None:
    """Fill in who the operator is, in every notice and receipt."""
    with _notices(data) as notices:
        notices.set_operator(name, contact)
    typer.echo(f"Notices and receipts name {name}, {contact}.", err=True)
