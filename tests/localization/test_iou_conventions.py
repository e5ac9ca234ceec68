"""IoU of boxes against counting pixels, pycocotools and numbers one can check by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from tests.reference.boxes import iou_of, iou_plus1
from wsol.errors import WsolError
from wsol.localization.boxes import finish_boxes
from wsol.localization.iou import iou

corner, side = st.integers(0, 9), st.integers(0, 6)
boxes = st.lists(
    st.tuples(corner, corner, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])), min_size=1, max_size=4
)


@given(boxes, boxes)
@settings(max_examples=60)
def test_plus1_counts_the_pixels_of_inclusive_boxes(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(iou(a, b, convention="plus1"), [[iou_plus1(p, q) for q in b] for p in a])


@given(boxes, boxes)
@settings(max_examples=60)
def test_continuous_is_the_iou_of_coco(a: Any, b: Any) -> None:
    a, b = ([p for p in group if p[2] > p[0] and p[3] > p[1]] or [(0, 0, 2, 3)] for group in (a, b))
    xywh = [np.array([(x0, y0, x1 - x0, y1 - y0) for x0, y0, x1, y1 in group], float) for group in (a, b)]
    np.testing.assert_array_equal(iou(a, b, convention="continuous"), coco.iou(*xywh, [0] * len(b)))


def test_continuous_takes_fractions_of_pixels() -> None:
    assert iou([[0.0, 0.0, 1.0, 1.0]], [[0.5, 0.0, 1.5, 1.0]], convention="continuous").item() == pytest.approx(1 / 3)


@given(boxes, boxes)
@settings(max_examples=60)
def test_plus1_open_is_plus1_where_the_overlap_has_width_and_zero_elsewhere(a: Any, b: Any) -> None:
    overlap_is_wide = iou(a, b, convention="continuous") > 0
    closed = iou(a, b, convention="plus1")
    np.testing.assert_array_equal(iou(a, b, convention="plus1_open"), np.where(overlap_is_wide, closed, 0.0))


def test_touching_boxes_differ_between_the_conventions() -> None:
    a, b = [[0, 0, 4, 4]], [[4, 0, 8, 4]]
    assert iou(a, b, convention="plus1").item() == 5 / 45
    assert iou(a, b, convention="plus1_open").item() == 0
    assert iou(a, b, convention="continuous").item() == 0


def test_a_square_one_pixel_too_big_scores_as_the_handbook_says() -> None:
    for pixels, published in ((10, 0.826), (20, 0.907), (50, 0.961)):
        score = iou([[5, 5, 5 + pixels, 5 + pixels]], [[5, 5, 4 + pixels, 4 + pixels]], convention="plus1").item()
        assert score == pixels**2 / (pixels + 1) ** 2
        assert round(score, 3) == published


def test_boxes_without_area_have_no_overlap_and_no_warning() -> None:
    assert iou([[3, 3, 3, 3]], [[3, 3, 3, 3]], convention="continuous").item() == 0
    assert iou([[3, 3, 3, 3]], [[3, 3, 3, 3]], convention="plus1").item() == 1


def test_no_boxes_give_an_empty_table() -> None:
    assert iou([], [[0, 0, 1, 1]], convention="plus1").shape == (0, 1)
    assert iou([[0, 0, 1, 1]], np.zeros((0, 4)), convention="plus1").shape == (1, 0)


def test_read_only_boxes_are_taken_as_they_are() -> None:
    a = np.array([[0.0, 0.0, 1.0, 1.0]])
    a.flags.writeable = False
    assert iou(a, a, convention="plus1").item() == 1


def test_finished_boxes_follow_their_protocol() -> None:
    boxes = np.array([[2, 3, 8, 10], [0, 0, 10, 6]], np.int32)
    written = {
        "half_open": [[2, 3, 8, 10], [0, 0, 10, 6]],
        "inclusive": [[2, 3, 7, 9], [0, 0, 9, 5]],
        "exclusive_as_inclusive": [[2, 3, 8, 9], [0, 0, 9, 6]],
    }
    for box_end, expected in written.items():
        assert finish_boxes(boxes, box_end=box_end, clip_wh=(10, 10)).tolist() == expected  # type: ignore[arg-type]
    assert finish_boxes(boxes, box_end="exclusive_as_inclusive").tolist() == boxes.tolist()
    assert boxes.tolist() == [[2, 3, 8, 10], [0, 0, 10, 6]]
    with pytest.raises(WsolError, match="nearest: 'half_open'"):
        finish_boxes(boxes, box_end="halfopen")  # type: ignore[arg-type]


@given(boxes, boxes, st.sampled_from(["plus1", "plus1_open", "plus1_signed", "continuous"]))
@settings(max_examples=120)
def test_every_convention_is_its_formula_in_fractions(a: Any, b: Any, convention: Any) -> None:
    np.testing.assert_array_equal(iou(a, b, convention=convention), [[iou_of(p, q, convention) for q in b] for p in a])


def test_wrong_shapes_and_names_are_refused() -> None:
    with pytest.raises(WsolError, match=r"\(n, 4\)"):
        iou([0, 0, 1, 1], [[0, 0, 1, 1]], convention="plus1")
    with pytest.raises(WsolError, match="nearest: 'plus1'"):
        iou([[0, 0, 1, 1]], [[0, 0, 1, 1]], convention="plus2")  # type: ignore[arg-type]
