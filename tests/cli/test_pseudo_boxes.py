"""A threshold that no true box chose: from pseudo-boxes of the same images (Murtaza et al., 2024)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.cli.maps_scored import TRUTH, Scored, scores
from tests.localization.one_map import curve, map_of
from wsol.protocols._base import named
from wsol.runs.find import open_run


def test_pseudo_boxes_choose_the_threshold_and_true_boxes_judge_it(scored: Scored) -> None:
    moved = {
        i: [[min(c + 9, (w, h)[k % 2] - 2 + k // 2) for k, c in enumerate(box)] for box in TRUTH.boxes[i]]
        for i, (w, h) in TRUTH.sizes.items()
    }
    pseudo = dataclasses.replace(TRUTH, boxes=moved)
    maps = scores()
    scored(maps, "--name", "mine", annotations=pseudo.csv(scored.at / "pseudo.csv"))
    chosen_on = open_run("latest", scored.at / "runs").name
    found = scored.values(
        maps, "--name", "mine", "--tau", f"val:{chosen_on}", annotations=TRUTH.csv(scored.at / "t.csv")
    )

    rule = named("choe2020_v1").derive({"normalise": "none"})
    taus = np.arange(0, 1, 0.001)

    def hits(truth: dict[str, list[list[int]]]) -> np.ndarray:
        rows = []
        for i, raw in maps.items():
            breaks, values = curve(map_of(raw, truth[i], size_wh=TRUTH.sizes[i]), rule)
            rows.append([values[np.searchsorted(breaks, tau + 1e-9) - 1] >= 0.5 for tau in taus])
        return np.array(rows)

    best = int(np.argmax(hits(dict(pseudo.boxes)).mean(0)))
    assert found["maxboxacc"] == pytest.approx(100 * hits(dict(TRUTH.boxes))[:, best].mean())
