"""Protocols against the published code: golden files of two evaluators, and others written out plainly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.localization.one_map import boxes_at, curve, map_of
from tests.reference import protocols as reference
from wsol.localization.boxes import finish_boxes
from wsol.localization.cam2016_tool import LEVELS, tool_boxes
from wsol.localization.final_map import final_map
from wsol.localization.frame import frame_of
from wsol.localization.localize import _foreground, localize
from wsol.protocols._base import Protocol, protocols
from wsol.views import view_named

GRIDS = {"t1000": 0.001, "t100": 0.01}


@pytest.fixture(scope="module")
def layercam(shared: Path) -> dict[str, Any]:
    told = json.loads((shared / "golden" / "layercam_loc.json").read_text())
    with np.load(shared / "golden" / "layercam_loc.npz") as stored:
        return {**stored, "grabcut": told["grabcut"]}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("mode", ["v1", "v2"])
def test_choe2020_gives_the_references_iou_at_every_threshold(choe: Any, mode: str, grid: str) -> None:
    # the reference takes scores as they are: normalising them is what makes the maps, not what scores them
    rule = protocols[f"choe2020_{mode}"].derive({"tau_step": GRIDS[grid], "normalise": "none"})
    taus = choe[f"thresholds_{grid}"]
    for i, scores in enumerate(choe["maps"]):
        size = tuple(choe["image_sizes_wh"][i].tolist())
        count = choe["num_gt"][i]
        item = map_of(scores, choe["gt_boxes_orig"][i, :count], size_wh=size)
        frame = frame_of(item.boxes_xyxy, item.layout, rule)
        np.testing.assert_array_equal(frame.gt_boxes, choe["gt_boxes_224"][i, :count])
        found = localize([item], [rule])[rule.name]
        np.testing.assert_array_equal(found.iou.at(taus)[0], choe[f"best_iou_{mode}_{grid}"][i])
        if mode == "v2":
            assert found.count is not None
            np.testing.assert_array_equal(np.maximum(found.count.at(taus)[0], 1), choe[f"num_boxes_v2_{grid}"][i])


@pytest.mark.parametrize("case", range(40))
def test_layercam2021_gives_the_references_mask_box_and_iou(layercam: Any, case: int) -> None:
    rule = protocols["layercam2021"]
    size = tuple(layercam["original_sizes_wh"][case].tolist())
    truth = layercam["gt_boxes"][case, : layercam["num_gt"][case]]
    item = map_of(layercam["cams"][case], truth, size_wh=size, view="tencrop")
    final, frame = final_map(item.raw, item.layout, size, rule), frame_of(item.boxes_xyxy, item.layout, rule)
    above = _foreground(final, item, frame, rule, 0.15)
    np.testing.assert_array_equal(np.packbits(above), layercam[f"mask_packed_{case:02d}"])
    found = finished(boxes_at(item, 0.15, rule), rule)
    np.testing.assert_array_equal(found[0] if len(found) else [0, 0, 1, 1], layercam["box"][case])
    assert curve(item, rule)[1] == [layercam["iou"][case]]


def finished(boxes: NDArray[np.int32], rule: Protocol) -> NDArray[np.int32]:
    """Boxes as the protocol's own code writes them; it does not clip."""
    assert not rule.clip
    return finish_boxes(boxes, box_end=rule.box_end)


@pytest.mark.parametrize("case", range(6))
def test_layercam2021_cuts_shallow_layers_as_the_reference_does(layercam: Any, case: int) -> None:
    rule, told = protocols["layercam2021"], layercam["grabcut"][case]
    size = tuple(told["size_wh"])
    cam, truth = layercam["cams"][told["cam_index"]], layercam[f"grabcut{case}_gt_boxes"]
    image = layercam[f"grabcut{case}_image_bgr"][..., ::-1]
    shallow, deep = (
        map_of(cam, truth, size_wh=size, view="tencrop", rgb=image, shallow=shallow) for shallow in (True, False)
    )
    np.testing.assert_array_equal(finished(boxes_at(shallow, 0.15, rule), rule), [layercam[f"grabcut{case}_box"]])
    assert told["box_without_grabcut"] == finished(boxes_at(deep, 0.15, rule), rule)[0].tolist()
    assert curve(shallow, rule)[1] == [told["iou"]]


SIZES = st.tuples(st.integers(60, 500), st.integers(60, 500))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[NDArray[np.float64], list[list[float]], tuple[int, int]]:
    """A raw map whose values are no multiples of 1/255, some boxes, and an image size."""
    grid = draw(st.sampled_from([7, 14, 28]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    width, height = draw(SIZES)
    boxes = []
    for _ in range(draw(st.integers(1, 3))):
        x, y = sorted(rng.integers(0, width + 1, 2)), sorted(rng.integers(0, height + 1, 2))
        boxes.append([float(x[0]), float(y[0]), float(x[1]), float(y[1])])
    return rng.normal(size=(grid, grid)) + draw(st.floats(-1, 2)), boxes, (width, height)


def ours(name: str, cam: NDArray[np.float64], gt: list[list[float]], size: tuple[int, int]) -> float:
    rule = protocols[name]
    view = view_named(rule.view, 224, merge=rule.merge)
    (value,) = curve(map_of(cam, gt, size_wh=size, view=view), rule)[1]
    return value


@given(scenes())
@settings(max_examples=60)
def test_tscam2021_is_its_code_written_out(scene: Any) -> None:
    assert ours("tscam2021", *scene) == reference.tscam(*scene, tau=0.12)
    assert ours("tscam2021_cub", *scene) == reference.tscam(*scene, tau=0.1)


@given(scenes())
@settings(max_examples=60)
def test_rethinkingcam2020_is_its_code_written_out(scene: Any) -> None:
    _, (box, *_), size = scene
    assume(all(box[i] < size[i] * 15 / 16 and box[i + 2] > size[i] / 16 for i in (0, 1)))  # some of it is in the crop
    assert ours("rethinkingcam2020", *scene) == reference.rethinking(*scene)


@given(scenes())
@settings(max_examples=60)
def test_psol2020_is_its_code_written_out(scene: Any) -> None:
    assert ours("psol2020", *scene) == pytest.approx(reference.psol(*scene), abs=1e-12)


def test_boxes_apart_in_both_directions_overlap_in_rethinkingcam2020() -> None:
    cam = np.zeros((14, 14))
    cam[0:2, 0:2] = 1
    scene = (cam, [[88.0, 88.0, 118.0, 118.0]], (256, 256))
    assert ours("rethinkingcam2020", *scene) == reference.rethinking(*scene) > 0.5
    assert ours("tscam2021", *scene) == 0.0


@st.composite
def heat_maps(draw: st.DrawFn) -> NDArray[np.uint8]:
    """A smooth map of grey levels with a few blobs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    coarse = rng.random((draw(st.integers(2, 6)), draw(st.integers(2, 6)))) ** draw(st.sampled_from([1, 3]))
    smooth = cv2.resize(coarse, (draw(st.integers(8, 40)), draw(st.integers(8, 40))), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(255 * smooth, 0, 255), np.uint8)


@pytest.mark.full
@given(heat_maps())
@settings(max_examples=100)
def test_cams_tool_is_its_code_written_out(grid: NDArray[np.uint8]) -> None:
    rects = {tuple(rect) for rect in reference.cam_rectangles(grid, LEVELS)}
    assume(len({w * h for _, _, w, h in rects}) == len(rects))  # the tool puts equal areas in no defined order
    assert tool_boxes(grid, candidates=2).tolist() == reference.cam_tool(grid, LEVELS)[:2]


@pytest.mark.parametrize(("level", "boxes"), [(255, [[0, 0, 15, 25]]), (0, [])])
def test_cams_tool_on_flat_maps(level: int, boxes: list[list[int]]) -> None:
    assert tool_boxes(np.full((30, 20), level, np.uint8)).tolist() == boxes


def test_one_of_the_tools_two_candidates_is_enough() -> None:
    y, x = np.mgrid[:60, :100]
    cam = np.exp(-((x - 25) ** 2 + (y - 25) ** 2) / 300) + 0.3 * np.exp(-((x - 75) ** 2 + (y - 30) ** 2) / 60)
    rule = protocols["cam2016_code"]
    layout = view_named("tencrop", 224).layout((100, 60))
    _, second = tool_boxes(final_map(cam, layout, (100, 60), rule), candidates=2).tolist()
    item = map_of(cam, [second], size_wh=(100, 60), view="tencrop")
    assert curve(item, rule)[1][0] < 1
    assert curve(item, rule.derive({"candidates": 2}))[1] == [1]
