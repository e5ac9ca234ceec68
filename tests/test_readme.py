"""Every command of the README runs. Placeholders stand for the reader's files; appended settings make runs small."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsol.cli import main

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
LINES = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
COMMANDS = [line for line in LINES if re.match(r"(\w+=\S+ )*wsol ", line)]
SMALL = ["table=false", "metric=[]", "gallery=2"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README's reader has: photos with boxes, weights, maps, and lists in wsolevaluation's format."""
    import torch
    from torchvision.models import mobilenet_v2

    desk = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    images, metadata, maps = desk / "my/images", desk / "data/metadata/ILSVRC/test", desk / "my/maps"
    for folder in (images, metadata, maps, desk / "data/ILSVRC"):
        folder.mkdir(parents=True)
    names = [f"{n}.jpg" for n in range(3)]
    for name in names:
        picture = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        picture.save(images / name)
        np.save(maps / f"{name}.npy", rng.random((7, 7)))
    shutil.copy(images / names[0], desk / "photo.jpg")
    shutil.copytree(images, desk / "data/ILSVRC", dirs_exist_ok=True)
    lines = "\n".join(f"{n},{i % 5},10,10,60,50,80,60" for i, n in enumerate(names))
    (desk / "my/boxes.csv").write_text(f"image_id,label,x0,y0,x1,y1,width,height\n{lines}\n")
    (metadata / "image_ids.txt").write_text("\n".join(names))
    (metadata / "class_labels.txt").write_text("\n".join(f"{n},{i}" for i, n in enumerate(names)))
    (metadata / "image_sizes.txt").write_text("\n".join(f"{n},80,60" for n in names))
    (metadata / "localization.txt").write_text("\n".join(f"{n},10,10,60,50" for n in names))
    torch.manual_seed(0)
    torch.save(mobilenet_v2(num_classes=5).state_dict(), desk / "mine.pth")
    return desk


def shortened(words: list[str]) -> list[str]:
    """The same command on fewer images, and random weights where the README downloads some."""
    if words[0] == "run":
        words = [*words, *SMALL]
        if not any(w.startswith("dataset=") for w in words) or "dataset=shapes" in words:
            words.append("dataset.n=4")
    if "model=resnet50" in words:
        words += ["model.weights=random", "model.input_size=64"]
    return words


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_command_of_the_readme_runs(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(COMMANDS) >= 4
    monkeypatch.chdir(desk)
    failed = {}
    for command in COMMANDS:
        if command.startswith("wsol reproduce"):
            continue  # tests/cli/test_reproduce.py: it needs the metadata lists
        words = shlex.split(command)
        words = shortened(words[words.index("wsol") + 1 :])
        code = main(words)
        told = capsys.readouterr()
        if code != 0:
            failed[command] = (code, told.err.strip().splitlines()[-1:])
    assert not failed


def test_the_readme_names_only_files_that_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_the_tables_are_those_in_results() -> None:
    """`python scripts/fill_readme.py` would change nothing."""
    script = runpy.run_path(str(ROOT / "scripts" / "fill_readme.py"))
    pages = [page.read_text() for page in script["PAGES"]]
    assert sum(page.count("<!-- table ") for page in pages) == len(script["EXCERPTS"])
    assert [script["filled"](page, ROOT / "results") for page in pages] == pages
