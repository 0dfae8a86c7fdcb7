"""A run's tables by hand, as `gateline simulate --out` writes them: a small run of two lanes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Json = dict[str, Any]
LANE = {"station": "", "lane": "in-1"}
OTHER = {"station": "", "lane": "in-2"}
EPOCH_MS = 1_755_194_400_000

LAYOUT = {
    "way": "entry",
    "make": "paddle",
    "detector": "ordered",
    "beams": [{"x_mm": 150 * n, "z_mm": 900} for n in range(4)],
    "arm_mm": 225,
    "arm_height_mm": 1000,
    "arm_clearance_mm": 300,
    "stand_mm": -300,
    "queue_mm": -1000,
    "away_mm": 1000,
    "width_mm": 550,
    "from_epoch_ms": EPOCH_MS,
    "run_ms": 60_000,
}


def crossing(rider: str, entered_ms: int, **changes: Any) -> Json:
    return {
        **LANE,
        "rider": rider,
        "leader": "",
        "way": "entry",
        "rider_kind": "adult",
        "behaviour": "pay",
        "outcome": "passed",
        "honest": True,
        "consent": False,
        "product": "single",
        "arrived_ms": entered_ms - 3000,
        "reader_ms": entered_ms - 1500,
        "tapped_ms": entered_ms - 1000,
        "entered_ms": entered_ms,
        "left_ms": entered_ms + 800,
        "all_left_ms": entered_ms + 800,
        "taps": 1,
    } | changes


def verdict(at_ms: int, what: str = "passed", **changes: Any) -> Json:
    return {
        **LANE,
        "at_ms": at_ms,
        "since_ms": at_ms - 800,
        "what": what,
        "confidence": 95,
        "way": "entry",
        "transit_ms": 800,
        "body_kind": "person",
        "told_as": "tally",
    } | changes


def joined(match: str, rider: str, at_ms: int, what: str = "passed", /, **changes: Any) -> Json:
    return {
        **LANE,
        "match": match,
        "rider": rider,
        "rider_kind": "adult",
        "behaviour": "pay",
        "outcome": "passed",
        "honest": True,
        "left_ms": at_ms,
        "what": what,
        "confidence": 95,
        "at_ms": at_ms,
    } | changes


def passing(at_ms: int, lane: Json = LANE) -> list[Json]:
    """The edges of one body."""
    found = [{**lane, "at_ms": at_ms + 100 * n, "beam": n, "blocked": 1} for n in range(4)]
    found += [{**lane, "at_ms": at_ms + 350 + 100 * n, "beam": n, "blocked": 0} for n in range(4)]
    return sorted(found, key=lambda edge: edge["at_ms"])


def tables() -> dict[str, list[Json]]:
    """A run of two lanes. In in-1: somebody passes, an evader follows, a pram is accused, an evader is missed."""
    evades: Json = {"honest": False, "outcome": "tailgated", "behaviour": "tailgate_covert"}
    return {
        "layout": [{**LANE, **LAYOUT}, {**OTHER, **LAYOUT, "way": "exit"}],
        "truth": [
            crossing("entry-1", 10_000),
            crossing("entry-2", 11_000, **evades, tapped_ms=-1),
            crossing("entry-3", 20_000, rider_kind="pram"),
            crossing("entry-4", 40_000, **evades, tapped_ms=-1),
            crossing(
                "entry-5", -1, outcome="refused", arrived_ms=50_000, reader_ms=51_000, tapped_ms=52_000, left_ms=-1
            )
            | {"all_left_ms": -1},
            crossing("exit-1", 10_500, lane="in-2"),
        ],
        "records": [
            verdict(10_700),
            verdict(11_700, "tailgate", told_as="irregular"),
            verdict(20_700, "tailgate", told_as="irregular"),
            verdict(40_700),
            verdict(10_900, lane="in-2"),
        ],
        "joined": [
            joined("agreed", "entry-1", 10_700),
            joined("true", "entry-2", 11_700, "tailgate", **evades),
            joined("false", "entry-3", 20_700, "tailgate", rider_kind="pram"),
            joined("missed", "entry-4", 40_700, **evades),
            joined("unseen", "entry-5", -1, "", outcome="refused", left_ms=-1, confidence=-1),
            joined("agreed", "exit-1", 10_900, lane="in-2"),
        ],
        "edges": sorted(
            [*passing(10_000), *passing(10_500, OTHER), *passing(11_000), *passing(20_000), *passing(40_000)],
            key=lambda edge: edge["at_ms"],
        ),
        "walks": [
            {
                **LANE,
                "rider": "entry-1",
                "medium": True,
                "reverse": False,
                "since_ms": 8_000,
                "until_ms": 11_000,
                "parts": [
                    {"name": "torso", "offset_mm": 0, "length_mm": 300, "low_mm": 900, "high_mm": 1400, "core": True}
                ],
                "raised": [{"from_mm": 0, "to_mm": 500, "by_mm": 700}],
                "points": [{"at_ms": 8_000, "front_mm": -1000}, {"at_ms": 11_000, "front_mm": 1500}],
            }
        ],
        "shows": [
            {**LANE, "at_ms": 0, "state": "locked", "lamp": "ready", "arm": 0, "arm_to": 0, "arm_by_ms": 0},
            {**LANE, "at_ms": 9_000, "state": "released", "lamp": "go", "arm": 0, "arm_to": 100, "arm_by_ms": 9_300},
            {**LANE, "at_ms": 11_900, "state": "locked", "lamp": "ready", "arm": 100, "arm_to": 0, "arm_by_ms": 12_300},
        ],
    }


def write(folder: Path, written: dict[str, list[Json]], group_rows: int = 10) -> Path:
    folder.mkdir(parents=True)
    for name, rows in written.items():
        table = pa.Table.from_pylist(rows)
        for column in ("station", "lane"):
            place = table.schema.get_field_index(column)
            table = table.set_column(place, column, table.column(column).dictionary_encode())
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=group_rows)
    return folder
