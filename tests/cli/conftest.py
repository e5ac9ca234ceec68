"""Fixtures for the tests of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.maps_scored import Scored
from tests.report.made_up import make_run
from wsol.cli import main
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

FEW = ["dataset.limit=3", "method=[centergauss]", "protocol=[choe2020_v1]", "metric=[]", "gallery=0", "table=false"]
QUALITY = {"gradcam@stage5": 0.0, "layercam@stage4+stage5[gamma=2]": 0.1}
RUN = [
    "dataset.n=16",
    "method=[gradcam,fullbox]",
    "protocol=[exact,choe2020_v1,choe2020_v2,gradcam2017]",
    "metric=[]",
    "table=false",
    "gallery=0",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, of a control on three images."""
    runs = tmp_path_factory.mktemp("runs")
    assert main(["run", *FEW, f"paths.runs={runs}"]) == 0
    return runs


@pytest.fixture
def scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Scored:
    return Scored(tmp_path, capsys)


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of made-up rows, without a network."""
    return make_run(tmp_path_factory.mktemp("runs") / "shapes-test-shapes_gap-1", QUALITY, rise=True)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A small run with a real network, whose rows hold boxes."""
    place = tmp_path_factory.mktemp("runs")
    assert main(["run", *RUN, f"paths.runs={place}"]) == 0
    return open_run("latest", place)
