"""Exports: what leaves the rows is what they hold."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

import wsol
from tests.cli.conftest import QUALITY
from wsol.cli import main
from wsol.errors import OutputError
from wsol.report.export.frame import frame, spreadsheet_safe
from wsol.report.export.result_file import read_result
from wsol.report.numbers.summary import summarize
from wsol.runs.folder import RunFolder


def test_load_gives_one_row_per_image_and_variant(made_up: RunFolder) -> None:
    rows = wsol.load(made_up.path).rows()
    assert len(rows) == 120
    assert set(rows["variant"]) == set(QUALITY)
    fused = rows[rows["layers"] == "stage4+stage5"]
    assert set(fused["option.gamma"]) == {2}
    hits = rows.groupby("variant")["choe2020_v1/hit"].mean()
    cells = {c.variant: c.value for c in summarize(made_up, n_resamples=10).cells if c.metric == "maxboxacc"}
    assert {variant: 100 * float(hit) for variant, hit in hits.items()} == pytest.approx(cells)
    assert not any(isinstance(value, np.ndarray | list) for value in rows.iloc[0])


def test_load_keeps_curves_when_asked_and_joins_runs(made_up: RunFolder) -> None:
    rows = wsol.load([made_up.path, made_up.name], runs=made_up.path.parent).rows(lists=True)
    assert len(rows) == 240
    assert len(rows["choe2020_v1/iou"].iloc[0]) == 20
    with pytest.raises(OutputError, match="there is no run under"):
        wsol.load("latest", runs=made_up.path / "nowhere")


def test_rows_leave_as_csv_and_parquet(made_up: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, whole = tmp_path / "new" / "rows.csv", tmp_path / "rows.parquet"
    assert main(["export", str(made_up.path), "--csv", str(plain), "--parquet", str(whole)]) == 0
    assert capsys.readouterr().out.split() == [str(plain), str(whole)]
    assert len(list(csv.DictReader(io.StringIO(plain.read_text())))) == 120
    assert len(pd.read_parquet(whole)["choe2020_v1/iou"].iloc[0]) == 20


def test_a_result_file_has_the_numbers_of_the_table_and_a_command(
    real: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "new" / "mine.json"
    assert main(["export", str(real.path), "--result", str(place)]) == 0
    assert capsys.readouterr().out.split() == [str(place)]
    result = read_result(place)
    assert main(["table", str(real.path), "--format", "json"]) == 0
    table = {(r["variant"], r["protocol"], r["metric"]): r for r in json.loads(capsys.readouterr().out)}
    assert {(r.variant, r.measure, r.quantity) for r in result.rows} == {*table}
    for row in result.rows:
        stated = table[row.variant, row.measure, row.quantity]
        assert (row.value, row.low, row.high, row.n) == (stated["value"], stated["low"], stated["high"], stated["n"])
    assert result.recomputable
    assert (result.network.digest, result.data.images) == ("1f65491e2144", 16)
    exact = next(row for row in result.rows if (row.variant, row.measure) == ("gradcam@stage5", "exact"))
    run = ["wsol", "run", "dataset=shapes", "dataset.n=16", "model=shapes_gap", "view=squash"]
    assert result.command(exact) == [*run, "method=[gradcam@stage5]", "protocol=[exact]", "metric=[]", "gallery=0"]


def test_a_result_file_has_held_out_thresholds_when_asked(real: RunFolder, tmp_path: Path) -> None:
    place = tmp_path / "mine.json"
    assert main(["export", str(real.path), "-o", str(place), "--tau-from", "oracle,split-half"]) == 0
    assert {row.tau_from for row in read_result(place).rows} == {"", "oracle", "split-half", "fixed"}


@pytest.mark.full
def test_the_command_of_a_number_recomputes_it_to_the_last_bit(
    real: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, again = tmp_path / "mine.json", tmp_path / "again.json"
    assert main(["export", str(real.path), "--result", str(place)]) == 0
    result = read_result(place)
    monkeypatch.chdir(tmp_path)
    for measure in ("choe2020_v2", "exact"):
        row = next(row for row in result.rows if (row.variant, row.measure) == ("gradcam@stage5", measure))
        assert main([*result.command(row)[1:], "paths.runs=runs"]) == 0
        assert main(["export", "latest", "--runs", "runs", "--result", str(again)]) == 0
        (recomputed,) = [other for other in read_result(again).rows if other.name == row.name]
        assert recomputed == replace(row, floor=None, ceiling=None, of_reachable=None)  # these are of other variants


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say what to write: --csv, --parquet, --coco, --result, --tensorboard, --mlflow or --wandb"),
        (["--coco", "b.json", "--protocol", "choe2020_v2"], "choe2020_v2 counts several boxes per image"),
        (["--coco", "b.json", "--protocol", "exakt"], "there is no protocol 'exakt'; nearest: 'exact'"),
        (["--coco", "b.json", "--variant", "cam"], "there is no variant 'cam'"),
        (["--coco", "b.json", "--tau", "2"], "argument --tau: 2 is out of range; give 0 or more and below 1"),
        (["--result", "r.json", "--tau-from", "mine"], "tau mine: choose oracle, split-half, per-image"),
        (["--csv", "/proc/none/rows.csv"], "can't write /proc/none/rows.csv"),
    ],
)
def test_wrong_words_give_one_sentence(
    real: RunFolder, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(real.path), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_ids_that_a_spreadsheet_takes_for_formulas_are_made_inert(made_up: RunFolder) -> None:
    rows = frame(made_up.path).head(2).assign(image_id=["=1+1", "@x"])
    assert spreadsheet_safe(rows)["image_id"].tolist() == ["'=1+1", "'@x"]
