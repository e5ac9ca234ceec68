"""docs/agents.md lists the fields of every JSON answer: those, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.docs.snippets import ROOT
from wsol.cli import main
from wsol.cli.list import KINDS
from wsol.published.beside import Ours, benchmark_names, load_benchmark

PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
Answer = Callable[..., Any]
COST = {"forwards", "backwards", "partial_forwards", "ms", "peak_mb"}


def listed(heading: str, *, within: str = "") -> set[str]:
    """The fields in the table below a heading; or those that it gives the objects `within` one of them."""
    section = PAGE.split(f"### {heading}\n")[1].split("\n### ")[0].split("\n## ")[0]
    lines = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    cells = [meaning for names, meaning in lines if f"`{within}`" in names] if within else [names for names, _ in lines]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small run, three maps and their boxes."""
    folder = tmp_path_factory.mktemp("agents")
    words = ["dataset=shapes", "dataset.n=3", "method=[gradcam,layercam]", "metric=[]", "protocol=[choe2020_v1]"]
    assert main(["run", *words, "maps=keep", "table=false", f"paths.runs={folder / 'runs'}"]) == 0
    (folder / "maps").mkdir()
    lines = ["image_id,label,x0,y0,x1,y1,width,height"]
    for n in range(3):
        np.save(folder / "maps" / f"{n}.npy", np.arange(16.0).reshape(4, 4) / 16)
        lines.append(f"{n},{n},10,10,60,50,80,60")
    (folder / "boxes.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def answer(here: Path, capsys: pytest.CaptureFixture[str]) -> Answer:
    """What a command answers with `--json`."""

    def call(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*words, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return call


def test_the_fields_of_a_table(answer: Answer, here: Path) -> None:
    (first, *_) = answer("table", "latest", "--runs", str(here / "runs"), "--resamples", "20")
    assert set(first) == listed("wsol table --json")
    assert set(first) >= COST


def test_the_fields_of_a_comparison(answer: Answer, here: Path) -> None:
    found = answer("compare", "gradcam", "layercam", "--runs", str(here / "runs"), "--resamples", "20")
    assert set(found) == listed("wsol compare A B --json")


def test_the_fields_of_scored_maps(answer: Answer, here: Path) -> None:
    where = ["--maps", str(here / "maps"), "--annotations", str(here / "boxes.csv"), "--runs", str(here / "scored")]
    found = answer("score", *where, "--protocol", "choe2020_v2", "--resamples", "20")
    assert set(found) == listed("wsol score --json")
    assert set(found["metrics"]["maxboxacc_v2"]) == listed("wsol score --json", within="metrics")


@pytest.mark.parametrize(
    ("kind", "name", "inner"),
    [
        ("method", "layercam", "options"),
        ("protocol", "choe2020_v2", "knobs"),
        ("metric", "pxap", "scores"),
        ("dataset", "imagenet", ""),
        ("recipe", "choe2020_cub", "values"),
        ("technique", "has", ""),
    ],
)
def test_the_fields_of_one_thing(answer: Answer, kind: str, name: str, inner: str) -> None:
    found = answer("show", kind, name)
    heading = f"wsol show {kind} NAME --json"
    assert set(found) == listed(heading)
    if not inner:  # "as for methods"
        heading, inner = "wsol show method NAME --json", "options"
    first = next(iter(found[inner].values() if kind == "protocol" else found[inner]))
    assert set(first) == listed(heading, within=inner)


def test_the_first_field_of_a_list_is_its_kind(answer: Answer) -> None:
    section = PAGE.split("### wsol list KIND --json\n")[1].split("\n### ")[0]
    assert {f"{kind}s" for kind in re.findall(r"`(\w+)`", section)} == set(KINDS)
    for kind in KINDS:
        network = ["model=shapes_gap"] if kind == "layers" else []
        assert next(iter(answer("list", kind, *network)[0])) == kind.removesuffix("s")


def test_the_fields_of_findings(answer: Answer, tmp_path: Path) -> None:
    found = answer("doctor", "dataset=shapes", "dataset.limit=2", "--quick")
    assert set(found) == listed("wsol doctor --json") - {"variants", "stages"}
    assert set(found["findings"][0]) == listed("wsol doctor --json", within="findings")
    (tmp_path / "bad.csv").write_text("method,dataset,n,top1_loc,gt_known\nOurs,CUB,5794,91.04,71.33\n")
    finding = answer("audit", str(tmp_path / "bad.csv"), code=1)[0]
    assert set(finding) == listed("wsol audit --json")
    assert set(finding["cells"][0]) == listed("wsol audit --json", within="cells")


def test_the_fields_of_a_status(answer: Answer, here: Path) -> None:
    found = answer("status", "latest", "--runs", str(here / "runs"))
    assert set(found) == listed("wsol status --json")
    assert set(found["shards"]) == listed("wsol status --json", within="shards")


def test_the_fields_of_maps_scored_again(answer: Answer, here: Path) -> None:
    words = ("rescore", "latest", "protocol=[choe2020_v1,exact]", "--runs", str(here / "runs"), "--resamples", "20")
    assert set(answer(*words)) == listed("wsol rescore RUN --json")


def test_the_fields_of_a_prepared_data_set(answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "src/CUB_200_2011").mkdir(parents=True)
    (tmp_path / "src/CUB_200_2011/images.txt").write_text("1 001.Black_footed_Albatross/0001.jpg\n")
    found = answer("data", "prepare", "cub", str(tmp_path / "src"), str(tmp_path / "dst"), "--dry", code=1)
    assert set(found) == listed("wsol data prepare NAME SRC DST --json")
    assert set(found["parts"][0]) == listed("wsol data prepare NAME SRC DST --json", within="parts")


def test_the_fields_of_a_published_number() -> None:
    cell = load_benchmark(benchmark_names()[0]).cells[0]
    assert set(Ours(cell=cell).record()) == listed("wsol reproduce NAME --json")


def test_a_wrong_name_is_exit_code_2_and_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "| 2 | bad usage or configuration |" in PAGE
    assert main(["show", "method", "layrecam"]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert "layercam" in told
