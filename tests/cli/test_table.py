"""`wsol table` and `wsol compare` as typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.report.made_up import make_run
from wsol.cli import main
from wsol.errors import ConfigError
from wsol.report.numbers.thresholds import settings_of
from wsol.runs.find import open_run

QUALITY = {"fullbox": -0.4, "gradcam@stage4": -0.2, "gradcam@stage5": 0.0, "gradcam_pp@stage5": 0.02, "cam@stage5": 0.2}
FAST = ["--resamples", "50"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    make_run(
        place / "shapes-val-shapes_gap-1111",
        QUALITY,
        first_image=300,
        identity={"dataset_fingerprint": "ca1f"},
        split="val",
    )
    make_run(place / "shapes-test-shapes_gap-2222", QUALITY, protocols=("choe2020_v1", "gradcam2017"), rise=True)
    return place


@pytest.fixture
def said(runs: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def run(command: str, *words: str) -> str:
        assert main([command, *words, "--runs", str(runs), *FAST]) == 0
        return capsys.readouterr().out

    return run


@pytest.mark.full
def test_without_a_name_the_newest_run_is_shown(said) -> None:  # type: ignore[no-untyped-def]
    text = said("table")
    assert "Run shapes-test-shapes_gap-2222." in text
    assert "| cam@stage5" in text


def test_several_runs_stand_in_one_table(said) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(said("table", "shapes-val", "latest", "--json"))
    assert {one["dataset"] for one in found} == {"shapes-val", "shapes-test"}
    text = said("table", "shapes-val", "shapes-test", "--pivot", "--metric", "maxboxacc")
    assert "| variant " in text.splitlines()[0]
    assert "shapes-test | shapes-val" in " ".join(text.splitlines()[0].split())


def test_a_star_stands_for_all_runs_that_fit(said) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(said("table", "shapes-*", "--json"))
    assert {one["dataset"] for one in found} == {"shapes-val", "shapes-test"}
    found = json.loads(said("table", "*-2222", "--json"))
    assert {one["dataset"] for one in found} == {"shapes-test"}


def test_filters_add_up(said) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(said("table", "--metric", "maxboxacc", "--metric", "deletion_auc,insertion_auc", "--json"))
    assert {one["metric"] for one in found} == {"maxboxacc", "deletion_auc", "insertion_auc"}


def test_a_threshold_of_another_run_is_named(said) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(said("table", "latest", "--tau", "val:shapes-val", "--metric", "maxboxacc", "--json"))
    assert {one["tau_from"] for one in found} == {"best on shapes-val-shapes_gap-1111"}


def test_the_run_of_the_val_split_is_found(said, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    named, found = (said("table", "latest", "--tau", tau, "--metric", "maxboxacc") for tau in ("val:shapes-val", "val"))
    assert "threshold: best on shapes-val-shapes_gap-1111" in found
    assert found == named
    make_run(tmp_path / "shapes-test-shapes_gap-3333", QUALITY)
    with pytest.raises(ConfigError, match="no run of the val split like shapes-test-shapes_gap-3333"):
        settings_of(["val"], tmp_path, n_resamples=1, of=open_run("latest", tmp_path))


def test_slices_are_columns(said) -> None:  # type: ignore[no-untyped-def]
    assert "class right" in said("table", "--slice", "correct", "--metric", "maxboxacc").splitlines()[0]
    found = json.loads(said("table", "--slice", "instances", "--json", "--metric", "maxboxacc"))
    assert {one["slice"] for one in found} == {"1 object", "2 objects"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["table", "shapes-tset"], "there is no run 'shapes-tset'; nearest: 'shapes-test-shapes_gap-2222'"),
        (["table", "--format", "htm"], "there is no format 'htm'; nearest: 'html'"),
        (["table", "--slice", "sizes"], "there is no slice 'sizes'; nearest: 'size'"),
        (["table", "--tau", "best"], "tau best: choose oracle, split-half, per-image, val:RUN"),
        (["table", "--metric", "top1"], "there is no metric 'top1'; nearest: 'top1_"),
        (["table", "--protocol", "exakt"], "there is no protocol 'exakt'"),
        (["compare", "gradcam", "cam"], "gradcam could be gradcam@stage4 or gradcam@stage5; give the whole name"),
        (["compare", "cam", "layercamm"], "there is no variant 'layercamm'"),
        (["compare", "cam", "cam", "--metric", "nope"], "there is no metric 'nope'"),
    ],
)
def test_wrong_words_give_one_sentence(
    words: list[str], sentence: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--runs", str(runs), *FAST]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("wsol: ")
    assert sentence in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_table_is_printed_at_fixed_thresholds_too(said) -> None:  # type: ignore[no-untyped-def]
    assert "threshold: best on these images; fixed 0.2; fixed 0.15." in " ".join(
        said("table", "--tau", "oracle,0.2").split()
    )
    alone = json.loads(said("table", "--tau", "0.2", "--json"))
    assert {one["tau_from"] for one in alone if one["protocol"] == "choe2020_v1"} == {"fixed 0.2"}


def test_compare_counts_images_in_which_one_is_a_hit_and_the_other_not(said, runs: Path) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(said("compare", "cam", "gradcam@stage5", "--json", "--top", "3"))
    (number,) = (n for n in found["numbers"] if (n["protocol"], n["metric"]) == ("choe2020_v1", "maxboxacc"))
    assert number["difference"] == pytest.approx(number["a"] - number["b"])
    assert number["difference"] == pytest.approx(100 * (number["a_higher"] - number["b_higher"]) / 60)
    assert number["low"] <= number["difference"] <= number["high"]
    assert 0 <= number["mcnemar_p"] <= 1
    apart = [abs(image["difference"]) for image in found["images"]]
    assert len(apart) == 3
    assert apart == sorted(apart, reverse=True)


def test_compare_prints_both_tables(said) -> None:  # type: ignore[no-untyped-def]
    text = said("compare", "cam", "gradcam@stage5")
    assert "A = cam@stage5 (shapes-test-shapes_gap-2222)" in text
    assert "McNemar p" in text.splitlines()[0]
    assert "Images that differ most: IoU at each one's best threshold, choe2020_v1." in text
    one = said("compare", "cam", "gradcam@stage5", "--metric", "deletion_auc", "--top", "2")
    assert "Images that differ most: deletion_auc" in one
    assert one.count("| test/") == 2


def test_variants_of_runs_on_other_images_can_t_be_compared(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "shapes-val/cam", "shapes-test/cam", "--runs", str(runs), *FAST]
    assert main(words) == 2
    assert "have no image in common" in capsys.readouterr().err


def test_a_variant_compared_with_itself_differs_in_nothing(said) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(said("compare", "cam", "cam", "--json"))
    assert {n["difference"] for n in found["numbers"]} == {0.0}
    assert {n["p"] for n in found["numbers"]} == {1.0}
    assert found["images"] == []


def test_reading_commands_don_t_load_torch(runs: Path) -> None:
    code = (
        "import sys\n"
        "from wsol.cli import main\n"
        "places = ['--runs', sys.argv[1], '--resamples', '20']\n"
        "assert main(['table', '--by', 'method,layers,gamma', *places]) == 0\n"
        "assert main(['compare', 'cam', 'gradcam@stage5', *places]) == 0\n"
        "import wsol\n"
        "assert len(wsol.load('latest', runs=sys.argv[1]).rows()) == 300\n"
        "assert main(['export', 'latest', '--csv', sys.argv[2], '--runs', sys.argv[1]]) == 0\n"
        "assert not {'torch', 'torchvision', 'wsol.capture'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(runs), str(runs / "rows.csv")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_rows_of_an_older_version_say_how_to_get_new_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "old", {"cam@stage5": 0.0}, n=4)
    (file,) = (run.path / "rows").iterdir()
    pq.write_table(pq.read_table(file).replace_schema_metadata({b"wsol": b'{"shard": 0, "rows": 4}'}), file)
    for words in (["table", "old"], ["report", "old"], ["export", "old", "--csv", str(tmp_path / "rows.csv")]):
        assert main([*words, "--runs", str(tmp_path)]) == 2
        told = capsys.readouterr()
        assert "older version" in told.err
        assert "run the same command into a new folder: wsol run paths.runs=DIR" in told.err
        assert len(told.err.splitlines()) == 1
        assert told.out == ""
