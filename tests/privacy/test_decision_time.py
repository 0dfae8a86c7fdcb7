"""I8: who agreed and who declined wait equally long for the lamp, to within 1 ms at median and p99.

At least 10,000 taps, each of a pass drawn by chance, so that whatever disturbs the machine meets both alike. The test
is one of equivalence (equivalence.py): too few or too noisy taps do not pass it. As long as the interval lies across
the margin more taps are made, ROUNDS times at most; a planted delay of 3 ms must come out as a difference. Passes are
real, and verified as at a gate.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.firmware.fakes import DAY_MS, MORNING_MS
from tests.passes import Issuer, day_pass, single
from tests.privacy import taps
from tests.privacy.equivalence import Verdict, compare, quantile_interval
from tests.support import ROOT

pytestmark = pytest.mark.alone

TAPS = 10_000
PLANT_TAPS = 2_000  # a difference shows sooner than its absence
ROUNDS = 4
MARGIN_US = 1_000.0
PLANT_US = 3_000
QUANTILES = (0.5, 0.99)
MICROPYTHON = Path(sys.executable).parent / "micropython"

Timer = Callable[[int, int, int], list[tuple[str, int]]]
"""(taps, seed, planted microseconds) -> times by group."""


@cache
def sold() -> tuple[str, bytes, tuple[tuple[str, bytes], ...]]:
    """(list key, key list, twenty passes of each group, half of them singles), signed by OpenSSL."""
    issuer = Issuer()
    day = MORNING_MS // DAY_MS
    keys = {
        ("yes", "s"): single("research", day - 5),
        ("no", "s"): single("none", day - 5),
        ("yes", "d"): day_pass("research", day),
        ("no", "d"): day_pass("none", day),
    }
    passes = tuple((group, keys[group, product].new_pass()) for _ in range(10) for group, product in keys)
    return issuer.list_key, issuer.key_list(1, list(keys.values())), passes


def judged(timer: Timer, taps_a_round: int = TAPS, plant_us: int = 0) -> dict[float, Verdict]:
    """Verdicts by quantile, after as many rounds as it takes."""
    times: dict[str, list[int]] = {"yes": [], "no": []}
    verdicts: dict[float, Verdict] = {}
    for seed in range(ROUNDS):
        for group, us in timer(taps_a_round, seed, plant_us):
            times[group].append(us)
        verdicts = {share: compare(times["yes"], times["no"], share, MARGIN_US) for share in QUANTILES}
        if all(verdict.equivalent or verdict.different for verdict in verdicts.values()):
            break
    assert sum(map(len, times.values())) >= taps_a_round
    return verdicts


def on_cpython(count: int, seed: int, plant_us: int) -> list[tuple[str, int]]:
    list_key, keys, passes = sold()
    return list(taps.run(list_key, keys, list(passes), count, seed, plant_us))


@pytest.fixture
def on_micropython(tmp_path: Path) -> Timer:
    if not MICROPYTHON.exists():
        pytest.skip("MicroPython's unix port is packaged for x86-64 only: run the tests on such a machine too.")
    lines = tmp_path / "media"
    list_key, keys, passes = sold()
    told = "".join(f"{group} {presented.hex()}\n" for group, presented in passes)
    lines.write_text(f"list_key {list_key}\nkeys {keys.hex()}\n{told}")

    def run(count: int, seed: int, plant_us: int) -> list[tuple[str, int]]:
        path = ":".join([".frozen", str(ROOT), sysconfig.get_path("purelib")])
        program = [str(MICROPYTHON), "-X", "heapsize=384k", str(ROOT / "tests" / "privacy" / "taps.py")]
        ended = subprocess.run(
            [*program, str(lines), str(count), str(seed), str(plant_us)],
            env={"MICROPYPATH": path, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr or ended.stdout[-2000:]
        pairs = [line.split() for line in ended.stdout.splitlines()]
        return [(group, int(us)) for group, us in pairs]

    return run


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_who_agreed_and_who_declined_wait_equally_long() -> None:
    verdicts = judged(on_cpython)
    assert all(verdict.equivalent for verdict in verdicts.values()), verdicts


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_delay_of_3_ms_is_found() -> None:
    verdicts = judged(on_cpython, PLANT_TAPS, PLANT_US)
    assert all(verdict.different for verdict in verdicts.values()), verdicts


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_who_agreed_and_who_declined_wait_equally_long_on_micropython(on_micropython: Timer) -> None:
    verdicts = judged(on_micropython)
    assert all(verdict.equivalent for verdict in verdicts.values()), verdicts


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_delay_of_3_ms_is_found_on_micropython(on_micropython: Timer) -> None:
    verdicts = judged(on_micropython, PLANT_TAPS, PLANT_US)
    assert all(verdict.different for verdict in verdicts.values()), verdicts


def test_too_few_samples_are_no_evidence() -> None:
    same = [100.0] * 50
    verdict = compare(same, same, 0.99, MARGIN_US)
    assert not verdict.equivalent and not verdict.different


def test_equal_samples_are_equivalent_and_shifted_ones_are_not() -> None:
    ramp = [float(number % 100) for number in range(10_000)]
    assert compare(ramp, ramp, 0.5, 50.0).equivalent
    shifted = compare([value + 60 for value in ramp], ramp, 0.5, 50.0)
    assert shifted.different and not shifted.equivalent
    between = compare([value + 50 for value in ramp], ramp, 0.5, 50.0)
    assert not between.different and not between.equivalent


@pytest.mark.parametrize("share", QUANTILES)
def test_the_interval_of_a_quantile_holds_it(share: float) -> None:
    low, high = quantile_interval([float(number) for number in range(10_000)], share)
    assert low < share * 10_000 < high
    assert high - low < 250
