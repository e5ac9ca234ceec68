"""What a result shows: thresholds from where the reader wants them, and numbers that are drawn once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wsol
from wsol.errors import ConfigError
from wsol.report.numbers import summary
from wsol.report.numbers.thresholds import settings_of
from wsol.report.tables.show import Layout, table_of_runs
from wsol.runs.folder import RunFolder

METHODS = ["gradcam", "layercam"]
PROTOCOL = "choe2020_v1"


def evaluated(runs: Path, **options: Any) -> wsol.Result:
    """Twelve drawn images under two methods."""
    return wsol.evaluate("shapes_gap", wsol.load_dataset("shapes", n=12, **options), METHODS, [PROTOCOL], runs=runs)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    evaluated(folder, split="val")
    evaluated(folder)
    return folder


@pytest.fixture
def result(runs: Path) -> wsol.Result:
    return evaluated(runs)


def printed(folder: RunFolder, runs: Path, *taus: str) -> list[dict[str, Any]]:
    """The table of the command line with these sources of thresholds."""
    found = summary.summarize(folder, settings=settings_of(taus, runs, of=folder))
    return table_of_runs([found], Layout()).records


@pytest.mark.parametrize("taus", ["oracle", "split-half", "val", "val:shapes-val", 0.2, ["oracle", "split-half", 0.2]])
def test_a_table_takes_thresholds_from_where_the_command_takes_them(
    taus: str | float | list[str | float], result: wsol.Result, runs: Path
) -> None:
    several = taus if isinstance(taus, list) else [taus]
    shown = result.table(tau=taus)
    assert shown.records() == printed(result.folder, runs, *map(str, several))
    assert [any(source in str(shown) for source in ("other half", "best on shapes-val", "fixed 0.2"))] == [
        taus != "oracle"
    ]


def test_the_threshold_can_be_another_result_s(result: wsol.Result, runs: Path, tmp_path: Path) -> None:
    apart = evaluated(tmp_path / "elsewhere", split="val")
    assert result.table(tau=apart).records() == result.table(tau="val").records()
    with pytest.raises(ConfigError, match="thresholds of two runs are asked for"):
        result.table(tau=[apart, "val"])


def test_wrong_sources_of_thresholds_are_one_sentence(result: wsol.Result, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tau=None: expected oracle, .* a fixed threshold such as 0\.2 or a result"):
        result.table(tau=None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="tau best: choose oracle, split-half, per-image, val:RUN"):
        result.table(tau="best")
    with pytest.raises(ConfigError, match="no run of the val split like"):
        evaluated(tmp_path).table(tau="val")


def test_numbers_are_drawn_once_for_table_plot_and_display(
    result: wsol.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    drawn: list[str] = []
    summarize = summary.summarize
    for module in ("wsol.report.numbers.summary", "wsol.report.numbers.report_data"):
        monkeypatch.setattr(
            f"{module}.summarize",
            lambda folder, **options: (drawn.append(folder.name), summarize(folder, **options))[1],
        )
    assert str(result.table()) in repr(result)
    assert result.plot("tau").axes
    assert result.plot("cost").axes
    assert drawn == [result.folder.name]
    (file, *_) = sorted((result.path / "rows").glob("*.parquet"))
    file.touch()  # written anew, as by a run that goes on
    assert result.table().records()
    assert drawn == [result.folder.name] * 2


def test_whole_classes_are_resampled_where_the_table_says_so(result: wsol.Result) -> None:
    records = [result.table(by_class=by_class).records() for by_class in (False, True)]
    assert records[0] != records[1]  # of intervals alone
    values = [
        [{k: v for k, v in one.items() if "low" not in k and "high" not in k} for one in some] for some in records
    ]
    assert values[0] == values[1]


def test_a_notebook_shows_a_figure_once(result: wsol.Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its backend shows what pyplot holds at the end of a cell, beside the value of the cell."""
    plt = pytest.importorskip("matplotlib.pyplot")
    for backend, open_ones in (("module://matplotlib_inline.backend_inline", 0), ("agg", 1)):
        plt.close("all")
        monkeypatch.setattr("matplotlib.get_backend", lambda name=backend: name)
        assert result.plot("tau").axes
        assert len(plt.get_fignums()) == open_ones
    plt.close("all")


def test_a_table_in_pandas_is_what_it_shows(result: wsol.Result) -> None:
    table = result.table()
    frame = table.to_pandas()
    assert frame["rank"].tolist() == [record["rank"] for record in table.records()]
    assert not frame["rank"].astype(str).str.startswith("'").any()  # a CSV guards "=1" from spreadsheets
    assert frame["choe2020_v1/maxboxacc"].dtype == float
