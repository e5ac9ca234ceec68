"""Box for box what the published evaluators return, on the golden maps."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from wsol.localization.boxes import finish_boxes
from wsol.localization.grabcut import grabcut_mask
from wsol.localization.iou import iou
from wsol.localization.levels import BoxRule, LevelTable, boxes_above, sweep_levels
from wsol.localization.normalize import uint8_by_max
from wsol.localization.resize import resize_uint8_cubic

GRIDS = ("t1000", "t100")
MODES = ("v1", "v2")
RULES = [
    BoxRule(component, 8, iou="plus1", box_end="exclusive_as_inclusive", clip=True, empty="zero_box")
    for component in ("largest_polygon", "all_with_holes")
]
SIDE = 224
DELTAS = (0.3, 0.5, 0.7)


@pytest.fixture(scope="module")
def layercam(shared: Path) -> dict[str, NDArray[Any]]:
    with np.load(shared / "golden" / "layercam_loc.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def tables(choe: dict[str, NDArray[Any]]) -> dict[str, LevelTable]:
    """Per mode, all golden maps."""
    truths = [boxes[:count] for boxes, count in zip(choe["gt_boxes_224"], choe["num_gt"], strict=True)]
    offsets = np.cumsum([0, *map(len, truths)])
    made = sweep_levels(quantize(choe["maps"]), np.concatenate(truths), offsets, RULES, levels=256)
    return dict(zip(MODES, made, strict=True))


def quantize(maps: NDArray[Any]) -> NDArray[np.uint8]:
    return np.floor(255 * maps.astype(np.float64)).astype(np.uint8)


def thresholds(choe: dict[str, NDArray[Any]], grid: str) -> NDArray[np.int64]:
    """(n, thresholds) the integer threshold that each one of a grid stands for."""
    tops = quantize(choe["maps"]).max((1, 2), keepdims=True)[:, 0]
    return np.floor(choe[f"thresholds_{grid}"] * tops).astype(np.int64)


def at(values: NDArray[Any], choe: dict[str, NDArray[Any]], grid: str) -> NDArray[Any]:
    return values[np.arange(len(values))[:, None], thresholds(choe, grid)]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("mode", MODES)
def test_best_iou_is_the_references_to_the_last_bit(choe: Any, tables: Any, mode: str, grid: str) -> None:
    np.testing.assert_array_equal(at(tables[mode].iou, choe, grid), choe[f"best_iou_{mode}_{grid}"])


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("mode", MODES)
def test_accuracy_curves_are_the_references(choe: Any, tables: Any, mode: str, grid: str) -> None:
    best = at(tables[mode].iou, choe, grid)
    right = choe["classification_correct"][:, None]
    for row, delta in enumerate(DELTAS):
        hits = best >= delta
        assert np.array_equal(hits.sum(0) * 100.0 / len(hits), choe[f"accuracy_curve_{mode}_{grid}"][row])
        assert np.array_equal((hits & right).sum(0) * 100.0 / len(hits), choe[f"top1_loc_curve_{mode}_{grid}"][row])


@pytest.mark.parametrize("grid", GRIDS)
def test_largest_boxes_are_the_references(choe: Any, tables: Any, grid: str) -> None:
    boxes = at(tables["v1"].boxes, choe, grid)
    for made, expected in zip(boxes, choe[f"boxes_v1_{grid}"], strict=True):
        written = finish_boxes(made, box_end="exclusive_as_inclusive", clip_wh=(SIDE, SIDE))
        np.testing.assert_array_equal(written, expected)


@pytest.mark.parametrize("grid", GRIDS)
def test_numbers_of_contours_are_the_references(choe: Any, tables: Any, grid: str) -> None:
    np.testing.assert_array_equal(np.maximum(at(tables["v2"].count, choe, grid), 1), choe[f"num_boxes_v2_{grid}"])


@pytest.mark.full
def test_all_boxes_are_the_references(choe: Any) -> None:
    place = 0
    ranks, steps = quantize(choe["maps"]), thresholds(choe, "t100")
    for i, counts in enumerate(choe["boxes_v2_t100_counts"]):
        made: dict[int, NDArray[Any]] = {}
        for t, count in zip(steps[i].tolist(), counts, strict=True):
            if not count:
                continue
            if t not in made:
                boxes = boxes_above(ranks[i] > t, component="all_with_holes")
                written = finish_boxes(boxes, box_end="exclusive_as_inclusive", clip_wh=(SIDE, SIDE))
                written = written if len(written) else np.zeros((1, 4), np.int32)
                made[t] = written[np.lexsort(written.T[::-1])]
            np.testing.assert_array_equal(made[t], choe["boxes_v2_t100_flat"][place : place + count])
            place += count
    assert place == len(choe["boxes_v2_t100_flat"])


@pytest.mark.parametrize("case", range(40))
def test_layercams_maps_masks_boxes_and_ious_are_the_references(layercam: Any, shared: Path, case: int) -> None:
    stored = json.loads((shared / "golden" / "layercam_loc.json").read_text())["cases"][case]
    levels = uint8_by_max(layercam["cams"][case])
    assert hashlib.sha256(levels.tobytes()).hexdigest() == stored["sha256_uint8_256"]
    resized = resize_uint8_cubic(levels, tuple(layercam["original_sizes_wh"][case]))
    if cv2.__version__.startswith("5."):  # other releases differ by a grey level in a few pixels
        assert hashlib.sha256(resized.tobytes()).hexdigest() == stored["sha256_resized_uint8"]
    above = resized > 0.15 * 255
    np.testing.assert_array_equal(np.packbits(above), layercam[f"mask_packed_{case:02d}"])
    box = layercam_box(above)
    np.testing.assert_array_equal(box, layercam["box"][case])
    assert len(boxes_above(above, component="all_with_holes")) == layercam["num_contours"][case]
    truth = layercam["gt_boxes"][case, : layercam["num_gt"][case]]
    scores = iou(box[None], truth, convention="plus1_open")[0]
    np.testing.assert_array_equal(scores, layercam["iou_per_gt"][case, : len(truth)])
    assert scores.max() == layercam["iou"][case]


@pytest.mark.parametrize("case", range(40))
def test_layercams_boxes_at_its_threshold_are_those_of_the_sweep(layercam: Any, case: int) -> None:
    ranks = resize_uint8_cubic(uint8_by_max(layercam["cams"][case]), tuple(layercam["original_sizes_wh"][case]))
    truth = layercam["gt_boxes"][case, : layercam["num_gt"][case]]
    rules = [
        BoxRule(component, 8, iou="plus1_open", box_end="exclusive_as_inclusive", clip=False, empty="unit_box")
        for component in ("largest_rect", "all_with_holes")
    ]
    largest, contours = sweep_levels(ranks[None], truth, [0, len(truth)], rules, levels=256)
    t = int(0.15 * 255)
    assert largest.iou[0, t] == layercam["iou"][case]
    assert contours.count is not None
    assert contours.count[0, t] == layercam["num_contours"][case]


@pytest.mark.parametrize("case", range(6))
def test_grabcut_labels_and_boxes_are_the_references(layercam: Any, case: int) -> None:
    prefix = f"grabcut{case}_"
    mask = grabcut_mask(layercam[prefix + "image_bgr"], layercam[prefix + "init_cam_uint8"])
    np.testing.assert_array_equal(mask, np.isin(layercam[prefix + "labels"], (1, 3)))
    np.testing.assert_array_equal(layercam_box(mask), layercam[prefix + "box"])


def layercam_box(mask: NDArray[Any]) -> NDArray[Any]:
    boxes = boxes_above(mask, component="largest_rect")
    return finish_boxes(boxes, box_end="exclusive_as_inclusive")[0] if len(boxes) else np.array([0, 0, 1, 1])
