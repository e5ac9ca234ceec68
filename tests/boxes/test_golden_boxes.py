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

from wsol.boxes.curve import StepCurve, count_curve, finish_boxes, iou_curve
from wsol.localization.grabcut import grabcut_mask
from wsol.boxes.iou import iou
from wsol.localization.resize import resize_uint8_cubic, uint8_by_max
from wsol.boxes.sweep import Sweep, quantise, sweep

GRIDS = ("t1000", "t100")
COMPONENT: dict[str, Any] = {"v1": "largest_polygon", "v2": "all_with_holes"}
SIDE = 224
DELTAS = (0.3, 0.5, 0.7)


@pytest.fixture(scope="module")
def choe(shared: Path) -> dict[str, NDArray[Any]]:
    with np.load(shared / "golden" / "boxes_choe2020.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def layercam(shared: Path) -> dict[str, NDArray[Any]]:
    with np.load(shared / "golden" / "layercam_loc.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def swept(choe: dict[str, NDArray[Any]]) -> dict[str, list[tuple[Sweep, StepCurve]]]:
    """Per mode, the sweep and IoU curve of every golden map."""
    made: dict[str, list[tuple[Sweep, StepCurve]]] = {}
    for mode, component in COMPONENT.items():
        made[mode] = []
        for scores, truth, count in zip(choe["maps"], choe["gt_boxes_224"], choe["num_gt"], strict=True):
            found = sweep(quantise(scores), levels=256, component=component)
            curve = iou_curve(
                found,
                truth[:count],
                levels=256,
                convention="plus1",
                empty=(0, 0, 0, 0),
                box_end="exclusive_as_inclusive",
                clip_wh=(SIDE, SIDE),
            )
            made[mode].append((found, curve))
    return made


def thresholds(choe: dict[str, NDArray[Any]], grid: str, index: int) -> NDArray[np.int64]:
    top = quantise(choe["maps"][index]).max()
    return np.floor(choe[f"thresholds_{grid}"] * top).astype(np.int64)


def written(found: Sweep, t: int) -> NDArray[Any]:
    boxes = finish_boxes(found.at(t), box_end="exclusive_as_inclusive", clip_wh=(SIDE, SIDE))
    return boxes if len(boxes) else np.zeros((1, 4), np.int32)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("mode", COMPONENT)
def test_best_iou_is_the_references_to_the_last_bit(choe: Any, swept: Any, mode: str, grid: str) -> None:
    for i, (_, curve) in enumerate(swept[mode]):
        np.testing.assert_array_equal(curve.at(thresholds(choe, grid, i)), choe[f"best_iou_{mode}_{grid}"][i])


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("mode", COMPONENT)
def test_accuracy_curves_are_the_references(choe: Any, swept: Any, mode: str, grid: str) -> None:
    best = np.stack([curve.at(thresholds(choe, grid, i)) for i, (_, curve) in enumerate(swept[mode])])
    right = choe["classification_correct"][:, None]
    for row, delta in enumerate(DELTAS):
        hits = best >= delta
        assert np.array_equal(hits.sum(0) * 100.0 / len(hits), choe[f"accuracy_curve_{mode}_{grid}"][row])
        assert np.array_equal((hits & right).sum(0) * 100.0 / len(hits), choe[f"top1_loc_curve_{mode}_{grid}"][row])


@pytest.mark.parametrize("grid", GRIDS)
def test_largest_boxes_are_the_references(choe: Any, swept: Any, grid: str) -> None:
    for i, (found, _) in enumerate(swept["v1"]):
        made = {t: written(found, t) for t in range(256)}
        for t, box in zip(thresholds(choe, grid, i), choe[f"boxes_v1_{grid}"][i], strict=True):
            assert made[int(t)].tolist() == [box.tolist()]


@pytest.mark.parametrize("grid", GRIDS)
def test_numbers_of_contours_are_the_references(choe: Any, swept: Any, grid: str) -> None:
    for i, (found, _) in enumerate(swept["v2"]):
        counts = count_curve(found, 256).at(thresholds(choe, grid, i))
        np.testing.assert_array_equal(np.maximum(counts, 1), choe[f"num_boxes_v2_{grid}"][i])


def test_all_boxes_are_the_references(choe: Any, swept: Any) -> None:
    place = 0
    for i, (found, _) in enumerate(swept["v2"]):
        for t, count in zip(thresholds(choe, "t100", i), choe["boxes_v2_t100_counts"][i], strict=True):
            if count:
                boxes = written(found, int(t))
                expected = choe["boxes_v2_t100_flat"][place : place + count]
                np.testing.assert_array_equal(boxes[np.lexsort(boxes.T[::-1])], expected)
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
    np.testing.assert_array_equal(np.packbits(resized > 0.15 * 255), layercam[f"mask_packed_{case:02d}"])
    t = int(0.15 * 255)
    box = layercam_box(resized, t)
    np.testing.assert_array_equal(box, layercam["box"][case])
    contours = count_curve(sweep(resized, levels=256, component="all_with_holes"), 256)
    assert contours.at(t) == layercam["num_contours"][case]
    truth = layercam["gt_boxes"][case, : layercam["num_gt"][case]]
    scores = iou(box[None], truth, convention="plus1_open")[0]
    np.testing.assert_array_equal(scores, layercam["iou_per_gt"][case, : len(truth)])
    assert scores.max() == layercam["iou"][case]


@pytest.mark.parametrize("case", range(6))
def test_grabcut_labels_and_boxes_are_the_references(layercam: Any, case: int) -> None:
    prefix = f"grabcut{case}_"
    mask = grabcut_mask(layercam[prefix + "image_bgr"], layercam[prefix + "init_cam_uint8"])
    np.testing.assert_array_equal(mask, np.isin(layercam[prefix + "labels"], (1, 3)))
    np.testing.assert_array_equal(layercam_box(255 * mask, 0), layercam[prefix + "box"])


def layercam_box(levels: NDArray[Any], t: int) -> NDArray[Any]:
    boxes = sweep(levels.astype(np.int32), levels=256, component="largest_rect").at(t)
    return finish_boxes(boxes, box_end="exclusive_as_inclusive")[0] if len(boxes) else np.array([0, 0, 1, 1])
