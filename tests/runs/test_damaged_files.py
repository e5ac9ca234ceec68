"""A file of rows or of the gallery that is damaged, or not ours, is named, left out and made again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wsol.errors import OutputError
from wsol.runs import gallery
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder
from wsol.runs.footer import DIGEST, KEY
from wsol.runs.row_files import damaged, read_rows, row_files, sound
from wsol.runs.schema import About, RunInfo, VariantInfo
from wsol.runs.shards import Shard, shards
from wsol.runs.sweep import sweep
from wsol.runs.write import machine

CAM = VariantInfo(key="cam", id="cam", method="cam", name="CAM")
ABOUT = About(run=RunInfo(dataset="made"), variants={"cam": CAM}, protocols={}, metrics={}, quantities=())
WORK = frozenset({("cam", "v1")})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


@pytest.fixture
def shard() -> Shard:
    return shards([f"image-{n}" for n in range(8)], 8)[0]


def written(folder: RunFolder, shard: Shard) -> Path:
    draw = np.random.default_rng(0)
    rows = [{"variant": "cam", "image_id": i, "v1/iou": draw.random(4).tolist(), "ms": 1.0} for i in shard.image_ids]
    return folder.write(shard, rows, WORK, ABOUT)


def end_of_pages(column: pq.ColumnChunkMetaData) -> int:
    """Behind the last data page of a column; a page of its dictionary has no checksum in old versions of Arrow."""
    start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    return int(start) + int(column.total_compressed_size)


def replaced(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)


@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.full)])
def test_no_byte_of_a_file_can_change_unnoticed(folder: RunFolder, shard: Shard, step: int) -> None:
    place = written(folder, shard)
    whole, rows, left_out = place.read_bytes(), read_rows(place), 0
    assert rows is not None
    for at in range(0, len(whole), step):
        changed = bytearray(whole)
        changed[at] ^= 0x41
        replaced(place, bytes(changed))
        found = list(sound(row_files(place.parent)))
        left_out += not found
        for file in found:  # in what Parquet itself does not need
            assert file.read() == rows
            assert file.footer.work == (("cam", "v1"),)
    assert left_out > len(whole) / step / 2
    replaced(place, whole)
    assert folder.done(shard) == WORK


def test_damaged_pages_are_not_done_and_readers_go_on(
    folder: RunFolder, shard: Shard, caplog: pytest.LogCaptureFixture
) -> None:
    place = written(folder, shard)
    content = bytearray(place.read_bytes())
    group = pq.ParquetFile(place).metadata.row_group(0)
    (column,) = [c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "image_id"]
    content[end_of_pages(column) - 4] ^= 0xFF
    replaced(place, bytes(content))
    assert folder.done(shard) == frozenset()
    assert folder.tables() == {}
    assert folder.covered() == {}
    assert caplog.text.count(f"{place} is damaged and left out") == 1
    written(folder, shard)
    assert folder.done(shard) == WORK


@pytest.mark.parametrize("footer", [b"no JSON", b"[]", b'{"schema_version": 3}', b"\xff\xfe"])
def test_a_footer_that_says_nothing_is_damage(
    footer: bytes, folder: RunFolder, shard: Shard, caplog: pytest.LogCaptureFixture
) -> None:
    place = written(folder, shard)
    table = pq.ParquetFile(place).read()
    pq.write_table(table.replace_schema_metadata({KEY: footer}), place)
    assert folder.footers() == []
    assert folder.done(shard) == frozenset()
    assert f"{place} is damaged and left out" in caplog.text


def test_a_footer_without_a_field_is_damage(folder: RunFolder, shard: Shard) -> None:
    place = written(folder, shard)
    table = pq.ParquetFile(place).read()
    plain = json.loads(table.schema.metadata[KEY])
    for name in ("run", "work", "variants", "rows", "quantities"):
        less = {key: value for key, value in plain.items() if key != name}
        pq.write_table(table.replace_schema_metadata({KEY: json.dumps(less).encode()}), place)
        assert folder.footers() == [], name


def test_a_missing_column_is_damage(folder: RunFolder, shard: Shard, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("v1/iou", "image_id", "variant"):
        place = written(folder, shard)
        table = pq.ParquetFile(place).read()
        pq.write_table(table.drop_columns([name]), place)
        assert folder.tables() == {}
        assert folder.done(shard) == frozenset()
        assert f"column {name} is missing" in caplog.text


def test_a_column_of_an_extension_type_is_damage(
    folder: RunFolder, shard: Shard, caplog: pytest.LogCaptureFixture
) -> None:
    place = written(folder, shard)
    table = pq.ParquetFile(place).read()
    tensors = pa.FixedSizeListArray.from_arrays(pa.array(range(8), pa.int32()), 1)
    ids = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int32(), [1]), tensors)
    pq.write_table(table.set_column(table.column_names.index("image_id"), "image_id", ids), place)
    assert folder.tables() == {}
    assert "column image_id has a type of another program" in caplog.text


def test_rows_of_the_right_number_and_other_values_are_not_done(folder: RunFolder, shard: Shard) -> None:
    place = written(folder, shard)
    table = pq.ParquetFile(place).read()
    pq.write_table(table.take(list(range(7, -1, -1))), place)
    assert len(folder.footers()) == 1
    assert folder.done(shard) == frozenset()


def test_what_is_measured_is_not_checked(folder: RunFolder, shard: Shard) -> None:
    place = written(folder, shard)
    table = pq.ParquetFile(place).read()
    pq.write_table(table.set_column(table.column_names.index("ms"), "ms", pa.array([2.0] * 8)), place)
    assert folder.done(shard) == WORK


def test_somebody_elses_file_is_left_alone(folder: RunFolder, shard: Shard, caplog: pytest.LogCaptureFixture) -> None:
    written(folder, shard)
    other = folder.path / "rows" / "shard-00000-other.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    assert folder.done(shard) == WORK
    assert folder.tables()["cam"].num_rows == 8
    assert f"{other} is left out: it is not a file of rows" in caplog.text
    sweep(folder.path, lambda worker: False)
    assert other.exists()


def test_a_pipe_or_a_folder_among_the_rows_is_left_alone(
    folder: RunFolder, shard: Shard, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(folder, shard)
    pipe, other = file.with_name("shard-00000-0badcafe.parquet"), file.with_name("shard-00000-0badbeef.parquet")
    os.mkfifo(pipe)
    other.mkdir()
    assert [one.path for one in row_files(file.parent)] == [file]
    assert damaged(file.parent) == []
    for one in (pipe, other):
        assert f"{one} is left out: it is not a file; move it elsewhere" in caplog.text


def test_an_edited_footer_is_damage(folder: RunFolder, shard: Shard) -> None:
    place = written(folder, shard)
    table = pq.ParquetFile(place).read()
    edited = table.schema.metadata[KEY].replace(b'"made"', b'"fake"')
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, KEY: edited}), place)
    assert folder.footers() == []
    pq.write_table(table.replace_schema_metadata({KEY: table.schema.metadata[KEY]}), place)  # of before the digest
    assert DIGEST not in (pq.read_schema(place).metadata or {})
    assert len(folder.footers()) == 1


@pytest.mark.parametrize("damage", ["foreign", "no JSON", "columns", "pages", "cut"])
def test_a_foreign_or_damaged_gallery_file_is_left_out(
    damage: str, folder: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    place = folder.path / gallery.NAME / "shard-00000-1.parquet"
    place.parent.mkdir(parents=True)
    footer = {"version": gallery.VERSION, "rows": 1, "taus": [0.5], "protocol": {"name": "v1"}}
    row = {"image_id": "a", "variant": "", "jpeg": bytes(1000), "gt_boxes": [0.5] * 1000}
    table = pa.Table.from_pylist([row], schema=gallery.SCHEMA.with_metadata({KEY: json.dumps(footer).encode()}))
    if damage == "foreign":
        table = pa.table({"a": [1]})
    elif damage == "no JSON":
        table = table.replace_schema_metadata({KEY: b"{"})
    elif damage == "columns":
        table = table.drop_columns(["jpeg"])
    pq.write_table(table, place, write_page_checksum=True)
    if damage == "pages":
        content = bytearray(place.read_bytes())
        column = pq.ParquetFile(place).metadata.row_group(0).column(0)
        content[end_of_pages(column) - 1] ^= 0xFF
        place.write_bytes(bytes(content))
    elif damage == "cut":
        place.write_bytes(place.read_bytes()[:-100])
    shard = Shard(0, ("a",))
    assert gallery.kept(folder, shard, "v1") == set()
    found = gallery.read(folder)
    assert found is None or (found.pictures, found.shown) == ({}, {})
    assert (f"{place} is damaged and left out" in caplog.text) == (damage != "foreign")


def test_half_written_files_of_dead_processes_are_swept(folder: RunFolder, shard: Shard) -> None:
    rows = written(folder, shard).parent
    dead = subprocess.Popen(["true"])
    dead.wait()
    names = {
        "dead": f".wsol-0123456789ab-{dead.pid}-{machine()}.parquet",
        "alive": f".wsol-0123456789ab-{os.getpid()}-{machine()}.parquet",
        "elsewhere": ".wsol-0123456789ab-1-00000000.parquet",
        "long ago": ".wsol-1123456789ab-1-00000000.parquet",
        "old": "shard-00000-1.parquet.part",
    }
    for name in names.values():
        (rows / name).write_bytes(b"half")
    for name in ("long ago", "old"):
        os.utime(rows / names[name], (time.time() - 7200,) * 2)
    sweep(folder.path, lambda worker: False)
    assert {name for name in names if (rows / names[name]).exists()} == {"alive", "elsewhere"}
    assert folder.done(shard) == WORK


def test_damaged_rows_are_removed_before_the_next_run(folder: RunFolder, shard: Shard) -> None:
    place = written(folder, shard)
    place.write_bytes(place.read_bytes()[:-10])
    sweep(folder.path, lambda worker: False)
    assert not place.exists()


def test_a_copied_run_is_as_old_as_its_original(tmp_path: Path) -> None:
    for name in ("a-1", "b-2"):
        RunFolder(tmp_path / name).write_manifest({})
    shutil.copytree(tmp_path / "a-1", tmp_path / "c-3", copy_function=shutil.copyfile)
    os.utime(tmp_path / "a-1" / "run.json")
    assert open_run("latest", tmp_path).name == "b-2"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no right to mount a file system")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_says_so_and_keeps_what_was_there(small_disk: Path, shard: Shard) -> None:
    folder = RunFolder(small_disk / "run")
    place = written(folder, shard)
    before = place.read_bytes()
    big = [{"variant": "cam", "image_id": i, "v1/hits": os.urandom(100_000)} for i in shard.image_ids]
    with pytest.raises(OutputError, match=r"can't write .*: .*[Nn]o space left on device; choose another folder"):
        folder.write(shard, big, frozenset({("cam", "v2")}), ABOUT)
    assert [file.name for file in place.parent.iterdir()] == [place.name]
    assert place.read_bytes() == before
    assert folder.done(shard) == WORK


def test_a_folder_that_cannot_be_written_says_so(small_disk: Path, shard: Shard) -> None:
    folder = RunFolder(small_disk / "run")
    written(folder, shard)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(OutputError, match=r"can't write .*: Read-only file system"):
        folder.write_manifest({})
    assert folder.done(shard) == WORK
