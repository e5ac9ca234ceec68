"""The main job through the real command line: rows, resume after kill -9, and what is only computed once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from wsol.cli import main
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

VOLATILE = ("ms", "peak_mb")  # measured, not computed
FEW = [
    "dataset.n=8",
    "method=[centergauss,gradcam,layercam]",
    "metric=[]",
    "engine.shard_size=2",
    "engine.batch_size=2",
]


def run(runs: Path, *words: str) -> int:
    return main(["run", *FEW, f"paths.runs={runs}", "table=false", *words])


def rows(folder: RunFolder) -> dict[str, pa.Table]:
    return {key: table.drop_columns(list(VOLATILE)) for key, table in folder.tables().items()}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    runs = tmp_path_factory.mktemp("clean")
    assert run(runs) == 0
    return open_run("latest", runs)


def files(folder: RunFolder) -> dict[str, float]:
    return {p.name: p.stat().st_mtime_ns for p in (folder.path / "rows").iterdir()}


def test_there_is_a_row_per_image_and_variant_and_a_file_per_shard(clean: RunFolder) -> None:
    assert len(files(clean)) == 4
    assert set(clean.tables()) == {"centergauss", "gradcam@stage5", "layercam@stage5"}
    for table in clean.tables().values():
        assert len(table) == 8
        assert table["image_id"].to_pylist() == sorted(table["image_id"].to_pylist())
        assert {"choe2020_v1/iou", "choe2020_v2/iou", "rank", "forwards", "gt_boxes"} <= set(table.column_names)


def test_the_same_command_computes_nothing_again(clean: RunFolder) -> None:
    before = files(clean)
    assert run(clean.path.parent) == 0
    assert files(clean) == before


def test_a_killed_run_resumes_to_the_rows_of_a_clean_one(clean: RunFolder, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "wsol", "run", *FEW, f"paths.runs={tmp_path}", "table=false"]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("*/rows/shard-*.parquet")):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    folder = open_run("latest", tmp_path)
    survivors = files(folder)
    assert 1 <= sum(name.startswith("shard-") for name in survivors) < 4
    assert run(tmp_path) == 0
    assert {k: files(folder)[k] for k in survivors if k.startswith("shard-")}.items() <= survivors.items()
    assert rows(folder) == rows(clean)


@pytest.mark.full
def test_parts_for_several_processes_give_the_rows_of_one(
    clean: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "engine.part=2/3", "table=true") == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "the other parts still owe 3 of 4 shards" in told.err
    half = open_run("latest", tmp_path)
    assert {len(table) for table in half.tables().values()} == {2}
    first = subprocess.Popen(
        [sys.executable, "-m", "wsol", "run", *FEW, f"paths.runs={tmp_path}", "table=false", "engine.part=1/3"]
    )
    assert run(tmp_path, "engine.part=3/3", "table=false") == 0
    assert first.wait() == 0
    assert files(half).keys() == files(clean).keys()
    assert rows(half) == rows(clean)
    assert run(tmp_path, "engine.part=2/3", "table=true") == 0
    assert "layercam@stage5" in capsys.readouterr().out


@pytest.mark.full
def test_a_variant_added_later_computes_only_itself(tmp_path: Path, clean: RunFolder) -> None:
    run(tmp_path, "method=[gradcam]", "protocol=[choe2020_v1]")
    folder = open_run("latest", tmp_path)
    first = files(folder)
    run(tmp_path, "method=[gradcam,layercam]", "protocol=[choe2020_v1]")
    added = [f for f in folder.footers() if f.work == (("layercam@stage5", "choe2020_v1"),)]
    assert len(added) == 4
    assert first.items() <= files(folder).items()
    run(tmp_path, "method=[gradcam,layercam]", "protocol=[choe2020_v1,choe2020_v2]")
    mine, theirs = rows(folder)["layercam@stage5"], rows(clean)["layercam@stage5"]
    for column in ("choe2020_v1/iou", "choe2020_v2/iou"):
        assert mine[column] == theirs[column]


@pytest.mark.full
def test_variants_on_a_sample_leave_the_others_in_order(clean: RunFolder, tmp_path: Path) -> None:
    """Images of a sample are looked at apart; what is added later must stand in the right rows."""
    sampled = ["method=[gradcam,lafam]", "methods.lafam.sample=3", "engine.batch_size=8", "engine.shard_size=8"]
    assert run(tmp_path, *sampled, "protocol=[choe2020_v1]") == 0
    assert run(tmp_path, "method=[gradcam]", *sampled[2:], "protocol=[choe2020_v2]") == 0
    folder = open_run("latest", tmp_path)
    assert len(folder.tables()["lafam@stage5[sample=3]"]) == 3
    for column in ("image_id", "label", "choe2020_v1/iou", "choe2020_v2/iou"):
        assert folder.tables()["gradcam@stage5"][column] == clean.tables()["gradcam@stage5"][column], column


def test_batch_and_shard_size_do_not_change_the_curves(clean: RunFolder, tmp_path: Path) -> None:
    run(tmp_path, "engine.shard_size=5", "engine.batch_size=4")
    other = open_run("latest", tmp_path)
    assert other.name != clean.name
    for key, table in rows(clean).items():
        assert other.tables()[key]["choe2020_v1/iou"] == table["choe2020_v1/iou"], key


def test_a_list_of_gammas_is_one_run_with_one_look(tmp_path: Path) -> None:
    layers = "methods.layercam.layers=[stage3+stage5]"
    assert run(tmp_path, "method=[layercam]", layers, "methods.layercam.gamma=[null,1,2,4]") == 0
    folder = open_run("latest", tmp_path)
    assert list(folder.tables()) == [
        "layercam@stage3+stage5",
        "layercam@stage3+stage5[gamma=1]",
        "layercam@stage3+stage5[gamma=2]",
        "layercam@stage3+stage5[gamma=4]",
    ]
    assert {t["forwards"][0].as_py() for t in folder.tables().values()} == {1.0}


@pytest.mark.full
def test_multirun_makes_a_run_folder_a_model_and_reports_failures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(tmp_path, "-m", "model=shapes_gap,shapes_vgg", "method=[cam]", "protocol=[choe2020_v1]")
    assert code == 1
    story = capsys.readouterr().err
    assert "1 of 2 jobs done" in story
    assert "HeadError: the method needs one linear layer" in story
    assert len(list(tmp_path.glob("shapes-*-shapes_gap-*/rows/*.parquet"))) == 4


def test_table_prints_json_with_intervals(clean: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "latest", "--runs", str(clean.path.parent), "--format", "json"]) == 0
    records = json.loads(capsys.readouterr().out)
    wanted = {"variant", "method", "layers", "options", "protocol", "metric", "value", "low", "high", "n"}
    assert all(wanted <= set(record) for record in records)
    (one,) = (r for r in records if r["variant"] == "gradcam@stage5" and r["metric"] == "maxboxacc")
    assert 0 <= one["low"] <= one["value"] <= one["high"] <= 100
    assert one["n"] == 8


def test_settings_are_printed_by_hydra(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--cfg", "job", "method=[layercam]", "methods.layercam.gamma=[1,2]"]) == 0
    printed = capsys.readouterr().out
    assert "gamma:\n    - 1\n    - 2" in printed


def test_a_protocol_that_takes_all_boxes_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "method=[inputedge,gradcam,fullbox]", "protocol=[choe2020_v1,choe2020_v2]") == 0
    assert main(["table", "latest", "--runs", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    told = {one["variant"]: one for one in found if one["metric"] == "boxes"}
    assert {one["protocol"] for one in told.values()} == {"choe2020_v2"}
    assert told["fullbox"]["value"] == 1
    assert told["inputedge"]["value"] > 10 * told["gradcam@stage5"]["value"]  # edges are everywhere
    for variant in ("inputedge", "gradcam@stage5"):
        (tau,) = told[variant]["tau"]
        rows = open_run("latest", tmp_path).tables()[variant]
        columns = (rows[f"choe2020_v2/{name}"].to_pylist() for name in ("count_breaks", "count"))
        counts = [values[sum(b <= tau for b in breaks) - 1] for breaks, values in zip(*columns, strict=True)]
        assert told[variant]["value"] == pytest.approx(sum(counts) / len(counts))
        assert told[variant]["low"] <= told[variant]["value"] <= told[variant]["high"]


@pytest.mark.full
def test_thresholds_of_the_val_split_are_one_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["dataset.n=6", "method=[gradcam]", "protocol=[choe2020_v1]", "metric=[]", f"paths.runs={tmp_path}"]
    assert main(["run", *few, "tau_from=val"]) == 0
    (val,) = tmp_path.glob("shapes-val-*")
    (test,) = tmp_path.glob("shapes-test-*")
    assert f"threshold: best on {val.name}" in capsys.readouterr().out
    assert main(["table", test.name, "--runs", str(tmp_path), "--tau", "val", "--json"]) == 0
    (found,) = (r for r in json.loads(capsys.readouterr().out) if r["metric"] == "maxboxacc")
    chosen = RunFolder(val).tables()["gradcam@stage5"]["choe2020_v1/iou"].to_pylist()
    mine = RunFolder(test).tables()["gradcam@stage5"]["choe2020_v1/iou"].to_pylist()
    assert len(chosen) == len(mine) == 6
    assert found["tau_from"] == f"best on {val.name}"
    assert main(["run", *few, "tau_from=best"]) == 2
    assert "choose oracle, split-half" in capsys.readouterr().err
    not_held_out = "these images are the val split themselves, so thresholds from it are not held out"
    assert main(["run", *few, "dataset.split=val", "tau_from=val"]) == 2
    assert not_held_out in capsys.readouterr().err
    assert main(["table", val.name, "--runs", str(tmp_path), "--tau", "val"]) == 2
    assert not_held_out in capsys.readouterr().err


@pytest.mark.full
def test_an_ablation_draws_what_it_varies(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for experiment in ("ablate_threshold", "knobs", "ablate_gamma"):  # in one folder, each with its own
        assert main(["run", f"experiment={experiment}", "dataset.n=4", f"paths.runs={tmp_path}", "table=false"]) == 0
    drawn = {file.name for file in tmp_path.glob("*/figures/*")}
    assert drawn == {
        "ablation-threshold.svg",
        "knobs-choe2020_v1.svg",
        "ablation-layercam-layers.svg",
        "ablation-layercam-gamma.svg",
    }


def test_costs_are_in_every_record(clean: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(clean.path), "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    spent = {r["variant"]: tuple(r[c] for c in ("forwards", "backwards", "partial_forwards")) for r in records}
    assert spent["layercam@stage5"] == (1, 1, 0)
    assert all(r["ms"] > 0 and r["peak_mb"] >= 0 for r in records)
