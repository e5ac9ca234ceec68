"""Runs on a GPU: the CPU's boxes, the same bits twice, halves of a batch where memory is short, workers on one card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

import wsol
from tests.evaluation.small import checksums, made, ran, rows
from wsol.cli import main
from wsol.methods._base import methods
from wsol.runs.folder import RunFolder

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

SMALL = (
    "dataset.n=4",
    "model=shapes_gap",
    "protocol=[choe2020_v1,choe2020_v2]",
    "engine.batch_size=4",
)
KEYS = "cam,gradcam,gradcam_pp,layercam,scorecam,ablationcam,smoothgradcam_pp,rise,fullgrad,integratedgradients"
OTHER_INPUT = {"attention", "branches", "truth"}  # methods of other networks, or of the truth
SLOW = {"clustermerge", "occlusion", "regionocclusion", "greedyorder"}
EVERY = ",".join(key for key, cls in methods.items() if not cls.info.needs & OTHER_INPUT and key not in SLOW)
FASTER = ("precision=bfloat16", "precision=float16", "tf32=true", "compile=default", "compile=graphs")


def close(one: pa.Table, other: pa.Table, name: str, tolerance: float) -> None:
    values = [np.asarray(table[name].to_pylist(), float) for table in (one, other)]
    np.testing.assert_allclose(*values, rtol=tolerance, atol=tolerance, err_msg=name)


def test_boxes_and_scores_in_float64_are_the_cpus(tmp_path: Path) -> None:
    words = (
        *SMALL,
        f"method=[{KEYS}]",
        "metric=[rise2018_dataset]",
        "engine.precision=float64",
        "methods.rise.samples=64",
    )
    there, here = (rows(ran(made(*words, f"engine.device={d}"), tmp_path / d)) for d in ("cuda", "cpu"))
    assert list(there) == list(here)
    for key, table in there.items():
        assert table["status"].to_pylist() == ["ok"] * 4, (key, table["error"].to_pylist())
        for name in table.column_names:
            if name.endswith(("hits", "boxes")) or name in ("image_id", "rank", "forwards", "backwards"):
                assert table[name].to_pylist() == here[key][name].to_pylist(), (key, name)
            elif name.endswith("_auc"):
                close(table, here[key], name, 1e-4)  # two pixels of nearly equal saliency may change places


def test_the_same_run_twice_gives_the_same_bits(tmp_path: Path) -> None:
    words = (*SMALL, f"method=[{EVERY}]", "metric=[rise2018_dataset]", "engine.device=cuda", "gallery=0")
    one, other = (rows(ran(made(*words), tmp_path / name)) for name in ("one", "other"))
    moved = {key: [c for c in t.column_names if t[c] != other[key][c]] for key, t in one.items() if t != other[key]}
    assert not moved


def test_two_workers_on_one_card_give_the_rows_of_one_process(tmp_path: Path) -> None:
    words = [*SMALL, "method=[gradcam,layercam,scorecam]", "engine.device=cuda", "engine.shard_size=2", "gallery=0"]
    clean = ran(made(*words), tmp_path / "clean")
    assert main(["run", *words, "metric=[]", "engine.workers=2", f"paths.runs={tmp_path / 'two'}"]) == 0
    assert checksums(RunFolder(tmp_path / "two" / clean.path.name)) == checksums(clean)


def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path) -> None:
    words = ("dataset.n=192", "model=resnet50", "model.weights=random", "method=[gradcam]", "protocol=[choe2020_v1]")
    run = made(*words, "methods.gradcam.layers=layer1", "engine.device=cuda", "engine.batch_size=192")
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**31) / whole)  # 2 GB more
    try:
        folder = ran(run, tmp_path)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    for table in folder.tables().values():
        assert table["status"].to_pylist() == ["ok"] * 192
        (batch,) = set(table["batch"].to_pylist())
        assert 1 <= batch <= 96


def test_time_and_memory_are_measured(tmp_path: Path) -> None:
    folder = ran(made(*SMALL, "method=[gradcam,scorecam]", "engine.device=cuda"), tmp_path)
    for table in folder.tables().values():
        assert all(value > 0 for name in ("ms", "peak_mb") for value in table[name].to_pylist())


def test_python_leaves_a_network_on_the_card() -> None:
    module = wsol.load_classifier("shapes_gap").module
    images, labels = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(0)), [0, 1, 2, 3]
    here = wsol.attribute(module, images, "layercam", target=labels)
    there = wsol.attribute(module.cuda(), images, "layercam", target=labels)  # images are taken to the network
    assert next(module.parameters()).is_cuda
    peak = max(float(raw.max()) for raw in here)
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-4 * peak)


@pytest.mark.parametrize("word", FASTER)
def test_faster_arithmetic_keeps_the_areas_close(word: str, tmp_path: Path) -> None:
    run = (*SMALL, "method=[gradcam,scorecam]", "metric=[rise2018_dataset]", "maps=keep")
    plain = ran(made(*run, "engine.device=cuda"), tmp_path / "plain")
    fast = ran(made(*run, "engine.device=cuda", f"engine.{word}"), tmp_path / "fast")
    assert plain.name != fast.name
    for key, table in rows(fast).items():
        assert table["status"].to_pylist() == ["ok"] * 4, table["error"].to_pylist()
        close(table, rows(plain)[key], "rise2018_dataset/insertion_auc", 0.02)
