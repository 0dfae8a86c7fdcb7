"""Parquet files of a run: what goes in comes out, whole files or none, sentences for what a user can mend."""

import errno
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from simulator.errors import UserError
from simulator.study import parquet
from simulator.study.join import join
from simulator.study.rows import Crossing, Edge, Verdict
from simulator.world import behaviours as b
from tests.simulator.study_support import crossing, verdict

CROSSINGS = [crossing("a"), crossing("b", b.JUMPED, kind="dog"), crossing("c", b.GAVE_UP, -1)._replace(consent=None)]
VERDICTS = [verdict("passed"), verdict("jump")]
ROWS: dict[str, list[Any]] = {
    parquet.TRUTH: CROSSINGS,
    parquet.RECORDS: VERDICTS,
    parquet.JOINED: list(join(CROSSINGS, [*VERDICTS, verdict("tailgate", 90_000)])),
    parquet.EDGES: [Edge("Hill", "in", n * 7, n % 4, n % 2) for n in range(1_000)],
}


@pytest.mark.parametrize("table", ROWS)
def test_what_goes_in_comes_out(table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BATCH_ROWS", 300)
    parquet.write(tmp_path, table, ROWS[table])
    assert list(parquet.read(tmp_path, table)) == [row._asdict() for row in ROWS[table]]
    assert [file.name for file in tmp_path.iterdir()] == [f"{table}.parquet"]


def test_other_tools_see_columns_and_what_they_mean(tmp_path: Path) -> None:
    for table, row in ((parquet.TRUTH, Crossing), (parquet.RECORDS, Verdict), (parquet.EDGES, Edge)):
        parquet.write(tmp_path, table, [])
        schema = pq.read_schema(tmp_path / f"{table}.parquet")
        assert tuple(schema.names) == row._fields
        assert b"virtual ms" in schema.metadata[b"about"]
        assert all(str(schema.field(name).type) == "int64" for name in schema.names if name.endswith("_ms"))
        assert pq.read_table(tmp_path / f"{table}.parquet").num_rows == 0


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        parquet.write(tmp_path / name, parquet.EDGES, ROWS[parquet.EDGES])
    one, other = ((tmp_path / name / "edges.parquet").read_bytes() for name in ("one", "other"))
    assert one == other


def test_parts_become_one_file_in_their_order(tmp_path: Path) -> None:
    parts = []
    for n, rows in enumerate((CROSSINGS[:1], [], CROSSINGS[1:])):
        parts.append(tmp_path / str(n))
        parts[-1].mkdir()
        parquet.write(parts[-1], parquet.TRUTH, rows)
    parquet.merge(tmp_path, parquet.TRUTH, parts)
    assert list(parquet.read(tmp_path, parquet.TRUTH)) == [row._asdict() for row in CROSSINGS]


def test_a_file_that_was_begun_and_not_ended_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="half"), parquet.TableWriter(tmp_path, parquet.EDGES) as writer:
        writer.add(ROWS[parquet.EDGES][0])
        assert [file.name for file in tmp_path.iterdir()] == ["edges.parquet.partial"]
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    # What is written goes by this name to a device that takes nothing.
    (tmp_path / "edges.parquet.partial").symlink_to("/dev/full")
    with pytest.raises(
        UserError, match=r"There is no room left for .*edges.parquet. Make room, or choose another folder"
    ):
        parquet.write(tmp_path, parquet.EDGES, ROWS[parquet.EDGES])
    assert list(tmp_path.iterdir()) == []


def test_any_other_failure_of_the_disk_is_said_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"Can't write .*truth.parquet.* Choose another folder with --out"):
        parquet.write(tmp_path / "nowhere", parquet.TRUTH, [])

    def broken(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", broken)
    with pytest.raises(UserError, match="Input/output error"):
        parquet.write(tmp_path, parquet.TRUTH, CROSSINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_a_run_is_made_and_must_be_empty(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    assert parquet.run_folder(folder) == folder and folder.is_dir()
    assert parquet.run_folder(folder) == folder
    (folder / "note").write_text("mine")
    with pytest.raises(UserError, match=r"run isn't empty. Choose another folder with --out, or clear that one"):
        parquet.run_folder(folder)
    with pytest.raises(UserError, match="note is a file"):
        parquet.run_folder(folder / "note")
    with pytest.raises(UserError, match=r"Can't write in .*run"):
        parquet.run_folder(folder / "note" / "run")
    assert (folder / "note").read_text() == "mine"


def test_a_table_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no truth.parquet in .*; `gateline simulate FILE --out"):
        next(parquet.read(tmp_path, parquet.TRUTH))
