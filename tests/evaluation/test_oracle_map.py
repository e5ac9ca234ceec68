"""The oracle map in a run: above every variant of the same grid, out of all tests, and what others are a share of."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.report.small_run import NO_METRIC, made, ran
from wsol.cli import main
from wsol.report.numbers.rows import curves_of
from wsol.report.numbers.summary import Summary, summarize
from wsol.runs.folder import RunFolder

METHODS = "method=[gradcam,layercam@stage4,oraclemap,oraclemap@stage4,centergauss,randomnet]"
PROTOCOLS = "protocol=[choe2020_v1,choe2020_v2,gradcam2017]"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return ran(made(METHODS, PROTOCOLS, NO_METRIC, "dataset.n=8", "gallery=2"), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def summary(run: RunFolder) -> Summary:
    return summarize(run, n_resamples=100)


def tops(run: RunFolder, variant: str, protocol: str) -> np.ndarray:
    about = run.about()
    return curves_of(run.tables()[variant], about.protocols[protocol]).tops()


@pytest.mark.parametrize("protocol", ["choe2020_v1", "choe2020_v2", "gradcam2017"])
@pytest.mark.parametrize("stage", ["stage4", "stage5"])
def test_the_oracle_map_is_above_every_variant_of_its_layer(run: RunFolder, protocol: str, stage: str) -> None:
    oracle = tops(run, f"oraclemap@{stage}", protocol)
    for variant in run.about().variants:
        if variant.endswith(f"cam@{stage}"):
            assert (oracle >= tops(run, variant, protocol)).all()
    assert oracle.min() > 0.5


def test_rows_say_that_it_is_a_ceiling(run: RunFolder) -> None:
    roles = {key: info.role for key, info in run.about().variants.items()}
    assert roles["oraclemap@stage5"] == "ceiling"
    assert roles["randomnet@stage5"] == "control"
    assert roles["gradcam@stage5"] == "method"


def test_ceilings_have_no_rank_and_take_no_marks(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(run.path), "--resamples", "50", "--format", "md"]) == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.startswith("|") and "oraclemap@stage4" in line.split("|")[2]]
    assert row.split("|")[1].strip() == ""
    assert "**" not in row
    assert "Ceilings (oraclemap@stage" in out


def test_of_reachable_is_a_share_of_the_ceiling_of_the_same_layers(
    run: RunFolder, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", str(run.path), "--of-reachable", "--resamples", "100", "--json"]) == 0
    shares = {
        (row["variant"], row["protocol"]): row
        for row in json.loads(capsys.readouterr().out)
        if row["metric"].endswith("_of_reachable")
    }
    values = {(c.variant, c.measure): c.value for c in summary.cells if c.quantity.headline}
    assert {variant for variant, _ in shares} == {
        "gradcam@stage5",
        "layercam@stage4",
        "randomnet@stage5",
    }
    for (variant, protocol), row in shares.items():
        layer = variant.partition("@")[2]
        assert row["value"] == pytest.approx(100 * values[variant, protocol] / values[f"oraclemap@{layer}", protocol])
        assert row["low"] <= row["value"] <= row["high"]
        assert math.isfinite(row["low"])


def test_the_share_stands_behind_its_number(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--of-reachable", "--resamples", "50", "--format", "md", "--protocol", "choe2020_v2"]
    assert main(["table", str(run.path), *words]) == 0
    head = [word.strip() for word in capsys.readouterr().out.splitlines()[0].split("|")]
    assert head[head.index("MaxBoxAcc V2") + 1] == "of reachable"


@pytest.mark.full
def test_without_a_ceiling_of_the_same_layers_it_says_what_to_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ran(
        made("method=[gradcam,greedyorder[segments=4]]", "protocol=[choe2020_v1]", NO_METRIC, "gallery=0"), tmp_path
    )
    assert main(["table", str(folder.path), "--of-reachable"]) == 2
    assert "add oraclemap@stage5 to the methods of the run" in capsys.readouterr().err


def test_attribute_refuses_it() -> None:
    import torch

    import wsol
    from wsol.errors import ConfigError

    with pytest.raises(ConfigError, match="drawn from annotations"):
        wsol.attribute(wsol.load_classifier("shapes_gap"), torch.zeros(1, 3, 128, 128), "oraclemap")
