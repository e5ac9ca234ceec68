"""MaxBoxAccV3 and seed mIoU: hand-computed, and against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.conftest import MakeCase
from tests.reference import metrics_pooled as slow
from wsol.metrics.maxboxacc_v3 import MaxBoxAccV3, matched
from wsol.metrics.seed_miou import SeedMIoU

DELTAS = (0.3, 0.5, 0.7)


def two_squares(side: int = 224) -> np.ndarray:
    raw = np.zeros((side, side))
    raw[20:61, 20:61] = 1.0
    raw[120:201, 120:201] = 0.5
    return raw


def test_the_best_pairs_are_taken_first() -> None:
    overlaps = np.array([[0.9, 0.8], [0.7, 0.1]])
    # 0.9 takes the first row and column, so that the second box is left with 0.1
    assert sorted(matched(overlaps)) == [0.1, 0.9]


def test_boxes_for_which_no_estimate_is_left_are_not_found() -> None:
    assert matched(np.array([[0.6, 0.5, 0.4]])).tolist() == [0.6, 0, 0]
    assert matched(np.zeros((0, 2))).tolist() == [0, 0]


def test_two_objects_are_two_cases_and_one_box_finds_one(make_case: MakeCase) -> None:
    truth = np.array([[20.0, 20.0, 60.0, 60.0], [120.0, 120.0, 200.0, 200.0]])
    metric = MaxBoxAccV3()
    columns = metric.measure(make_case(0, map=two_squares(), raw=two_squares(), boxes=truth))
    assert columns["objects"] == 2
    # below half of the maximum both squares are there, above it only the first one
    found = columns["found_0.7"]
    assert (found[20], found[200]) == (2, 1)
    by_name = {score.name: score for score in metric.scores}
    assert by_name["maxboxacc_v3"].value({name: [value] for name, value in columns.items()}) == 1
    twice = metric.measure(make_case(0, map=two_squares(), raw=two_squares(), boxes=truth[[0, 0]]))
    assert max(twice["found_0.3"]) == 1


def test_a_map_that_failed_finds_nothing_and_its_boxes_still_count(make_case: MakeCase) -> None:
    metric = MaxBoxAccV3()
    good = metric.measure(make_case(0, map=two_squares(), raw=two_squares(), boxes=np.array([[20.0, 20, 60, 60]])))
    bad = metric.failed(make_case(1))
    both = {name: [good[name], bad[name]] for name in good}
    assert metric.scores[0].value(both) == pytest.approx(1 / 3)


@given(seed=st.integers(0, 10_000))
def test_matching_equals_a_loop_over_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    overlaps = rng.permutation(np.linspace(0, 1, 12)).reshape(4, 3)[: rng.integers(1, 5), : rng.integers(1, 4)]
    pairs = {(b, g): v for (b, g), v in np.ndenumerate(overlaps)}
    expected = []
    while pairs:
        (b, g), best = max(pairs.items(), key=lambda pair: pair[1])
        expected.append(best)
        pairs = {key: v for key, v in pairs.items() if key[0] != b and key[1] != g}
    assert sorted(matched(overlaps)) == sorted([*expected, *[0.0] * (overlaps.shape[1] - len(expected))])


@pytest.mark.full
def test_maxboxacc_v3_equals_a_sweep_of_every_threshold(make_case: MakeCase) -> None:
    rng = np.random.default_rng(0)
    maps, truths, cases = [], [], []
    for number in range(3):
        raw = np.kron(rng.random((7, 7)), np.ones((32, 32)))  # at 224 already: no resize moves it
        count = 1 + number
        corners = np.sort(rng.integers(0, 223, (count, 2, 2)), axis=1)
        boxes = np.concatenate([corners[:, 0], corners[:, 1]], axis=1)[:, [0, 1, 2, 3]]
        maps.append(raw)
        truths.append(boxes.tolist())
        cases.append(make_case(number, map=raw, raw=raw, boxes=boxes.astype(float)))
    metric = MaxBoxAccV3()
    rows = [metric.measure(case) for case in cases]
    found = metric.scores[0].value({name: [row[name] for row in rows] for name in rows[0]})
    assert found == pytest.approx(slow.maxboxacc_v3(maps, truths, DELTAS))
    assert 0 < found < 1


def test_seed_miou_of_four_pixels_by_hand(make_case: MakeCase) -> None:
    raw = np.array([[1.0, 0.5], [0.1, -3.0]])
    truth = np.array([[1, 0], [1, 255]], np.uint8)
    metric = SeedMIoU()
    columns = metric.measure(make_case(0, map=raw, raw=raw, mask=truth, target=3))
    rows = {name: [value] for name, value in columns.items()}
    # above 0.15: one object pixel, one background pixel; the second object pixel is missed, the negative one ignored
    assert metric.scores[1].value(rows) == pytest.approx((1 / 3 + 0) / 2)
    # above 0.5: the first object pixel alone
    assert metric.scores[0].value(rows) == pytest.approx((1 / 2 + 1 / 2) / 2)


@given(seed=st.integers(0, 10_000))
def test_seed_miou_equals_a_confusion_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 4).tolist()
    maps = [np.round(rng.normal(size=(4, 5)), 1) for _ in labels]
    truths = [rng.choice(np.array([0, 1, 255], np.uint8), (4, 5)) for _ in labels]
    metric = SeedMIoU(step=0.1, tau=0.35)
    rows = [
        metric._columns(_Truth(truth, label), np.maximum(raw, 0) / max(raw.max(), 1e-300))  # type: ignore[arg-type]
        for raw, truth, label in zip(maps, truths, labels, strict=True)
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    best, fixed = metric.scores
    assert fixed.value(columns) == pytest.approx(slow.seed_miou(maps, truths, labels, 0.35))
    swept = [slow.seed_miou(maps, truths, labels, t) for t in np.arange(0, 1, 0.1)]
    assert best.value(columns) == pytest.approx(max(swept))


class _Truth:
    """As much of a `MetricInput` as the truth and the class of an image are."""

    def __init__(self, mask: np.ndarray, target: int) -> None:
        self.mask, self.target, self.image_id = mask, target, "image"


def test_weights_count_images_as_if_they_were_there_again(make_case: MakeCase) -> None:
    for metric in (SeedMIoU(), MaxBoxAccV3()):
        rows = [metric.measure(make_case(number)) for number in range(3)]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        again = {name: [column[i] for i in (0, 2, 2, 2)] for name, column in columns.items()}
        for score in metric.scores:
            weighted = score.of({n: columns[n] for n in score.columns}, np.array([[1.0, 0, 3], [1.0, 1, 1]]))
            expected = [score.value(again), score.value(columns)]
            np.testing.assert_allclose(weighted, expected)
