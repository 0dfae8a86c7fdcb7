"""The simulator's engines, compiled to machine code from the same source by mypyc: the same results, sooner.

A whole copy of `firmware` and `simulator` lies in a folder of the Python environment, with the compiled modules beside
their sources; the processes of a run import from there. The copy is named after everything it was made of, so an edited
source is never answered by an older engine. The firmware is not compiled: every gate runs its source as it stands.

What is sent between processes (a run's specification, its counts) is data of modules that stay as they are; only such
modules are listed below as hold none of it.

Does not belong here: what a run is (simulator/study). Errors are sentences (UserError).
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from simulator.errors import UserError

MODULES = (
    "simulator/clock.py",
    "simulator/devices/in_process.py",
    "simulator/plant/arm.py",
    "simulator/plant/beams.py",
    "simulator/plant/lane.py",
    "simulator/plant/reader.py",
    "simulator/plant/silhouette.py",
    "simulator/study/run.py",
    "simulator/world/account.py",
    "simulator/world/bodies.py",
    "simulator/world/moves.py",
    "simulator/world/riders.py",
    "simulator/world/station.py",
    "simulator/world/traffic.py",
    "simulator/world/visit.py",
)
PACKAGES = ("firmware", "simulator")

_CONFIG = """[mypy]
explicit_package_bases = true
namespace_packages = true
ignore_missing_imports = true
"""
_DONE = "complete"


def _root() -> Path:
    """The folder that holds the packages as they are imported now."""
    spec = importlib.util.find_spec("simulator")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent.parent


def _sources(root: Path) -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".pyc", ".so"):
                yield path


@lru_cache(maxsize=1)
def digest() -> str:
    """A name for all that the engines are made of: sources, Python, compiler of them."""
    found = hashlib.sha256()
    root = _root()
    for part in (sys.version, sysconfig.get_platform(), _mypy_version()):
        found.update(part.encode() + b"\0")
    for path in _sources(root):
        if path.suffix == ".py":
            found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _mypy_version() -> str:
    try:
        return version("mypy")
    except PackageNotFoundError:
        return ""


def _home() -> Path:
    return Path(sys.prefix) / "share" / "gateline" / "engines"


def ready() -> Path | None:
    """The folder of the compiled engines that belong to the present sources; None when there is none."""
    if _root().parent == _home():
        return _root()  # these are they
    folder = _home() / digest()
    return folder if (folder / _DONE).is_file() else None


def compile_engines() -> Path:
    """Compile them, unless that is done; takes a C compiler and about half a minute. Raises UserError."""
    found = ready()
    if found is not None:
        return found
    if not _mypy_version():
        raise UserError("The engines are compiled by mypyc, a part of mypy, which is missing: pip install mypy.")
    if shutil.which(os.environ.get("CC", "cc")) is None and shutil.which("gcc") is None:
        raise UserError("There is no C compiler: install one (on Debian: sudo apt install gcc python3-dev).")
    home = _home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix="making-") as place:
            folder = Path(place) / "engines"
            _copy(folder)
            _compile(folder)
            (folder / _DONE).touch()
            target = home / digest()
            shutil.rmtree(target, ignore_errors=True)
            folder.rename(target)
    except OSError as error:
        raise UserError(f"Can't write the compiled engines in {home} ({error.strerror}).") from error
    for old in home.iterdir():
        if old.name != digest():
            shutil.rmtree(old, ignore_errors=True)
    return home / digest()


def _copy(folder: Path) -> None:
    root = _root()
    for path in _sources(root):
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _compile(folder: Path) -> None:
    config = folder / "mypy.ini"
    config.write_text(_CONFIG, encoding="utf-8")
    environment = {**os.environ, "MYPYPATH": str(folder), "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-m", "mypyc", "--config-file", str(config), *MODULES],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        if "Python.h" in said:
            raise UserError("Python's headers are missing: install them (on Debian: sudo apt install python3-dev).")
        raise UserError(f"mypyc could not compile the engines; it last said:\n{said[-2000:]}")
    shutil.rmtree(folder / "build", ignore_errors=True)


@contextmanager
def first_on_path(folder: Path | None) -> Iterator[None]:
    """Meanwhile processes that are spawned import from that folder; the present one has imported already."""
    if folder is None:
        yield
        return
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
