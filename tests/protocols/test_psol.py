"""psol2020 from maps to the table's number, against the released evaluation retold in `tests/reference/psol.py`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.cli.maps_scored import Scored, Truth
from tests.reference.psol import Case, evaluate, in_crop
from wsol.cli import main
from wsol.localization.frame import frame_of
from wsol.protocols._base import protocols
from wsol.views import view_named

GRID = 14  # divides the crop's 224 pixels
COUNTS = (11, 2, 5, 3)  # images of each class: unequal, as on CUB


@pytest.fixture
def scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Scored:
    return Scored(tmp_path, capsys)


def blob(rng: np.random.Generator) -> NDArray[np.float64]:
    """A map that is positive on one rectangle of cells, so that its largest positive component is known."""
    raw = -rng.random((GRID, GRID)) - 0.1
    x, y = (np.sort(rng.choice(GRID + 1, 2, replace=False)) for _ in range(2))
    raw[y[0] : y[1], x[0] : x[1]] = rng.random((y[1] - y[0], x[1] - x[0])) + 0.1
    return raw


def box_of(raw: NDArray[np.float64]) -> list[float]:
    rows, columns = ndimage.find_objects((raw > 0).astype(int))[0]
    step = 224 / GRID
    return [columns.start * step, rows.start * step, columns.stop * step, rows.stop * step]


@pytest.mark.parametrize("seed", range(2))
def test_the_tables_numbers_are_those_of_the_released_evaluation(seed: int, scored: Scored) -> None:
    rng = np.random.default_rng(seed)
    maps, cases = {}, {}
    labels = [label for label, count in enumerate(COUNTS) for _ in range(count)]
    for n, label in enumerate(labels):
        raw, size = blob(rng), (int(rng.integers(60, 500)), int(rng.integers(60, 500)))
        x0, y0, x1, y1 = np.array(box_of(raw)) + 16  # of the 256 x 256 squeeze, then moved to the image
        own = [x0 * size[0] / 256, y0 * size[1] / 256, x1 * size[0] / 256, y1 * size[1] / 256]
        shaken = np.array(own) + rng.normal(size=4) * 0.07 * np.array([*size, *size])
        true = [int(np.clip(v, 1, side)) for v, side in zip(shaken, (*size, *size), strict=True)]
        true = [min(true[0], true[2] - 1), min(true[1], true[3] - 1), *true[2:]]
        true = [max(true[0], 0), max(true[1], 0), max(true[2], true[0] + 1), max(true[3], true[1] + 1)]
        boxes = [true, [1, 1, max(2, size[0] // 9), max(2, size[1] // 9)]][: 1 + n % 2]
        top5 = rng.permutation(6)[:5].tolist()
        name = f"{n:03d}.jpg"
        maps[name], cases[name] = raw, Case(label, size, boxes, box_of(raw), top5)
    truth = Truth(
        {i: c.size_wh for i, c in cases.items()},
        {i: c.label for i, c in cases.items()},
        {i: [list(map(int, box)) for box in c.xml_boxes] for i, c in cases.items()},
    )
    predictions = scored.at / "predictions.csv"
    lines = [",".join(map(str, (i, *c.top5))) for i, c in cases.items()]
    predictions.write_text("\n".join(["image_id,top1,top2,top3,top4,top5", *lines]))
    words = ("--predictions", str(predictions), "--view", "squash_centre", "--normalize", "always")
    annotations = truth.metadata(scored.at / "metadata")
    found = scored.values(maps, *words, annotations=annotations, protocol="psol2020")
    expected = evaluate(list(cases.values()))
    assert 5 < expected["gt_known"] < 95
    assert found["gt_known_loc"] == pytest.approx(expected["gt_known"], abs=1e-9)
    assert found["top1_loc"] == pytest.approx(expected["top1"], abs=1e-9)
    assert found["top5_loc"] == pytest.approx(expected["top5"], abs=1e-9)
    # over images it is another number, which the table gives of the same rows
    assert main(["table", "--runs", str(scored.at / "runs"), "--average", "images", "--json"]) == 0
    plain = {row["metric"]: row["value"] for row in json.loads(scored.capsys.readouterr().out)}
    once = evaluate([Case(0, c.size_wh, c.xml_boxes, c.box, (0,) * 5) for c in cases.values()])  # one class
    assert plain["gt_known_loc"] == pytest.approx(once["gt_known"], abs=1e-9)
    assert abs(plain["gt_known_loc"] - found["gt_known_loc"]) > 0.1


def test_true_boxes_are_cut_at_the_crop() -> None:
    box, size = [1, 1, 320, 240], (320, 240)
    frame = frame_of(np.array([box], float), view_named("squash_centre", 224).layout(size), protocols["psol2020"])
    np.testing.assert_allclose(frame.gt_boxes, [in_crop(box, size)])
    np.testing.assert_allclose(frame.gt_boxes, [[0, 0, 224, 224]])


def test_a_box_outside_the_crop_has_no_area() -> None:
    box, size = [1, 1, 9, 9], (512, 512)
    frame = frame_of(np.array([box], float), view_named("squash_centre", 224).layout(size), protocols["psol2020"])
    np.testing.assert_allclose(frame.gt_boxes, [in_crop(box, size)])
    assert frame.gt_boxes.tolist() == [[0, 0, 0, 0]]
