"""A made-up run for tables, and a small real one for figures and the page."""

from __future__ import annotations

import pytest

from tests.report.made_up import make_run
from tests.report.printing import QUALITY
from tests.report.small_run import METHODS, METRIC, made, ran
from wsol.evaluation.experiment import Experiment
from wsol.report.numbers.report_data import ReportData
from wsol.report.numbers.summary import Summary, summarize
from wsol.runs.folder import RunFolder


@pytest.fixture(scope="session")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """Six variants under both protocols of 2020, with deletion and insertion; nothing is evaluated for it."""
    place = tmp_path_factory.mktemp("runs") / "shapes-test-shapes_gap-1234"
    return summarize(make_run(place, QUALITY, protocols=("choe2020_v1", "choe2020_v2"), rise=True), n_resamples=200)


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    """Four methods (one on two layers) on twelve images, nine of them in the gallery."""
    return made(METHODS, METRIC, "methods.layercam.layers=[stage4,stage5]")


@pytest.fixture(scope="session")
def run(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """That experiment, finished."""
    return ran(experiment, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def data(run: RunFolder) -> ReportData:
    """What reports are made of, with few resamples."""
    return ReportData.of(run, n_resamples=50)
