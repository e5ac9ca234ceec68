"""CorLoc written out: one image, one threshold and one true box at a time, then the mean over classes."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.small import made, ran
from tests.reference.protocols import overlap_plus1
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap
from wsol.protocols import protocols
from wsol.report.numbers.summary import summarize
from wsol.views import view_named


def test_it_is_the_mean_over_classes_at_the_best_threshold(tmp_path: Path) -> None:
    folder = ran(made("dataset.n=14", "method=[gradcam]", "protocol=[corloc2012]"), tmp_path)
    rows = folder.tables()["gradcam@stage5"].to_pylist()
    taus = sorted({tau for row in rows for tau in row["corloc2012/box_breaks"]})
    best = 0.0
    for tau in taus:
        hits = defaultdict(list)
        for row in rows:
            place = int(np.searchsorted(row["corloc2012/box_breaks"], tau, side="right")) - 1
            x0, y0, x1, y1 = row["corloc2012/boxes"][4 * place : 4 * place + 4]
            true = np.reshape(row["gt_boxes"], (-1, 4)).tolist()
            found = x1 > x0 and any(overlap_plus1([x0, y0, x1 - 1, y1 - 1], box) > 0.5 for box in true)
            hits[row["label"]].append(found)
        assert len({len(of_class) for of_class in hits.values()}) > 1, "the mean over images would be the same"
        best = max(best, float(np.mean([np.mean(of_class) for of_class in hits.values()])))
    values = {c.metric: c.value for c in summarize(folder, n_resamples=20).cells if c.measure == "corloc2012"}
    assert values["corloc"] == pytest.approx(100 * best)
    assert 0 < best < 1


@pytest.mark.parametrize(("right", "iou"), [(9, 0.5), (10, 11 / 20)])
def test_corners_are_pixels_inside_and_half_is_not_enough(right: int, iou: float) -> None:
    """Columns 0 to 9 of a true box with columns 0 to 19 are exactly half of it, which is no hit."""
    raw = np.zeros((20, 20))
    raw[:, : right + 1] = 1
    item = ImageMap(raw=raw, layout=view_named("squash", 20).layout((20, 20)), boxes_xyxy=np.array([[0.0, 0, 19, 19]]))
    rule = protocols["corloc2012"]
    curve = localize([item], [rule])[rule.name].iou
    assert curve.at([0.5])[0, 0] == iou
    assert (rule.hit, rule.average, rule.deltas) == ("gt", "classes", (0.5,))
