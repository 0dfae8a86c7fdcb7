"""Gathers what the page of privacy shows: the notices, what riders chose in counts, the retention clock.

Rules: what may be told is decided in consent_counts.py, and only that leaves here: no count of a kiosk or gate, none
that is too small. What the page says around it doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.admission.rules import DAY_MS
from gateway.consent.notices import Notice
from gateway.service import Service
from gateway.store.directory import Directory
from gateway.store.figures import Figures
from gateway.web.consent_counts import Cell, Count, Place, cells, day_of, words_in_tens

QUARTER_MS: Final = 900_000


@dataclass(frozen=True, slots=True)
class Clock:
    """How retention stands. Counts are words already: a small one is not told."""

    keep_days: int
    rows: str
    oldest_ms: int | None
    """Of the oldest consented row, rounded down to a quarter of an hour."""
    goes_ms: int | None
    """When that row goes."""
    due_soon: str
    """How many go within a day."""
    looked_ms: int | None
    """When what is due was looked for last."""
    deleted_ms: int | None
    """When that run was that last deleted something, since the gateway's start."""
    deleted: str
    """How many rows that was."""
    deleted_all: str
    """How many were deleted since the gateway's start."""


@dataclass(frozen=True, slots=True)
class PrivacyView:
    """What the page shows."""

    now_ms: int
    notices: tuple[Notice, ...]
    """The current one last."""
    question: str
    answers: tuple[Cell, ...]
    passages: tuple[Cell, ...]
    clock: Clock
    withdrawn: str
    erased: str


def gatherer(service: Service) -> Callable[[], PrivacyView]:
    """What gathers the view; StoreBusy while the database can't be read."""
    figures, directory = Figures(service.database), Directory(service.database)

    def gather() -> PrivacyView:
        now_ms = service.now_ms()
        sites = directory.sites()
        gates: dict[str, Place] = {}
        kiosks: dict[str, Place] = {}
        for row in directory.devices():
            if row.role == "device":
                site = sites[row.site]
                place = Place(site.site, site.site_class, site.day_start_ms)
                (kiosks if row.kind == "kiosk" else gates)[row.device] = place
        notices = tuple(service.notices.all())
        versions = [one.version for one in notices]
        return PrivacyView(
            now_ms,
            notices,
            notices[-1].filled(*service.notices.operator())["en"]["question"],
            tuple(cells(_answers(figures, kiosks), kiosks, now_ms, versions)),
            # Of a day that is partly past its time, the rest would not be its share.
            tuple(
                cells(
                    _passages(figures, gates),
                    gates,
                    now_ms,
                    [""],
                    since_ms=now_ms - service.keeping.retention.keep_days * DAY_MS,
                    tens=True,
                )
            ),
            _clock(service, figures, now_ms),
            words_in_tens(figures.exchanges()),
            words_in_tens(service.keeping.remembered),
        )

    return gather


def _answers(figures: Figures, kiosks: dict[str, Place]) -> list[Count]:
    # An interval ends at its day's end at the latest, and that moment belongs to the day before.
    return [
        Count(one.device, day_of(kiosks[one.device], one.to_ms - 1), one.notice, one.research, one.declined)
        for one in figures.answers()
        if one.device in kiosks
    ]


def _passages(figures: Figures, gates: dict[str, Place]) -> list[Count]:
    starts = {device: place.day_start_ms for device, place in gates.items()}
    recorded = [Count(one.device, one.day, "", one.riders, 0) for one in figures.recorded_by_day(starts)]
    return recorded + [Count(one.device, one.day, "", 0, one.riders) for one in figures.declined_by_day(starts)]


def _clock(service: Service, figures: Figures, now_ms: int) -> Clock:
    retention, sweeps = service.keeping.retention, service.keeping.sweeps
    kept = figures.kept(now_ms + DAY_MS - retention.keep_days * DAY_MS + 1)
    oldest = None if kept.oldest_ms is None else kept.oldest_ms // QUARTER_MS * QUARTER_MS
    return Clock(
        retention.keep_days,
        words_in_tens(kept.rows),
        oldest,
        None if oldest is None else retention.kept_until(oldest),
        words_in_tens(kept.due),
        sweeps.looked_ms,
        sweeps.deleted_ms,
        words_in_tens(sweeps.deleted),
        words_in_tens(sweeps.deleted_all),
    )
