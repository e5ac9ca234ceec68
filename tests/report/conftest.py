"""Fixtures for the tests of tables."""

from __future__ import annotations

import pytest

from tests.report.made_up import make_run
from tests.report.printing import QUALITY
from wsol.report.numbers.summary import Summary, summarize


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    place = tmp_path_factory.mktemp("runs") / "shapes-test-shapes_gap-1234"
    return summarize(make_run(place, QUALITY, protocols=("choe2020_v1", "choe2020_v2"), rise=True), n_resamples=200)
