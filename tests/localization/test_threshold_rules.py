"""Thresholds that each map chooses by itself: against OpenCV, and against a loop over all splits."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.localization.one_map import Grid, boxes_at, curve, map_of
from tests.reference.boxes import boxes_at as slow_boxes
from wsol.errors import ConfigError
from wsol.localization.localize import fixed_tau, localize
from wsol.localization.threshold_rules import own_tau, threshold_rules
from wsol.protocols._base import protocols

V1 = protocols["choe2020_v1"]


@st.composite
def maps(draw: st.DrawFn) -> Grid:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    coarse = rng.random((draw(st.integers(2, 6)), draw(st.integers(2, 6)))) ** draw(st.sampled_from([1, 3]))
    smooth = cv2.resize(coarse, (24, 20), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.round(smooth, draw(st.sampled_from([1, 6]))), np.float64)


@given(maps())
def test_otsu_on_grey_levels_cuts_where_opencv_does(grid: Grid) -> None:
    levels = np.floor(255 * (grid - grid.min()) / max(np.ptp(grid), 1e-9)).astype(np.uint8)
    level, above = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    tau = own_tau(levels.astype(np.int32), V1.derive({"tau": "otsu"}))
    ours = levels > int(tau * levels.max())
    if (ours != above.astype(bool)).any():  # OpenCV sums in another order: two splits may be equal up to rounding
        values, counts = np.unique(levels.astype(float), return_counts=True)
        splits = [int((values <= level).sum()), int((values <= tau * levels.max()).sum())]
        between = [_between(values, counts, split) for split in splits]
        assert between[0] == pytest.approx(between[1], rel=1e-6)


def _between(values: Grid, counts: np.ndarray, split: int) -> float:
    pixels = np.repeat(values, counts)
    low, high = pixels[: counts[:split].sum()], pixels[counts[:split].sum() :]
    share = len(low) / len(pixels)
    return float(share * (1 - share) * (high.mean() - low.mean()) ** 2)


@given(maps())
def test_otsu_is_the_best_of_all_splits(grid: Grid) -> None:
    values, counts = np.unique(grid, return_counts=True)
    if len(values) > 1:
        every = [_between(values, counts, split) for split in range(1, len(values))]
        assert every[threshold_rules["otsu"](values, counts) - 1] == pytest.approx(max(every))


@given(maps(), st.sampled_from(["exact", "choe2020_v1"]), st.sampled_from(["ge", "gt"]))
def test_the_mean_cuts_what_is_above_the_mean(grid: Grid, preset: str, compare: str) -> None:
    if preset == "choe2020_v1":
        compare = "gt"
    rule = protocols[preset].derive({"tau": "mean", "compare": compare, "space": "original", "resize": "nearest"})
    item = map_of(grid)
    map01 = (grid - grid.min()) / np.ptp(grid) if np.ptp(grid) else np.zeros(grid.shape)
    if preset == "choe2020_v1":
        map01 = np.floor(255 * map01)
    expected = slow_boxes(map01 > map01.mean() + 1e-12, rule.component)
    assert [tuple(box) for box in boxes_at(item, fixed_tau(item, rule), rule).tolist()] == expected


def test_each_map_of_a_batch_is_cut_at_its_own_threshold() -> None:
    rng = np.random.default_rng(1)
    rule = V1.derive({"tau": "otsu"})
    items = [map_of(rng.random((7, 7)) ** power, [[30, 30, 180, 190]], size_wh=(224, 224)) for power in (1, 2, 6)]
    together = localize(items, [rule])[rule.name]
    taus = [fixed_tau(item, rule) for item in items]
    assert len(set(taus)) == 3
    for n, (item, tau) in enumerate(zip(items, taus, strict=True)):
        same = V1.derive({"tau": tau})
        assert together.iou.at([0])[n].tolist() == curve(item, same)[1]


@pytest.mark.parametrize("name", sorted(threshold_rules))
def test_a_flat_map_has_a_threshold_and_no_box(name: str) -> None:
    rule = V1.derive({"tau": name})
    item = map_of(np.zeros((7, 7)), [[0, 0, 5, 5]])
    assert fixed_tau(item, rule) == 0
    assert boxes_at(item, 0.0, rule).shape == (0, 4)


def test_an_unknown_rule_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="otsu"):
        V1.derive({"tau": "otsou"})
