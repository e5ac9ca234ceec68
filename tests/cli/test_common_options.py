"""What all commands share: where runs are, files of one's own, and an output that takes any answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import FEW
from wsol.cli import COMMANDS, main


def wsol(*words: str, out: int | None = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "wsol", *words], stdout=out, stderr=subprocess.PIPE, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("flag", ["--runs {}", "--runs={}", "paths.runs={}"])
def test_runs_are_written_and_read_where_they_are_said_to_be(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = flag.format(tmp_path).split(" ")
    assert main(["run", *FEW, *where]) == 0
    assert len(list(tmp_path.glob("*/run.json"))) == 1
    capsys.readouterr()
    for words in (["table"], ["report", "-o", str(tmp_path / "r.html")], ["export", "--csv", str(tmp_path / "r.csv")]):
        assert main([*words, *where]) == 0, words
        assert capsys.readouterr().out


def test_a_variable_says_once_where_runs_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WSOL_RUNS", str(tmp_path / "here"))
    assert main(["run", *FEW]) == 0
    assert main(["table", "latest", "--json"]) == 0
    assert main(["run", *FEW, f"paths.runs={tmp_path / 'there'}"]) == 0
    assert [place.parent.parent.name for place in tmp_path.glob("*/*/run.json")].count("here") == 1


def test_every_command_knows_files_and_folders_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert "--with FILE" in text, name
        assert "--config-dir DIR" in text, name


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_answer_is_printed_in_any_encoding(encoding: str, runs: Path) -> None:
    done = wsol("table", "--runs", str(runs), PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert b"centergauss" in done.stdout


@pytest.mark.full
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_sentence(runs: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        table = wsol("table", "--runs", str(runs), "--json", out=full.fileno())
        run = wsol("run", *FEW[:-1], "--runs", str(runs), out=full.fileno())
    for done in (table, run):
        assert done.returncode == 1
        assert done.stderr.decode().strip().endswith("No space left on device; send it to another place")
        assert b"Traceback" not in done.stderr


def test_a_closed_output_is_no_error(runs: Path) -> None:
    command = f"{sys.executable} -m wsol table --json --runs {runs} >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_dry_run_says_what_a_run_takes_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["method=[gradcam,scorecam]", "methods.scorecam.sample=2", "methods.scorecam.top_n=5", "dataset.limit=4"]
    assert main(["run", *words, "protocol=[choe2020_v1]", "metric=[]", f"paths.runs={tmp_path}", "--dry"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert cells[0] == ["variant", "images", "forwards", "backwards", "partial", "ms", "peak MB"]
    assert cells[2][:5] == ["gradcam@stage5", "4", "1", "1", "0"]
    assert cells[3][:5] == [
        "scorecam@stage5[sample=2,top_n=5]",
        "2",
        "6",
        "0",
        "0",
    ]  # the image's own and 5 masks, and the baseline
    assert "4 images, 2 variants; predicted time: about " in lines[-1]
    assert not list(tmp_path.glob("*"))
