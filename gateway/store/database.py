"""Opens the SQLite database: directory and file modes, pragmas, the lock against a second gateway, and what failed.

Rules: durable over power loss (WAL, synchronous=FULL); deleted bytes are overwritten (secure_delete); files are the
owner's alone. SQLite waits briefly itself (``busy_timeout``); how long to wait in all is the caller's business. Every
failure of SQLite becomes one of three: StoreBusy, StoreFull, or the exception it was. SQLite writes on happily into a
file that somebody has deleted or moved: StoreGone says so, to those who ask before they confirm anything.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from gateway.errors import UserError
from gateway.store.schema import migrate

FILE_NAME: Final = "gateline.sqlite"
BUSY_TIMEOUT_MS: Final = 250
START_PATIENCE_S: Final = 60.0
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# IOERR too: a file system that is full, or a quota, shows in the write-ahead log as a failed write.
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_READ_ONLY: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

T = TypeVar("T")


class StoreBusy(Exception):
    """Another process holds the database; nothing was written, the same call can be made again."""


class StoreFull(Exception):
    """There is no room, or writing fails; nothing was written, the same call can be made again."""


class StoreGone(Exception):
    """The open file is not the one at the database's path any more; the text is a sentence for the user."""


def primary_code(error: DBAPIError) -> int:
    """SQLite's primary result code, 0 when the error is not SQLite's."""
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's "busy" and "full" into StoreBusy and StoreFull; everything else stays what it is."""
    try:
        yield
    except OperationalError as error:
        code = primary_code(error)
        if code in _BUSY:
            raise StoreBusy from error
        if code in _FULL:
            raise StoreFull from error
        raise


def patiently(action: Callable[[], T], patience_s: float = START_PATIENCE_S) -> T:
    """Repeat ``action`` while another process holds the database, for at most ``patience_s`` seconds."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with translated():
                return action()
        except StoreBusy:
            # SQLite itself has waited busy_timeout before each of these, so this is no hot loop.
            if time.monotonic() >= deadline:
                raise


def _engine(path: Path, *, writer: bool) -> sa.Engine:
    begin = "BEGIN IMMEDIATE" if writer else "BEGIN"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            # rw, not rwc: a later connection must never make a new, empty database where ours was taken away.
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_TIMEOUT_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")
        # What a query sorts must not lie in a temporary file that nobody overwrites.
        connection.execute("PRAGMA temp_store=MEMORY")
        if writer:
            connection.execute("PRAGMA synchronous=FULL")
        else:
            connection.execute("PRAGMA query_only=ON")
        return connection

    if writer:
        engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.QueuePool, pool_size=1, max_overflow=0)
    else:
        engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.QueuePool, pool_size=4, max_overflow=8)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def require_directory(directory: Path) -> None:
    """For commands that only read: :class:`UserError` where no gateway's data directory is."""
    _refuse_file(directory)
    if not (directory / FILE_NAME).is_file():
        what = "has no gateway's data in it" if directory.is_dir() else "is not there"
        raise UserError(f"The data directory {directory} {what}; name the one that the gateway works on with --data.")


def _refuse_file(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise UserError(f"The data directory {directory} is a file; name a directory with --data.")


def prepare_directory(directory: Path) -> None:
    """Make the data directory, for its owner alone; :class:`UserError` where that is not possible.

    A database that is there is never opened here, not even to look: when a process closes any descriptor of a file, it
    loses all the locks that it has on it (fcntl(2)), SQLite's too, and the next program that closes the database takes
    its log away from under us.
    """
    _refuse_file(directory)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = os.listdir(directory)
        if (not names or FILE_NAME in names) and directory.stat().st_mode & 0o077:
            directory.chmod(0o700)
        for name in (FILE_NAME, "gateway.lock", "broker.lock"):
            path = directory / name
            try:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            except FileExistsError:
                path.chmod(0o600)
                if not os.access(path, os.R_OK | os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None
    except OSError as error:
        raise UserError(
            f"The data directory {directory} cannot be written ({error.strerror or error}); make room, give this user "
            "the right to write there, or choose another with --data."
        ) from error


class Lock:
    """An exclusive lock on one file, held as long as the process lives or until :meth:`release`."""

    def __init__(self, path: Path, refusal: str) -> None:
        """Take the lock; :class:`UserError` with the text ``refusal`` when another process has it."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise UserError(refusal) from error

    def release(self) -> None:
        """Give the lock back. May be called once only."""
        os.close(self._descriptor)


class Database:
    """The two engines of one database file: ``writer`` (one connection) and ``reader`` (a few, query only)."""

    def __init__(self, directory: Path, patience_s: float = START_PATIENCE_S) -> None:
        """Open or make the database in ``directory`` and bring it to the newest schema.

        Waits up to ``patience_s`` seconds for another process that holds it. :class:`UserError` when the directory is
        read-only or full, the file is not ours, is damaged or is newer than this program, or the wait was in vain.
        """
        prepare_directory(directory)
        self.path = directory / FILE_NAME
        self.writer = _engine(self.path, writer=True)
        self.reader = _engine(self.path, writer=False)
        try:
            self._identity = _identity(self.path)
            patiently(self._open, patience_s)
        except UserError:
            self.close()
            raise
        except (StoreBusy, StoreFull, DBAPIError) as error:
            self.close()
            raise _start_error(self.path, error) from error

    def _open(self) -> None:
        with self.writer.connect() as connection:
            raw: Any = connection.connection.driver_connection
            try:
                raw.execute("PRAGMA journal_mode=WAL").fetchall()
            except sqlite3.OperationalError as error:
                # Wrapped as SQLAlchemy would, so that one place tells busy from full.
                raise OperationalError("PRAGMA journal_mode=WAL", None, error) from error
            except sqlite3.DatabaseError as error:
                raise DatabaseError("PRAGMA journal_mode=WAL", None, error) from error
            with connection.begin():
                # Damage inside would else show itself later, in the middle of something.
                if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
                    raise _damaged(self.path)
                migrate(connection, str(self.path))

    def require_in_place(self) -> None:
        """:class:`StoreGone` when the database was deleted, moved away or replaced since it was opened."""
        if _identity(self.path) != self._identity:
            raise StoreGone(
                f"The database {self.path} was deleted, moved or replaced while the gateway was using it, so nothing "
                "more is confirmed and the gateway ends; devices keep what was not confirmed. Put the data directory "
                "back, or choose another with --data, and start the gateway again."
            )

    def close(self) -> None:
        """Close all connections; the last one folds the write-ahead log into the file."""
        self.reader.dispose()
        self.writer.dispose()


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file, None when it cannot be reached."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path} is damaged or is not a database; put it aside (do not delete it) or choose another directory with "
        "--data."
    )


def _start_error(path: Path, error: Exception) -> UserError:
    code = primary_code(error) if isinstance(error, DBAPIError) else 0
    if isinstance(error, StoreFull):
        return UserError(
            f"There is no room to write the database {path}; free some space on that disk and start again."
        )
    if isinstance(error, StoreBusy):
        return UserError(
            f"Another program has kept the database {path} locked for too long; end that program and start again."
        )
    if code in _READ_ONLY:
        return UserError(
            f"The database {path} cannot be written; give this user the right to write there, or choose another "
            "directory with --data."
        )
    if code in _BROKEN:
        return _damaged(path)
    return UserError(f"The database {path} cannot be opened ({type(error).__name__}); choose another with --data.")
