"""Sites, devices and settings: what provisioning writes and the registry reads.

Rule: names are checked by the caller (gateway/devices); keys and passwords leave this module only to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from gateway.admission.rules import DeviceKind, SiteClass
from gateway.store import tables
from gateway.store.database import Database, patiently, translated

Role = Literal["device", "simulator"]


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site. ``day_start_ms``: when its service day begins, milliseconds after midnight UTC."""

    site: str
    site_class: SiteClass
    day_start_ms: int


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device or the simulator's credential of a site."""

    site: str
    device: str
    role: Role
    key: bytes
    broker_password: str
    kind: DeviceKind = "gate"


class Directory:
    """Reads and writes sites, devices and settings of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.folder = database.path.parent
        """The data directory."""

    def sites(self) -> dict[str, SiteRow]:
        """All sites by name; StoreBusy while the database cannot be read."""
        with translated(), self._database.reader.connect() as connection:
            rows = connection.execute(sa.select(tables.sites).order_by(tables.sites.c.id))
            return {row.id: SiteRow(row.id, cast(SiteClass, row._mapping["class"]), row.day_start_ms) for row in rows}

    def devices(self) -> list[DeviceRow]:
        """All devices and simulators; StoreBusy while the database cannot be read."""
        with translated(), self._database.reader.connect() as connection:
            rows = connection.execute(sa.select(tables.devices).order_by(tables.devices.c.site, tables.devices.c.id))
            return [
                DeviceRow(
                    row.site, row.id, cast(Role, row.role), row.key, row.broker_password, cast(DeviceKind, row.kind)
                )
                for row in rows
            ]

    def add_site(self, site: SiteRow) -> None:
        """Add a site if it is not there; its class never changes afterwards (I3)."""

        def write() -> None:
            with self._database.writer.begin() as connection:
                connection.execute(
                    insert(tables.sites).on_conflict_do_nothing(),
                    {"id": site.site, "class": site.site_class, "day_start_ms": site.day_start_ms},
                )

        patiently(write)

    def add_device(self, device: DeviceRow) -> bool:
        """Add a device; False (and nothing changed) when its name is taken."""
        return self.add_devices([device])

    def add_devices(self, devices: Sequence[DeviceRow]) -> bool:
        """Add all of them in one transaction; False, and nothing changed, when one of their names is taken."""

        def write() -> bool:
            with self._database.writer.begin() as connection:
                result = connection.execute(
                    insert(tables.devices).on_conflict_do_nothing(),
                    [
                        {
                            "site": device.site,
                            "id": device.device,
                            "role": device.role,
                            "key": device.key,
                            "broker_password": device.broker_password,
                            "kind": device.kind,
                        }
                        for device in devices
                    ],
                )
                if result.rowcount == len(devices):
                    return True
                connection.rollback()
                return False

        return patiently(write)

    def find_setting(self, name: str) -> str | None:
        """The setting's value, None when there is none; StoreBusy while the database cannot be read."""
        with translated(), self._database.reader.connect() as connection:
            query = sa.select(tables.settings.c.value).where(tables.settings.c.name == name)
            value = connection.execute(query).scalar_one_or_none()
            return None if value is None else str(value)

    def setting(self, name: str, default: str) -> str:
        """The setting's value; ``default`` is written first when there is none."""

        def write() -> str:
            with self._database.writer.begin() as connection:
                connection.execute(insert(tables.settings).on_conflict_do_nothing(), {"name": name, "value": default})
                query = sa.select(tables.settings.c.value).where(tables.settings.c.name == name)
                return str(connection.execute(query).scalar_one())

        return patiently(write)
