"""Packages of npm's that tests need, installed from a lock into pytest's cache, once; then nothing is fetched any more.

Without Node or npm whoever needs them is skipped (in continuous integration that is a failure, see conftest.py). What
is done with the packages doesn't belong here.
"""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

FILES = ("package.json", "package-lock.json", ".npmrc")


def installed(config: pytest.Config, name: str, source: Path) -> Path:
    """A folder of pytest's cache in which the packages of ``source``'s lock are installed."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(
                f"{program} is missing: install it (on Debian: apt install nodejs npm) and run the tests again."
            )
    cache: pytest.Cache | None = config.cache
    assert cache is not None
    folder = Path(cache.mkdir(name))
    # What was installed from another lock is installed anew: npm's own copy of the lock comes last.
    lock = (source / "package-lock.json").read_bytes()
    done = folder / "installed-from.json"
    # Several processes run the tests, and one of them installs; the others wait for it.
    with open(folder / "installing", "w", encoding="utf-8") as installing:
        fcntl.flock(installing, fcntl.LOCK_EX)
        if not done.exists() or done.read_bytes() != lock:
            for file in FILES:
                shutil.copyfile(source / file, folder / file)
            run = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True, timeout=240)
            assert run.returncode == 0, run.stdout + run.stderr
            done.write_bytes(lock)
    return folder
