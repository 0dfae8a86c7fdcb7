"""What the page of one device shows beside its row: boots, gaps, notices, and how it was in the last hours.

Rules: gathered once for all who look at that device; bounded, because the store keeps a device's gaps and notices for
long. Nothing of a rider is among it. How it is drawn doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.service import Service
from gateway.store.figures import Figures

GAPS_SHOWN: Final = 20
NOTICES_SHOWN: Final = 20
BOOTS_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Detail:
    """One device beyond its row. Lists are cut; ``gap_sums`` (state -> gaps, numbers) and ``boots_all`` count all."""

    boots: tuple[tuple[int, int], ...]
    """(boot, watermark), the latest first."""
    boots_all: int
    gap_sums: dict[str, tuple[int, int]]
    gaps: tuple[dict[str, Any], ...]
    notices: tuple[dict[str, Any], ...]


def gatherer(service: Service, device: str) -> Callable[[], Detail]:
    """What gathers the details of ``device``; StoreBusy while the database can't be read."""
    figures = Figures(service.database)

    def gather() -> Detail:
        boots = [(row["boot"], row["watermark"]) for row in service.queries.boots(device)]
        return Detail(
            tuple(reversed(boots[-BOOTS_SHOWN:])),
            len(boots),
            figures.gap_sums(device),
            tuple(figures.latest_gaps(device, GAPS_SHOWN)),
            tuple(figures.latest_notices(device, NOTICES_SHOWN)),
        )

    return gather
