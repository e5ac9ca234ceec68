"""Exports: what leaves the rows is what they hold."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import wsol
from tests.report.made_up import make_run
from wsol.cli import main
from wsol.errors import OutputError
from wsol.report.export.frame import frame, spreadsheet_safe
from wsol.report.export.result_file import read_result
from wsol.report.numbers.summary import summarize
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

QUALITY = {"gradcam@stage5": 0.0, "layercam@stage4+stage5[gamma=2]": 0.1}
RUN = [
    "dataset.n=16",
    "method=[gradcam,fullbox]",
    "protocol=[exact,choe2020_v1,choe2020_v2,gradcam2017]",
    "metric=[]",
    "table=false",
    "gallery=0",
]


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("runs") / "shapes-test-shapes_gap-1", QUALITY, rise=True)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A small run with a real network, whose rows hold boxes."""
    place = tmp_path_factory.mktemp("runs")
    assert main(["run", *RUN, f"paths.runs={place}"]) == 0
    return open_run("latest", place)


def test_load_gives_one_row_an_image_and_variant(made_up: RunFolder) -> None:
    rows = wsol.load(made_up.path).rows()
    assert len(rows) == 120
    assert set(rows["variant"]) == set(QUALITY)
    fused = rows[rows["layers"] == "stage4+stage5"]
    assert set(fused["option.gamma"]) == {2}
    hits = rows.groupby("variant")["choe2020_v1/hit"].mean()
    cells = {c.variant: c.value for c in summarize(made_up, n_resamples=10).cells if c.metric == "maxboxacc"}
    assert {variant: 100 * float(hit) for variant, hit in hits.items()} == pytest.approx(cells)
    assert not any(isinstance(value, np.ndarray | list) for value in rows.iloc[0])


def test_load_keeps_curves_when_asked_and_joins_runs(made_up: RunFolder) -> None:
    rows = wsol.load([made_up.path, made_up.name], runs=made_up.path.parent).rows(lists=True)
    assert len(rows) == 240
    assert len(rows["choe2020_v1/iou"].iloc[0]) == 20
    with pytest.raises(OutputError, match="there is no run under"):
        wsol.load("latest", runs=made_up.path / "nowhere")


def test_rows_leave_as_csv_and_parquet(made_up: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, whole = tmp_path / "new" / "rows.csv", tmp_path / "rows.parquet"
    assert main(["export", str(made_up.path), "--csv", str(plain), "--parquet", str(whole)]) == 0
    assert capsys.readouterr().out.split() == [str(plain), str(whole)]
    assert len(list(csv.DictReader(io.StringIO(plain.read_text())))) == 120
    assert len(pd.read_parquet(whole)["choe2020_v1/iou"].iloc[0]) == 20


def test_a_result_file_has_the_numbers_of_the_table_and_a_command(
    real: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "new" / "mine.json"
    assert main(["export", str(real.path), "--result", str(place)]) == 0
    assert capsys.readouterr().out.split() == [str(place)]
    result = read_result(place)
    assert main(["table", str(real.path), "--format", "json"]) == 0
    table = {(r["variant"], r["protocol"], r["metric"]): r for r in json.loads(capsys.readouterr().out)}
    assert {(r.variant, r.measure, r.quantity) for r in result.rows} == {*table}
    for row in result.rows:
        stated = table[row.variant, row.measure, row.quantity]
        assert (row.value, row.low, row.high, row.n) == (stated["value"], stated["low"], stated["high"], stated["n"])
    assert result.recomputable
    assert (result.network.digest, result.data.images) == ("1f65491e2144", 16)
    exact = next(row for row in result.rows if (row.variant, row.measure) == ("gradcam@stage5", "exact"))
    run = ["wsol", "run", "dataset=shapes", "dataset.n=16", "model=shapes_gap", "view=squash"]
    assert result.command(exact) == [*run, "method=[gradcam@stage5]", "protocol=[exact]", "metric=[]", "gallery=0"]


def test_a_result_file_has_held_out_thresholds_when_asked(real: RunFolder, tmp_path: Path) -> None:
    place = tmp_path / "mine.json"
    assert main(["export", str(real.path), "-o", str(place), "--tau-from", "oracle,split-half"]) == 0
    assert {row.tau_from for row in read_result(place).rows} == {"", "oracle", "split-half", "fixed"}


@pytest.mark.full
def test_the_command_of_a_number_recomputes_it_to_the_last_bit(
    real: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, again = tmp_path / "mine.json", tmp_path / "again.json"
    assert main(["export", str(real.path), "--result", str(place)]) == 0
    result = read_result(place)
    monkeypatch.chdir(tmp_path)
    for measure in ("choe2020_v2", "exact"):
        row = next(row for row in result.rows if (row.variant, row.measure) == ("gradcam@stage5", measure))
        assert main([*result.command(row)[1:], "paths.runs=runs"]) == 0
        assert main(["export", "latest", "--runs", "runs", "--result", str(again)]) == 0
        (recomputed,) = [other for other in read_result(again).rows if other.name == row.name]
        assert recomputed == replace(row, floor=None, ceiling=None, of_reachable=None)  # these are of other variants


def coco_hits(truth: Path, found: Path) -> dict[int, bool]:
    """By image, whether pycocotools matches the detection to a ground-truth box at IoU 0.5."""
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO(str(truth))
        scored = COCOeval(gt, gt.loadRes(str(found)), "bbox")
        scored.params.iouThrs = np.array([0.5])
        scored.params.maxDets = [1, 1, 1]
        scored.params.areaRng, scored.params.areaRngLbl = [[0, 1e10]], ["all"]
        scored.evaluate()
    hits = dict.fromkeys(gt.getImgIds(), False)
    for one in scored.evalImgs:
        if one is not None:
            hits[one["image_id"]] |= bool((one["dtMatches"] > 0).any())
    return hits


def test_pycocotools_finds_the_hits_of_the_exact_protocol(
    real: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "boxes.json"
    words = ["export", str(real.path), "--coco", str(place), "--variant", "gradcam", "--protocol", "exact"]
    assert main(words) == 0
    assert capsys.readouterr().out.split() == [str(place), str(tmp_path / "boxes.gt.json")]
    rows = wsol.load(real.path).rows()
    ours = rows[rows["method"] == "gradcam"]["exact/hit"].to_list()
    hits = coco_hits(tmp_path / "boxes.gt.json", place)
    assert [hits[n] for n in range(1, 17)] == ours
    assert 0 < sum(ours) < 16


def test_ids_can_be_those_of_the_data_sets_own_file(real: RunFolder, tmp_path: Path) -> None:
    words = ["export", str(real.path), "--variant", "gradcam", "--protocol", "exact", "--coco"]
    assert main([*words, str(tmp_path / "plain.json")]) == 0
    truth = json.loads((tmp_path / "plain.gt.json").read_text())
    for node in truth["images"]:
        node["id"] += 1000
    for node in truth["categories"]:
        node["id"] += 70
    for node in truth["annotations"]:
        node |= {"image_id": node["image_id"] + 1000, "category_id": node["category_id"] + 70}
    (tmp_path / "own.json").write_text(json.dumps(truth))
    assert main([*words, str(tmp_path / "boxes.json"), "--annotations", str(tmp_path / "own.json")]) == 0
    assert not (tmp_path / "boxes.gt.json").exists()
    plain, found = (json.loads((tmp_path / name).read_text()) for name in ("plain.json", "boxes.json"))
    moved = [{**d, "image_id": d["image_id"] + 1000, "category_id": d["category_id"] + 70} for d in plain]
    assert found == moved
    hits = coco_hits(tmp_path / "plain.gt.json", tmp_path / "plain.json")
    own = coco_hits(tmp_path / "own.json", tmp_path / "boxes.json")
    assert own == {n + 1000: hit for n, hit in hits.items()}
    truth["images"] = truth["images"][1:]
    truth["annotations"] = [a for a in truth["annotations"] if a["image_id"] != 1001]
    (tmp_path / "own.json").write_text(json.dumps(truth))
    assert main([*words, str(tmp_path / "boxes.json"), "--annotations", str(tmp_path / "own.json")]) == 2


def test_each_variant_gets_its_file_and_the_first_protocol_with_one_box(real: RunFolder, tmp_path: Path) -> None:
    assert main(["export", str(real.path), "--coco", str(tmp_path / "b.json")]) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"b-gradcam@stage5.json", "b-fullbox.json", "b.gt.json"}
    truth = {i["id"]: i for i in json.loads((tmp_path / "b.gt.json").read_text())["images"]}
    for one in json.loads((tmp_path / "b-fullbox.json").read_text()):
        assert one["bbox"] == [0, 0, truth[one["image_id"]]["width"], truth[one["image_id"]]["height"]]


def test_variants_on_fewer_images_have_the_truth_of_those_images(
    real: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dataset.n=16", "method=[gradcam,fullbox]", "methods.fullbox.sample=5", "protocol=[exact]", "metric=[]"]
    assert main(["run", *words, "table=false", "gallery=0", f"paths.runs={tmp_path / 'runs'}"]) == 0
    capsys.readouterr()
    place = tmp_path / "b.json"
    assert main(["export", "latest", "--runs", str(tmp_path / "runs"), "--coco", str(place)]) == 0
    names = [tmp_path / f"b-{variant}" for variant in ("gradcam@stage5", "fullbox_sample=5")]
    assert [f"{name}.json" for name in names] == capsys.readouterr().out.split()[:2]
    whole, few = (json.loads(Path(f"{name}.gt.json").read_text()) for name in names)
    assert (len(whole["images"]), len(few["images"])) == (16, 5)
    ids = {image["file_name"]: image["id"] for image in whole["images"]}
    assert all(ids[image["file_name"]] == image["id"] for image in few["images"])
    assert {a["image_id"] for a in few["annotations"]} == {image["id"] for image in few["images"]}
    found = {one["image_id"] for one in json.loads(Path(f"{names[1]}.json").read_text())}
    assert found == {image["id"] for image in few["images"]}
    words = ["export", "latest", "--runs", str(tmp_path / "runs"), "--variant", "fullbox", "--coco"]
    assert main([*words, str(tmp_path / "one.json")]) == 0
    assert json.loads((tmp_path / "one.gt.json").read_text()) == few


def test_boxes_of_a_square_frame_are_brought_to_stored_pixels(real: RunFolder, tmp_path: Path) -> None:
    words = ["export", str(real.path), "--variant", "gradcam@stage5"]
    assert main([*words, "--protocol", "choe2020_v1", "--coco", str(tmp_path / "v1.json")]) == 0
    assert main([*words, "--protocol", "exact", "--coco", str(tmp_path / "exact.json")]) == 0
    truth = {i["id"]: i for i in json.loads((tmp_path / "v1.gt.json").read_text())["images"]}
    assert len({(i["width"], i["height"]) for i in truth.values()}) > 1
    for one in json.loads((tmp_path / "v1.json").read_text()):
        x, y, width, height = one["bbox"]
        size = truth[one["image_id"]]
        assert 0 <= x < x + width <= size["width"] + 1e-9
        assert 0 <= y < y + height <= size["height"] + 1e-9
    right = coco_hits(tmp_path / "v1.gt.json", tmp_path / "v1.json")
    rows = wsol.load(real.path).rows()
    ours = rows[rows["variant"] == "gradcam@stage5"]["choe2020_v1/hit"].sum()
    assert abs(sum(right.values()) - ours) <= 2  # the protocol's own +1 and rounding move a few


@pytest.mark.parametrize("protocol", ["exact", "choe2020_v1", "gradcam2017"])
def test_the_boxes_in_the_rows_have_the_iou_beside_them(real: RunFolder, protocol: str) -> None:
    from wsol.localization.boxes import finish_boxes
    from wsol.localization.iou import iou
    from wsol.protocols._base import protocols
    from wsol.views import boxes_on_canvas, view_named

    rule = protocols[protocol]
    for row in real.tables()["gradcam@stage5"].to_pylist():
        boxes = np.array(row[f"{protocol}/boxes"]).reshape(-1, 4)
        assert len(boxes) == len(row[f"{protocol}/box_breaks"])
        assert row[f"{protocol}/box_breaks"] == sorted(set(row[f"{protocol}/box_breaks"]))
        size, truth = (row["width"], row["height"]), np.array(row["gt_boxes"]).reshape(-1, 4)
        frame = size if rule.space == "original" else (rule.side, rule.side)
        if rule.space == "square":
            truth = np.trunc(boxes_on_canvas(truth, view_named("squash", 128).layout(size), frame))
        clip = frame if rule.clip else None
        for at, box in zip(row[f"{protocol}/box_breaks"], boxes, strict=True):
            if not box.any():
                continue
            place = max(n for n, b in enumerate(row[f"{protocol}/breaks"]) if b <= at)
            done = finish_boxes(box[None], box_end=rule.box_end, clip_wh=clip).astype(float)
            reached = float(iou(done, truth, convention=rule.iou).max())
            assert reached == pytest.approx(row[f"{protocol}/iou"][place], abs=1e-12)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say what to write: --csv, --parquet, --coco, --result, --tensorboard, --mlflow or --wandb"),
        (["--coco", "b.json", "--protocol", "choe2020_v2"], "choe2020_v2 counts several boxes per image"),
        (["--coco", "b.json", "--protocol", "exakt"], "there is no protocol 'exakt'; nearest: 'exact'"),
        (["--coco", "b.json", "--variant", "cam"], "there is no variant 'cam'"),
        (["--coco", "b.json", "--tau", "2"], "argument --tau: 2 is out of range; give 0 or more and below 1"),
        (["--result", "r.json", "--tau-from", "mine"], "tau mine: choose oracle, split-half, per-image"),
        (["--csv", "/proc/none/rows.csv"], "can't write /proc/none/rows.csv"),
    ],
)
def test_wrong_words_give_one_sentence(
    real: RunFolder, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(real.path), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_rows_older_than_the_columns_of_boxes_say_so(made_up: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(made_up.path), "--coco", "b.json"]) == 2
    assert "these rows don't hold the boxes of choe2020_v1; run it again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "module"), [("--tensorboard", "tensorboard"), ("--mlflow", "mlflow"), ("--wandb", "wandb")]
)
def test_a_missing_library_names_the_extra(
    made_up: RunFolder, option: str, module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec(module):
        pytest.skip(f"{module} is installed")
    assert main(["export", str(made_up.path), option, str(tmp_path / "place")]) == 2
    assert "pip install 'wsol[trackers]'" in capsys.readouterr().err


class Events:
    """A stand-in for TensorBoard's writer: a line for each number; the disk is full behind `room` of them."""

    room = 10**6

    def __init__(self, folder: str) -> None:
        self.file = (Path(folder) / "events.out.tfevents").open("w", encoding="utf-8")
        self.count = 0

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.count += 1
        if self.count > self.room:
            raise OSError(28, "No space left on device")
        self.file.write(f"{name} {value}\n")

    def close(self) -> None:
        self.file.close()


def test_events_are_written_beside_and_moved(
    made_up: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary", SimpleNamespace(Writer=Events))
    words = ["export", str(made_up.path), "--tensorboard", str(tmp_path / "tb")]
    assert main(words) == 0
    (whole,) = (path for path in (tmp_path / "tb").rglob("*") if path.is_file())
    before = whole.read_text()
    assert len(before.splitlines()) > 10
    monkeypatch.setattr(Events, "room", 3)
    assert main(words) == 2
    assert f"--tensorboard {tmp_path / 'tb'} can't be written: OSError: [Errno 28] No space" in capsys.readouterr().err
    assert [path for path in (tmp_path / "tb").rglob("*") if path.is_file()] == [whole]
    assert whole.read_text() == before


def test_ids_that_a_spreadsheet_takes_for_formulas_are_made_inert(made_up: RunFolder) -> None:
    rows = frame(made_up.path).head(2).assign(image_id=["=1+1", "@x"])
    assert spreadsheet_safe(rows)["image_id"].tolist() == ["'=1+1", "'@x"]


def test_tensorboard_gets_every_number(made_up: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `trackers` is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main(["export", str(made_up.path), "--tensorboard", str(tmp_path)]) == 0
    read = EventAccumulator(str(tmp_path / made_up.name))
    read.Reload()
    (value,) = read.Tensors("choe2020_v1/maxboxacc/gradcam-stage5")
    cells = {c.variant: c.value for c in summarize(made_up).cells if c.metric == "maxboxacc"}
    assert value.tensor_proto.float_val[0] == pytest.approx(cells["gradcam@stage5"], rel=1e-6)


def test_mlflow_gets_a_run_with_its_numbers(
    made_up: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra `trackers` is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # mlflow-skinny has no data base to write to
    uri = f"file:{tmp_path / 'store'}"
    assert main(["export", str(made_up.path), "--mlflow", uri]) == 0
    mlflow.set_tracking_uri(uri)
    (run,) = mlflow.search_runs(experiment_names=["wsol"], output_format="list")
    assert run.data.params["model"] == "shapes_gap"
    assert run.data.metrics["choe2020_v1/maxboxacc/gradcam-stage5"] > 0


def test_wandb_writes_a_run_offline(made_up: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="the extra `trackers` is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert main(["export", str(made_up.path), "--wandb", "wsol"]) == 0
    assert list(tmp_path.rglob("*.wandb"))
