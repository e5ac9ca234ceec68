"""Claims on the command line: written before the rows, kept, and refused after them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wsol.cli import main
from wsol.runs.find import open_run

FEW = [
    "dataset.n=8",
    "model.weights=random",
    "metric=[]",
    "engine.batch_size=4",
    "gallery=0",
    "protocol=[choe2020_v1,gradcam2017]",
]
METHODS = "method=[layercam@stage4,gradcam@stage4]"
CLAIM = "layercam@stage4 > gradcam@stage4 on choe2020_v1/maxboxacc"


def run(runs: Path, *words: str) -> int:
    return main(["run", *FEW, f"paths.runs={runs}", "table=false", *words])


def claims(runs: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = open_run("latest", runs).manifest.get("claims", [])
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    assert run(place, METHODS, f"claim={CLAIM}") == 0
    return place


def refused(runs: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(runs, *words) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_the_manifest_holds_the_claim_and_its_test(runs: Path) -> None:
    (claim,) = claims(runs)
    assert claim["claim"] == CLAIM
    assert (claim["left"], claim["right"], claim["sign"]) == ("layercam@stage4", "gradcam@stage4", ">")
    assert (claim["measure"], claim["metric"], claim["tau"]) == ("choe2020_v1", "maxboxacc", "oracle")
    assert (claim["level"], claim["images"]) == (0.95, 8)


def test_it_is_there_before_the_first_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wsol.cli import launch

    seen = []

    def stop(experiment: object, folder: Any) -> None:
        seen.append((folder.manifest["claims"], folder.footers()))
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "adopt", stop)
    with pytest.raises(KeyboardInterrupt):
        launch.outcome(_settings(tmp_path))
    assert [([claim["claim"] for claim in found], rows) for found, rows in seen] == [([CLAIM], [])]


def _settings(runs: Path) -> dict[str, Any]:
    from wsol.settings import compose_settings

    return compose_settings([*FEW, METHODS, f"claim={CLAIM}", f"paths.runs={runs}"])


@pytest.mark.full
def test_the_same_command_again_and_others_without_a_claim_keep_it(runs: Path) -> None:
    assert run(runs, METHODS, f"claim={CLAIM}") == 0
    assert len(claims(runs)) == 1
    assert run(runs, METHODS) == 0
    assert len(claims(runs)) == 1


def test_a_claim_after_the_rows_is_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = refused(runs, capsys, METHODS, "claim=gradcam@stage4 > layercam@stage4 on choe2020_v1/maxboxacc")
    assert "comes too late" in late
    # rows of one of the two are enough
    word = "claim=layercam@stage5 > gradcam@stage4 on gradcam2017/gt_known_loc"
    assert "comes too late" in refused(runs, capsys, "method=[layercam@stage5,gradcam@stage4]", word)
    assert [claim["claim"] for claim in claims(runs)][:1] == [CLAIM]


@pytest.mark.full
def test_rows_of_the_same_images_in_another_folder_are_too_early_as_well(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["dataset.n=9", METHODS]
    assert "comes too late" in refused(runs, capsys, *more, f"claim={CLAIM}")


@pytest.mark.full
def test_of_variants_without_rows_several_may_be_added(runs: Path) -> None:
    of_others = (
        "fem@stage3 > lafam@stage3 on choe2020_v1/maxboxacc,lafam@stage3 < fem@stage3 on gradcam2017/gt_known_loc"
    )
    assert run(runs, "method=[lafam@stage3,fem@stage3]", f"claim=[{of_others}]") == 0
    assert [claim["claim"] for claim in claims(runs)] == [CLAIM, *of_others.split(",")]
    assert claims(runs)[2]["tau"] == "fixed"


@pytest.mark.default_cases(2)
@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (
            "layrcam@stage4 > gradcam@stage4 on choe2020_v1/maxboxacc",
            "no variant 'layrcam@stage4'; nearest: 'layercam@stage4'",
        ),
        (
            "layercam@stage4 > gradcam@stage4 on choe2020_v1/maxboxac",
            "no number 'choe2020_v1/maxboxac'; nearest: 'choe2020_v1/maxboxacc'",
        ),
        (
            "layercam@stage4 > gradcam@stage4 on gt_known_loc",
            "gt_known_loc could be choe2020_v1/gt_known_loc or gradcam2017",
        ),
        ("layercam@stage4 beats gradcam@stage4", "can't be read; write it as A > B on PROTOCOL/METRIC"),
        ("layercam > layercam@stage4 on choe2020_v1/maxboxacc", "compares layercam@stage4 with itself"),
        ("layercam > gradcam > cam on choe2020_v1/maxboxacc", "compares more than two variants"),
        ("layercam > gradcam on choe2020_v1/best_tau", "neither higher nor lower is better"),
    ],
)
def test_what_is_wrong_with_a_claim_is_said_in_one_sentence(
    claim: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refused(tmp_path, capsys, METHODS, f"claim={claim}")
    assert not list(tmp_path.glob("*/run.json"))


def test_the_table_prints_the_verdict(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--runs", str(runs), "--resamples", "50"]) == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith(f"Claim written before the rows: {CLAIM}")]
    assert "paired, n = 8" in line
    assert main(["table", "--runs", str(runs), "--resamples", "50", "--json"]) == 0
    json.loads(capsys.readouterr().out)
