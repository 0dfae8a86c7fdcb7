"""Fleets against a real broker and a real gateway: cuts, refusals, lateness, and who ends it how."""

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import gateline
from gateway.embedded import EmbeddedGateway
from simulator.fleet import fleet as fleets
from simulator.fleet.fleet import Fleet
from simulator.reckoning import reckon
from simulator.truth import LaneExpectation, TruthLog
from tests.support import ROOT, RealProcess, python_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# A machine that is shared may stop for a second at any time; what happens when a loop is late is a test of its own.
PATIENT = ("--late-max-ms", "20000")


@dataclass
class Place:
    """A broker and a gateway that know the devices of all tests, each test's under a name of its own."""

    backend: EmbeddedGateway
    url: str
    settings: dict[str, dict[str, Any]]

    def file(self, folder: Path, name: str, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Path:
        """The file of the devices whose names begin so. Their tallies close every two seconds."""
        path = folder / f"{name}.jsonl"
        with path.open("w") as file:
            for device, values in self.settings.items():
                if device.startswith(name + "-"):
                    own = json.loads(json.dumps(values))
                    own["report"] |= {"interval_ms": 2_000}
                    change(own)
                    file.write(json.dumps(own) + "\n")
        return path

    def facts(self, name: str) -> dict[str, Any]:
        """What the database has of those devices."""
        facts = self.backend.facts()
        ours = name + "-"
        return {
            **facts,
            "passages": [row for row in facts["passages"] if row[0].startswith(ours)],
            "tallied": {device: row for device, row in facts["tallied"].items() if device.startswith(ours)},
            "irregular": {key: count for key, count in facts["irregular"].items() if key[0].startswith(ours)},
            "watermarks": {key: seq for key, seq in facts["watermarks"].items() if key[0].startswith(ours)},
        }


FLEETS = {"cuts": 40, "nets": 25, "again": 3, "late": 5, "wrong": 3, "mute": 2, "ends": 3}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    backend = EmbeddedGateway(tmp_path_factory.mktemp("gateway") / "data")
    names = [f"{fleet}-{n + 1}" for fleet, count in FLEETS.items() for n in range(count)]
    settings = backend.provision("lab", names)
    host, port = backend.start_broker()
    for values in settings.values():
        values["broker"] |= {"host": host, "port": port}
    yield Place(backend, backend.start_gateway(), settings)
    backend.stop()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """The command in this process: (status, standard output, standard error)."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(settings: Path, *words: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            gateline.main(
                ["fleet", "--settings", str(settings), "--data", str(tmp_path / "data"), *(str(word) for word in words)]
            )
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


def expected(truth: Path) -> dict[str, LaneExpectation]:
    with truth.open() as lines:
        return TruthLog.expected_by(lines)


def assert_exact(place: Place, name: str, truth: Path, summary: dict[str, Any]) -> None:
    """Truth and table agree, and the summary says what the database says."""
    facts = place.facts(name)
    reckoning = reckon(expected(truth), facts)
    assert (reckoning.lost, reckoning.invented) == (0, 0), (reckoning, summary)
    assert facts["duplicates_stored"] == 0 and facts["gaps"] == 0 and facts["quarantine"] == {}
    assert sum(facts["watermarks"].values()) == summary["records"] == summary["confirmed"]
    assert summary["riders"] == sum(summary["truth"].values()) > 0


Run = Callable[..., tuple[int, str, str]]


def test_cuts_of_network_and_power_lose_nothing(place: Place, run: Run, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    words = ("--seconds", "15", "--rate", "20", "--truth", truth, "--json", *PATIENT)
    faults = ("--network-cuts", "120", "--network-cut-s", "3", "--power-cuts", "60")
    status, out, err = run(place.file(tmp_path, "cuts"), *words, *faults)
    assert status == 0 and err == "", err
    summary = json.loads(out)
    assert summary["devices"] == summary["connected"] == 40
    assert summary["faults"]["network_cut"] > 5 and summary["faults"]["power_cut"] > 2
    assert summary["reconnects"] > 5 and summary["rss_bytes_per_device"] > 0
    assert_exact(place, "cuts", truth, summary)
    health = httpx.get(place.url + "v1/health" if place.url.endswith("/") else place.url + "/v1/health").json()
    ours = [one for one in health["devices"] if one["device"].startswith("cuts-")]
    assert len(ours) == 40 and all(one["blocked"] is None for one in ours)
    # A cut of the power is a boot of its own, over the same storage.
    assert len(place.facts("cuts")["watermarks"]) == 40 + summary["faults"]["power_cut"]


def test_without_power_cuts_the_table_is_the_truth_itself(place: Place, run: Run, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    words = ("--seconds", "10", "--rate", "20", "--truth", truth, "--json", *PATIENT)
    status, out, err = run(place.file(tmp_path, "nets"), *words, "--network-cuts", "240", "--network-cut-s", "4")
    assert status == 0, err
    summary = json.loads(out)
    assert summary["faults"] == {"network_cut": summary["faults"]["network_cut"], "power_cut": 0}
    assert summary["reconnects"] > 0 and summary["truth"]["unobserved"] == 0
    assert_exact(place, "nets", truth, summary)
    handles = [handle for _, _, handle in place.facts("nets")["passages"]]
    assert len(handles) == len(set(handles)) == summary["truth"]["passed_consented"]


def test_the_next_run_goes_on_with_the_same_devices(place: Place, run: Run, tmp_path: Path) -> None:
    file = place.file(tmp_path, "again")
    for seed in ("1", "2"):
        status, out, err = run(file, "--seconds", "2", "--rate", "30", "--seed", seed, "--json", *PATIENT)
        assert status == 0, err
        assert json.loads(out)["seed"] == int(seed)
    boots: dict[str, list[int]] = {}
    for device, boot in sorted(place.facts("again")["watermarks"]):
        boots.setdefault(device, []).append(boot)
    assert set(boots) == {"again-1", "again-2", "again-3"}
    assert all(second == first + 1 for first, second in boots.values())


def _stalled(fleet: Fleet) -> None:
    """The world comes to a stop for a moment, as when the machine has other things to do."""
    fleet.loop.call(lambda: threading.Event().wait(1.5))
    fleet.loop.call(fleet._ride)
    fleet.loop.call(lambda: threading.Event().wait(1.5))


def test_a_late_fleet_fails_loudly(place: Place, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fleet, "ride", _stalled)
    file = place.file(tmp_path, "late")
    words = ("--seconds", "2", "--rate", "30", "--json", "--late-max-ms", "900")
    status, out, err = run(file, *words)
    assert (status, out) == (1, ""), err
    assert "can't keep the pace" in err and "(900 ms are allowed). There are no figures" in err
    assert err.count("\n") == 1
    status, out, err = run(file, *words, "--allow-late")
    assert status == 0 and json.loads(out)["late_ms"] > 900
    assert "ms late: this was not the load that was asked for" in err


def test_a_device_that_the_broker_refuses_is_named(
    place: Place, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "CONNECT_S", 2.0)
    monkeypatch.setattr(fleets, "FIRST_CONTACT_S", 2.0)

    def wrong(number: str) -> Callable[[dict[str, Any]], None]:
        def change(values: dict[str, Any]) -> None:
            if values["device"] == f"wrong-{number}":
                values["broker"]["password"] = "of somebody else"

        return change

    status, out, err = run(place.file(tmp_path, "wrong", wrong("2")), "--json")
    assert (status, out) == (2, "") and "1 of 3 devices could not connect" in err and "wrong-2" in err
    status, out, err = run(place.file(tmp_path, "wrong", wrong("1")), "--json")
    assert (status, out) == (2, "") and "wrong-1 could not connect" in err and "may not know the device" in err
    assert "somebody else" not in err and "Traceback" not in err


def mute(values: dict[str, Any]) -> None:
    """A key that the gateway doesn't know: nothing of this device is ever confirmed."""
    values["key"] = "00" * 32


def test_what_is_not_confirmed_in_time_is_said(place: Place, run: Run, tmp_path: Path) -> None:
    words = ("--seconds", "1", "--grace", "4", "--json", *PATIENT)
    status, out, err = run(place.file(tmp_path, "mute", mute), *words)
    summary = json.loads(out)
    assert status == 1 and summary["unconfirmed"] == summary["records"] >= 2 and summary["confirmed"] == 0
    assert re.search(r"\d+ records are not confirmed", err)


def process(settings: Path, data: Path, *words: str) -> RealProcess:
    command: list[str | Path] = ["gateline.py", "fleet", "--settings", settings, "--data", data, *words, *PATIENT]
    return RealProcess(python_command(*command), name="fleet", cwd=ROOT)


def test_ctrl_c_ends_it_cleanly(place: Place, tmp_path: Path) -> None:
    with process(place.file(tmp_path, "ends"), tmp_path / "data", "--rate", "30") as fleet:
        fleet.wait_for_line(r"^3 devices boot and connect")
        fleet.wait_for_line(r"^Riders come")
        fleet.send(signal.SIGINT)
        fleet.wait_for_line(r"^Ending: riders go, outboxes empty")
        assert fleet.wait(timeout_s=60) == 0
        said = "\n".join(fleet.lines())
    assert "The gateway has confirmed everything." in said and "Traceback" not in said


def test_a_second_ctrl_c_ends_it_at_once(place: Place, tmp_path: Path) -> None:
    with process(place.file(tmp_path, "mute", mute), tmp_path / "data", "--rate", "0", "--grace", "600") as fleet:
        fleet.wait_for_line(r"^Riders come")
        fleet.send(signal.SIGINT)
        fleet.wait_for_line(r"^Ending")
        threading.Event().wait(0.4)  # two signals within 0.3 s are one wish
        fleet.send(signal.SIGINT)
        assert fleet.wait() == 130
        said = "\n".join(fleet.lines())
    assert "comes with the next run" in said and "Traceback" not in said
