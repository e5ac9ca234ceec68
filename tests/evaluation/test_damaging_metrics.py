"""A metric from outside the package that writes into its case changes no other metric's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.evaluation.small import made, own_components, ran
from wsol.cli import main
from wsol.metrics._base import MetricInput, metric
from wsol.metrics._scores import Score, mean

CHOSEN = ("dataset=shapes", "model=shapes_gap", "dataset.limit=3", "method=[gradcam,layercam]")
RECEIVED = ("image", "map", "map01", "raw", "boxes", "mask", "probabilities")


def register(key: str, *, writes: bool) -> None:
    @metric(key, paper="a test", year=2026, needs=("model", "truth"), about="Sums of what a metric receives.")
    class Sums:
        """Sums of what a metric receives."""

        scores = tuple(mean(name, label=name) for name in RECEIVED)

        def measure(self, case: MetricInput) -> dict[str, float]:
            received = {name: getattr(case, name) for name in RECEIVED}
            sums = {name: 0.0 if one is None else float(abs(one).sum()) for name, one in received.items()}
            for one in received.values():
                if writes and one is not None:
                    one[...] = 0
            return sums


@pytest.mark.default_cases(2)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "odd returned NoneType; expected columns by name"),
        ({}, "odd returned no column 'share', which its number share is of"),
        ({"share": "a"}, "odd: column 'share' holds str; expected one number, or None"),
        ({"share": 1j}, "odd: column 'share' holds complex; expected float, int, bool or None"),
        ({"share": torch.tensor(1.0)}, "odd: column 'share' holds Tensor"),
        ({"share": np.ones(3)}, "odd: column 'share' holds ndarray; expected one number"),
        ({"share": 10**400}, "odd: column 'share' holds a whole number of more than 64 bits"),
        ({"share": np.nan}, "odd: column 'share' is nan; give None where an image has no value"),
        ({"share": np.float32("inf")}, "odd: column 'share' is inf; give None"),
        ({"share": 59.0}, "odd: column 'share' is 59.0; share lies from 0 to 1"),
        ({"share": -0.1}, "odd: column 'share' is -0.1; share lies from 0 to 1"),
        ({"share": 1.0, "more": [torch.tensor(1.0)]}, "odd: column 'more' holds Tensor"),
    ],
    ids=str,
)
def test_what_is_no_column_fails_with_the_image_and_spares_the_rest(given: object, said: str, tmp_path: Path) -> None:
    with own_components():

        @metric("odd", paper="a test", year=2026, needs=("boxes",), about="Whatever.")
        class Odd:
            """Whatever."""

            scores = (mean("share", label="Share", bounds=(0, 1)),)

            def measure(self, case: MetricInput) -> object:
                return given if case.image_id.endswith("1") else {"share": 0.5}

        experiment = made(*CHOSEN, "metric=[odd]")
        folder = ran(experiment, tmp_path)
        (lines,) = {tuple(lines) for lines in folder.failed(experiment.work).values()}
        assert [image_id for image_id, _ in lines] == ["test/00001"]
        assert said in lines[0][1]
        for table in folder.tables().values():
            assert len(table) == 3
            assert table["odd/share"].to_pylist() == [0.5, 0.0, 0.5]  # the worst there is


@pytest.mark.parametrize("value", [[1.0, np.nan], np.array([1.0, -np.inf]), [None, np.nan]], ids=str)
def test_a_pooled_number_of_nan_fails_with_the_image_too(value: object, tmp_path: Path) -> None:
    pooled = Score(name="pooled", label="Pooled", columns=("parts",), of=lambda columns, weights: weights.sum(1))
    with own_components():

        @metric("odd", paper="a test", year=2026, needs=("boxes",), about="Whatever.")
        class Odd:
            """Whatever."""

            scores = (pooled,)

            def measure(self, case: MetricInput) -> dict[str, object]:
                return {"parts": value if case.image_id.endswith("1") else [1.0, 0.0], "unread": np.nan}

        experiment = made(*CHOSEN[:3], "method=[fullbox]", "metric=[odd]")
        (lines,) = ran(experiment, tmp_path).failed(experiment.work).values()
        assert [image_id for image_id, _ in lines] == ["test/00001"]
        assert "odd: column 'parts' is" in lines[0][1]


def test_a_command_with_nan_in_a_metric_names_it_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with own_components():

        @metric("holed", paper="a test", year=2026, needs=("boxes",), about="Whatever.")
        class Holed:
            """Whatever."""

            scores = (mean("free", label="Free"), mean("share", label="Share", bounds=(0, 1)))

            def measure(self, case: MetricInput) -> dict[str, float]:
                return {"free": float("nan") if case.image_id.endswith("1") else 1.0, "share": 0.5}

        words = [*CHOSEN[:3], "method=[fullbox]", "metric=[holed]", "gallery=0", f"paths.runs={tmp_path}"]
        assert main(["run", *words]) == 1
    out, err = capsys.readouterr()
    assert "failed†" in out
    assert "fullbox: 1 of 3 images failed (first: test/00001: holed: column 'free' is nan" in " ".join(out.split())
    assert "wsol: RowsFailed: 1 of 1 variants failed on some images, first fullbox on test/00001" in err


@pytest.mark.full
def test_a_metric_that_writes_into_its_case_changes_nothing_for_others(
    tmp_path: Path,
) -> None:
    with own_components():
        register("a_writer", writes=True)
        register("b_reader", writes=False)
        tables: dict[str, dict[str, pa.Table]] = {
            metrics: ran(made(*CHOSEN, f"metric=[{metrics}]"), tmp_path).tables()
            for metrics in ("b_reader", "a_writer,b_reader,pointing", "pointing")
        }
    for key, found in tables["a_writer,b_reader,pointing"].items():
        for name in RECEIVED:
            expected = tables["b_reader"][key][f"b_reader/{name}"].to_pylist()
            assert found[f"b_reader/{name}"].to_pylist() == expected
            assert found[f"a_writer/{name}"].to_pylist() == expected
        assert min(found["b_reader/image"].to_pylist()) > 0
        assert min(found["b_reader/raw"].to_pylist()) > 0
        for name in ("pointing/hit", "curve"):
            if name in found.column_names:
                np.testing.assert_array_equal(found[name].to_pylist(), tables["pointing"][key][name].to_pylist())
