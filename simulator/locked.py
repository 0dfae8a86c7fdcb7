"""A folder of data that one process at a time may use. Errors are sentences (UserError)."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.errors import UserError


@contextmanager
def locked_folder(data: Path, user: str) -> Iterator[Path]:
    """Make `data` if it is not there, and keep every other `user` ("demo", "fleet") out of it meanwhile."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data / f"{user}.lock").open("w")
    except OSError as error:
        raise UserError(
            f"Can't write in the data folder {data} ({error.strerror}). Choose another with --data, "
            "or mend its rights or space."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(
                f"Another {user} is using the data folder {data}. End it first, or choose another folder with --data."
            ) from error
        yield data
