"""What a fleet is told: its devices' settings, a line each, and where the broker is.

Pure: text in, dictionaries out, UserError with file and line where something is wrong. Secrets never stand in an error.
Does not belong here: reading files (commands.py), connecting (network.py).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from firmware import config
from simulator.errors import UserError

DEFAULT_PORT = 1883
INTERVAL_MS = 10_000
TALLY_MIN = 1

_BROKER_FORMS = "mqtt://HOST:PORT, mqtt://USER:PASSWORD@HOST:PORT or HOST:PORT"


@dataclass(frozen=True)
class BrokerAddress:
    """Where all devices of a fleet find their broker; `user` None leaves each device its own credential."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None


def parse_broker(text: str) -> BrokerAddress:
    """The address that `--broker` gives; UserError says what is wrong with it."""

    def wrong(what: str) -> UserError:
        return UserError(f"--broker takes {_BROKER_FORMS}; {what}.")

    bare = "://" not in text
    try:
        parts = urlsplit(f"mqtt://{text}" if bare else text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong("the port is a number from 1 to 65535, and an IPv6 address stands in brackets") from None
    if parts.scheme != "mqtt":
        raise wrong(f"{parts.scheme}:// is not spoken here, only plain mqtt://")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise wrong("nothing stands behind the port")
    if not host:
        raise wrong("the host is missing")
    if bare and port is None:
        raise wrong("the port is missing")
    if port == 0:
        raise wrong("the port is a number from 1 to 65535")
    if parts.username is None:
        return BrokerAddress(host, port or DEFAULT_PORT)
    if not parts.username or not parts.password:
        raise wrong("a user comes with a password, and both are not empty")
    return BrokerAddress(host, port or DEFAULT_PORT, unquote(parts.username), unquote(parts.password))


def parse_fleet(
    lines: Iterable[str], file: str, broker: BrokerAddress | None = None, devices: int | None = None
) -> list[dict[str, Any]]:
    """The settings of the first `devices` devices (all of them unless given), as a gate takes them.

    Where a line leaves it open, tallies close every INTERVAL_MS from TALLY_MIN passages on, as in the demo: a run of
    minutes is to show them. A `broker` replaces what the lines say of host and port, and of the user if it names one.
    """
    found: list[dict[str, Any]] = []
    first_at: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if devices is not None and len(found) == devices:
            break
        where = f"{file}:{number}"
        values = _device(line, where, broker)
        name: str = values["device"]
        if name in first_at:
            raise UserError(
                f"{where}: {name} was in line {first_at[name]} already; a broker throws out the older of two devices "
                "of one name, so each may be there once."
            )
        first_at[name] = number
        found.append(values)
    if not found:
        raise UserError(f"{file} has no devices in it; {how_to_add(file)}")
    if devices is not None and len(found) < devices:
        raise UserError(
            f"{file} has {len(found)} devices, and --devices asks for {devices}: ask for fewer, or add others to a "
            "file of their own with gateline device add NAME --count N --out FILE."
        )
    return found


def how_to_add(file: str) -> str:
    """The sentence that says how a fleet's file is made."""
    return (
        "make such a file with "
        f"gateline device add gate --count 1000 --site lab --site-class emulated --out {file} (docs/fleet.md)."
    )


def _device(line: str, where: str, broker: BrokerAddress | None) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{where}: this is no JSON object ({error}); one device's settings stand on one line."
        ) from None
    if not isinstance(values, dict):
        raise UserError(f"{where}: this is no JSON object; one device's settings stand on one line.")
    if values.get("class") == "physical":
        raise UserError(
            f"{where}: {values.get('device')} is a device of a physical site. A fleet's devices are emulated, and what "
            "they report would stand among real riders: it takes devices of emulated sites only."
        )
    if broker is not None:
        own = values.get("broker")
        merged = dict(own) if isinstance(own, dict) else {}
        merged |= {"host": broker.host, "port": broker.port}
        if broker.user is not None:
            merged |= {"user": broker.user, "password": broker.password}
        values["broker"] = merged
    report = values.setdefault("report", {})
    if isinstance(report, dict):
        report.setdefault("interval_ms", INTERVAL_MS)
        report.setdefault("tally_min", TALLY_MIN)
    try:
        settings = config.Settings(values)
    except config.SettingsError as error:
        raise UserError(f"{where}: {error}.") from None
    if not settings.networked:
        raise UserError(f"{where}: {settings.device} has no broker; give --broker mqtt://USER:PASSWORD@HOST:PORT.")
    if settings.detector != "ordered" or settings.beams != 4:
        raise UserError(
            f"{where}: {settings.device} is set up for other beams than a fleet's lanes have: leave lane.detector and "
            "lane.beams out (four beams in order)."
        )
    return values
