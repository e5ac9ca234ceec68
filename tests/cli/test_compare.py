"""`wsol compare` on rows of a real run, whatever number images are compared by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
    printed = capsys.readouterr().out
    assert "Images that differ most: " in printed
    assert "Pointing" in printed


def test_of_numbers_of_all_images_together_the_next_one_is_taken(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["gradcam", "centergauss", "--metric", "pxap", "--runs", str(runs), "--resamples", "20"]
    assert main(["compare", *words]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[2].startswith("| PxAP ")
    assert "Images that differ most: pxap_image" in printed


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("boxes")
    methods = "method=[gradcam@stage5,centergauss,layercam@stage3-5[gamma=2]]"
    few = ["dataset.limit=8", "protocol=[choe2020_v1]", "metric=[]", "table=false"]
    assert main(["run", *few, methods, f"paths.runs={place}"]) == 0
    return place


def compared(boxes: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["compare", *words, "--runs", str(boxes), "--resamples", "50", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_difference_is_that_of_the_tables_numbers(boxes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--runs", str(boxes), "--json"]) == 0
    table = {(r["variant"], r["metric"]): r["value"] for r in json.loads(capsys.readouterr().out)}
    answer = compared(boxes, capsys, "centergauss", "gradcam")
    assert (answer["a"], answer["b"]) == ("centergauss", "gradcam@stage5")
    for number in (n for n in answer["numbers"] if n["protocol"] == "choe2020_v1"):
        assert number["a"] == table["centergauss", number["metric"]], number["metric"]
        assert number["b"] == table["gradcam@stage5", number["metric"]], number["metric"]
        assert number["difference"] == pytest.approx(number["a"] - number["b"])
        assert number["low"] <= number["difference"] <= number["high"]
        assert number["n"] == 8


def test_the_two_sides_are_mirrored(boxes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forth = compared(boxes, capsys, "centergauss", "gradcam", "--metric", "maxboxacc")["numbers"][0]
    back = compared(boxes, capsys, "gradcam", "centergauss", "--metric", "maxboxacc")["numbers"][0]
    assert back["difference"] == -forth["difference"]
    assert (back["low"], back["high"]) == pytest.approx((-forth["high"], -forth["low"]))
    assert (back["a_higher"], back["b_higher"]) == (forth["b_higher"], forth["a_higher"])


@pytest.mark.parametrize(
    "name",
    [
        "layercam",
        "layercam@stage3-5[gamma=2]",
        "layercam@stage3+4+5[gamma=2.0]",
        "layercam@stage3+stage4+stage5[gamma=2]",
    ],
)
def test_a_variant_is_known_by_each_of_its_spellings(
    name: str, boxes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(boxes, capsys, name, "gradcam")["a"] == "layercam@stage3+stage4+stage5[gamma=2]"


def test_a_quantity_is_a_protocol_and_a_metric(boxes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (number,) = compared(boxes, capsys, "gradcam", "centergauss", "--metric", "choe2020_v1/maxboxacc")["numbers"]
    assert (number["protocol"], number["metric"]) == ("choe2020_v1", "maxboxacc")
    assert main(["compare", "gradcam", "centergauss", "--runs", str(boxes), "--metric", "choe2020_v2/maxboxacc"]) == 2
    assert "nearest: 'choe2020_v1/maxboxacc'" in capsys.readouterr().err


def test_the_images_that_a_difference_needs_are_named(boxes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = compared(boxes, capsys, "centergauss", "gradcam")
    needed = [number["n_needed"] for number in answer["numbers"] if number["difference"]]
    assert needed
    assert all(n is None or n > 0 for n in needed)
    assert main(["compare", "centergauss", "gradcam", "--runs", str(boxes), "--resamples", "50", "--top", "0"]) == 0
    printed = capsys.readouterr().out
    assert "| n needed |" in printed
    assert "significant in 80 % of all samples" in printed
