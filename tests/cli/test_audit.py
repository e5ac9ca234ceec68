"""`wsol audit` on one's own table and on published ones."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wsol.cli import main

GOOD = "system,n,top1_loc,top5_loc,gt_known_loc\nCAM,5794,41.06,50.67,55.09\nOurs,5794,71.33,85.31,91.04\n"
BAD = "Method,Top-1,gt_known\nCAM,41.06,55.09\nOurs,91.04,71.33\n"


def test_a_table_in_which_all_fits_gives_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.csv").write_text(GOOD)
    assert main(["audit", str(tmp_path / "good.csv"), "--n", "5794"]) == 0
    assert capsys.readouterr().out.strip() == "0 findings in 6 numbers of 1 table."


def test_what_does_not_fit_is_named_by_line_and_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.csv").write_text(BAD)
    assert main(["audit", str(tmp_path / "bad.csv"), "--n", "5794"]) == 1
    out = capsys.readouterr().out
    assert "order: line 3, Top-1; line 3, gt_known: CUB, Ours: Top-1 Loc 91.04 is above GT-known Loc 71.33" in out
    assert main(["audit", str(tmp_path / "bad.csv"), "--json", "--check", "order"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["check"] == "order"
    assert {cell["cell"] for cell in found["cells"]} == {"line 3, Top-1", "line 3, gt_known"}
    assert main(["audit", str(tmp_path / "bad.csv"), "--check", "means"]) == 0


def test_a_center_baseline_is_compared_with_the_measured_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.csv").write_text("system,MaxBoxAccV2\nCenter baseline,59.70\n")
    assert main(["audit", str(tmp_path / "c.csv"), "--n", "5794", "--json"]) == 1
    assert {found["check"] for found in json.loads(capsys.readouterr().out)} >= {"centre_baseline"}


def test_published_tables_are_audited_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "gradcampp2018"]) == 0  # what others printed fails nobody's build
    assert "together 100.91 %" in capsys.readouterr().out


def test_checks_are_listed_and_wrong_names_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "checks"]) == 0
    assert "same_system" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    for words, sentence in {
        ("--check", "ordr", "cam2016"): "there is no check 'ordr'; nearest: 'order'",
        ("choe2021",): "there is no benchmark 'choe2021'; nearest: 'choe2020'",
        ("choe2020", "--n", "5"): "--n and --dataset are of a CSV file",
        (str(tmp_path / "no.csv"),): "no.csv can't be read",
        (
            "cam2016",
            "--page",
            str(tmp_path / "file" / "page.md"),
        ): "page.md: File exists; choose another file with --page FILE",
    }.items():
        assert main(["audit", *words]) == 2
        assert sentence in capsys.readouterr().err


def test_a_page_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "audit.md"
    page.write_text("the good one")

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    assert main(["audit", "cam2016", "--page", str(page)]) == 2
    assert f"can't write {page}: No space left on device" in capsys.readouterr().err
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("audit.md", "the good one")]


def test_the_audit_imports_no_torch() -> None:
    code = "import sys; from wsol.cli import main; main(['audit', 'idc2024']); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
