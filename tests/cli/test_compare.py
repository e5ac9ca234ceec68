"""`wsol compare` on rows of a real run, whatever number images are compared by."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsol.cli import main


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    few = ["dataset.n=6", "method=[gradcam,centergauss]", "protocol=[]", "metric=[pointing,pxap]", "table=false"]
    assert main(["run", *few, f"paths.runs={place}"]) == 0
    return place


def test_images_are_listed_by_a_metrics_own_column(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its column, ``hit``, is called otherwise than its number."""
    words = ["gradcam", "centergauss", "--metric", "pointing_game", "--runs", str(runs), "--resamples", "20"]
    assert main(["compare", *words]) == 0
    told = capsys.readouterr()
    assert "Images that differ most: " in told.out
    assert "Pointing" in told.out


def test_of_numbers_of_all_images_together_the_next_one_is_taken(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gradcam", "centergauss", "--metric", "pxap", "--runs", str(runs), "--resamples", "20"]
    assert main(["compare", *words]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[2].startswith("| PxAP ")
    assert "Images that differ most: pxap_image" in told
