"""Provisioning: what a site may be made with. The commands around it are in test_commands.py."""

from __future__ import annotations

import pytest

from gateway.admission.rules import DAY_MS, RESOLUTION_MS, SITE_CLASSES
from gateway.devices.provisioning import Provisioning
from gateway.errors import UserError
from gateway.store.database import Database
from gateway.store.directory import Directory


@pytest.mark.parametrize("site_class", SITE_CLASSES)
@pytest.mark.parametrize("day_start_ms", [-RESOLUTION_MS, -1, 1, 899_999, 900_001, DAY_MS - 1, DAY_MS])
def test_a_service_day_begins_on_a_quarter_hour(database: Database, site_class: str, day_start_ms: int) -> None:
    directory = Directory(database)
    with pytest.raises(UserError, match=r"--day-start-ms takes a multiple of 900000 .* from 0 to 85500000"):
        Provisioning(directory).add_device("depot", "door-1", site_class, day_start_ms)
    assert not directory.sites() and not directory.devices()


@pytest.mark.parametrize("day_start_ms", [0, 900_000, 10_800_000, 85_500_000])
def test_every_quarter_hour_of_the_day_will_do(database: Database, day_start_ms: int) -> None:
    provisioning = Provisioning(Directory(database))
    row = provisioning.add_device("depot", "door-1", "physical", day_start_ms)
    assert provisioning.settings(row, "127.0.0.1", 1883)["report"] == {"day_start_ms": day_start_ms}
