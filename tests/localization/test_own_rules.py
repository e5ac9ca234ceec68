"""A protocol file outside the package brings rules of its own: they are found by name and do what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.localization.one_map import boxes_at, curve, map_of
from wsol.cli import main
from wsol.errors import ConfigError
from wsol.localization.boxes import box_end_rules, empty_rules
from wsol.localization.component_rules import component_rules
from wsol.localization.final_map import final_map
from wsol.localization.frame import frame_of, rounding_rules, space_rules, truth_rules
from wsol.localization.iou_rules import iou_rules
from wsol.localization.normalize import normalize_rules, order_rules
from wsol.localization.quantize import quantize_rules
from wsol.localization.refine import refine_rules
from wsol.localization.resize import resize_rules
from wsol.protocols._base import headline_rules, protocols
from wsol.registry import Rules, load_file
from wsol.runs.folder import RunFolder
from wsol.views import merge_rules, scale_rules

FILE = """
import numpy as np
from wsol.localization.boxes import BoxEndRule, box_end_rules, empty_rules
from wsol.localization.component_rules import component_rules
from wsol.localization.frame import rounding_rules, truth_rules
from wsol.localization.iou_rules import iou_rules
from wsol.localization.levels import boxes_above
from wsol.localization.normalize import normalize_rules
from wsol.localization.quantize import quantize_rules
from wsol.localization.refine import refine_rules
from wsol.localization.resize import resize_rules
from wsol.protocols import Protocol, protocol

@resize_rules.rule("repeat")
def repeat(grid, size_wh):
    return np.repeat(np.repeat(grid, size_wh[1] // grid.shape[0], 0), size_wh[0] // grid.shape[1], 1)

@normalize_rules.rule("sigmoid")
def sigmoid(grid):
    return 1 / (1 + np.exp(-grid))

@quantize_rules.rule("round_uint8")
def round_uint8(map01):
    return np.rint(255 * map01).astype(np.int32)

@component_rules.rule("two_largest", several=True)
def two_largest(levels, t):
    boxes = boxes_above(levels > t, component="all")
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return boxes[np.argsort(-areas, kind="stable")[:2]]

@iou_rules.rule("of_the_truth")
def of_the_truth(a, b):
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), 2) / np.prod(b[:, 2:] - b[:, :2], 1)

@empty_rules.rule("middle")
def middle(size_wh, finish):
    w, h = size_wh
    return finish(np.array([[w // 4, h // 4, 3 * w // 4, 3 * h // 4]]))

@truth_rules.rule("last")
def last(boxes):
    return boxes[-1:]

@rounding_rules.rule("outward")
def outward(boxes, size_wh):
    return np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], 1)

@refine_rules.rule("mirror", from_threshold=True)
def mirror(map01, above, image_rgb, seed):
    return above[:, ::-1]

box_end_rules.put("short", BoxEndRule(written_inclusive=True, read_inclusive=False))

MINE = protocol(Protocol(name="mine2026", resize="repeat", normalise="sigmoid", tau=0.5, component="two_largest",
                         iou="of_the_truth"))
"""
ALL: list[Rules] = [  # type: ignore[type-arg]
    *(box_end_rules, empty_rules, component_rules, rounding_rules, space_rules, truth_rules, iou_rules, merge_rules),
    *(normalize_rules, order_rules, quantize_rules, refine_rules, resize_rules, headline_rules, scale_rules),
]
EXACT = protocols["exact"]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """The file, loaded; what it registers is gone afterwards."""
    path = tmp_path / "mine2026.py"
    path.write_text(FILE, "utf-8")
    before = [dict(rules) for rules in ALL]
    load_file(path)
    yield path
    for rules, kept in zip(ALL, before, strict=True):
        rules._rules.clear()
        rules._rules.update(kept)
    del protocols._members["mine2026"]


def test_a_run_uses_the_rules_of_a_protocol_file(file: Path, tmp_path: Path) -> None:
    few = ["dataset.n=2", "model.weights=random", "method=[gradcam]", "protocol=[mine2026]", "metric=[]", "gallery=0"]
    words = [*few, "table=false", f"paths.runs={tmp_path / 'runs'}", "--with", str(file)]
    assert main(["run", *words]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    rows = RunFolder(folder).tables()["gradcam@stage5"]
    assert rows.num_rows == 2
    assert {value for counts in rows["mine2026/count"].to_pylist() for value in counts} <= {0, 1, 2}
    knobs = RunFolder(folder).about().protocols["mine2026"].knobs
    assert (knobs["component"], knobs["iou"], knobs["resize"]) == ("two_largest", "of_the_truth", "repeat")


def test_own_resize_and_normalization_make_the_final_map(file: Path) -> None:
    raw = np.array([[-1.0, 0.0], [2.0, 0.5]])
    item = map_of(raw, [[0, 0, 1, 1]], size_wh=(4, 6))
    made = final_map(raw, item.layout, (4, 6), protocols["mine2026"])
    expected = 1 / (1 + np.exp(-np.repeat(np.repeat(raw, 3, 0), 2, 1)))
    np.testing.assert_array_equal(made, expected)


def test_own_quantization_cuts_at_its_own_levels(file: Path) -> None:
    grid = np.array([[0.0, 0.502, 1.0]])  # 128.01 / 255: floor and rounding agree; 0.5058 * 255 = 128.98: they differ
    grid[0, 1] = 0.5058
    levels = [
        final_map(grid, map_of(grid).layout, (3, 1), EXACT.derive({"quantise": rule, "compare": "gt"}))[0, 1]
        for rule in ("floor_uint8", "round_uint8")
    ]
    assert levels == [128, 129]


def test_own_components_and_iou_are_swept_and_fixed_alike(file: Path) -> None:
    grid = np.zeros((12, 12))
    grid[0:2, 0:2], grid[4:9, 4:9], grid[10:12, 0:3] = 1.0, 0.6, 0.8
    truth = [[4, 4, 9, 12]]
    rule = EXACT.derive({"component": "two_largest", "iou": "of_the_truth"})
    assert sorted(boxes_at(map_of(grid), 0.1, rule).tolist()) == [[0, 10, 3, 12], [4, 4, 9, 9]]
    breaks, values = curve(map_of(grid, truth), rule)
    at = {tau: values[int(np.searchsorted(breaks, tau, side="right")) - 1] for tau in (0.1, 0.5, 0.7)}
    assert at == {0.1: 25 / 40, 0.5: 25 / 40, 0.7: 0}
    for tau, value in at.items():
        assert curve(map_of(grid, truth), rule.derive({"tau": tau})) == ([0], [value])


def test_own_iou_goes_with_compiled_components(file: Path) -> None:
    grid = np.zeros((8, 8))
    grid[2:6, 2:6] = 1
    rule = EXACT.derive({"iou": "of_the_truth"})
    assert curve(map_of(grid, [[2, 2, 4, 4]]), rule)[1][-1] == 1  # the box covers all of the truth
    assert max(curve(map_of(grid, [[2, 2, 4, 4]]), EXACT)[1]) == 4 / 16


def test_own_boxes_ends_and_ground_truth(file: Path) -> None:
    nothing, truth = np.zeros((8, 8)), [[0, 0, 1, 1], [2, 2, 6, 6]]
    assert curve(map_of(nothing, truth), EXACT.derive({"empty": "middle"}))[1] == [1]
    assert curve(map_of(nothing, truth), EXACT.derive({"empty": "middle", "box_end": "short"}))[1] == [9 / 16]
    assert curve(map_of(nothing, truth[::-1]), EXACT.derive({"empty": "middle", "gt_boxes": "last"}))[1] == [0]
    frame = frame_of(np.array([[0.2, 1.7, 3.1, 4.5]]), map_of(nothing).layout, EXACT.derive({"gt_rounding": "outward"}))
    assert frame.gt_boxes.tolist() == [[0, 1, 4, 5]]


def test_own_refinement_gets_the_foreground(file: Path) -> None:
    grid = np.zeros((6, 6))
    grid[1:3, 0:2] = 1
    rgb = np.zeros((6, 6, 3), np.uint8)
    rule = EXACT.derive({"tau": 0.5, "refine": "mirror"})
    assert boxes_at(map_of(grid, rgb=rgb), 0.5, rule).tolist() == [[4, 1, 6, 3]]
    with pytest.raises(ConfigError, match="starts from one threshold"):
        EXACT.derive({"refine": "mirror"})


def test_a_rule_may_be_registered_again_by_the_same_file_but_by_no_other(file: Path) -> None:
    rule = resize_rules["repeat"]
    assert resize_rules.put("repeat", rule) is rule
    with pytest.raises(ConfigError, match="there is already a rule 'repeat' among the resize rules"):
        resize_rules.rule("repeat")(lambda grid, size_wh: grid)
