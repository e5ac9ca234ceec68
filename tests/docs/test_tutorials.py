"""Every tutorial runs offline from top to bottom and writes nothing beside itself; so do the commands it shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from string import Template

import numpy as np
import pytest

from tests.docs.desk import shortened
from wsol.cli import main
from wsol.datasets.formats.shapes import Shapes

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "tutorials"
SCRIPTS = sorted(FOLDER.glob("plot_*.py"))
BLOCK = r"^\.\. code-block:: {}\n\n((?:    .*\n|\n)+)"
COUNT_FIGURES = "import matplotlib.pyplot as plt; print(len(plt.get_fignums()))"
ORDER = (
    "first_table",
    "own_images",
    "own_network",
    "own_method",
    "ablation",
    "reading_the_report",
    "maps_of_others",
    "choose_tau",
)


def blocks(script: Path, language: str) -> list[str]:
    """The literal blocks of a language in a script's head."""
    found = re.findall(BLOCK.format(language), script.read_text(), re.M)
    return [re.sub(r"^    ", "", block, flags=re.M) for block in found]


def run(code: str, folder: Path, temporary: Path) -> str:
    """Code in a process of its own, for tutorials register methods; its last line of output."""
    environment = {**os.environ, "MPLBACKEND": "agg", "TMPDIR": str(temporary)}
    environment.pop("DISPLAY", None)  # else plt.show complains that nothing is shown
    words = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_tutorials_are_those_of_the_list_in_their_order() -> None:
    assert [script.stem for script in SCRIPTS] == [f"plot_{n}_{name}" for n, name in enumerate(ORDER, start=1)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_tutorial_has_a_title_a_twin_on_the_command_line_and_a_figure(script: Path) -> None:
    text = script.read_text()
    title, line = text.splitlines()[1:3]
    assert line == "=" * len(title)
    assert any("wsol " in block for block in blocks(script, "sh"))
    assert "plt.show()" in text


@pytest.mark.full
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_tutorial_runs_shows_a_figure_and_writes_only_into_the_temporary_folder(script: Path, tmp_path: Path) -> None:
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    assert int(run(f"import runpy; runpy.run_path({str(script)!r}); {COUNT_FIGURES}", here, temporary)) > 0
    assert list(here.iterdir()) == []


@pytest.mark.full
def test_the_notebook_runs_and_holds_no_outputs(tmp_path: Path) -> None:
    cells = json.loads((FOLDER / "quickstart.ipynb").read_text())["cells"]
    programs = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if "outputs" in cell)
    file = tmp_path / "notebook.py"  # a file, so that the text of the class in it can be read
    file.write_text("\n".join(programs))
    assert run(f"import runpy; runpy.run_path({str(file)!r}); {COUNT_FIGURES}", tmp_path, tmp_path) == "1"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reader of the tutorials has: images with boxes, weights, maps, and a network in a file."""
    import torch
    from torchvision.models import mobilenet_v2

    folder = tmp_path_factory.mktemp("desk")
    (folder / "my/images").mkdir(parents=True)
    (folder / "my/maps").mkdir()
    shapes, lines = Shapes(n=3), ["image_id,label,x0,y0,x1,y1,width,height"]
    for n, sample in enumerate(shapes.samples()):
        shapes.image(sample).save(folder / f"my/images/{n}.png")
        np.save(folder / f"my/maps/{n}.png.npy", np.random.default_rng(n).random((7, 7)))
        corners = ",".join(str(int(corner)) for corner in (*sample.boxes_xyxy[0], *sample.size_wh))
        lines.append(f"{n}.png,{sample.label},{corners}")
    (folder / "my/boxes.csv").write_text("\n".join(lines) + "\n")
    torch.save(mobilenet_v2(num_classes=10).state_dict(), folder / "mine.pth")
    (folder / "my_net.py").write_text(blocks(FOLDER / "plot_3_own_network.py", "python")[0])
    return folder


@pytest.mark.full
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_commands_of_a_tutorial_run(script: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    variables: dict[str, str] = {}
    for line in "".join(blocks(script, "sh")).splitlines():
        if assigned := re.fullmatch(r'(\w+)="(.*)"', line):
            variables[assigned[1]] = assigned[2]
            continue
        words = shlex.split(Template(line).substitute(variables))
        assert words[0] == "wsol"
        assert main(shortened(words[1:])) == 0, line
