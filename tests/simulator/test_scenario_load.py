"""Reading scenario files: a message says file, line, key, what was given and what is allowed; the shipped ones load."""

import re
from dataclasses import fields
from pathlib import Path
from textwrap import dedent

import pytest

from simulator.errors import UserError
from simulator.scenario import cross
from simulator.scenario.load import ScenarioError, load, parse
from simulator.scenario.models import Scenario
from simulator.world import behaviours as b
from simulator.world.demand import PEAK_STATION
from tests.simulator.transcripts import SCENARIOS, SHIPPED

GOOD = """
[scenario]
name = "good"
duration_min = 60

[demand]
entries_per_h = 600

[population]
suitcase = 0.1

[behaviour.jump_over]
share = 0.01

[arm.mine]
kind = "flap"

[[lane]]
name = "in"
count = 2
[lane.noise]
dust_per_h = 3

[[lane]]
name = "out"
way = "exit"
arm = "mine"
beams = [
    { x_m = 0.0 },
    { x_m = 0.2, z_m = 1.1 },
]

[[fault]]
at_min = 5
for_min = 1
what = "beam_stuck_on"
lane = "in-2"
beam = 3

[[event]]
at_min = 20
what = "fire"
for_s = 30
"""


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} is {GOOD.count(old)} times in the good scenario"
    return GOOD.replace(old, new)


def refused(text: str, folder: Path = Path()) -> list[str]:
    """What is said of a wrong scenario, a line each."""
    with pytest.raises(ScenarioError) as raised:
        parse(text, folder / "x.toml")
    said = str(raised.value).splitlines()
    assert len(said) == len(raised.value.problems)
    return said


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), start=1) if part in line)


def test_a_good_scenario_is_read_with_its_defaults() -> None:
    scenario = parse(GOOD, Path("x.toml"))
    assert scenario.lane_names == ["in-1", "in-2", "out"]
    assert (scenario.scenario.seed, scenario.scenario.start_ms) == (1, 18 * 3_600_000)
    assert scenario.population.kinds == {"adult": 0.9, "suitcase": 0.1}
    assert scenario.behaviours == (b.JumpOver(0.01),)
    assert [beam.z_m for beam in scenario.lane[1].places] == [0.9, 1.1]
    assert [beam.x_m for beam in scenario.lane[0].places] == [0.0, 0.15, 0.3, 0.45]


# old text in the good scenario, what stands there instead, the line's own text, the key, what the message says
WRONG = {
    "unknown key": (
        'name = "good"',
        'nam = "good"',
        "nam =",
        "scenario.nam",
        "no such key; did you mean name? Allowed",
    ),
    "unknown table": ("[[event]]", "[[evnt]]", "[[evnt]]", "evnt", "no such key; did you mean event?"),
    "unknown in a nested table": ("dust_per_h", "dust", "dust =", "lane[0].noise.dust", "did you mean dust_ms?"),
    "unknown in a list": ("z_m = 1.1", "zm = 1.1", "zm", "lane[1].beams[1].zm", "did you mean z_m? Allowed here: x_m"),
    "text for a number": ("count = 2", 'count = "2"', "count", "lane[0].count", '"2" was given; allowed is a whole'),
    "number for text": ('kind = "flap"', "kind = 3", "kind", "arm.mine.kind", '3 was given; allowed is "paddle", "tri'),
    "fraction of a whole": (
        "count = 2",
        "count = 2.5",
        "count",
        "lane[0].count",
        "2.5 was given; allowed is a whole nu",
    ),
    "true for a number": ("dust_per_h = 3", "dust_per_h = true", "dust", "lane[0].noise.dust_per_h", "true was given"),
    "infinite": ("dust_per_h = 3", "dust_per_h = inf", "dust", "lane[0].noise.dust_per_h", "from 0 to 100 000"),
    "no number": ("duration_min = 60", "duration_min = nan", "durat", "scenario.duration_min", "from 0.1 to 10 080"),
    "too small": (
        "duration_min = 60",
        "duration_min = 0",
        "durat",
        "scenario.duration_min",
        "0 was given; allowed is a",
    ),
    "too large": (
        "dust_per_h = 3",
        "debounce_ms = 5001",
        "debounce",
        "lane[0].noise.debounce_ms",
        "whole number from 0 to 5000",
    ),
    "one of few": (
        'way = "exit"',
        'way = "out"',
        "way",
        "lane[1].way",
        '"out" was given; allowed is "entry" or "exit"',
    ),
    "bad name": ('name = "good"', 'name = "Good one"', "Good", "scenario.name", "allowed is 1 to 32 of a-z, 0-9 and -"),
    "bad name of an arm": ("[arm.mine]", '[arm."My arm"]', "[arm", "arm.My arm", "allowed is 1 to 32 of a-z"),
    "known name of an arm": (
        "[arm.mine]",
        "[arm.flap]",
        "[arm",
        "arm.flap",
        "known make; give an arm of your own another",
    ),
    "bad time": (
        "duration_min = 60",
        'start = "24:00"',
        "start",
        "scenario.start",
        '"24:00" was given; allowed is a time',
    ),
    "missing": ('name = "good"\n', "", "[scenario]", "scenario.name", "is missing; needed is 1 to 32"),
    "missing in an array": (
        "at_min = 5\n",
        "",
        "[[fault]]",
        "fault[0].at_min",
        "is missing; needed is a number from 0",
    ),
    "one table for many": (
        "[[event]]",
        "[event]",
        "[event]",
        "event",
        "allowed are [[event]] tables, with two brackets",
    ),
    "number for a table": (
        "{ x_m = 0.0 },",
        "0.0,",
        "    0.0,",
        "lane[1].beams[0]",
        "0.0 was given; allowed is a table",
    ),
    "unknown behaviour": (
        "[behaviour.jump_over]",
        "[behaviour.jump]",
        "[behaviour.jump]",
        "behaviour.jump",
        "did you mean jump_over? Allo",
    ),
    "unknown parameter": (
        "share = 0.01",
        "shares = 1",
        "shares",
        "behaviour.jump_over.shares",
        "did you mean share? Allo",
    ),
    "share beyond 1": (
        "share = 0.01",
        "share = 1.5",
        "share",
        "behaviour.jump_over.share",
        "1.5 was given; allowed is a n",
    ),
    "share that is none": (
        "share = 0.01",
        "share = inf",
        "share",
        "behaviour.jump_over.share",
        "allowed is a number from 0",
    ),
    "span upside down": (
        "share = 0.01",
        "reach_m = [2, 1]",
        "reach",
        "behaviour.jump_over.reach_m",
        "[2, 1] was given; allowed is two numb",
    ),
    "speed of nothing": (
        "share = 0.01",
        "speed_mps = [0, 1]",
        "speed",
        "behaviour.jump_over.speed_mps",
        "two numbers from 0.1 to 10",
    ),
    "one end for two": (
        "share = 0.01",
        "reach_m = 2",
        "reach",
        "behaviour.jump_over.reach_m",
        "2 was given; allowed is two",
    ),
    "sum of behaviours": (
        "share = 0.01",
        "share = 0.6\n[behaviour.climb]\nshare = 0.5",
        "[behaviour.jump",
        "behaviour",
        "add up to 1.1",
    ),
    "nobody can turn it back": (
        "[behaviour.jump_over]",
        "[behaviour.backcock]",
        "[behaviour",
        "behaviour.backcock",
        "only a tripod can be turned",
    ),
    "sum of kinds": (
        "suitcase = 0.1",
        "suitcase = 0.7\ndog = 0.5",
        "[population]",
        "population",
        "add up to 1.2; they must",
    ),
    "kinds with adults": (
        "suitcase = 0.1",
        "suitcase = 0.1\nadult = 0.8",
        "[population]",
        "population",
        "add up to 0.9; they must add up to 1",
    ),
    "two lanes of one name": (
        'name = "out"',
        'name = "in-2"',
        "[[lane]]",
        "lane[1]",
        'a lane before this one is named "in-2" too',
    ),
    "name too long with its number": (
        'name = "in"',
        f'name = "{"i" * 31}"',
        "iii",
        "lane[0].name",
        "a name has at most 32 characters",
    ),
    "unknown arm": (
        'arm = "mine"',
        'arm = "min"',
        "arm =",
        "lane[1].arm",
        '"min" is no arm; did you mean mine? Known: pad',
    ),
    "fault in no lane": (
        'lane = "in-2"',
        'lane = "in"',
        'lane = "in"',
        "fault[0].lane",
        "the lanes are in-1, in-2, out",
    ),
    "fault of no beam": (
        "beam = 3",
        "beam = 4",
        "beam = 4",
        "fault[0].beam",
        "lane in-2 has no beam 4; its beams are 0 to 3",
    ),
    "fault when all is over": ("at_min = 5", "at_min = 60", "at_min = 60", "fault[0].at_min", "is over after 60 min"),
    "fire when all is over": (
        "at_min = 20",
        "at_min = 99.5",
        "at_min = 99",
        "event[0].at_min",
        "99.5 was given; the run",
    ),
    "own riders of the wrong way": (
        'way = "exit"',
        'way = "exit"\nentries_per_h = 5',
        "entries_per_h = 5",
        "lane[1].entries_per_h",
        "by exits_per_h",
    ),
    "flow and counts": (
        "entries_per_h = 600",
        'exits_per_h = 5\ndate = "2025-08-14"',
        "date",
        "demand.date",
        "give either",
    ),
    "first beam elsewhere": ("{ x_m = 0.0 }", "{ x_m = 0.1 }", "beams", "lane[1].beams", "must be at x_m = 0.0"),
    "beams in disorder": (
        "    { x_m = 0.2, z_m = 1.1 }",
        "    { x_m = 0.2 }, { x_m = 0.1 }",
        "beams",
        "lane[1].beams",
        "x_m growing",
    ),
    "beams in one place": (
        "    { x_m = 0.2, z_m = 1.1 }",
        "    { x_m = 0.2 }, { x_m = 0.2002 }",
        "beams",
        "lane[1].beams",
        "same place",
    ),
    "beams above each other": (
        "    { x_m = 0.2, z_m = 1.1 }",
        "    { x_m = 0.2 }, { x_m = 0.2, z_m = 1 }",
        "beams",
        "lane[1].beams",
        "further along",
    ),
    "beams twice": ("beams = [", "beam_count = 4\nbeams = [", "beam_count", "lane[1].beam_count", "given beside beams"),
    "too many for one": (
        "count = 2",
        'detector = "single"\nbeam_count = 3',
        "beam_count",
        "lane[0].beam_count",
        "exactly 1",
    ),
    "too few": (
        "count = 2",
        "beam_count = 1",
        "beam_count",
        "lane[0].beam_count",
        "needs 2 or more to tell a direction",
    ),
    "no profile": ("count = 2", 'detector = "profile"', "detector", "lane[0].detector", "8 to 24 at 2 or 3 heights"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_file_line_key_given_and_allowed(name: str) -> None:
    old, new, part, key, wanted = WRONG[name]
    text = changed(old, new)
    line = line_of(text, part)
    if name == "two lanes of one name":
        line = line_of(text, 'name = "in-2"') - 1
    said = [one for one in refused(text) if f"{key}: " in one]
    assert len(said) == 1, refused(text)
    assert said[0].startswith(f"x.toml:{line}: {key}: ")
    assert wanted in said[0]


def test_all_that_is_wrong_is_said_at_once_in_order_of_lines() -> None:
    text = changed("dust_per_h = 3", "dust_per_h = -1").replace("beam = 3", "beam = 7").replace('"fire"', '"flood"')
    said = refused(text.replace("suitcase = 0.1", "suitcase = 2"))
    assert [one.split(": ")[1] for one in said] == [
        "population.suitcase",
        "lane[0].noise.dust_per_h",
        "event[0].what",
    ], "faults of lanes that are wrong themselves are not looked at"
    assert [one.split(": ")[1] for one in refused(text.replace("dust_per_h = -1", ""))] == [
        "fault[0].beam",
        "event[0].what",
    ]


def test_unquoted_dates_and_times_are_as_good_as_quoted_ones() -> None:
    text = changed("entries_per_h = 600", "date = 2025-08-13").replace("duration_min = 60", "start = 07:30:00")
    scenario = parse(text, Path("x.toml"))
    assert (scenario.demand.date, scenario.scenario.start, scenario.scenario.start_ms) == (
        "2025-08-13",
        "07:30",
        27_000_000,
    )


def test_who_goes_against_a_lane_needs_lanes_of_both_ways() -> None:
    text = changed("[behaviour.jump_over]", "[behaviour.enter_through_exit]")
    parse(text, Path("x.toml"))
    said = refused(text.replace('way = "exit"', ""))
    assert len(said) == 1 and "behaviour.enter_through_exit: " in said[0] and "lanes lead both ways" in said[0]


def test_a_whole_network_has_one_pattern_and_no_lanes_by_name() -> None:
    text = changed("entries_per_h = 600", 'station = "all"')
    said = "\n".join(refused(text))
    for key in ("demand.station", "lane[0].count", "lane[1].way", "fault[0].lane"):
        assert f" {key}: with station = " in said
    whole = '[scenario]\nname = "x"\n[demand]\nstation = "all"\n[[lane]]\nname = "gate"\n'
    assert parse(whole, Path("x.toml")).lane_names == ["gate"]
    parse(whole + '[[fault_rate]]\nwhat = "reader_dead"\nmtbf_h = 5\n', Path("x.toml"))


# --- counts ----------------------------------------------------------------------------------------------------------

QUARTERS = "station,date,hour,minute,entries,exits\n"
COUNTS = "station,date,hour,entries,exits\nHill,2026-01-02,8,120,30\nHill,2026-01-02,9,60,20\nDale,2026-01-03,8,5,5\n"


def counted(demand: str, counts: str | bytes = COUNTS, folder: Path | None = None) -> str:
    assert folder is not None
    data = counts.encode() if isinstance(counts, str) else counts
    (folder / "counts.csv").write_bytes(data)
    return changed("entries_per_h = 600", dedent(demand))


def test_counts_of_a_file_beside_the_scenario_are_found(tmp_path: Path) -> None:
    text = counted('file = "counts.csv"\nstation = "Hill"\ndate = "2026-01-02"', folder=tmp_path)
    parse(text, tmp_path / "x.toml")
    (tmp_path / "counts.csv").write_bytes(b"\xef\xbb\xbf" + COUNTS.replace("\n", "\r\n").encode())
    parse(text, tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("demand", "key", "wanted"),
    [
        ('station = "Majestic"', "station", f'is no station of the bundled counts; did you mean "{PEAK_STATION}"?'),
        ('station = "Indiranagr"', "station", 'did you mean "Indiranagar"?'),
        ('date = "2024-01-01"', "date", "have no 2024-01-01; allowed: 18 days from 2025-08-01 to 2025-08-18"),
        ('date = "1.8.2025"', "date", '"1.8.2025" was given; allowed is a date such as "2025-08-14"'),
        ('station = "all"\ndate = "2024-01-01"', "date", "allowed: 18 days"),
        ('file = "counts.csv"\nstation = "Hil"', "station", '"Hil" is no station of counts.csv; did you mean "Hill"?'),
        (
            'file = "counts.csv"\nstation = "Hill"\ndate = "2026-01-03"',
            "date",
            "have no 2026-01-03; allowed: 2026-01-02",
        ),
        ('file = "none.csv"', "file", "Can't read the counts in "),
        ('file = "."', "file", "is no file of counts"),
        ('file = "/dev/zero"', "file", "is no file of counts"),
        ('file = "a\\u0000b"', "file", "null byte"),
    ],
)
def test_counts_that_are_not_there(demand: str, key: str, wanted: str, tmp_path: Path) -> None:
    text = counted(demand, folder=tmp_path)
    said = [one for one in refused(text, tmp_path) if "with station" not in one]
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path / 'x.toml'}:{line_of(text, f'{key} = ')}: demand.{key}: ")
    assert wanted in said[0]


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        (
            "station,date,hour,entries\n",
            "counts.csv:1: the column exits is missing; a file of counts has station, date",
        ),
        ("", "counts.csv:1: the column station is missing"),
        ("station,date,hour,entries,exits\n", "counts.csv has no counts"),
        (COUNTS + "Hill,2026-01-02,24,1,1\n", "counts.csv:5: hour is '24'; allowed is a whole number from 0 to 23"),
        (COUNTS + "Hill,2026-01-02,10,-1,1\n", "counts.csv:5: entries is '-1'; allowed is a whole number from 0 to"),
        (COUNTS + "Hill,2026-01-02,10,1,1.5\n", "counts.csv:5: exits is '1.5'; allowed is a whole number"),
        (COUNTS + "Hill,2026-01-02,10,1\n", "counts.csv:5: exits is nothing; allowed is a whole number"),
        (COUNTS + ",2026-01-02,10,1,1\n", "counts.csv:5: station is nothing; allowed is the name of a station"),
        (COUNTS + "Hill,02.01.2026,10,1,1\n", "counts.csv:5: date is '02.01.2026'; allowed is a date such as"),
        (COUNTS + "Hill,2026-01-02,9,1,1\n", "counts.csv:5: line 3 has counts of this hour already; give each once"),
        (QUARTERS + "A,2026-01-02,8,20,1,1\n", ":2: minute is '20'; allowed is 0, 15, 30"),
        (QUARTERS + "A,2026-01-02,8,15,1,1\nA,2026-01-02,8,,1,1\n", ":3: line 2 has counts"),
        (QUARTERS + "A,2026-01-02,8,,1,1\nA,2026-01-02,8,0,1,1\n", ":3: line 2 has counts"),
        (COUNTS.encode() + b"\xff\n", "counts.csv is not UTF-8 text"),
    ],
)
def test_a_file_of_counts_with_bad_rows(counts: str | bytes, wanted: str, tmp_path: Path) -> None:
    text = counted('file = "counts.csv"\nstation = "Hill"\ndate = "2026-01-02"', counts, tmp_path)
    said = refused(text, tmp_path)
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path / 'x.toml'}:{line_of(text, 'file = ')}: demand.file: ")
    assert wanted in said[0]


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_text_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    for text, line in (("[scenario]\nname = \n", 2), ('[scenario]\nname = "a"\nname = "b"\n', 3), ("a = [1,\n", 2)):
        file.write_text(text)
        with pytest.raises(ScenarioError, match=rf"^{re.escape(str(file))}:{line}: this is not TOML: "):
            load(file)
    file.write_text("a = " + "[" * 100_000)
    with pytest.raises(ScenarioError, match="nested too deeply"):
        load(file)


def test_what_is_no_file_of_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    with pytest.raises(UserError, match=r"There is no scenario file .*x.toml. `gateline scenario new "):
        load(file)
    with pytest.raises(UserError, match="is a folder; name a scenario file in it"):
        load(tmp_path)
    file.write_bytes(b'[scenario]\nname = "caf\xe9"\n')
    with pytest.raises(ScenarioError, match=r"x.toml:2: this is not UTF-8 text; save the file as UTF-8"):
        load(file)
    file.write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(UserError, match="1048577 bytes long; a scenario file has at most 1048576"):
        load(file)


def test_a_mark_at_the_beginning_of_a_file_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load(tmp_path / "x.toml") == parse(GOOD, tmp_path / "x.toml")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_scenario_loads_under_its_own_name(name: str) -> None:
    scenario = load(SCENARIOS / f"{name}.toml")
    assert scenario.scenario.name == name and scenario.scenario.description
    text = (SCENARIOS / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ") and "\n# Question: " in text, "a scenario says what it is for"


# --- models ----------------------------------------------------------------------------------------------------------


def test_every_parameter_of_a_behaviour_has_limits_that_hold_its_default() -> None:
    for name, kind in b.ALL.items():
        for item in fields(kind):
            assert item.name in cross.LIMITS or item.name.endswith("_s"), f"{name}.{item.name} has no limits"
            low, high = cross.limits(item.name)
            assert isinstance(item.default, float | int | tuple)
            ends = item.default if isinstance(item.default, tuple) else (item.default,)
            assert all(low <= end <= high for end in ends), f"{name}.{item.name}"


def test_the_greatest_and_smallest_parameters_make_behaviours() -> None:
    for name, kind in b.ALL.items():
        for end in (0, 1):
            values = {}
            for item in fields(kind):
                value = cross.limits(item.name)[end]
                values[item.name] = (value, value) if isinstance(item.default, tuple) else value
            assert kind(**values).name == name  # type: ignore[arg-type]


def test_defaults_of_a_scenario_are_shared_by_no_two() -> None:
    one, other = (Scenario.model_validate({"scenario": {"name": "x"}, "lane": [{"name": "a"}]}) for _ in range(2))
    assert one == other and one.behaviour is not other.behaviour


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[scenario]\nname = 'x'\nseed = " + "9" * 5_000 + "\n", "a value in it can't be read"),
        ("[scenario]\nname = 'x'\n[behaviour.hesitate]\nshare = " + "9" * 400 + "\n", "behaviour.hesitate.share"),
        ("[" + ".".join("a" * 3_000) + "]\nb = 1\n", "x.toml:1: "),
        ("[scenario]\nname = 'x'\n[[lane]]\nname = 'a'\ncount = 200\n", ""),
    ],
)
def test_monstrous_values_are_sentences(text: str, said: str) -> None:
    if "count" in text:
        text += "".join(f"[[lane]]\nname = 'l{n}'\ncount = 200\n" for n in range(10))
        said = "there are 2200 lanes; allowed are 2000 at most"
    with pytest.raises(UserError, match=re.escape(said)):
        parse(text, Path("x.toml"))


@pytest.mark.parametrize(("flow", "way"), [("entries_per_h = 9", "exit"), ("exits_per_h = 9", "entry")])
def test_riders_whose_way_no_lane_serves_are_said(flow: str, way: str) -> None:
    text = f"[scenario]\nname = 'x'\n[demand]\n{flow}\n[[lane]]\nname = 'a'\nway = '{way}'\n"
    with pytest.raises(UserError, match=r"x.toml:4: demand\.\w+_per_h: no lane leads that way, so nobody would come"):
        parse(text, Path("x.toml"))
