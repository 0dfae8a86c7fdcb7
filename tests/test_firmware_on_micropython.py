"""The device's tests once more, on the runtime that devices have; and mpy-cross compiles every device file.

Each file of tests/firmware is one test here, run in a MicroPython process of its own under a small heap. The unix port
has words of 64 bits: 384 KiB there hold about what 192 KiB hold on a Pico W, which is all that it has.
What the device's engines do is tested in tests/firmware, not here.
"""

import hashlib
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from simulator.devices import bundle
from tests.support import ROOT

HEAP = "384k"
TESTS = ROOT / "tests" / "firmware"
RUNNER = TESTS / "run_micropython.py"
SITE_PACKAGES = sysconfig.get_path("purelib")
MICROPYTHON = Path(sys.executable).parent / "micropython"

# Each exists in device memory at run time only as what mpy-cross makes of it.
# The touch page runs on a Raspberry Pi's CPython only.
TOUCH = ROOT / "firmware" / "kiosk" / "touch"
DEVICE_FILES = sorted(
    path
    for path in (ROOT / "firmware").rglob("*.py")
    if "__pycache__" not in path.parts and not path.is_relative_to(TOUCH)
)
TEST_FILES = sorted(TESTS.glob("test_*.py"))


def run_under_micropython(test_file: Path) -> subprocess.CompletedProcess[str]:
    if not MICROPYTHON.exists():
        pytest.skip("MicroPython's unix port is packaged for x86-64 only: run the tests on such a machine too.")
    path = ":".join([".frozen", str(TESTS / "micropython"), str(ROOT), SITE_PACKAGES])
    return subprocess.run(
        [str(MICROPYTHON), "-X", f"heapsize={HEAP}", str(RUNNER), str(test_file.parent), test_file.stem],
        cwd=ROOT,
        env={"MICROPYPATH": path, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("test_file", TEST_FILES, ids=lambda path: path.stem)
def test_device_tests_pass_under_micropython(test_file: Path) -> None:
    run = run_under_micropython(test_file)
    assert run.returncode == 0, run.stdout + run.stderr


def plant(tmp_path: Path, body: str) -> Path:
    planted = tmp_path / "test_planted.py"
    planted.write_text(
        f"import unittest\n\n\nclass Planted(unittest.TestCase):\n    def test_it(self):\n        {body}\n"
    )
    return planted


def test_a_true_assertion_passes_under_micropython(tmp_path: Path) -> None:
    run = run_under_micropython(plant(tmp_path, "self.assertEqual(1, 1)"))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 ok, 0 skipped, 0 failed" in run.stdout


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("self.assertEqual(1, 2)", "1 != 2"),
        ("self.assertRaises(ValueError, int, '1')", "not raised"),
        ("with self.assertRaisesRegex(ValueError, 'other'): raise ValueError('one')", "is not found in"),
        ("raise OSError(5)", "OSError"),
        ("bytearray(1_000_000)", "MemoryError"),
        ("self.skipTest('nothing was tried')", "0 ok, 1 skipped"),
        ("self.assertNoSuchThing(1)", "AttributeError"),
    ],
)
def test_a_planted_failure_is_found_under_micropython(tmp_path: Path, body: str, said: str) -> None:
    run = run_under_micropython(plant(tmp_path, body))
    assert run.returncode == 1
    assert said in run.stdout + run.stderr


def test_a_file_without_tests_is_a_failure_under_micropython(tmp_path: Path) -> None:
    (tmp_path / "test_empty.py").write_text("import unittest\n")
    assert run_under_micropython(tmp_path / "test_empty.py").returncode == 1


@pytest.mark.parametrize("device_file", DEVICE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_mpy_cross_compiles(device_file: Path, tmp_path: Path) -> None:
    bundle.compile_file(device_file, device_file.name, tmp_path / "out.mpy", None)


@pytest.mark.parametrize("board", bundle.ARCHITECTURES)
def test_machine_code_compiles_for(board: str, tmp_path: Path) -> None:
    source, plain, native = ROOT / "firmware" / "fare" / "sha384.py", tmp_path / "plain.mpy", tmp_path / "native.mpy"
    bundle.compile_file(source, source.name, plain, None)
    bundle.compile_file(source, source.name, native, bundle.ARCHITECTURES[board])
    assert plain.read_bytes()[2] >> 2 == 0, "what is for any processor names one"
    assert native.read_bytes()[2] >> 2 != 0, "no machine code in it"


@pytest.mark.parametrize("board", [None, "unix"])
def test_the_compiled_sha_384_digests(board: str | None, tmp_path: Path) -> None:
    if not MICROPYTHON.exists():
        pytest.skip("MicroPython's unix port is packaged for x86-64 only: run the tests on such a machine too.")
    source = ROOT / "firmware" / "fare" / "sha384.py"
    bundle.compile_file(source, source.name, tmp_path / "sha384.mpy", board and bundle.ARCHITECTURES[board])
    script = "import sha384; out = bytearray(48); sha384.digest((b'ab', b'c'), out); print(out.hex())"
    run = subprocess.run(
        [str(MICROPYTHON), "-c", script],
        env={"MICROPYPATH": f".frozen:{tmp_path}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() == hashlib.sha384(b"abc").hexdigest()
