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
    assert main(["run", *words, "table=false", f"paths.runs={folder / 'runs'}"]) == 0
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

    def call(*words: str) -> Any:
        capsys.readouterr()
        assert main([*words, "--json"]) == 0
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


@pytest.mark.parametrize(("kind", "name"), [("method", "layercam"), ("protocol", "choe2020_v2"), ("metric", "pxap")])
def test_the_fields_of_one_thing(answer: Answer, kind: str, name: str) -> None:
    found = answer("show", kind, name)
    heading = f"wsol show {kind} NAME --json"
    assert set(found) == listed(heading)
    inner = {"protocol": "knobs", "method": "options", "metric": "scores"}[kind]
    first = next(iter(found[inner].values() if kind == "protocol" else found[inner]))
    assert set(first) == listed(heading, within=inner)


def test_the_first_field_of_a_list_is_its_kind(answer: Answer) -> None:
    for kind in ("methods", "protocols", "metrics", "datasets", "views", "experiments", "engines"):
        assert next(iter(answer("list", kind)[0])) == kind.removesuffix("s")


def test_the_fields_of_a_published_number() -> None:
    cell = load_benchmark(benchmark_names()[0]).cells[0]
    assert set(Ours(cell=cell).record()) == listed("wsol reproduce NAME --json")


def test_a_wrong_name_is_exit_code_2_and_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "| 2 | bad usage or configuration |" in PAGE
    assert main(["show", "method", "layrecam"]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert "layercam" in told
