"""`wsol rescore` applies protocols to the maps that a run kept, without its network and images."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.small import made, ran, rows
from wsol.cli import main
from wsol.datasets.formats.shapes import Shapes
from wsol.maps.extractor import MapExtractor
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

WORDS = ("dataset.n=12", "model.weights=random", "method=[fullbox,gradcam,layercam,randomcam]")
WORDS += ("methods.randomcam.sample=3", "engine.batch_size=6", "engine.shard_size=8")
FIRST, LATER = "protocol=[choe2020_v1]", "protocol=[choe2020_v1,exact,gradcam2017]"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that keeps its maps, and one with a run that does not."""
    folder = tmp_path_factory.mktemp("runs")
    ran(made(*WORDS, FIRST, "maps=keep"), folder)
    return folder


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on there is neither a network nor an image."""

    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("this needs no network and no image")

    monkeypatch.setattr(MapExtractor, "maps", refused)
    monkeypatch.setattr(MapExtractor, "__init__", refused)
    monkeypatch.setattr(Shapes, "image", refused)


@pytest.mark.usefixtures("closed")
def test_numbers_ranks_and_agreement_are_printed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # `latest` is then the run that the command itself made
        assert main(["rescore", "latest", LATER, "--runs", str(runs), "--resamples", "50"]) == 0
        out, _err = capsys.readouterr()
        lines = out.splitlines()
        assert lines[0].split("|")[1:5] == [" variant         ", " choe2020_v1 ", " exact    ", " gradcam2017 "]
        assert [line.split("|")[1].strip() for line in lines[2:5]] != []
        assert "randomcam" not in out  # its maps are of three images
        assert "| choe2020_v1 | exact       |" in out
    folder = open_run("rescore-", runs)
    assert set(folder.tables()) == {"fullbox", "gradcam@stage5", "layercam@stage5"}


@pytest.mark.usefixtures("closed")
def test_every_protocol_that_the_maps_suffice_for_is_applied(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rescore", "shapes", "--runs", str(runs), "--resamples", "20", "--json"]) == 0
    out, err = capsys.readouterr()
    known = json.loads(out)
    assert {"choe2020_v1", "choe2020_v2", "exact", "cam2016_text"} <= known["numbers"].keys()
    assert "psol2020 is left out: the run has no maps under its view, squash_centre" in err
    for line in known["agreement"]:
        taus = [line[name] for name in ("tau", "low", "high")]
        assert all(tau is None or -1 <= tau <= 1 for tau in taus)
        assert line["low"] is None or line["low"] <= line["high"]
    assert any(line["tau"] is not None for line in known["agreement"])


def test_its_rows_are_those_of_a_run_with_these_protocols(runs: Path, tmp_path: Path) -> None:
    fresh = rows(ran(made(*WORDS, LATER), tmp_path))
    assert main(["rescore", "shapes", LATER, "--runs", str(runs), "--resamples", "20"]) == 0
    found = rows(open_run("rescore-", runs))
    for key, table in found.items():
        names = [name for name in fresh[key].column_names if "/" in name or name in ("rank", "map_digest", "status")]
        assert [n for n in names if table[n].to_pylist() != fresh[key][n].to_pylist()] == []


@pytest.mark.parametrize("damage", ["cut", "empty", "folder", "pipe"])
def test_damaged_maps_are_not_called_missing(
    damage: str, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = next(file for file in runs.iterdir() if (file / "maps").is_dir())
    copied = Path(shutil.copytree(run, tmp_path / run.name))
    for file in (copied / "maps").iterdir():
        content = file.read_bytes()
        file.unlink()
        if damage == "folder":
            file.mkdir()
        elif damage == "pipe":
            os.mkfifo(file)
        else:
            file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    assert main(["rescore", str(copied), "protocol=[exact]"]) == 2
    assert "keeps are damaged or of another version of wsol; run the same command again" in capsys.readouterr().err


def test_what_cannot_be_rescored_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ran(made(*WORDS, FIRST), tmp_path)
    assert main(["rescore", "latest", "--runs", str(tmp_path)]) == 2
    assert "keeps no maps; run the same command again with maps=keep" in capsys.readouterr().err
    assert main(["rescore", "latest", "choe2020_v1", "--runs", str(tmp_path)]) == 2
    assert "write protocol=[choe2020_v1,exact]" in capsys.readouterr().err
    (last,) = (folder.path / "rows").glob("shard-00001-*")
    last.unlink()
    assert main(["rescore", "latest", "--runs", str(tmp_path)]) == 2
    assert "has rows of 8 of 12 images; complete it" in capsys.readouterr().err
    assert not RunFolder(tmp_path / f"rescore-{folder.name}").path.exists()
