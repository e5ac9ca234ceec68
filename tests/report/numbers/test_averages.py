"""Accuracies averaged another way than their protocol's, and at thresholds of each image's own."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.report.made_up import make_run
from wsol.report.numbers.summary import Summary, summarize
from wsol.runs.folder import RunFolder

VARIANT = "gradcam@stage5"
PRESETS = ("choe2020_v1", "choe2020_v2", "psol2020")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("runs") / "shapes-test-shapes_gap-1", {VARIANT: 0.0}, protocols=PRESETS)


def value(summary: Summary, protocol: str, metric: str) -> float:
    (cell,) = [c for c in summary.cells if (c.measure, c.metric) == (protocol, metric)]
    return cell.value


def curves(run: RunFolder, protocol: str) -> list[tuple[int, list[float]]]:
    """The label and the IoU values of each row."""
    table = run.tables()[VARIANT]
    return list(zip(table["label"].to_pylist(), table[f"{protocol}/iou"].to_pylist(), strict=True))


@pytest.mark.parametrize("average", ["images", "classes"])
@pytest.mark.parametrize("protocol", PRESETS)
def test_each_image_alone_at_its_best_threshold(run: RunFolder, protocol: str, average: str) -> None:
    summary = summarize(run, taus=["per-image"], average=average, n_resamples=20)
    by_class: dict[int, list[bool]] = defaultdict(list)
    for label, ious in curves(run, protocol):
        by_class[label].append(max(ious) > 0.5 if protocol == "psol2020" else max(ious) >= 0.5)
    if average == "images":
        bits = [bit for of_class in by_class.values() for bit in of_class]
        expected = sum(bits) / len(bits)
    else:
        expected = sum(sum(bits) / len(bits) for bits in by_class.values()) / len(by_class)
    assert value(summary, protocol, "gt_known_loc") == pytest.approx(100 * expected)


def test_the_best_threshold_of_all_is_never_above_that_of_each(run: RunFolder) -> None:
    one, each = (summarize(run, taus=[tau], n_resamples=20) for tau in ("oracle", "per-image"))
    for protocol in ("choe2020_v1", "choe2020_v2"):
        for metric in ("maxboxacc@30", "maxboxacc@50", "maxboxacc@70"):
            assert value(each, protocol, metric) >= value(one, protocol, metric)


def test_a_protocol_that_is_averaged_otherwise_says_so(run: RunFolder) -> None:
    own = summarize(run, n_resamples=20)
    classes, images = (summarize(run, average=average, n_resamples=20) for average in ("classes", "images"))
    assert classes.protocols["choe2020_v1"].changes == {"average": "classes"}
    assert classes.protocols["psol2020"].changes == {}
    assert images.protocols["psol2020"].changes == {"average": "images"}
    assert value(classes, "psol2020", "gt_known_loc") == value(own, "psol2020", "gt_known_loc")
    assert value(images, "choe2020_v1", "maxboxacc") == value(own, "choe2020_v1", "maxboxacc")
    assert value(classes, "choe2020_v1", "maxboxacc") != value(own, "choe2020_v1", "maxboxacc")


def test_the_text_under_the_table_names_the_protocols(
    run: RunFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from wsol.cli import main

    assert main(["table", str(run.path), "--average", "images", "--resamples", "20"]) == 0
    assert "Accuracies of psol2020 are averaged over images here" in capsys.readouterr().out
    assert main(["table", str(run.path), "--resamples", "20"]) == 0
    assert "averaged over" not in capsys.readouterr().out


def test_a_threshold_of_each_maps_own_is_named_by_its_rule(tmp_path: Path) -> None:
    from tests.report.small_run import NO_METRIC, made, ran
    from wsol.report.page.html import render_page

    rules = "protocol=[choe2020_v2[tau=otsu],gradcam2017]"
    run = ran(made("method=[gradcam,centergauss]", rules, NO_METRIC, "dataset.n=4", "gallery=2"), tmp_path)
    cells = [c for c in summarize(run, n_resamples=20).cells if c.measure == "choe2020_v2[tau=otsu]"]
    assert {c.tau_from for c in cells} == {"otsu"}
    assert all(c.tau == () for c in cells)
    counts = run.tables()["gradcam@stage5"]["choe2020_v2[tau=otsu]/count"].to_pylist()
    (boxes,) = [c.value for c in cells if c.metric == "boxes" and c.variant == "gradcam@stage5"]
    assert boxes == pytest.approx(sum(count[0] for count in counts) / len(counts))
    assert "NaN" not in render_page(run, n_resamples=20).partition("<script")[0]  # and none in its data, or it raises
