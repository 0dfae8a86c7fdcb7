"""Time and garbage of one verification of a pass on the real MicroPython, beside a naive one; and on CPython.

Three forms run: machine code (a bundle for a board that is named), plain code (a bundle for any), and CPython,
where hashlib does the digests. This machine is no Pico: the ratios and the garbage carry over, roughly (an object of 64
bits is twice one of 32); the microseconds don't.
"""

import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from rich.console import Console
from rich.table import Table

from bench.harness import written
from simulator.devices.bundle import ARCHITECTURES, compile_file
from simulator.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
_FILES = ("firmware/__init__", "firmware/boards/__init__", "firmware/boards/board", "firmware/fare/__init__")
_MODULES = (*_FILES, "firmware/fare/sha384", "firmware/fare/rsa")
_NOTE = "One verification of 41 bytes under a key of 2048 bits. Garbage: bytes that it leaves behind."


@dataclass
class Passes:
    """Microseconds and bytes by (form, way)."""

    found: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=dict)

    def report(self, console: Console) -> Path:
        table = Table(title="passes: one verification", caption=_NOTE, caption_justify="left")
        for title in ("", "median µs", "min", "max", "to naive", "garbage", "to naive"):
            table.add_column(title, justify="right" if title else "left")
        rows = []
        for (form, way), values in self.found.items():
            times = [time for time, _ in values]
            garbage = statistics.median(size for _, size in values)
            naive = self.found[(form, "naive")]
            row = {
                "row": f"{form}: {way}",
                "microseconds": times,
                "median_us": statistics.median(times),
                "garbage_bytes": garbage if garbage >= 0 else None,
                "time_ratio": statistics.median(times) / statistics.median(time for time, _ in naive),
                "garbage_ratio": garbage / statistics.median(size for _, size in naive) if garbage >= 0 else None,
            }
            rows.append(row)
            share = f"{row['garbage_ratio']:.3g}" if garbage >= 0 else "–"
            size = f"{garbage:,.0f}" if garbage >= 0 else "–"
            took = (f"{row['median_us']:,.0f}", f"{min(times):,}", f"{max(times):,}")
            table.add_row(f"{form}: {way}", *took, f"{row['time_ratio']:.3g}", size, share)
        console.print(table)
        return written("passes", {"unit": "microseconds and bytes per verification", "note": _NOTE}, rows)


def run() -> Passes:
    key = rsa.generate_private_key(65537, 2048)
    message = secrets.token_bytes(41)
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
    signature = key.sign(message, pss, hashes.SHA384())
    n = key.public_key().public_numbers().n.to_bytes(256, "big")
    given = "".join(f"{data.hex()}\n" for data in (n, message, signature))
    micropython = Path(sys.executable).parent / "micropython"
    if not micropython.exists():
        raise UserError("MicroPython's unix port is packaged for x86-64 only: this bench needs such a machine.")
    passes = Passes()
    device = str(ROOT / "bench" / "passes_device.py")
    with tempfile.TemporaryDirectory() as folder:
        forms = {"MicroPython, machine code": ARCHITECTURES["unix"], "MicroPython, plain": None}
        for form, architecture in forms.items():
            target = Path(folder) / form.replace(" ", "-")
            for module in _MODULES:
                compile_file(ROOT / f"{module}.py", f"{module}.py", target / f"{module}.mpy", architecture)
            naive = ROOT / "bench" / "passes_naive.py"
            compile_file(naive, naive.name, target / "passes_naive.mpy", None)
            (target / "given").write_text(given)
            path = f".frozen:{target}"
            _take(passes, form, [str(micropython), "-X", "heapsize=16m", device, str(target)], path)
        peer = Path(folder) / "cpython"
        peer.mkdir()
        (peer / "given").write_text(given)
        shutil.copyfile(ROOT / "bench" / "passes_naive.py", peer / "passes_naive.py")
        _take(passes, "CPython, hashlib", [sys.executable, device, str(peer)], None)
    return passes


def _take(passes: Passes, form: str, command: list[str], micropython_path: str | None) -> None:
    paths = {"PYTHONPATH": str(ROOT)} if micropython_path is None else {"MICROPYPATH": micropython_path}
    done = subprocess.run(command, env={**os.environ, **paths}, capture_output=True, text=True, timeout=300, cwd="/")
    if done.returncode:
        raise UserError(f"{form}: {done.stderr.strip()}")
    for line in done.stdout.splitlines():
        way, took, garbage = line.split()
        passes.found.setdefault((form, way.replace("_", " ")), []).append((int(took), int(garbage)))
