"""Provisioning: makes sites and devices, draws their keys, and writes out what a device must know.

Rules: keys and passwords are drawn from the system's randomness, always; a site's class is fixed when it is created
(I3). What a device is told is the settings dictionary of :meth:`Provisioning.settings`.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any, Final

from gateway.admission.rules import DAY_MS, DEVICE_KINDS, RESOLUTION_MS, SITE_CLASSES, DeviceKind, SiteClass
from gateway.devices.registry import SIMULATOR, broker_user
from gateway.errors import UserError
from gateway.passes.keyfiles import KeyFiles
from gateway.protocol.seal import KEY_BYTES
from gateway.protocol.topics import PASSES, is_name
from gateway.store.directory import DeviceRow, Directory, Role, SiteRow

GATEWAY_USER: Final = "gateway"
GATEWAY_URL: Final = "http://127.0.0.1:8080"
KIOSK_PRICES: Final = {"single": 300, "day": 800}
"""Cents, in the settings that are printed for a kiosk; the operator changes them there."""
_NAME_RULE: Final = "lower-case letters, digits and hyphens, at most 32, not beginning with a hyphen"


def _require_name(what: str, name: str) -> None:
    if not is_name(name):
        raise UserError(f"The {what} name {name!r} cannot be used; take {_NAME_RULE}.")


class Provisioning:
    """Adds sites and devices to one database."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def add_site(self, site: str, site_class: str, day_start_ms: int = 0) -> SiteRow:
        """Make the site, or find it again; ``day_start_ms`` is a multiple of 900000 within a day.

        :class:`UserError` for a bad name or day start, or when its class is another.
        """
        _require_name("site", site)
        if site_class not in SITE_CLASSES:
            raise UserError(f"A site's class is one of {', '.join(SITE_CLASSES)}, not {site_class!r}.")
        if not 0 <= day_start_ms < DAY_MS or day_start_ms % RESOLUTION_MS:
            # A tally ends with the service day, and a physical site's times must be whole quarter hours.
            raise UserError(
                f"The service day cannot begin {day_start_ms} ms after midnight UTC; --day-start-ms takes a multiple "
                f"of {RESOLUTION_MS} (a quarter hour) from 0 to {DAY_MS - RESOLUTION_MS}."
            )
        self._directory.add_site(SiteRow(site, site_class, day_start_ms))
        present = self._directory.sites()[site]
        if present.site_class != site_class:
            raise UserError(
                f"The site {site} is {present.site_class} and its class is fixed; choose another site name for "
                f"{site_class} devices."
            )
        return present

    def add_device(
        self,
        site: str,
        device: str,
        site_class: SiteClass | str,
        day_start_ms: int = 0,
        kind: DeviceKind = "gate",
    ) -> DeviceRow:
        """Make a device and, if need be, its site; :class:`UserError` for a bad or taken name, or another class."""
        _require_name("device", device)
        if device == SIMULATOR:
            raise UserError("The name simulator is kept for the simulator's own credential; choose another.")
        if device == PASSES:
            raise UserError("The name passes is kept for the topics of key list and spent set; choose another.")
        self.add_site(site, site_class, day_start_ms)
        row = _draw(site, device, "device", kind)
        if not self._directory.add_device(row):
            raise UserError(f"There is a device {device} already; names are unique over all sites: choose another.")
        return row

    def draw_fleet(
        self, site: str, device: str, count: int, site_class: SiteClass | str, day_start_ms: int = 0
    ) -> list[DeviceRow]:
        """The site, and rows for ``device``-1 to ``device``-``count``, which :meth:`add_fleet` adds. So their keys can
        be in a file before anybody knows the devices; :class:`UserError` as for :meth:`add_device`.
        """
        names = [f"{device}-{number}" for number in range(1, count + 1)]
        _require_name("device", names[-1])
        self.add_site(site, site_class, day_start_ms)
        taken = {row.device for row in self._directory.devices()}
        for name in names:
            if name in taken:
                raise UserError(
                    f"There is a device {name} already; names are unique over all sites: choose another than {device}."
                )
        return [_draw(site, name, "device") for name in names]

    def add_fleet(self, rows: list[DeviceRow]) -> None:
        """Add what :meth:`draw_fleet` drew, all or none."""
        if not self._directory.add_devices(rows):
            raise UserError("Somebody else has just taken one of these names; nothing was added: try again.")

    def ensure_device(self, site: str, device: str, site_class: SiteClass, kind: DeviceKind = "gate") -> DeviceRow:
        """The device as it is, made first if it is not there; :class:`UserError` when it is of another kind."""
        present = self._find(site, device)
        if present is not None and present.kind != kind:
            raise UserError(f"The device {device} is a {present.kind}, and its kind is fixed; choose another name.")
        return present if present is not None else self.add_device(site, device, site_class, kind=kind)

    def ensure_simulator(self, site: str) -> DeviceRow:
        """The credential of an emulated site's simulator, made first if it is not there."""
        present = self._find(site, SIMULATOR)
        if present is None:
            self._directory.add_device(_draw(site, SIMULATOR, "simulator"))
            present = self._find(site, SIMULATOR)
            assert present is not None
        return present

    def gateway_password(self) -> str:
        """The gateway's own password at the embedded broker, drawn once per database."""
        return self._directory.setting("gateway_broker_password", secrets.token_urlsafe(24))

    def settings(self, row: DeviceRow, host: str, port: int, gateway: str = GATEWAY_URL) -> dict[str, Any]:
        """What the device must know, as one JSON-able dictionary; the broker is at ``host``, ``port``.

        ``gateway`` is the gateway's address for a kiosk. The network's list key is made first if there is none yet;
        :class:`UserError` when its file is lost or others can read it.
        """
        site = self._directory.sites()[row.site]
        kiosk = {"kiosk": {"gateway": gateway, "prices": dict(KIOSK_PRICES)}} if row.kind == "kiosk" else {}
        list_key = KeyFiles(self._directory).list_modulus()
        return {
            "site": row.site,
            "device": row.device,
            "class": site.site_class,
            "key": row.key.hex(),
            "broker": {
                "host": host,
                "port": port,
                "user": broker_user(row.site, row.device),
                "password": row.broker_password,
            },
            "report": {"day_start_ms": site.day_start_ms},
            "passes": {"list_key": base64.b64encode(list_key).decode()},
        } | kiosk

    def _find(self, site: str, device: str) -> DeviceRow | None:
        rows = self._directory.devices()
        return next((row for row in rows if row.site == site and row.device == device), None)


def device_kind(text: str) -> DeviceKind:
    """The kind of that name; :class:`UserError` when there is none."""
    for kind in DEVICE_KINDS:
        if text == kind:
            return kind
    raise UserError(f"A device is one of {', '.join(DEVICE_KINDS)}, not {text!r}; give one of them with --kind.")


def _draw(site: str, device: str, role: Role, kind: DeviceKind = "gate") -> DeviceRow:
    return DeviceRow(site, device, role, secrets.token_bytes(KEY_BYTES), secrets.token_urlsafe(24), kind)
