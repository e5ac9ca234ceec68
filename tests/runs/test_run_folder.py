"""The row store: atomic files, resume by what is missing, latest."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wsol.errors import DataError, OutputError, UnknownName
from wsol.runs.checksum import checksum
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder
from wsol.runs.footer import KEY, SCHEMA_VERSION
from wsol.runs.schema import MEASURED, About, Quantity, RunInfo, VariantInfo
from wsol.runs.shards import shards

ABOUT = About(run=RunInfo(dataset="shapes"), variants={}, protocols={}, metrics={}, quantities=())


def row(variant: str, image: str, **columns: object) -> dict[str, object]:
    return {"image_id": image, "variant": variant, **columns}


def test_shards_are_sorted_ids_in_pieces() -> None:
    made = shards(["c", "a", "d", "b", "e"], 2)
    assert [s.image_ids for s in made] == [("a", "b"), ("c", "d"), ("e",)]
    assert [s.index for s in made] == [0, 1, 2]


def test_written_work_is_done_and_read_back(tmp_path: Path) -> None:
    folder, (first, second) = RunFolder(tmp_path / "run"), shards(["a", "b", "c"], 2)
    work = frozenset({("cam", "v1"), ("box", "v1")})
    rows = [row(v, i, **{"v1/iou": [0.5, 0.25]}) for v in ("cam", "box") for i in first.image_ids]
    folder.write(first, rows, work, ABOUT)
    assert folder.done(first) == work
    assert folder.done(second) == frozenset()
    folder.write(second, [row("cam", "c", **{"v1/iou": [1.0]})], frozenset({("cam", "v1")}), ABOUT)
    tables = folder.tables()
    assert tables["cam"]["image_id"].to_pylist() == ["a", "b", "c"]
    assert tables["cam"]["v1/iou"].to_pylist() == [[0.5, 0.25], [0.5, 0.25], [1.0]]
    assert tables["box"].num_rows == 2


def test_a_measure_added_later_stands_beside_the_first(tmp_path: Path) -> None:
    folder, (shard,) = RunFolder(tmp_path), shards(["a", "b"], 2)
    folder.write(shard, [row("cam", i, x=1) for i in "ab"], frozenset({("cam", "v1")}), ABOUT)
    folder.write(shard, [row("cam", i, y=2.5) for i in "ab"], frozenset({("cam", "v2")}), ABOUT)
    table = folder.tables()["cam"]
    assert table.to_pydict() == {"image_id": ["a", "b"], "variant": ["cam", "cam"], "x": [1, 1], "y": [2.5, 2.5]}


def test_a_row_has_failed_where_either_of_its_measures_has(tmp_path: Path) -> None:
    folder, (shard,) = RunFolder(tmp_path), shards(["a", "b", "c"], 3)
    fine = {"status": "ok", "error": None, "failed": []}
    bad = {"status": "failed", "error": "ValueError: no", "failed": ["v2"]}
    folder.write(shard, [row("cam", i, x=1, **fine) for i in "abc"], frozenset({("cam", "v1")}), ABOUT)
    later = [row("cam", i, y=2.5, **one) for i, one in zip("abc", (fine, bad, fine), strict=True)]
    folder.write(shard, later, frozenset({("cam", "v2")}), ABOUT)
    table = folder.tables()["cam"]
    assert table["status"].to_pylist() == ["ok", "failed", "ok"]
    assert table["error"].to_pylist() == [None, "ValueError: no", None]
    assert table["failed"].to_pylist() == [[], ["v2"], []]


def test_a_footer_says_what_was_written(tmp_path: Path) -> None:
    variant = VariantInfo(key="cam", id="cam", method="cam", name="CAM", layers=("stage4", "stage5"), year=2016)
    quantity = Quantity(measure="v1", key="maxboxacc", label="MaxBoxAcc", deltas=(0.5,), bounds=(0.0, 1.0))
    about = dataclasses.replace(ABOUT, variants={"cam": variant}, quantities=(quantity,))
    folder, (shard,) = RunFolder(tmp_path), shards(["a"], 1)
    folder.write(shard, [row("cam", "a", x=1)], frozenset({("cam", "v1")}), about)
    (footer,) = folder.footers()
    assert (footer.shard, footer.rows, footer.work, footer.measured) == (0, 1, (("cam", "v1"),), MEASURED)
    assert folder.about() == about
    with pytest.raises(DataError, match="run nothing has no rows yet; start it with: wsol run"):
        RunFolder(tmp_path / "nothing").about()


def test_equal_rows_have_equal_checksums_whatever_was_measured_and_however_they_are_chunked(tmp_path: Path) -> None:
    shard, work = shards(["a", "b"], 2)[0], frozenset({("cam", "v1")})

    def footer_of(name: str, *values: object, ms: float) -> str:
        made = [row("cam", i, iou=[0.5, v], failed=[], error=None, ms=ms) for i, v in zip("ab", values, strict=True)]
        RunFolder(tmp_path / name).write(shard, made, work, ABOUT)
        return RunFolder(tmp_path / name).footers()[0].checksum

    first = footer_of("first", 0.25, None, ms=1.0)
    assert len(first) == 16
    assert footer_of("again", 0.25, None, ms=2.0) == first
    assert footer_of("other", 0.25, 0.0, ms=1.0) != first
    table = pq.read_table(next((tmp_path / "first/rows").iterdir()))
    chunked = pa.concat_tables([table.slice(1), table]).slice(1)
    assert checksum(chunked, without=MEASURED) == first
    assert checksum(pa.concat_tables([table.slice(0, 1), table.slice(1)]), without=MEASURED) == first


def test_a_checksum_is_of_values_of_every_type_a_row_has() -> None:
    """Bytes of one length are objects to NumPy, whose places in memory say nothing."""

    def of(bits: bytes) -> str:
        return checksum(pa.table({"hits": pa.array([bits, None, bytes([1, 2])], pa.binary(2))}))

    assert of(bytes([3, 4])) == of(bytes(bytearray([3, 4])))
    assert of(bytes([3, 4])) != of(bytes([3, 5]))


def test_rows_of_an_older_schema_say_how_to_get_new_ones(tmp_path: Path) -> None:
    folder, (shard,) = RunFolder(tmp_path), shards(["a"], 1)
    place = folder.write(shard, [row("cam", "a", x=1)], frozenset({("cam", "v1")}), ABOUT)
    table = pq.read_table(place)
    old = {"shard": 0, "rows": 1, "work": [["cam", "v1"]], "variants": {}, "protocols": {}, "metrics": {}}
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(old).encode()}), place)
    said = f"older version .schema unknown, expected {SCHEMA_VERSION}.; run the same command into a new folder"
    for read in (folder.footers, folder.tables, lambda: folder.done(shard)):
        with pytest.raises(OutputError, match=said):
            read()


def test_half_a_file_is_never_seen(tmp_path: Path) -> None:
    folder, (shard,) = RunFolder(tmp_path), shards(["a"], 1)
    place = folder.write(shard, [row("cam", "a", x=1)], frozenset({("cam", "v1")}), ABOUT)
    beside = place.with_name(".wsol-0000.parquet")
    beside.write_bytes(place.read_bytes()[:100])  # what a killed writer leaves
    assert folder.done(shard) == {("cam", "v1")}
    assert folder.tables()["cam"].num_rows == 1


def test_a_damaged_file_is_left_out_and_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, (first, second) = RunFolder(tmp_path), shards(["a", "b"], 1)
    work = frozenset({("cam", "v1")})
    folder.write(first, [row("cam", "a", x=1)], work, ABOUT)
    place = folder.write(second, [row("cam", "b", x=2)], work, ABOUT)
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    assert folder.done(second) == frozenset()
    assert f"{place} is damaged and left out" in caplog.text
    assert folder.tables()["cam"]["image_id"].to_pylist() == ["a"]
    folder.write(second, [row("cam", "b", x=2)], work, ABOUT)
    assert folder.tables()["cam"]["image_id"].to_pylist() == ["a", "b"]


def test_a_damaged_manifest_says_so(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_manifest({})
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(OutputError, match=r"run\.json is damaged .*; the same wsol run writes it again"):
        _ = folder.manifest


def test_writing_where_one_must_not_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"can't write .*choose another folder with paths\.runs=DIR"):
        RunFolder(tmp_path / "file" / "run").write_manifest({})


def test_latest_is_the_run_written_last(tmp_path: Path) -> None:
    for n, name in enumerate(("shapes-a-111", "shapes-b-222")):
        RunFolder(tmp_path / name).write_manifest({})
        os.utime(tmp_path / name / "run.json", (n, n))
    assert open_run("latest", tmp_path).name == "shapes-b-222"
    assert open_run("shapes-a", tmp_path).name == "shapes-a-111"
    assert open_run(tmp_path / "shapes-a-111", tmp_path / "elsewhere").name == "shapes-a-111"
    with pytest.raises(UnknownName, match="no run 'shapes-c'; nearest: 'shapes-"):
        open_run("shapes-c", tmp_path)
    with pytest.raises(OutputError, match="'shapes' fits 2 runs: shapes-a-111, shapes-b-222; say which"):
        open_run("shapes", tmp_path)
    with pytest.raises(OutputError, match="there is no run under"):
        open_run("latest", tmp_path / "empty")
