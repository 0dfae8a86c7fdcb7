"""What one part of a scenario says of another, or of the world outside the file: behaviours, arms, faults, counts.

Looks at the raw values, so that all that is wrong is said at once. Does not belong here: what a single table may hold
(models.py), lines and files (load.py).
"""

import difflib
import json
from collections.abc import Iterator
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator.errors import UserError
from simulator.plant import makes
from simulator.scenario import allowed, models
from simulator.scenario.lines import Path as KeyPath
from simulator.world import behaviours as b
from simulator.world import counts

_GIVEN_MAX = 60
_SOME = 4

Found = Iterator[tuple[KeyPath, str]]

# What a behaviour's parameters may be; those of one name mean the same everywhere. Others are times (`_s`).
LIMITS: dict[str, tuple[float, float]] = {
    "share": (0, 1),
    "returns": (0, 1),
    "pays_if_stopped": (0, 1),
    "overlap": (0, 1),
    "gap_m": (0, 5),
    "reach_m": (0, 3),
    "height_m": (0.1, 3),
    "speed_mps": (0.1, 10),
    "push_n": (0, 100_000),
    "companions": (1, 20),
}
_TIMES_S = (0.0, 3600.0)


def problems(values: dict[str, Any], folder: Path) -> list[tuple[KeyPath, str]]:
    """All that doesn't fit together; `folder` is where files named in the scenario are looked for."""
    return [*_behaviours(values.get("behaviour"), values), *_lanes(values), *_times(values), *_demand(values, folder)]


def shown(value: Any) -> str:
    """What was given, as it would be written, and not too long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return "something that can't be shown"
    return text if len(text) <= _GIVEN_MAX else text[: _GIVEN_MAX - 1] + "…"


def unknown(what: str, name: str, names: list[str]) -> str:
    """A name that isn't one of those allowed; perhaps it is close to one."""
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f"there is no such {what}{hint} Allowed here: {', '.join(names)}"


def limits(key: str) -> tuple[float, float]:
    """The smallest and the greatest value of a behaviour's parameter."""
    return LIMITS.get(key, _TIMES_S)


def parameter_words(key: str, default: Any) -> str:
    """What a behaviour's parameter may be, in words."""
    low, high = limits(key)
    whole = isinstance(default, tuple) and isinstance(default[0], int)
    kind = "whole numbers" if whole else "numbers"
    span = f"from {allowed.number(low)} to {allowed.number(high)}"
    if isinstance(default, tuple):
        return f"two {kind} {span}, the smaller first"
    return f"a number {span}"


def _behaviours(tables: Any, values: dict[str, Any]) -> Found:
    if not isinstance(tables, dict):
        return
    total = 0.0
    for name, table in tables.items():
        path: KeyPath = ("behaviour", name)
        if name not in b.ALL:
            yield path, unknown("behaviour", name, [*b.ALL])
            continue
        if not isinstance(table, dict):
            continue  # the model says so
        known = {item.name: item.default for item in fields(b.ALL[name])}
        for key, value in table.items():
            if key not in known:
                yield (*path, key), unknown("key", key, [*known])
            elif not _fits(key, value, known[key]):
                yield (*path, key), f"{shown(value)} was given; allowed is {parameter_words(key, known[key])}"
            elif key == "share":
                total += value
        stopped = _impossible(name, values)
        if stopped is not None and table.get("share", 0):
            yield path, stopped
    if total > 1.0 + 1e-9:
        yield ("behaviour",), f"the shares of behaviours add up to {total:g}; they must not be more than 1"


def _fits(key: str, value: Any, default: Any) -> bool:
    low, high = limits(key)

    def number(one: Any) -> bool:
        return isinstance(one, int | float) and not isinstance(one, bool) and low <= one <= high and isfinite(one)

    if not isinstance(default, tuple):
        return number(value)
    if not (isinstance(value, list) and len(value) == 2 and all(number(one) for one in value)):
        return False
    return value[0] <= value[1] and not (isinstance(default[0], int) and any(isinstance(one, float) for one in value))


def _tables(values: dict[str, Any], name: str) -> list[tuple[int, dict[str, Any]]]:
    """The tables of an array of tables, with their numbers; whatever else was given is said by the models."""
    found = values.get(name)
    return [(n, one) for n, one in enumerate(found) if isinstance(one, dict)] if isinstance(found, list) else []


def _own_arms(values: dict[str, Any]) -> dict[str, Any]:
    own = values.get("arm")
    return own if isinstance(own, dict) else {}


def _impossible(name: str, values: dict[str, Any]) -> str | None:
    """Why no lane of this scenario lets anybody do that; None if one does, or if there is no lane to go by."""
    lanes = [lane for _, lane in _tables(values, "lane")]
    if not lanes or _whole_network(values):
        return None
    if name == b.Backcock.name:
        made = {key: table.get("kind") for key, table in _own_arms(values).items() if isinstance(table, dict)}
        makes = [lane.get("arm", "paddle") for lane in lanes]
        if "tripod" not in [made.get(make, make) if isinstance(make, str) else None for make in makes]:
            return 'only a tripod can be turned back; give a lane arm = "tripod" or leave this behaviour out'
    if name == b.EnterThroughExit.name and len({lane.get("way", "entry") for lane in lanes}) == 1:
        return "somebody can go against a lane only where lanes lead both ways; add one with the other way"
    return None


def _whole_network(values: dict[str, Any]) -> bool:
    demand = values.get("demand")
    return isinstance(demand, dict) and demand.get("station") == models.ALL_STATIONS


def _lanes(values: dict[str, Any]) -> Found:
    """Arms that lanes name, lanes and beams that faults name, and the one pattern of a whole network."""
    for name in _own_arms(values):
        if name in makes.KINDS:
            yield ("arm", name), "this is a known make; give an arm of your own another name"
    known = [*makes.KINDS, *_own_arms(values)]
    beams: dict[str, int] = {}
    whole = True
    for n, lane in _tables(values, "lane"):
        make = lane.get("arm", "paddle")
        if isinstance(make, str) and make not in known:
            close = difflib.get_close_matches(make, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            yield (
                ("lane", n, "arm"),
                f"{shown(make)} is no arm; {hint}Known: {', '.join(known)}, or an [arm.{make}] table",
            )
        try:
            part = models.LanePart.model_validate(lane)
        except ValidationError:
            whole = False  # said already
            continue
        beams.update(dict.fromkeys(part.names, len(part.places)))
    if _whole_network(values):
        yield from _pattern(values)
    elif whole:
        yield from _faults(values, beams)


def _faults(values: dict[str, Any], beams: dict[str, int]) -> Found:
    for table in ("fault", "fault_rate"):
        for n, fault in _tables(values, table):
            lane, beam = fault.get("lane"), fault.get("beam")
            if not isinstance(lane, str):
                continue
            if lane not in beams:
                yield (table, n, "lane"), f"there is no lane {shown(lane)}; the lanes are {_some(list(beams))}"
            elif isinstance(beam, int) and beam >= beams[lane]:
                yield (table, n, "beam"), f"lane {lane} has no beam {beam}; its beams are 0 to {beams[lane] - 1}"


def _pattern(values: dict[str, Any]) -> Found:
    lanes = _tables(values, "lane")
    if len(lanes) != 1:
        text = 'with station = "all" one [[lane]] is the pattern of all lanes of all stations; give exactly one'
        yield ("demand", "station"), text
    for n, lane in lanes:
        for key in ("count", "way", "entries_per_h", "exits_per_h"):
            if key in lane:
                yield ("lane", n, key), 'with station = "all" the counts say how many lanes of each way; leave it out'
    for table in ("fault", "fault_rate"):
        for n, fault in _tables(values, table):
            if table == "fault" or "lane" in fault:
                text = 'with station = "all" no lane can be named; give a [[fault_rate]] without lane'
                yield (table, n, "lane"), text


def _times(values: dict[str, Any]) -> Found:
    """What would come after the run is over."""
    head = values.get("scenario")
    duration_min = head.get("duration_min", 60) if isinstance(head, dict) else None
    if isinstance(duration_min, bool) or not isinstance(duration_min, int | float):
        return
    for table in ("fault", "event"):
        for n, one in _tables(values, table):
            at_min = one.get("at_min")
            if isinstance(at_min, int | float) and not isinstance(at_min, bool) and at_min >= duration_min:
                text = f"{shown(at_min)} was given; the run is over after {duration_min:g} min, so it must be earlier"
                yield (table, n, "at_min"), text


def _demand(values: dict[str, Any], folder: Path) -> Found:
    """Counts that aren't there."""
    table = values.get("demand", {})
    if not isinstance(table, dict):
        return
    try:
        part = models.DemandPart.model_validate(table)
    except ValidationError:
        return  # said already
    if part.entries_per_h is not None or part.exits_per_h is not None:
        ways = {lane.get("way", "entry") for _, lane in _tables(values, "lane")}
        for key, way in (("entries_per_h", "entry"), ("exits_per_h", "exit")):
            if getattr(part, key) and way not in ways:
                yield ("demand", key), f'no lane leads that way, so nobody would come; add one with way = "{way}"'
        return
    if part.file is None:
        whose, found = "the bundled counts", counts.bundled_days()
    else:
        whose = part.file
        try:
            found = counts.days(counts.read_file(folder / part.file))
        except UserError as error:
            yield ("demand", "file"), str(error)
            return
    if part.station != models.ALL_STATIONS and part.station not in found:
        close = [name for name in found if part.station.casefold() in name.casefold()]
        close = close or difflib.get_close_matches(part.station, found, n=1, cutoff=0.4)
        hint = f"; did you mean {shown(close[0])}?" if close else "."
        text = f'{shown(part.station)} is no station of {whose}{hint} Allowed: "all", {_some(sorted(found))}'
        yield ("demand", "station"), text
        return
    days = found[part.station] if part.station != models.ALL_STATIONS else sorted(set().union(*found.values()))
    if part.date not in days:
        text = f"{whose} of {shown(part.station)} have no {part.date}; allowed: {_dates(sorted(days))}"
        yield ("demand", "date"), text


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SOME]) + (f" and {len(names) - _SOME} more" if len(names) > _SOME else "")


def _dates(days: list[str]) -> str:
    return ", ".join(days) if len(days) <= _SOME else f"{len(days)} days from {days[0]} to {days[-1]}"
