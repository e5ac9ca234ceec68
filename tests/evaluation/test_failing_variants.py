"""One failing method or metric costs only itself, and gains nothing by it."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.small import own_components, rows
from wsol.cli import main
from wsol.evaluation.rows import NOT_FINITE
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

OWN = '''
import numpy as np
import torch
from wsol.methods._base import method
from wsol.metrics._base import metric
from wsol.metrics._scores import mean


def plain(layer):
    return (layer.gradients * layer.activations).sum(1)


def own(key, call):
    members = {"__call__": lambda self, layer: call(layer), "__module__": __name__, "__doc__": "A test's own."}
    method(key, paper="a test", year=2026)(type(key, (), members))


def some(layer):
    if "test/00003" in layer.image_ids:
        raise ValueError("no map of this image\\nand a second line")
    return plain(layer)


def holed(layer):
    maps = plain(layer)
    maps[[i == "test/00002" for i in layer.image_ids], 0, 0] = float("nan")
    return maps


def shape(layer):
    return plain(layer) if "test/00004" not in layer.image_ids else plain(layer)[:, 0]


def always(layer):
    raise RuntimeError("never a map")


for key, call in (("fine", plain), ("some", some), ("holed", holed), ("shape", shape), ("always", always),
                  ("loud", lambda layer: 1e6 * plain(layer))):
    own(key, call)


@metric("brittle", paper="a test", year=2026, needs=("boxes",), about="Raises on one map.")
class Brittle:
    """Raises on one map."""

    scores = (
        mean("share", label="Share", bounds=(0.0, 1.0)),
        mean("wrong", label="Wrong", bounds=(0.0, 2.0), higher_is_better=False),
        mean("free", label="Free"),
    )

    def measure(self, case):
        if case.image_id == "test/00001" and np.abs(case.raw).max() > 1e4:
            raise ZeroDivisionError("too loud")
        return {"share": 0.5, "wrong": 0.25, "free": float(case.map01.mean())}
'''
FEW = ["dataset.n=6", "protocol=[choe2020_v1,rethinkingcam2020]", "engine.batch_size=4"]
MEASURES = ["brittle", "choe2020_v1", "rethinkingcam2020"]
GOOD, BAD = ("gradcam", "fine"), ("some", "holed", "shape", "always", "loud")
FAILED = {  # by variant: the image, what stands in the row, and the measures that failed
    "some": ("test/00003", "ValueError: no map of this image", MEASURES),
    "holed": ("test/00002", NOT_FINITE, MEASURES),
    "shape": ("test/00004", "ValueError: shape returned (1, 16); expected raw maps of shape (1, h, w)", MEASURES),
    "loud": ("test/00001", "brittle: ZeroDivisionError: too loud", ["brittle"]),
}


@dataclass(frozen=True)
class Ran:
    """A command: its exit code, what it printed, and the rows by method."""

    code: int
    out: str
    err: str
    folder: RunFolder

    @property
    def rows(self) -> dict[str, list[dict[str, Any]]]:
        return {key.partition("@")[0]: table.to_pylist() for key, table in rows(self.folder).items()}


def command(runs: Path, *words: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["run", *FEW, f"paths.runs={runs}", *words])
    return Ran(code, out.getvalue(), err.getvalue(), open_run("latest", runs))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The file with the methods and the metric, for `--with`."""
    file = tmp_path_factory.mktemp("own") / "parts_that_fail.py"
    file.write_text(OWN)
    with own_components():
        yield str(file)
    sys.modules.pop("wsol_with_parts_that_fail", None)


@pytest.fixture(scope="module")
def bad(own: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    words = ["--with", own, f"method=[{','.join(GOOD + BAD)}]", "metric=[brittle]"]
    return command(tmp_path_factory.mktemp("bad"), *words)


@pytest.fixture(scope="module")
def good(own: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    ran = command(tmp_path_factory.mktemp("good"), "--with", own, f"method=[{','.join(GOOD)}]", "metric=[brittle]")
    assert ran.code == 0
    return ran


@pytest.mark.full
def test_other_variants_have_the_rows_of_a_run_without_the_bad_ones(bad: Ran, good: Ran) -> None:
    assert set(bad.rows) == {*GOOD, *BAD}
    for key in GOOD:
        assert bad.rows[key] == good.rows[key]
        assert [row["status"] for row in good.rows[key]] == ["ok"] * 6


def test_other_images_of_a_failing_variant_have_the_rows_they_would_have(bad: Ran) -> None:
    for key in ("some", "holed", "shape"):
        for row, fine in zip(bad.rows[key], bad.rows["fine"], strict=True):
            if row["image_id"] != FAILED[key][0]:
                assert row | {"variant": ""} == fine | {"variant": ""}


@pytest.mark.parametrize("key", FAILED)
def test_a_failed_row_says_why_and_in_what(key: str, bad: Ran) -> None:
    image, error, measures = FAILED[key]
    marked = {row["image_id"]: row for row in bad.rows[key] if row["status"] != "ok"}
    assert set(marked) == {image}
    assert (marked[image]["status"], marked[image]["error"]) == ("failed", error)
    assert marked[image]["failed"] == measures
    assert all(row["error"] is None and row["failed"] == [] for row in bad.rows[key] if row["image_id"] != image)


def test_a_variant_that_always_fails_has_all_its_rows(bad: Ran) -> None:
    assert [row["status"] for row in bad.rows["always"]] == ["failed"] * 6
    assert {row["error"] for row in bad.rows["always"]} == {"RuntimeError: never a map"}


@pytest.mark.parametrize("key", ["some", "holed", "shape", "always"])
def test_a_failed_map_is_a_miss_and_the_worst_of_every_bounded_score(key: str, bad: Ran, good: Ran) -> None:
    for row in bad.rows[key]:
        if row["status"] == "failed":
            for protocol in ("choe2020_v1", "rethinkingcam2020"):  # the second has the full frame for no box
                assert (row[f"{protocol}/breaks"], row[f"{protocol}/iou"]) == ([0], [0])
                assert row[f"{protocol}/boxes"] == [0, 0, 0, 0]
                assert not any(row[f"{protocol}/hits"])
            assert (row["brittle/share"], row["brittle/wrong"], row["brittle/free"]) == (0, 2, None)
    assert any(any(row["rethinkingcam2020/hits"]) for row in good.rows["fine"])


def test_a_failed_metric_leaves_the_boxes_alone(bad: Ran) -> None:
    for loud, fine in zip(bad.rows["loud"], bad.rows["fine"], strict=True):
        assert loud["rethinkingcam2020/iou"] == fine["rethinkingcam2020/iou"]
        failed = loud["image_id"] == FAILED["loud"][0]
        assert (loud["brittle/share"], loud["brittle/wrong"]) == ((0, 2) if failed else (0.5, 0.25))


def test_the_command_says_what_failed_and_exits_with_one(bad: Ran) -> None:
    assert bad.code == 1
    for key, (image, error, _) in FAILED.items():
        (line,) = (line for line in bad.err.splitlines() if line.startswith(f"{key}@stage5#") and "failed on" in line)
        assert "failed on 1 images, first" in line
        assert line.endswith(f"{image}: {error}")
    (last,) = [line for line in bad.err.splitlines() if line.startswith("wsol: ")]
    assert last.startswith("wsol: RowsFailed: 5 of 7 variants failed on some images, first some@stage5#")
    assert " on test/00003: ValueError: no map of this image; all other rows are complete" in last
    assert "second line" not in bad.err
    assert "Traceback" not in bad.err


def test_the_table_counts_every_image_and_names_the_failures(bad: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    assert "always@stage5" in bad.out
    for key, count in (("some", 1), ("holed", 1), ("shape", 1), ("always", 6), ("loud", 1)):
        (line,) = (line for line in bad.out.splitlines() if line.startswith(f"{key}@stage5: "))
        assert f": {count} of 6 images failed (first: test/" in line
    runs = str(bad.folder.path.parent)
    capsys.readouterr()
    assert main(["table", "latest", "--runs", runs, "--json"]) == 0
    told = {(one["variant"], one["metric"], one["protocol"]): one for one in json.loads(capsys.readouterr().out)}
    found = {(v.partition("@")[0], metric): one for (v, metric, protocol), one in told.items() if protocol != "exact"}
    assert {one["n"] for (_, metric), one in found.items() if metric in ("maxboxacc", "share")} == {6}
    assert found["always", "maxboxacc"]["value"] == 0
    assert found["some", "share"]["value"] == pytest.approx(0.5 * 5 / 6)
    assert found["some", "wrong"]["value"] == pytest.approx((0.25 * 5 + 2) / 6)
    assert found["fine", "free"]["value"] is not None
    assert ("some", "free") not in found or found["some", "free"]["value"] is None


def test_the_same_command_again_says_so_again(bad: Ran, own: str) -> None:
    words = ["--with", own, f"method=[{','.join(GOOD + BAD)}]", "metric=[brittle]"]
    again = command(bad.folder.path.parent, *words)
    assert again.code == 1
    assert "wsol: RowsFailed: 5 of 7 variants failed on some images" in again.err
    assert "1 of 1 shards are already there" in again.err
