"""Result files: what a run's says, and that anything wrong in one is refused with one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.report.made_up import make_run
from wsol.errors import DataError
from wsol.report.export.result_file import ResultFile, read_result, text_of
from wsol.report.export.run_result import result_of
from wsol.report.numbers.lines import lines_of
from wsol.report.numbers.reachable import with_reachable
from wsol.report.numbers.summary import Settings, summarize
from wsol.runs.folder import RunFolder

QUALITY = {"gradcam@stage5": 0.0, "layercam@stage4": 0.1, "oraclemap@stage5": 0.3, "centergauss": -0.2, "fullbox": -0.3}
FEW = Settings(n_resamples=20)
WORDS = ["dataset=shapes", "dataset.limit=60", "model=shapes_gap"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    made = make_run(tmp_path_factory.mktemp("runs") / "shapes-1", QUALITY, protocols=("choe2020_v1",), rise=True)
    made.write_manifest({**made.manifest, "recompute": {"words": WORDS, "files": []}})
    return made


@pytest.fixture(scope="module")
def result(run: RunFolder) -> ResultFile:
    return result_of(run, FEW)


def test_it_holds_every_number_of_the_table(run: RunFolder, result: ResultFile) -> None:
    known = {(r.variant, r.measure, r.quantity): (r.value, r.low, r.high, r.n) for r in result.rows}
    cells = summarize(run, settings=FEW).cells
    assert known == {(c.variant, c.measure, c.metric): (c.value, c.low, c.high, c.n) for c in cells}
    assert len(known) == len(result.rows) > 5 * 8


def test_it_is_the_same_after_writing_and_reading(result: ResultFile, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text_of(result), encoding="utf-8")
    assert read_result(file) == result
    assert json.loads(text_of(result))["data"]["images"] == 60


def test_the_floor_is_the_best_control_and_the_ceiling_has_the_same_layers(run: RunFolder, result: ResultFile) -> None:
    rows = {r.variant: r for r in result.rows if r.quantity == "maxboxacc"}
    values = {variant: row.value for variant, row in rows.items()}
    floor = max(values["centergauss"] or 0, values["fullbox"] or 0)
    for variant in ("gradcam@stage5", "layercam@stage4"):
        bound = rows[variant].floor
        assert bound is not None
        assert bound.value == floor == values[bound.variant]
    top = rows["gradcam@stage5"].ceiling
    assert top is not None
    assert (top.variant, top.value) == ("oraclemap@stage5", values["oraclemap@stage5"])
    assert rows["layercam@stage4"].ceiling is None
    assert rows["centergauss"].floor is rows["oraclemap@stage5"].floor is None
    lines = with_reachable(lines_of([summarize(run, settings=FEW)]))
    shares = {line.name: cell for line in lines for key, cell in line.cells.items() if key[1].endswith("_of_reachable")}
    share = rows["gradcam@stage5"].of_reachable
    assert share is not None
    assert (share.value, share.low) == (shares["gradcam@stage5"].value, shares["gradcam@stage5"].low)


def test_the_floor_of_what_should_be_low_is_the_lowest_control(result: ResultFile) -> None:
    rows = {r.variant: r for r in result.rows if r.quantity == "deletion_auc"}
    floor = rows["gradcam@stage5"].floor
    assert floor is not None
    assert floor.value == min(rows["centergauss"].value or 1, rows["fullbox"].value or 1)


def test_fingerprints_are_of_what_a_measure_stored(result: ResultFile, tmp_path: Path) -> None:
    prints = {(r.variant, r.measure): r.fingerprint for r in result.rows}
    measured = {name: print_ for name, print_ in prints.items() if name[1] != "classification"}
    assert len(set(measured.values())) == len(measured)
    again = make_run(tmp_path / "shapes-1", QUALITY, protocols=("choe2020_v1",), rise=True)
    assert {(r.variant, r.measure): r.fingerprint for r in result_of(again, FEW).rows} == prints
    other = make_run(tmp_path / "shapes-2", QUALITY, protocols=("choe2020_v1",), rise=True, seed=1)
    differing = {(r.variant, r.measure): r.fingerprint for r in result_of(other, FEW).rows}
    assert all(differing[name] != print_ for name, print_ in measured.items())


def test_a_row_has_its_command(result: ResultFile) -> None:
    by_measure = {r.measure: result.command(r) for r in result.rows if r.variant == "layercam@stage4"}
    run = ["wsol", "run", *WORDS, "method=[layercam@stage4]"]
    assert by_measure["choe2020_v1"] == [*run, "protocol=[choe2020_v1]", "metric=[]", "gallery=0"]
    assert by_measure["rise2018_dataset"] == [*run, "protocol=[]", "metric=[rise2018_dataset]", "gallery=0"]
    assert by_measure["classification"] == by_measure["choe2020_v1"]


def test_held_out_thresholds_have_a_command_that_chooses_them_so(run: RunFolder) -> None:
    several = result_of(run, Settings(n_resamples=20, taus=("oracle", "split-half")))
    held = [row for row in several.rows if row.tau_from == "split-half"]
    assert held
    assert all(several.command(row)[-1] == "tau_from=split-half" for row in held)


def test_what_is_needed_beyond_the_package_is_said(run: RunFolder, tmp_path: Path) -> None:
    other = make_run(tmp_path / "photos-1", QUALITY)
    assert result_of(other, FEW).commands.needs == (
        "no command is known: the run was not made by wsol run of this version",
    )
    assert not result_of(other, FEW).recomputable
    other.write_manifest({**other.manifest, "recompute": {"words": WORDS, "files": ["../photos"]}})
    assert result_of(other, FEW).commands.needs == ("../photos",)
    assert result_of(run, FEW).recomputable


def changed(plain: dict[str, Any], **row: Any) -> dict[str, Any]:
    return {**plain, "rows": [{**plain["rows"][0], **row}, *plain["rows"][1:]]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p: {**p, "schema": "other"}, "is not a result file: Invalid enum value 'other' - at $.schema"),
        (lambda p: {**p, "version": 2}, "is a result file of version 2, and this wsol reads 1"),
        (lambda p: {**p, "extra": 1}, "is not a result file: Object contains unknown field extra"),
        (lambda p: {k: v for k, v in p.items() if k != "data"}, "missing required field data"),
        (lambda p: changed(p, value="30"), "Expected float | null, got str - at $.rows[0].value"),
        (lambda p: changed(p, note="mine"), "unknown field note - at $.rows[0]"),
        (lambda p: changed(p, fingerprint="f00d"), "$.rows[0].fingerprint"),
        (lambda p: changed(p, tau_from="mine"), "Invalid enum value 'mine' - at $.rows[0].tau_from"),
        (lambda p: changed(p, variant="mine"), "maxboxacc: variants has no 'mine'"),
        (lambda p: changed(p, quantity="mine"), "quantities has no 'mine' of 'choe2020_v1'"),
        (lambda p: changed(p, n=61), "n is 61, and the run has 60 images"),
        (lambda p: changed(p, failed=61), "61 images failed of 60"),
        (lambda p: changed(p, value=None), "it has no value, and no image failed"),
        (lambda p: changed(p, low=None), "its interval has one end"),
        (lambda p: changed(p, low=99.0, high=1.0), "its interval ends at 1, before it begins at 99"),
        (lambda p: changed(p, floor={"variant": "mine", "value": 1.0}), "variants has no 'mine'"),
        (lambda p: {**p, "rows": [*p["rows"], p["rows"][0]]}, "stands in it twice"),
    ],
)
def test_a_file_with_anything_wrong_is_refused_with_one_sentence(
    result: ResultFile, tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], sentence: str
) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(msgspec.json.encode(change(json.loads(text_of(result)))))
    with pytest.raises(DataError) as refused:
        read_result(file)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(str(file))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff\xfe", b'{"schema": "wsol-result", "version": NaN}', b"[" * 10**5]
)
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(content)
    with pytest.raises(DataError, match="is not a"):
        read_result(file)
    with pytest.raises(DataError, match="can't be read"):
        read_result(tmp_path / "nowhere.json")
    with pytest.raises(DataError, match="can't be read"):
        read_result(tmp_path)
