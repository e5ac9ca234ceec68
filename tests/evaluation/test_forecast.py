"""What a run will take is measured as the run will go: costs first, then the time without what measuring takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.evaluation.small import made
from wsol.evaluation import forecast as module
from wsol.evaluation.forecast import forecast
from wsol.maps.extractor import MapExtractor

WORDS = ("dataset.n=40", "method=[gradcam,centergauss]", "protocol=[choe2020_v2]", "engine.batch_size=8")


def test_the_time_is_of_batches_in_which_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[tuple[int, bool]] = []
    maps = MapExtractor.maps

    def counted(self: MapExtractor, inputs: Any, *words: Any, measure: bool = False, **options: Any) -> Any:
        measured.append((len(inputs), measure))
        return maps(self, inputs, *words, measure=measure, **options)

    monkeypatch.setattr(MapExtractor, "maps", counted)
    prediction = forecast(made(*WORDS))
    assert measured == [(1, True), (1, True), (8, True), (8, False)]
    assert prediction.tried == 8
    assert prediction.seconds == sum(prediction.stages.values()) > 0
    assert prediction.images == {"gradcam@stage5": 40, "centergauss": 40}
    assert prediction.costs["gradcam@stage5"]["ms"] > 0
    assert prediction.rows_mb > 0


def test_files_are_written_per_shard_and_not_per_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_seconds", lambda *words: {"network": 0.8, "write": 0.3})
    prediction = forecast(made(*WORDS, "engine.shard_size=20"))
    assert prediction.stages == {"network": pytest.approx(0.8 / 1 * 40), "write": pytest.approx(0.3 * 2)}
