"""The commands of passes: ``gateline passes show`` and ``audit``, which read the data directory.

Rules as in gateway/cli.py: JSON for programs on standard output, and what a user can mend is a UserError. They read
only, beside a gateway that runs or without one, and make no directory where there is none; which list each device holds
knows the running gateway (/v1/passes).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.store.database import Database

app_passes = typer.Typer(no_args_is_help=True, help="Keys of passes, and what kiosks were signed.")

Data = Annotated[Path, typer.Option("--data", help="The data directory of a gateway.")]


@app_passes.callback()
def _passes() -> None:
    """Keys of passes, and what kiosks were signed."""


@contextlib.contextmanager
def _database(data: Path) -> Iterator[Database]:
    from gateway.store.database import Database, require_directory

    require_directory(data)
    database = Database(data)
    try:
        yield database
    finally:
        database.close()


@app_passes.command("show")
def show(data: Data = Path("gateline-data")) -> None:
    """Print the keys as JSON, one a line, in front of them the published list's serial and hash."""
    from gateway.passes.keyfiles import KeyFiles
    from gateway.store.directory import Directory
    from gateway.store.passes import PassStore

    with _database(data) as database:
        store = PassStore(database)
        lists, keys, spent = store.lists(), store.all_keys(), store.spent_count()
        private = KeyFiles(Directory(database)).ids()
    number, told = (lists[0][0], lists[0][1]) if lists else (0, "")
    typer.echo(json.dumps({"serial": number, "hash": told, "spent": spent}))
    for key in keys:
        typer.echo(json.dumps(key.told() | {"private": key.id in private}))


@app_passes.command("audit")
def audit(data: Data = Path("gateline-data")) -> None:
    """Print as JSON, one kiosk a line, the signatures that it got beside the passes that its records tell.

    The last line says how often a gate told a pass that had been used or exchanged already.
    """
    from gateway.store.passes import PassStore

    with _database(data) as database:
        books, again = PassStore(database).books(), PassStore(database).spent_again()
    for one in books:
        difference = one.signatures - one.told
        typer.echo(
            json.dumps({"device": one.device, "signatures": one.signatures, "told": one.told, "difference": difference})
        )
    typer.echo(json.dumps({"spent_again": again}))
