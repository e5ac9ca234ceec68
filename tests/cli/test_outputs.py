"""What commands write is whole or not there; lists of networks are a run each and one table."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from wsol.cli import main


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["report", "-o", "{}", "--resamples", "20"], "page.html"),
        (["export", "--csv", "{}"], "rows.csv"),
        (["export", "--parquet", "{}"], "rows.parquet"),
        (["export", "--coco", "{}"], "boxes.json"),
        (["export", "--result", "{}"], "result.json"),
    ],
)
def test_a_full_disk_leaves_what_was_there(
    words: list[str],
    name: str,
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / name
    place.write_text("the good one")

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    assert main([*(word.format(place) for word in words), "--runs", str(runs)]) == 2
    assert f"can't write {place}: No space left on device; choose another" in capsys.readouterr().err
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "the good one")]


@pytest.mark.full
def test_several_networks_and_views_are_a_run_each_and_one_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dataset.n=4", "method=[gradcam]", "protocol=[choe2020_v1]", "metric=[]", "gallery=0"]
    chosen = ["model=[shapes_gap,shapes_vgg]", "view=[squash,centre]"]
    assert main(["run", *words, *chosen, f"paths.runs={tmp_path}"]) == 0
    shown = capsys.readouterr()
    runs = [json.loads(file.read_text()) for file in tmp_path.glob("*/run.json")]
    assert len(runs) == 4
    rows = [line for line in shown.out.splitlines() if "gradcam@stage5" in line]
    assert len(rows) == 4
    assert {(net in row, view in row) for row in rows for net in ("shapes_gap",) for view in ("centre",)} == {
        (True, True),
        (True, False),
        (False, True),
        (False, False),
    }
    assert shown.out.count("| rank |") == 1
    assert shown.err.rstrip().endswith("4 of 4 jobs done")
