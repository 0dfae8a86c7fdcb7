"""Brings a database to the newest schema, through Alembic and without files on the user's disk.

Rule: migrations only go upward; a database from a newer program is refused with a sentence, never touched.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.errors import UserError


def migrate(connection: Connection, where: str) -> None:
    """Run all outstanding migrations inside the connection's transaction; ``where`` names the database in errors."""
    config = Config()
    config.set_main_option("script_location", "gateway.store:migrations")
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise UserError(
            f"The database {where} was written by a newer Gateline (schema {current}); start that version, or point "
            "--data at another directory."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
