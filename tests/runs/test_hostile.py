"""A run folder, maps or weights that somebody made to run code run none: nothing is unpickled, whoever reads it."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.evaluation.small import checksums, made, ran
from wsol.cli import main
from wsol.runs.folder import RunFolder

WORDS = ("dataset.n=8", "model.weights=random", "method=[fullbox,centergauss]", "protocol=[choe2020_v1]")
WORDS += ("engine.shard_size=4", "gallery=2", "metric=[]")


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (self.marker,)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "code_ran"


@pytest.fixture
def evil(marker: Path) -> bytes:
    """A pickle that works, as is seen first."""
    content = pickle.dumps(Evil(marker))
    pickle.loads(content)
    marker.rmdir()
    return content


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return ran(made(*WORDS), tmp_path / "runs")


def extension_typed(file: Path, evil: bytes) -> None:
    """The same rows, of which a column says that its type is a pickled Python class (CVE-2023-47248)."""
    table = pq.read_table(file)
    names = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": evil}
    for name in (b"ARROW:extension:name", b"pandas"):
        assert name not in (table.schema.metadata or {})
    index = table.schema.get_field_index("image_id")
    field = table.schema.field(index).with_metadata(names)
    schema = table.schema.set(index, field).with_metadata({**(table.schema.metadata or {}), b"pandas": evil})
    pq.write_table(pa.Table.from_arrays(table.columns, schema=schema), file)


PLANTED: dict[str, Callable[[RunFolder, bytes], object]] = {
    "manifest": lambda run, evil: (run.path / "run.json").write_bytes(evil),
    "rows": lambda run, evil: next(run.path.glob("rows/*.parquet")).write_bytes(evil),
    "type of a column": lambda run, evil: extension_typed(next(run.path.glob("rows/*.parquet")), evil),
    "gallery": lambda run, evil: next(run.path.glob("gallery/*.parquet")).write_bytes(evil),
    "lease": lambda run, evil: planted(run.path / "work" / "shard-00000.1.json", evil),
    "worker": lambda run, evil: planted(run.path / "work" / "worker-x.json", evil),
    "failure": lambda run, evil: planted(run.path / "failures" / "shard-00000.json", evil),
    "maps": lambda run, evil: planted(run.path / "maps" / "shard-00000-0.safetensors", evil),
    "task": lambda run, evil: [planted(run.path / "slurm" / f"{n}_0_result.pkl", evil) for n in range(3)],
}


def planted(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@pytest.mark.default_cases(3)
@pytest.mark.filterwarnings("ignore:pickle-based deserialization:RuntimeWarning")  # old Arrow says what it refuses
@pytest.mark.parametrize("where", PLANTED)
def test_a_hostile_run_folder_runs_nothing(
    where: str, run: RunFolder, evil: bytes, marker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = checksums(run)
    PLANTED[where](run, evil)
    runs = ["--runs", str(run.path.parent)]
    for words in (
        ["status", run.name, *runs],
        ["table", run.name, *runs],
        ["report", run.name, *runs, "-o", str(run.path.parent / "page.html")],
        ["run", *WORDS, f"paths.runs={run.path.parent}"],
    ):
        assert main(words) in (0, 2)
        assert "Traceback" not in capsys.readouterr().err
        assert not marker.exists()
    assert checksums(run) == clean


def test_names_in_a_lease_or_a_failure_reach_no_other_folder(run: RunFolder, tmp_path: Path) -> None:
    outside = tmp_path / "worker-x.json"
    outside.write_text("mine")
    planted(run.path / "work" / "shard-00000.1.json", json.dumps({"worker": "../../../x"}).encode())
    (run.path / "work" / "worker-link.json").symlink_to(outside)
    shutil.rmtree(run.path / "rows")
    assert main(["run", *WORDS, f"paths.runs={run.path.parent}", "table=false"]) == 0
    assert outside.read_text() == "mine"


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def archive(names: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in names.items():
            made.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["folder", "npz", "names in the npz", "safetensors"])
def test_hostile_maps_run_nothing(
    kind: str, evil: bytes, marker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("image_id,width,height,x0,y0,x1,y1\na,20,20,2,2,10,10\n")
    objects = npy(np.array([[Evil(marker)]], dtype=object))
    maps = tmp_path / {"folder": "maps", "safetensors": "maps.safetensors"}.get(kind, "maps.npz")
    if kind == "folder":
        planted(maps / "a.npy", objects)
    elif kind == "npz":
        maps.write_bytes(archive({"a.npy": objects}))
    elif kind == "names in the npz":  # it is read in memory, wherever its names lead
        maps.write_bytes(archive({"../../a.npy": npy(np.eye(5)), "a.npy": objects}))
    else:
        maps.write_bytes(evil)
    before = sorted(tmp_path.parent.rglob("a.npy"))
    assert main(["score", "--maps", str(maps), "--annotations", str(boxes), "--runs", str(tmp_path / "runs")]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "wsol: " in err
    assert not marker.exists()
    assert sorted(tmp_path.parent.rglob("a.npy")) == before


@pytest.mark.parametrize("kind", ["pickle", "zip", "nested in a state dict"])
def test_hostile_weights_run_nothing(
    kind: str, evil: bytes, marker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights.pth"
    if kind == "pickle":
        weights.write_bytes(evil)
    elif kind == "zip":
        torch.save(Evil(marker), weights)
    else:
        torch.save({"state_dict": {"layer": torch.zeros(1)}, "epoch": Evil(marker)}, weights)
    assert main(["run", *WORDS[:1], *WORDS[2:], f"model.weights={weights}", f"paths.runs={tmp_path / 'runs'}"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "weights.pth" in err
    assert not marker.exists()
