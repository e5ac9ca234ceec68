"""The best of several maps at any threshold, against one map and one protocol at a time."""

from __future__ import annotations

import numpy as np
import pytest

from tests.localization.one_map import curve, map_of
from wsol.localization.best_of import localize_best, swept
from wsol.localization.records import ImageMap
from wsol.localization.thresholds import threshold_grid
from wsol.protocols._base import protocols

PRESETS = ["choe2020_v1", "choe2020_v2", "exact", "cam2016_text", "tscam2021", "psol2020", "cam2016_code"]


@pytest.fixture(scope="module")
def groups() -> list[list[ImageMap]]:
    rng = np.random.default_rng(4)
    made = []
    for count in (1, 3, 2):
        size = (int(rng.integers(60, 120)), int(rng.integers(60, 120)))
        corners = np.sort(rng.integers(0, 60, (2, 2, 2)), axis=1).reshape(2, 4)
        made.append([map_of(rng.random((7, 7)) ** 2, corners, size_wh=size) for _ in range(count)])
    return made


@pytest.mark.default_cases(4)
@pytest.mark.parametrize("name", PRESETS)
def test_a_group_scores_the_highest_iou_of_its_maps_at_any_threshold(name: str, groups: list[list[ImageMap]]) -> None:
    rule = protocols[name]
    found = localize_best(groups, [rule])[name]
    expected = [max(max(curve(item, swept(rule))[1]) for item in group) for group in groups]
    for tau in (0.0, 0.3, 0.99):
        assert found.iou.at([tau])[:, 0].tolist() == expected
    if rule.tau != "sweep" or threshold_grid(rule) is not None:
        assert found.hits is not None
    else:
        assert found.hits is None


def test_the_box_that_is_kept_has_the_iou_that_is_kept(groups: list[list[ImageMap]]) -> None:
    rule = protocols["exact"]
    found = localize_best(groups, [rule])["exact"]
    assert found.boxes is not None
    for n, group in enumerate(groups):
        x0, y0, x1, y1 = found.boxes.at([0.0])[n, 0].tolist()
        ious = []
        for a0, b0, a1, b1 in group[0].boxes_xyxy.tolist():
            shared = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
            ious.append(shared / ((x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - shared))
        assert found.iou.at([0.0])[n, 0] == pytest.approx(max(ious))


@pytest.mark.full
def test_protocols_share_a_call_and_keep_their_own_numbers(groups: list[list[ImageMap]]) -> None:
    chosen = [protocols[name] for name in PRESETS]
    together = localize_best(groups, chosen)
    for rule in chosen:
        alone = localize_best(groups, [rule])[rule.name]
        np.testing.assert_array_equal(together[rule.name].iou.values, alone.iou.values)
