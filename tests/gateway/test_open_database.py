"""An open database keeps its locks whatever the process prepares: another program's end must not take its log away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from gateway.store.database import FILE_NAME, Database, prepare_directory

# Another program that opens the database, writes and closes it, as `gateline device add` does.
OTHER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("CREATE TABLE IF NOT EXISTS other (n)")
database.execute("INSERT INTO other VALUES (1)")
database.close()
"""


def deleted_files() -> list[str]:
    """Files that this process has open and that are gone from the disk."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if FILE_NAME in target and target.endswith("(deleted)"):
            found.append(target)
    return found


def test_another_programs_end_leaves_the_log_of_an_open_database(tmp_path: Path) -> None:
    database = Database(tmp_path)
    try:
        with database.writer.begin() as connection:
            connection.execute(sa.text("CREATE TABLE mine (n)"))
        prepare_directory(tmp_path)  # as starting the broker does, with the database open
        subprocess.run([sys.executable, "-c", OTHER, str(tmp_path / FILE_NAME)], check=True)
        assert deleted_files() == []
        with database.writer.begin() as connection:
            connection.execute(sa.text("INSERT INTO mine VALUES (1)"))
    finally:
        database.close()
    again = Database(tmp_path)
    try:
        with again.reader.connect() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM mine")).scalar() == 1
            assert connection.execute(sa.text("SELECT count(*) FROM other")).scalar() == 1
    finally:
        again.close()


def test_files_that_are_there_keep_their_content_and_are_the_owners_alone(tmp_path: Path) -> None:
    Database(tmp_path).close()
    path = tmp_path / FILE_NAME
    path.chmod(0o644)
    before = path.read_bytes()
    prepare_directory(tmp_path)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
