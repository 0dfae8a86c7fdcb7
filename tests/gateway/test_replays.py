"""Replays over real HTTP: runs written by hand, read a piece at a time; hostile names, damaged files."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.replay import runs as runs_module
from gateway.replay.runs import EDGES_MAX, LISTED_MAX, STRETCH_MAX_MS, Replays, UnknownRun
from gateway.replay.tables import Table, Unreadable
from tests.gateway.conftest import Whole
from tests.gateway.run_support import EPOCH_MS, LANE, joined, passing, tables, write

Json = dict[str, Any]


@pytest.fixture
def folder(whole: Whole, tmp_path: Path) -> Path:
    """The folder of runs of a gateway, with one run in it: `small`."""
    found = tmp_path / "runs"
    write(found / "small", tables())
    whole.service.replays = Replays(found)
    return found


def stretch(whole: Whole, since: int, until: int, **more: Any) -> Json:
    asked: Json = {"run": "small", "lane": "in-1", "from": since, "to": until} | more
    answer = whole.http.get("/v1/replays/stretch", params=asked)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_runs_and_their_lanes_are_listed(whole: Whole, folder: Path) -> None:
    write(folder / "again" / "seed-7", {name: rows for name, rows in tables().items() if name != "walks"})
    (folder / "no-run").mkdir()
    listed = whole.http.get("/v1/replays/runs").json()["items"]
    assert {one["run"]: (one["edges"], one["walks"]) for one in listed} == {
        "small": (True, True),
        "again/seed-7": (True, False),
    }
    lanes = whole.http.get("/v1/replays/lanes", params={"run": "small"}).json()
    assert lanes["from_epoch"] == EPOCH_MS
    assert [(one["lane"], one["way"]) for one in lanes["items"]] == [("in-1", "entry"), ("in-2", "exit")]
    assert lanes["items"][0]["layout"]["beams"][3] == {"x_mm": 450, "z_mm": 900}
    (folder / "small" / "layout.parquet").unlink()
    bare = whole.http.get("/v1/replays/lanes", params={"run": "small"}).json()
    assert [(one["lane"], one["layout"]) for one in bare["items"]] == [("in-1", None), ("in-2", None)]
    assert bare["from_epoch"] is None


def test_a_stretch_holds_what_happened_and_nobodys_name(whole: Whole, folder: Path) -> None:
    found = stretch(whole, 10_150, 12_000)
    assert found["whole"] and (found["from_ms"], found["to_ms"]) == (10_150, 12_000)
    assert found["beams"] == [1, 1, 0, 0], "as they stood before the first edge of the stretch"
    told = [(edge["at_ms"], edge["beam"], edge["blocked"]) for edge in [*passing(10_000)[2:], *passing(11_000)]]
    assert [tuple(edge) for edge in found["edges"]] == told, "this lane's alone"
    assert [show[0] for show in found["shows"]] == [9_000, 11_900], "what the gate showed when the stretch began, too"
    [walk] = found["walks"]
    assert found["crossings"][walk["rider"]]["outcome"] == "passed"
    assert walk["points"] == [[8_000, -1000], [11_000, 1500]] and walk["raised"] == [[0, 500, 700]]
    assert walk["parts"] == [["torso", 0, 300, 900, 1400, True]] and walk["kind"] == 0
    assert [one["match"] for one in found["crossings"]] == ["agreed", "true"]
    accused = next(one for one in found["verdicts"] if one["what"] == "tailgate")
    assert found["crossings"][accused["rider"]]["behaviour"] == "tailgate_covert" and accused["match"] == "true"
    answer = whole.http.get("/v1/replays/stretch", params={"run": "small", "lane": "in-1", "from": 0, "to": 60_000})
    assert "entry-" not in answer.text and "consent" not in answer.text and "single" not in answer.text
    assert len(answer.json()["crossings"]) == 5


def test_before_and_behind_all_edges_beams_are_known_too(whole: Whole, folder: Path) -> None:
    assert stretch(whole, 0, 9_000)["beams"] == [0, 0, 0, 0]
    assert stretch(whole, 45_000, 50_000)["beams"] == [0, 0, 0, 0]
    stuck = [{**LANE, "at_ms": 45_000, "beam": 2, "blocked": 1}]
    write(folder / "stuck", tables() | {"edges": [*tables()["edges"], *stuck]})
    late = stretch(whole, 55_000, 56_000, run="stuck")
    assert late["beams"] == [0, 0, 1, 0] and late["edges"] == []


def test_a_beam_that_was_silent_for_too_long_is_not_known(
    whole: Whole, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module, "BACK_GROUPS", 2)
    stuck = [{**LANE, "at_ms": 1, "beam": 3, "blocked": 1}]
    busy = [{**LANE, "at_ms": 100 + n, "beam": n % 2, "blocked": (n // 2 + 1) % 2} for n in range(100)]
    write(folder / "long", tables() | {"edges": [*stuck, *busy]})
    assert stretch(whole, 5_000, 6_000, run="long")["beams"] == [0, 0, None, None]


def test_an_overview_says_where_to_look(whole: Whole, folder: Path) -> None:
    found = whole.http.get("/v1/replays/overview", params={"run": "small", "lane": "in-1"}).json()
    assert sum(found["edges"]) == 32 and found["to_ms"] == 60_000
    assert found["edges"][10_000 // found["bin_ms"]] > 0 == found["edges"][30_000 // found["bin_ms"]]
    told = [(one["at_ms"], one["match"], one["rider_kind"]) for one in found["moments"]]
    assert told == [(11_700, "true", "adult"), (20_700, "false", "pram"), (40_700, "missed", "adult")]
    assert set(found["tables"]) == {"truth", "records", "joined", "edges", "walks", "shows"}
    assert found["from_epoch"] == EPOCH_MS and found["layout"]["make"] == "paddle"


def test_an_overview_is_made_anew_when_the_run_is(whole: Whole, folder: Path) -> None:
    asked = {"run": "small", "lane": "in-1"}
    first = whole.http.get("/v1/replays/overview", params=asked).json()
    (folder / "small").rename(folder / "old")
    write(folder / "small", tables() | {"edges": passing(30_000)})
    second = whole.http.get("/v1/replays/overview", params=asked).json()
    assert sum(first["edges"]) == 32 and sum(second["edges"]) == 8


def test_few_overviews_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "OVERVIEWS_KEPT", 3)
    replays = Replays(tmp_path)
    for number in range(6):
        write(tmp_path / f"run-{number}", tables())
        replays.overview(f"run-{number}", "", "in-1")
    assert [key[0] for key in replays._overviews] == ["run-3", "run-4", "run-5"]


def test_more_moments_than_are_shown_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "MOMENTS_MAX", 5)
    many = [joined("false", f"r-{n}", 1_000 + n, "tailgate") for n in range(12)]
    write(tmp_path / "run", tables() | {"joined": many})
    found = Replays(tmp_path).overview("run", "", "in-1")
    assert len(found.moments) == 5 and found.left_out == 7


def test_too_many_edges_are_cut_at_a_millisecond_and_the_rest_follows(whole: Whole, folder: Path) -> None:
    edges = [
        {**LANE, "at_ms": n // 4, "beam": n % 4, "blocked": 1 - (n // 4) % 2} for n in range(2 * EDGES_MAX + 3_000)
    ]
    write(folder / "crowd", tables() | {"edges": edges}, 5_000)
    found: list[tuple[int, int, int]] = []
    since, cut = 0, 0
    while True:
        part = stretch(whole, since, 60_000, run="crowd")
        assert len(part["edges"]) <= EDGES_MAX
        found += [tuple(edge) for edge in part["edges"]]
        if part["whole"]:
            break
        cut += 1
        since = part["to_ms"] + 1
    assert cut == 2
    assert found == [(edge["at_ms"], edge["beam"], edge["blocked"]) for edge in edges], "none lost, none twice"


def test_of_a_long_run_only_the_groups_of_the_stretch_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edges = [{**LANE, "at_ms": n * 10, "beam": n % 4, "blocked": n // 4 % 2} for n in range(40_000)]
    elsewhere = [row | {"station": "Hill"} for row in edges]
    write(tmp_path / "run", tables() | {"edges": [*elsewhere, *edges]}, 1_000)
    read: list[int] = []
    batches = Table.batches

    def counted(self: Table, groups: Any, *more: Any) -> Any:
        if self._name == "edges.parquet":
            read.extend(groups)
        return batches(self, groups, *more)

    monkeypatch.setattr(Table, "batches", counted)
    found = Replays(tmp_path).stretch("run", "", "in-1", 200_000, 210_000)
    assert len(found.edges) == 1_001
    assert set(read) == {60, 61}, "of 80 row groups"


WRITES_AND_READS = """
import sys, pyarrow as pa, pyarrow.parquet as pq, numpy as np
from pathlib import Path
from gateway.replay.runs import Replays
folder = Path(sys.argv[1])
rows = 6_000_000
words = lambda word: pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [word])
with pa.default_memory_pool() and pq.ParquetWriter(folder / "edges.parquet", pa.schema([
    ("station", pa.dictionary(pa.int32(), pa.string())), ("lane", pa.dictionary(pa.int32(), pa.string())),
    ("at_ms", pa.int64()), ("beam", pa.int16()), ("blocked", pa.int16())])) as writer:
    for start in range(0, rows, 50_000):
        n = np.arange(start, start + 50_000)
        group = lambda word: pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, np.int32)), [word])
        writer.write_table(pa.Table.from_arrays(
            [group(""), group("in-1"), pa.array(n * 14), pa.array((n % 4).astype(np.int16)),
             pa.array((n // 4 % 2).astype(np.int16))], schema=writer.schema), row_group_size=50_000)
"""
READS = """
import sys, pyarrow as pa
from pathlib import Path
from gateway.replay.runs import Replays
replays = Replays(Path(sys.argv[1]))
found = replays.stretch("run", "", "in-1", 42_000_000, 42_120_000)
whole = replays.overview("run", "", "in-1")
print(len(found.edges), sum(whole.edges), pa.default_memory_pool().max_memory())
"""


def test_a_metros_day_is_never_in_memory(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", tables())
    subprocess.run([sys.executable, "-c", WRITES_AND_READS, str(folder)], check=True, cwd=Path.cwd())
    assert pq.ParquetFile(folder / "edges.parquet").metadata.num_rows == 6_000_000, "84 MB, were it read whole"
    told = subprocess.run(
        [sys.executable, "-c", READS, str(tmp_path)], check=True, capture_output=True, text=True, cwd=Path.cwd()
    )
    edges, counted, most = map(int, told.stdout.split())
    assert edges == 8572 and counted == 6_000_000
    assert most < 16 * 1024 * 1024


# --- what is hostile, damaged, or wrong


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        "../secret",
        "small/..",
        "small/../../secret",
        "/",
        "small/seed-1/../..",
        "small/",
        "small\x00",
        "small%2f..",
        ".small",
        "linked",
        "not-there",
        "x" * 80,
        "a/b",
    ],
)
def test_no_name_leads_elsewhere(name: str, whole: Whole, folder: Path) -> None:
    write(folder.parent / "secret", tables())
    (folder / "linked").symlink_to(folder.parent / "secret")
    for path, more in (
        ("lanes", {}),
        ("overview", {"lane": "in-1"}),
        ("stretch", {"lane": "in-1", "from": 0, "to": 9}),
    ):
        asked: Json = {"run": name, **more}
        answer = whole.http.get(f"/v1/replays/{path}", params=asked)
        assert answer.status_code == 404, (path, answer.text)
        assert answer.json()["detail"] == "There is no such run; /v1/replays/runs lists all."
    assert [one["run"] for one in whole.http.get("/v1/replays/runs").json()["items"]] == ["small"]


def test_a_gateway_without_a_folder_has_no_runs(whole: Whole) -> None:
    assert whole.http.get("/v1/replays/runs").json() == {"items": []}
    assert whole.http.get("/v1/replays/lanes", params={"run": "small"}).status_code == 404


def test_no_more_runs_are_listed_than_fit(tmp_path: Path) -> None:
    for number in range(LISTED_MAX + 5):
        (tmp_path / f"run-{number}").mkdir()
        (tmp_path / f"run-{number}" / "truth.parquet").touch()
    assert len(Replays(tmp_path).listed()) == LISTED_MAX


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    for place in range(4, min(len(raw) - 8, 400)):
        raw[place] ^= 0xFF
    path.write_bytes(raw)


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(3).randbytes(5_000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_columns(path: Path) -> None:
    pq.write_table(pa.table({"lane": ["in-1"], "something": [1]}), path)


def other_types(path: Path) -> None:
    table = pq.read_table(path)
    for name in table.column_names:
        if name.endswith("_ms") or name in ("beam", "blocked"):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, pa.array(["x"] * table.num_rows))
    pq.write_table(table, path)


def nulls(path: Path) -> None:
    table = pq.read_table(path)
    for name in table.column_names:
        if name not in ("station", "lane"):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, pa.nulls(table.num_rows, table.column(name).type))
    pq.write_table(table, path)


def linked(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def told_by(replays: Replays) -> set[str]:
    """What each way to read the run says of it."""
    ways: list[Callable[[], object]] = [
        lambda: replays.lanes("run"),
        lambda: replays.overview("run", "", "in-1"),
        lambda: replays.stretch("run", "", "in-1", 0, 60_000),
    ]
    found = set()
    for way in ways:
        try:
            way()
        except (Unreadable, UnknownRun) as error:
            found.add(str(error))
    return found


@pytest.mark.parametrize("table", ["layout", "truth", "records", "joined", "edges", "walks", "shows"])
@pytest.mark.parametrize(
    "harm", [cut, flip, garbage, empty, other_columns, other_types, nulls, linked, a_folder, a_pipe]
)
def test_a_damaged_table_is_told_in_a_sentence(harm: Callable[[Path], None], table: str, tmp_path: Path) -> None:
    harm(write(tmp_path / "run", tables()) / f"{table}.parquet")
    told = told_by(Replays(tmp_path))
    # Rows without a time are in no stretch; all else is said.
    assert told or harm is nulls
    assert all(words.startswith(f"{table}.parquet ") and words.endswith((".", "new folder.")) for words in told), told
    assert all(str(tmp_path) not in words for words in told)


def test_a_damaged_run_is_a_problem_and_no_traceback(
    whole: Whole, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cut(folder / "small" / "edges.parquet")
    answer = whole.http.get("/v1/replays/stretch", params={"run": "small", "lane": "in-1", "from": 0, "to": 60_000})
    assert answer.status_code == 409 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("edges.parquet is damaged, or is no Parquet file.")
    assert not caplog.records


def test_a_huge_row_group_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "run", tables())
    monkeypatch.setattr("gateway.replay.tables.GROUP_MAX_BYTES", 100)
    with pytest.raises(Unreadable, match="row group of more than"):
        Replays(tmp_path).stretch("run", "", "in-1", 0, 60_000)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"from": 10, "to": 10}, "a stretch ends later than it begins"),
        ({"from": 10, "to": 5}, "a stretch ends later than it begins"),
        ({"from": 0, "to": STRETCH_MAX_MS + 1}, f"at most {STRETCH_MAX_MS} ms later"),
        ({"from": -1, "to": 5}, "from"),
        ({"from": 0, "to": 2**70}, "to"),
        ({"from": "x", "to": 5}, "from"),
        ({"to": 5}, "from"),
        ({"from": 0, "to": 5, "rider": "entry-1"}, "there is no such parameter"),
    ],
)
def test_a_wrong_parameter_is_told(query: Json, says: str, whole: Whole, folder: Path) -> None:
    answer = whole.http.get("/v1/replays/stretch", params={"run": "small", "lane": "in-1"} | query)
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def test_an_unknown_lane_is_told(whole: Whole, folder: Path) -> None:
    answer = whole.http.get("/v1/replays/overview", params={"run": "small", "lane": "in-9"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no such lane in this run; /v1/replays/lanes lists all of a run."
    with pytest.raises(UnknownRun):
        Replays(folder).stretch("small", "elsewhere", "in-1", 0, 9)


def a_list_without_end(path: Path) -> None:
    """One lane with two million beams; in the file they take a few kilobytes."""
    table = pq.read_table(path)
    kind = table.schema.field("beams").type
    parts = [pa.repeat(pa.scalar(0, field.type), 2_000_000) for field in kind.value_type]
    beams = pa.StructArray.from_arrays(parts, fields=list(kind.value_type))
    one = pa.ListArray.from_arrays(pa.array([0, 2_000_000], pa.int32()), beams).cast(kind)
    place = table.schema.get_field_index("beams")
    pq.write_table(table.slice(0, 1).set_column(place, table.schema.field("beams"), one), path, compression="zstd")


def a_word_without_end(path: Path) -> None:
    """Two thousand lanes of one make, whose name has a megabyte; in the file it stands once."""
    table = pq.read_table(path).slice(0, 1)
    table = pa.concat_tables([table] * 2_000)
    place = table.schema.get_field_index("make")
    word = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(
        table.set_column(place, "make", word), path, compression="zstd", store_schema=False,
        dictionary_pagesize_limit=1 << 26,
    )  # fmt: skip


def a_word_of_another_kind(path: Path) -> None:
    """As above, in a kind of text that is not read as a dictionary."""
    table = pq.read_table(path).slice(0, 1)
    table = pa.concat_tables([table] * 500)
    word = pa.repeat(pa.scalar("x" * 1_000_000, pa.large_string()), 500)
    pq.write_table(table.set_column(table.schema.get_field_index("make"), "make", word), path, compression="zstd")


def one_long_list_among_short_ones(path: Path) -> None:
    """On the average of its rows it would be in bounds."""
    table = pq.read_table(path).slice(0, 1)
    kind = table.schema.field("beams").type
    rows = 20_000
    parts = [pa.repeat(pa.scalar(0, field.type), 1_000_000 + rows) for field in kind.value_type]
    beams = pa.StructArray.from_arrays(parts, fields=list(kind.value_type))
    ends = pa.array([0, *range(1_000_000, 1_000_000 + rows)], pa.int32())
    lists = pa.ListArray.from_arrays(ends, beams.slice(0, 1_000_000 + rows)).cast(kind)
    many = pa.concat_tables([table] * rows)
    place = many.schema.get_field_index("beams")
    pq.write_table(many.set_column(place, many.schema.field("beams"), lists), path, compression="zstd")


@pytest.mark.parametrize(
    "harm", [a_list_without_end, a_word_without_end, a_word_of_another_kind, one_long_list_among_short_ones]
)
def test_what_is_small_on_the_disk_is_not_large_in_memory(harm: Callable[[Path], None], tmp_path: Path) -> None:
    path = write(tmp_path / "run", tables()) / "layout.parquet"
    harm(path)
    assert path.stat().st_size < 100_000
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    highest = 0

    def told() -> str:
        nonlocal highest
        with pytest.raises(Unreadable) as refused:
            Replays(tmp_path).lanes("run")
        highest = max(highest, pool.bytes_allocated() - before)
        return str(refused.value)

    tracemalloc.start()
    try:
        assert "does not write" in told()
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert highest < 50_000_000
