"""TS-CAM's error types: hand-computed boxes and the slow twin on sets of pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.conftest import MakeCase
from tests.reference import metrics as slow
from wsol.errors import ConfigError, DataError
from wsol.metrics.error_types import ErrorTypes, error_type, tscam_box

GT = np.array([[10, 10, 29, 29]])  # 20 x 20 pixels


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ([10, 10, 29, 29], "right"),
        ([10, 10, 29, 20], "right"),  # 220 of 400 pixels
        ([10, 10, 29, 19], "part"),  # IoU is exactly 0.5, and a hit needs more
        ([12, 12, 17, 17], "part"),
        ([0, 0, 59, 59], "more"),
        ([0, 0, 23, 23], "wrong"),  # covers 196 of 400, a third of itself
        ([40, 40, 50, 50], "wrong"),
    ],
)
def test_each_kind_of_error_by_hand(box: list[int], kind: str) -> None:
    assert error_type(np.array(box), GT, class_right=True) == kind
    assert error_type(np.array(box), GT, class_right=False) == "class_wrong"


def test_a_box_over_two_objects_is_a_multi_instance_error() -> None:
    two = np.array([[0, 0, 9, 9], [30, 0, 39, 9]])
    assert error_type(np.array([0, 0, 39, 9]), two, class_right=True) == "multi_instance"
    assert error_type(np.array([0, 0, 39, 9]), two[:1], class_right=True) == "more"
    assert error_type(np.array([5, 0, 31, 9]), two, class_right=True) == "wrong"  # only 20 % of the second


boxes = st.tuples(*[st.integers(0, 11)] * 4).map(
    lambda b: [min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])]
)


@given(box=boxes, truths=st.lists(boxes, min_size=1, max_size=3))
def test_kinds_equal_the_slow_twin(box: list[int], truths: list[list[int]]) -> None:
    found = error_type(np.array(box), np.array(truths), class_right=True)
    assert found == slow.error_type(box, truths, True)


def test_no_ground_truth_is_refused() -> None:
    with pytest.raises(DataError, match="at least one"):
        error_type(np.array([0, 0, 1, 1]), np.zeros((0, 4)), class_right=True)


def test_the_box_is_of_the_largest_contour_and_one_pixel_too_big() -> None:
    map01 = np.zeros((12, 12))
    map01[2:6, 3:8] = 1.0
    map01[9, 0:11] = 0.9  # a line: more pixels in a row, no polygon area
    assert tscam_box(map01, tau=0.2).tolist() == [3, 2, 8, 6]


def test_an_empty_foreground_has_the_unit_box() -> None:
    assert tscam_box(np.zeros((6, 6)), tau=0.2).tolist() == [0, 0, 1, 1]


def test_the_box_is_opencvs() -> None:
    cv2 = pytest.importorskip("cv2")
    for number in range(5):
        coarse = np.random.default_rng(number).random((6, 6))
        map01 = cv2.resize(coarse, (60, 60), interpolation=cv2.INTER_LINEAR)
        map01 = (map01 - map01.min()) / (map01.max() - map01.min())
        grey = (map01 * 255).astype(np.uint8)
        for tau in (0.1, 0.35, 0.8):
            binary = (grey > int(tau * grey.max())).astype(np.uint8)
            contours, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
            x, y, w, h = cv2.boundingRect(max(contours, key=cv2.contourArea))
            assert tscam_box(map01, tau=tau).tolist() == [x, y, x + w, y + h]


def test_each_image_is_of_one_kind(make_case: MakeCase) -> None:
    for number in range(4):
        case = make_case(number)
        columns = ErrorTypes().measure(make_case(number, target=case.predicted))
        kinds = {name: value for name, value in columns.items() if name != "error"}
        assert sum(kinds.values()) == 1
        assert kinds[columns["error"]] == 1
        assert ErrorTypes().measure(make_case(number, target=(case.predicted + 1) % 6))["error"] == "class_wrong"


def test_ground_truth_is_cut_to_whole_pixels_of_the_frame(make_case: MakeCase) -> None:
    map01 = np.zeros((20, 24))
    map01[5:16, 4:15] = 1  # 4 5 15 16 with the end that the script has: 144 pixels
    case = make_case(0, map=map01, boxes=np.array([[4.9, 5.9, 99.0, 13.9]]))  # becomes 4 5 23 13: 180 pixels
    case = make_case(0, map=map01, boxes=case.boxes, target=case.predicted)
    # 108 shared, union 216: IoU is exactly 0.5, no hit; three quarters of the box are on the object
    assert ErrorTypes().measure(case)["error"] == "part"
    assert ErrorTypes(hit=0.49).measure(case)["error"] == "right"


def test_levels_must_be_shares() -> None:
    with pytest.raises(ConfigError, match="more="):
        ErrorTypes(more=70.0)
