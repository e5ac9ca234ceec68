"""Accuracies at the reader's own threshold, against protocols that are evaluated at this threshold alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wsol
from tests.report.made_up import make_run
from wsol.errors import ConfigError
from wsol.protocols._base import named
from wsol.report.numbers.choose import Choice
from wsol.report.numbers.quantity import Cell
from wsol.report.numbers.summary import Summary, summarize
from wsol.report.numbers.thresholds import settings_of
from wsol.report.tables.render import as_markdown
from wsol.report.tables.show import Layout, table_of_runs
from wsol.runs.folder import RunFolder
from wsol.stats.intervals import wilson

SWEPT = {  # thresholds where rounding could part the two: a step's product with 255 is a whole number at 0.2, 0.6, 0.8
    "choe2020_v1": (0.0, 0.003, 0.2, 0.3, 0.6, 0.8, 0.999),
    "choe2020_v2": (0.2, 0.35),
    "choe2020_v2[normalize=max]": (0.2, 0.299, 0.3, 0.6),  # whose map may end below 255
    "choe2020_v2[tau_step=0.05]": (0.15, 0.3, 0.6),
    "choe2020_v2[quantize=none]": (0.0, 0.2, 0.333, 0.6),
    "psol2020[tau=sweep]": (0.2, 0.6),  # the mean over classes
}


def at(protocol: str, tau: float) -> str:
    """The protocol at one threshold."""
    name, _, rest = protocol.partition("[")
    knobs = [knob for knob in rest.removesuffix("]").split(",") if knob and knob != "tau=sweep"]
    return f"{name}[{','.join([*knobs, f'tau={tau:g}'])}]"


@pytest.fixture(scope="module")
def evaluated() -> wsol.Result:
    """Sixteen drawn images under protocols that sweep, and each at single thresholds."""
    protocols = [*SWEPT, *(at(name, tau) for name, taus in SWEPT.items() for tau in taus)]
    return wsol.evaluate("shapes_gap", wsol.load_dataset("shapes", n=16), ["gradcam", "layercam"], protocols, gallery=0)


def cells(summary: Summary) -> dict[tuple[str, str, str, str], Cell]:
    return {(cell.variant, cell.measure, cell.metric, cell.origin): cell for cell in summary.cells}


@pytest.mark.parametrize("text", SWEPT)
def test_numbers_at_a_threshold_are_those_of_a_protocol_fixed_there(text: str, evaluated: wsol.Result) -> None:
    swept = named(text)
    settings = settings_of([str(tau) for tau in SWEPT[text]], Path(), of=evaluated.folder)
    found = cells(summarize(evaluated.folder, measures=[swept.name], settings=settings))
    metrics = ["gt_known_loc", "top1_loc", *(["boxes"] if swept.several_boxes else [])]
    for tau in SWEPT[text]:
        fixed = named(at(text, tau))
        expected = cells(summarize(evaluated.folder, measures=[fixed.name]))
        for variant in ("gradcam@stage5", "layercam@stage5"):
            for metric in metrics:
                mine, its = (of[variant, p.name, metric, f"{tau:g}"] for of, p in ((found, swept), (expected, fixed)))
                of_mine, of_its = ([one.value, one.low, one.high] for one in (mine, its))
                np.testing.assert_array_equal(of_mine, of_its, err_msg=f"{metric} at {tau}")
                assert mine.tau_from == its.tau_from == f"fixed {tau:g}"


def made(place: Path) -> RunFolder:
    return make_run(place / "run", {"gradcam@stage5": 0.0, "layercam@stage5": 0.1}, protocols=("choe2020_v2", "exact"))


def test_a_share_at_a_threshold_has_the_interval_of_wilson(tmp_path: Path) -> None:
    run = made(tmp_path)
    found = cells(summarize(run, taus=[0.25]))
    for protocol in ("choe2020_v2", "exact"):
        table = run.tables()["layercam@stage5"]
        iou = np.array(
            [
                [value for start, value in zip(breaks, values, strict=True) if start <= 0.25 + 1e-9][-1]
                for breaks, values in zip(
                    *(table[f"{protocol}/{c}"].to_pylist() for c in ("breaks", "iou")), strict=True
                )
            ]
        )
        cell = found["layercam@stage5", protocol, "maxboxacc@50", "0.25"]
        assert cell.value == pytest.approx(100 * (iou >= 0.5).mean())
        assert (cell.low, cell.high) == pytest.approx(
            [100 * end for end in wilson(float((iou >= 0.5).sum()), len(iou))]
        )
    v2 = found["layercam@stage5", "choe2020_v2", "maxboxacc_v2", "0.25"]
    parts = [found["layercam@stage5", "choe2020_v2", f"maxboxacc@{d}", "0.25"].value for d in (30, 50, 70)]
    assert v2.value == pytest.approx(np.mean(parts))
    assert v2.label == "BoxAccV2"  # nothing is maximized
    assert not [key for key in found if key[2] == "best_tau"]


def test_several_thresholds_are_several_columns_of_one_table(tmp_path: Path) -> None:
    run = made(tmp_path)
    settings = settings_of(["oracle", "0.2", "0.4"], tmp_path, of=run)
    table = as_markdown(table_of_runs([summarize(run, settings=settings)], Layout(choice=Choice(protocols=["exact"]))))
    assert "best on these images; fixed 0.2; fixed 0.4" in table
    head = table.splitlines()[table.splitlines().index(next(n for n in table.splitlines() if n.startswith("| ")))]
    assert [text in head for text in ("tau oracle", "tau 0.2", "tau 0.4")] == [True] * 3


@pytest.mark.parametrize(("tau", "where"), [("0.2", "this"), ("oracle", "the best")])
def test_boxes_are_counted_where_the_note_says(tau: str, where: str, evaluated: wsol.Result) -> None:
    settings = settings_of([tau], Path(), of=evaluated.folder)
    table = as_markdown(
        table_of_runs([summarize(evaluated.folder, measures=["choe2020_v2"], settings=settings)], Layout())
    )
    assert f"Boxes: how many per image at {where} threshold;" in table


@pytest.mark.parametrize(
    ("tau", "sentence"),
    [
        ("1", r"tau 1 is out of range; expected 0 <= tau < 1"),
        ("-0.1", r"tau -0\.1 is out of range"),
        ("nan", r"tau nan is out of range"),
        ("0.2:RUN", r"tau 0\.2:RUN: choose oracle, .* or a fixed threshold such as 0\.2"),
        (
            "0.2005",
            r"tau=0\.2005 lies between two thresholds of choe2020_v2, whose steps are 0\.001; choose 0\.2 or 0\.201",
        ),
    ],
)
def test_what_is_no_threshold_is_one_sentence(tau: str, sentence: str, tmp_path: Path) -> None:
    run = made(tmp_path)
    with pytest.raises(ConfigError, match=sentence):
        summarize(run, settings=settings_of([tau], tmp_path, of=run))


def test_no_source_at_all_is_the_default() -> None:
    assert settings_of([], Path()).taus == settings_of(["oracle"], Path()).taus == ["oracle"]
