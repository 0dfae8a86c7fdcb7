"""pytest's side of the plugin: what it costs who doesn't use it, what a failure shows, and that lanes end with tests.

Each test runs pytest in a process of its own, on a project that is not Gateline, with every warning an error. What a
lane can do is in test_testing_lane.py.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_gateline
from pytest_gateline import lanes
from tests.support import ROOT

PLUGIN = "pytest_gateline.plugin"
PAGE = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")


def run(folder: Path, *options: str, **files: str) -> subprocess.CompletedProcess[str]:
    """pytest on these files, away from the project."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_pytest_finds_it_by_its_entry_point() -> None:
    found = importlib.metadata.entry_points(group="pytest11", name="gateline")
    assert [point.value for point in found] == [PLUGIN]
    for name in pytest_gateline.__all__:
        assert getattr(pytest_gateline, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'Gate'"):
        pytest_gateline.Gate  # noqa: B018


def test_who_does_not_use_it_imports_nothing_of_it(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        test_theirs=(
            "import sys\n\n"
            "def test_theirs(request):\n"
            f"    assert request.config.pluginmanager.hasplugin('gateline') and {PLUGIN!r} in sys.modules\n"
            "    ours = {'firmware', 'gateway', 'simulator', 'gateline', 'pytest_gateline.lanes'}\n"
            "    assert not (ours | {'pydantic', 'typer', 'pyarrow', 'chumicro_mqtt'}) & set(sys.modules)\n"
        ),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


def test_packages_of_the_same_names_are_theirs(tmp_path: Path) -> None:
    for name in ("simulator", "gateway", "firmware"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"OWNER = 'theirs: {name}'\n")
    ended = run(
        tmp_path,
        test_theirs=(
            "import firmware, gateway, simulator\n\n"
            "def test_theirs():\n    assert simulator.OWNER == 'theirs: simulator'\n"
            "    assert (firmware.OWNER, gateway.OWNER) == ('theirs: firmware', 'theirs: gateway')\n"
        ),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_it_can_be_left_out(tmp_path: Path) -> None:
    ended = run(tmp_path, "-p", "no:gateline", test_a="def test_a(gate_lane):\n    pass\n")
    assert ended.returncode == 1 and "fixture 'gate_lane' not found" in ended.stdout


def test_the_fixtures_are_listed_with_their_purpose(tmp_path: Path) -> None:
    listed = run(tmp_path, "--fixtures", "-v", test_a="def test_a():\n    pass\n").stdout
    for name in ("gate_lane", "make_gate_lane", "live_gate_lane"):
        assert f"{name} -- " in listed
    assert "send riders, break beams, cut the network, read records" in listed


def test_a_failure_says_what_the_lane_was_like(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        test_a=(
            "def test_a(make_gate_lane):\n"
            "    one, other = make_gate_lane(), make_gate_lane('west-1', seed=5)\n"
            "    other.send()\n    assert other.passages == []\n"
            "def test_b(gate_lane):\n    gate_lane.jam_arm()\n    gate_lane.send(timeout_s=9)\n"
            "def test_c(gate_lane):\n    pass\n"
        ),
    )
    assert ended.returncode == 1 and "2 failed, 1 passed" in ended.stdout, ended.stdout + ended.stderr
    assert ended.stdout.count("- gate lane gate-1 -") == 2 and ended.stdout.count("- gate lane west-1 -") == 1
    assert "lane west-1, seed 5, " in ended.stdout and "truth: passed 1" in ended.stdout
    assert "NotInTime: not everybody has left lane gate-1 within 9 s" in ended.stdout
    assert "In the way: the arm is jammed (free_arm)" in ended.stdout
    assert "/simulator/testing/" not in ended.stdout.split("test_b", 1)[1].split("- gate lane", 1)[0]


def test_lanes_end_with_their_test(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        test_a=(
            "import pytest\nkept = []\n\n"
            "def test_a(gate_lane, make_gate_lane):\n    kept.extend([gate_lane, make_gate_lane('gate-2')])\n"
            "def test_b():\n    for lane in kept:\n"
            "        with pytest.raises(ValueError, match='is closed: a lane lives as long as the test'):\n"
            "            lane.send()\n"
        ),
    )
    assert ended.returncode == 0 and "2 passed" in ended.stdout, ended.stdout + ended.stderr


class Consumer:
    """Somebody's: keeps the passages by what names their records."""

    def __init__(self) -> None:
        self.found: set[tuple[int, int]] = set()
        self.taken = 0

    def on_message(self, topic: str, payload: bytes) -> None:
        body = json.loads(payload)
        for seq, record in enumerate(body.get("records", []), body.get("seq", 0)):
            self.taken += 1
            if record["kind"] == "passage":
                self.found.add((body["boot"], seq))

    @property
    def passages(self) -> int:
        return len(self.found)


def test_the_shown_consumer_counts_as_the_page_says(make_gate_lane: lanes.MakeGateLane) -> None:
    shown = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    made: list[pytest_gateline.VirtualLane] = []
    consumers: list[Consumer] = []

    def make(**arguments: int) -> pytest_gateline.VirtualLane:
        made.append(make_gate_lane(latency_ms=arguments["latency_ms"]))
        return made[-1]

    def consumer() -> Consumer:
        consumers.append(Consumer())
        return consumers[-1]

    names: dict[str, object] = {"Consumer": consumer}
    exec(shown, names)
    test = names["test_my_consumer_counts_every_passage_once"]
    assert callable(test)
    test(make)
    assert (consumers[0].taken, len(made[0].records)) == (10, 6)
    assert "Here ten records reach the broker, though the device wrote six: four confirmations were lost" in PAGE


@pytest.mark.parametrize("kind", [pytest_gateline.VirtualLane, pytest_gateline.LiveLane, pytest_gateline.Sent])
def test_the_page_has_every_verb_and_everything_that_can_be_read(kind: type) -> None:
    missing = [name for name in dir(kind) if not name.startswith("_") and not re.search(rf"[`.]{name}\b", PAGE)]
    assert set(missing) <= {"close"}  # which the fixtures do


def test_two_fixtures_of_one_test_are_two_lanes(
    gate_lane: pytest_gateline.VirtualLane, make_gate_lane: lanes.MakeGateLane
) -> None:
    other = make_gate_lane()
    gate_lane.send()
    assert gate_lane is not other and (gate_lane.truth, other.truth) == ({"passed": 1}, {})


def test_a_live_lane_needs_a_broker(live_gate_lane: lanes.LiveGateLane) -> None:
    with pytest.raises(ValueError, match=r'live_gate_lane\("mqtt://user:password@host:port"\)'):
        live_gate_lane()
    with pytest.raises(ValueError, match="can't be read"):
        live_gate_lane(settings=ROOT / "there-is-no.json")
    with pytest.raises(ValueError, match="settings are those of a device"):
        live_gate_lane(settings={"site": "north"})
