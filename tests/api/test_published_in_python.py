"""`wsol.reproduce`: the table of the command, with its rows at hand."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

import wsol
from tests.cli.small_table import cell, write
from wsol.cli import main
from wsol.errors import ConfigError, UnknownName


def test_it_is_the_table_of_the_command_and_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write(tmp_path / "mine.yaml", [cell("gradcam", published=50.0, tolerance=100)])
    runs = f"paths.runs={tmp_path / 'runs'}"
    assert main(["reproduce", table, runs, "--format", "csv"]) == 0
    of_command = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    result = wsol.reproduce(table, runs)
    assert isinstance(result, wsol.Result)
    assert [*csv.DictReader(io.StringIO(result.beside().csv()))] == of_command
    assert result.complete
    assert len(result.rows()) == 12
    (ours,) = result.cells
    assert ours.verdict == "inside"
    assert f" {ours.value:.1f} [" in str(result.table())
    assert "gradcam" in repr(result)
    assert "<table" in result._repr_html_()


def test_what_is_not_run_says_why(tmp_path: Path) -> None:
    words = ["dataset=cub", f"paths.data={tmp_path}", "model=shapes_gap", "method=[gradcam]", "protocol=[choe2020_v1]"]
    table = write(tmp_path / "mine.yaml", [cell("cub", overrides=words)], data="the images of CUB")
    result = wsol.reproduce(table, f"paths.runs={tmp_path / 'runs'}")
    assert not result.complete
    assert "mine needs data: the images of CUB." in repr(result)
    assert "not run: " in str(result.beside())
    for asked in (result.rows, result.table, lambda: result.path):
        with pytest.raises(ConfigError, match="there are no rows: nothing of this was run"):
            asked()


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    table = write(tmp_path / "mine.yaml", [cell("gradcam")])
    with pytest.raises(ConfigError, match=r"dataset\.n=5 changes what .* \(in Python: allow_changes=True\)"):
        wsol.reproduce(table, "dataset.n=5")
    with pytest.raises(UnknownName, match="there is no cell of mine 'layercam'"):
        wsol.reproduce(table, only="layercam")
    with pytest.raises(UnknownName, match="there is no benchmark 'choe2021'; nearest: 'choe2020'"):
        wsol.reproduce("choe2021")
