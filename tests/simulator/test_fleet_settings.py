"""What a fleet is told: the broker's address, a line of settings a device, and a sentence for each mistake."""

import json
from typing import Any

import pytest

from simulator.errors import UserError
from simulator.fleet.settings import BrokerAddress, parse_broker, parse_fleet

KEY = "5a" * 32


def device(name: str, **others: Any) -> dict[str, Any]:
    values = {
        "site": "lab",
        "device": name,
        "class": "emulated",
        "key": KEY,
        "broker": {"host": "127.0.0.1", "port": 1883, "user": f"lab/{name}", "password": "its own"},
        "report": {"day_start_ms": 0},
    }
    return values | others


def lines(*devices: dict[str, Any]) -> list[str]:
    return [json.dumps(one) for one in devices]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:1884", BrokerAddress("127.0.0.1", 1884)),
        ("mqtt://broker.example", BrokerAddress("broker.example", 1883)),
        ("mqtt://broker.example:9/", BrokerAddress("broker.example", 9)),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884)),
        ("mqtt://us%40er:p%3Ass@h:1", BrokerAddress("h", 1, "us@er", "p:ss")),
    ],
)
def test_a_brokers_address(text: str, address: BrokerAddress) -> None:
    assert parse_broker(text) == address


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("broker", "the port is missing"),
        (":1883", "the host is missing"),
        ("h:0", "from 1 to 65535"),
        ("h:70000", "from 1 to 65535"),
        ("h:port", "from 1 to 65535"),
        ("::1:1883", "from 1 to 65535, and an IPv6 address stands in brackets"),
        ("mqtts://h:8883", "mqtts:// is not spoken here"),
        ("http://h:80", "http:// is not spoken here"),
        ("mqtt://h:1883/topic", "nothing stands behind the port"),
        ("mqtt://user@h:1883", "a user comes with a password"),
        ("mqtt://user:@h:1883", "a user comes with a password"),
    ],
)
def test_what_is_no_brokers_address(text: str, what: str) -> None:
    with pytest.raises(UserError, match="--broker takes mqtt://HOST:PORT") as said:
        parse_broker(text)
    assert what in str(said.value)


def test_devices_come_as_they_stand_and_report_like_the_demos() -> None:
    found = parse_fleet([*lines(device("gate-1")), "", *lines(device("gate-2"))], "f")
    assert [one["device"] for one in found] == ["gate-1", "gate-2"]
    assert found[0]["report"] == {"day_start_ms": 0, "interval_ms": 10_000, "tally_min": 1}
    own = parse_fleet(lines(device("gate-1", report={"interval_ms": 60_000, "tally_min": 3})), "f")
    assert own[0]["report"] == {"interval_ms": 60_000, "tally_min": 3}
    assert len(parse_fleet(lines(*(device(f"gate-{n}") for n in range(5))), "f", devices=3)) == 3


def test_a_broker_replaces_the_address_and_a_user_the_credential() -> None:
    found = parse_fleet(lines(device("gate-1")), "f", BrokerAddress("h", 7))
    assert found[0]["broker"] == {"host": "h", "port": 7, "user": "lab/gate-1", "password": "its own"}
    found = parse_fleet(lines(device("gate-1", broker=None)), "f", BrokerAddress("h", 7, "all", "one"))
    assert found[0]["broker"] == {"host": "h", "port": 7, "user": "all", "password": "one"}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "f:2: this is no JSON object"),
        ("[1]", "f:2: this is no JSON object; one device's settings stand on one line"),
        (json.dumps(device("gate-1")), "f:2: gate-1 was in line 1 already"),
        (json.dumps(device("door", **{"class": "physical"})), "f:2: door is a device of a physical site"),
        (json.dumps(device("gate-2", broker=None)), "f:2: gate-2 has no broker; give --broker"),
        (json.dumps(device("gate-2", key="secret")), "f:2: settings: key must be 64 hex digits"),
        (json.dumps(device("Gate 2")), "f:2: settings: device is 'Gate 2'"),
        (json.dumps(device("gate-2", broker={"host": "h", "port": 1})), "f:2: settings: broker.user is missing"),
        (json.dumps(device("gate-2", report={"interval_ms": 5})), "f:2: settings: report.interval_ms is 5"),
        (json.dumps(device("gate-2", lane={"detector": "single"})), "f:2: gate-2 is set up for other beams"),
        (json.dumps({**device("gate-2"), "class": "toy"}), "f:2: settings: class is 'toy'"),
    ],
)
def test_a_bad_line_is_named_with_its_number(line: str, what: str) -> None:
    with pytest.raises(UserError) as said:
        parse_fleet([*lines(device("gate-1")), line], "f")
    assert what in str(said.value)
    assert "secret" not in str(said.value) and KEY not in str(said.value)


def test_too_few_devices() -> None:
    with pytest.raises(UserError, match="f has no devices in it; make such a file with gateline device add"):
        parse_fleet(["", " "], "f")
    with pytest.raises(UserError, match="f has 1 devices, and --devices asks for 2"):
        parse_fleet(lines(device("gate-1")), "f", devices=2)
