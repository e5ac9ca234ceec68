"""One small run, shared by all tests of the report."""

from __future__ import annotations

import pytest

from tests.report_page.small_run import METHODS, METRIC, made, ran
from wsol.evaluation.experiment import Experiment
from wsol.report.numbers.report_data import ReportData
from wsol.runs.folder import RunFolder


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    """Four methods (one on two layers) on twelve images, nine of them in the gallery."""
    return made(METHODS, METRIC, "methods.layercam.layers=[stage4,stage5]")


@pytest.fixture(scope="session")
def run(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """That experiment, finished."""
    return ran(experiment, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def material(run: RunFolder) -> ReportData:
    """What reports are made of, with few resamples."""
    return ReportData.of(run, n_resamples=50)
