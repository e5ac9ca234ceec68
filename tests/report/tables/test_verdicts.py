"""The three verdicts on a claim, on made-up runs whose differences are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.report.made_up import make_run
from wsol.errors import ConfigError
from wsol.report.numbers.paired import apart
from wsol.report.numbers.summary import Summary, summarize
from wsol.report.tables.verdicts import verdicts
from wsol.runs.claims import Claim, claims_of, parts_of
from wsol.runs.folder import RunFolder

BAD, GOOD, EQUAL = "gradcam@stage5", "layercam@stage5", "xgradcam@stage5"
QUALITY = {BAD: 0.0, GOOD: 0.25, EQUAL: 0.001}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    place = tmp_path_factory.mktemp("runs") / "shapes-test-shapes_gap-1"
    return make_run(place, QUALITY, protocols=("choe2020_v1", "gradcam2017"))


def claim(left: str, right: str, sign: str = ">", **other: Any) -> Claim:
    given = {"measure": "choe2020_v1", "metric": "maxboxacc", "tau": "oracle", "level": 0.95, "images": 60}
    return Claim(left=left, right=right, sign=sign, **{**given, **other})


def told(run: RunFolder, *claims: Claim, **settings: Any) -> list[str]:
    run.write_manifest({**run.manifest, "claims": [one.to_plain() for one in claims]})
    return verdicts([summarize(run, n_resamples=200, **settings)])


def difference(run: RunFolder, left: str, right: str, measure: str, metric: str) -> tuple[float, float, float]:
    summary: Summary = summarize(run, n_resamples=200)
    cells = {c.variant: c for c in summary.cells if (c.measure, c.metric) == (measure, metric)}
    pair = apart(cells[left], cells[right])
    assert pair is not None
    return pair[0].value, pair[0].low, pair[0].high


@pytest.mark.parametrize("measure", [("choe2020_v1", "maxboxacc", "oracle"), ("gradcam2017", "gt_known_loc", "fixed")])
def test_supported_refuted_and_not_supported(run: RunFolder, measure: tuple[str, str, str]) -> None:
    of = dict(zip(("measure", "metric", "tau"), measure, strict=True))
    pairs = [(GOOD, BAD, ">"), (BAD, GOOD, ">"), (BAD, GOOD, "<"), (BAD, EQUAL, ">")]
    found = told(run, *(claim(*pair, **of) for pair in pairs))
    words = [sentence.partition(". ")[2].partition(":")[0] for sentence in found]
    assert words == ["Supported", "Refuted", "Supported", "Not supported"]
    value, low, high = difference(run, GOOD, BAD, of["measure"], of["metric"])
    assert low > 0
    assert f"{value:.1f} points [{low:.1f}, {high:.1f}]" in found[0]


def test_a_number_for_which_lower_is_claimed_is_supported_below_zero(run: RunFolder) -> None:
    value, low, high = difference(run, BAD, GOOD, "choe2020_v1", "maxboxacc")
    (found,) = told(run, claim(BAD, GOOD, "<"))
    assert value < 0 > high
    assert f"{value:.1f} points [{low:.1f}, {high:.1f}]" in found


def test_where_the_table_does_not_have_both_numbers_it_says_so(run: RunFolder) -> None:
    (absent,) = told(run, claim(GOOD, "cam@stage5"))
    assert "No verdict here" in absent
    (elsewhere,) = told(run, claim(GOOD, BAD, tau="split-half"))
    assert "see it with --tau split-half" in elsewhere
    (there,) = told(run, claim(GOOD, BAD, tau="split-half"), taus=["split-half"])
    assert "the difference is" in there


def test_there_is_no_verdict_before_all_images_are_evaluated(run: RunFolder) -> None:
    whole = run.manifest["images"]
    run.write_manifest({**run.manifest, "images": whole + 1, "claims": [claim(GOOD, BAD).to_plain()]})
    (sentence,) = verdicts([summarize(run, n_resamples=50)])
    assert f"No verdict yet: {whole} of {whole + 1} images" in sentence
    run.write_manifest({**run.manifest, "images": whole})


def test_claims_come_back_from_the_manifest_and_outlast_it(tmp_path: Path) -> None:
    one = claim(GOOD, BAD)
    folder = RunFolder(tmp_path / "run")
    folder.write_manifest({"images": 1, "claims": [one.to_plain()]})
    folder.write_manifest({"images": 2})
    assert claims_of(folder.manifest) == (one,)
    assert folder.manifest["images"] == 2


def test_a_claim_is_read_as_it_is_written() -> None:
    assert parts_of(" a@stage4[gamma=2] <  b on m/n ") == ("a@stage4[gamma=2]", "<", "b", "m/n")
    for text in ("a > b", "a on b/c", "> b on c/d", "a > on b/c"):
        with pytest.raises(ConfigError, match="write it as A > B on PROTOCOL/METRIC"):
            parts_of(text)


def test_an_option_of_the_table_does_not_move_a_verdict(run: RunFolder) -> None:
    """A claim is decided by the test it was written with, not by whichever table supports it."""
    (by_rule,) = told(run, claim(GOOD, BAD), average="images")
    assert "Supported: the difference is" in by_rule
    for option, settings in {"--average classes": {"average": "classes"}, "--by-class": {"by_class": True}}.items():
        (sentence,) = told(run, claim(GOOD, BAD), **settings)
        assert f"over all images: see it without {option}." in sentence
