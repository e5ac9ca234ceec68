"""Boxes exported as COCO: pycocotools finds our hits, ids can be another file's, frames become stored pixels."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import wsol
from wsol.cli import main
from wsol.runs.folder import RunFolder


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


def test_rows_older_than_the_columns_of_boxes_say_so(made_up: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(made_up.path), "--coco", "b.json"]) == 2
    assert "these rows don't hold the boxes of choe2020_v1; run it again" in capsys.readouterr().err
