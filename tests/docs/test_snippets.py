"""Every command and every piece of Python in the documents: commands are understood, Python runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import wsol
from tests.docs.desk import shortened
from tests.docs.snippets import DOCUMENTS, PAGES, ROOT, blocks, commands, every_command
from wsol.cli import COMMANDS, main
from wsol.cli.list import KINDS
from wsol.cli.options import Command, Finished
from wsol.methods._base import methods
from wsol.settings import compose_settings

CLASSES = 20
SIDE = 32


class ByName(Tensor):
    """Logits that also answer as a dictionary of outputs: the README's snippet takes `output["logits"]`."""

    def __getitem__(self, key: Any) -> Tensor:
        return self if key == "logits" else super().__getitem__(key)


class SmallNet(nn.Module):
    """A network with torchvision's names for its last layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layer3 = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
        self.layer4 = nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU())
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.layer4(self.layer3(images)).mean((2, 3))).as_subclass(ByName)


@pytest.fixture(autouse=True)
def methods_as_before() -> Iterator[None]:
    """Methods that a snippet or its file registers are forgotten."""
    before = {**methods}
    yield
    sys.modules.pop("wsol_with_my_cam", None)
    methods._members.clear()
    methods._members.update(before)


def names() -> dict[str, Any]:
    """What the snippets take for granted: a network, two images with labels and boxes, a method of one's own."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    photos = [Image.fromarray(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)) for _ in range(2)]
    boxes = [np.array([[20.0, 20, 200, 200]]), np.array([[40.0, 40, 300, 200]])]
    dataset = [(photo, n, box) for n, (photo, box) in enumerate(zip(photos, boxes, strict=True))]

    @wsol.method("mycam", paper="a test", year=2026)
    class MyCAM:
        """MyCAM: the mean of the channels.

        M = mean_k A_k
        """

        def __call__(self, layer: wsol.LayerFeatures) -> Tensor:
            return layer.activations.mean(1)

    return {
        "wsol": wsol,
        "model": SmallNet().eval(),
        "images": torch.rand(2, 3, SIDE, SIDE),
        "labels": torch.tensor([0, 1]),
        "sizes_wh": [photo.size for photo in photos],
        "gt_boxes": boxes,
        "image": photos[0],
        "dataset": dataset,
        "my_dataset": dataset,
        "MyCAM": MyCAM,
        "LayerCAM": methods["layercam"],
    }


@pytest.mark.parametrize(
    "document", [d for d in DOCUMENTS if blocks(d, "python") and d.name != "CONTRIBUTING.md"], ids=lambda d: d.stem
)
def test_the_python_of_a_page_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = names()
    pieces = blocks(document, "python")
    if "result = " not in "".join(pieces):
        space["result"] = wsol.evaluate("shapes_gap", "shapes", ["gradcam"], limit=2)
    for block in pieces:
        exec(compile(block.replace("limit=100", "limit=2"), str(document), "exec"), space)


def test_every_document_with_commands_is_read() -> None:
    assert {d.name for d in DOCUMENTS if commands(d)} >= {"README.md", "CONTRIBUTING.md", "quickstart.md", "agents.md"}


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_a_command_is_understood(
    words: list[str],
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Settings compose, facts print, and all other commands accept their options."""
    monkeypatch.chdir(desk)
    if "my_cam.py" in words and not Path("my_cam.py").is_file():
        assert main(["new", "method", "my_cam"]) == 0
    if words[0] == "show":
        assert main(words) == 0
        return
    assert words[0] != "list" or words[1] in KINDS
    read = Command.read

    def only_read(self: Command, given: list[str]) -> Any:
        chosen = read(self, given)
        trained = any(word.startswith("model=runs/") for word in words)  # the line above it would make it
        if words[0] in ("run", "doctor") and "-m" not in words and not trained:  # a sweep is many settings
            compose_settings(chosen.overrides)
        raise Finished

    monkeypatch.setattr(Command, "read", only_read)
    assert words[0] in COMMANDS
    assert main(words) == 0, capsys.readouterr().err


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_command_runs(
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(desk)
    Path("my_cam.py").write_text(blocks(ROOT / "CONTRIBUTING.md", "python")[0])
    failed = {}
    for document in PAGES:
        monkeypatch.setenv("WSOL_RUNS", str(desk / "runs" / document.stem))  # a reader of one page has its runs alone
        if commands(document) and not any(words[0] == "run" for words in commands(document)):
            assert main(shortened(["run", "dataset=shapes", "method=[gradcam,layercam]"])) == 0
        for words in commands(document):
            if (
                words[0] in ("reproduce", "data") or "dataset=cub" in words
            ):  # they need data that a reader must get first
                continue
            if document.stem == "training" and words[0] in ("train", "tune", "run"):  # minutes; tests/cli/test_train.py
                continue
            if words[0] == "new":  # the file is there
                continue
            if any("://" in word or word.endswith("/shards") for word in words):  # images that a reader has elsewhere
                continue
            if {"engine=slurm", "engine=ray", "--reference"} & {*words}:  # they need a cluster, or another repository
                continue
            code = main(shortened(words))
            told = capsys.readouterr()
            if code != 0:
                failed[" ".join(words)] = (code, told.err.strip().splitlines()[-1:])
    assert not failed


def test_the_method_of_contributing_keeps_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file that CONTRIBUTING shows is one that `wsol doctor` has nothing to say against."""
    (tmp_path / "my_cam.py").write_text(blocks(ROOT / "CONTRIBUTING.md", "python")[0])
    assert main(["doctor", "--with", str(tmp_path / "my_cam.py"), "method=[my_cam]"]) == 0
    assert "bad" not in capsys.readouterr().out
    assert main(["show", "method", "my_cam", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["formula"] == "M = ReLU(sum_k mean|g_k|^power A_k)"
    assert [option["default"] for option in shown["options"] if option["name"] == "power"] == [1.0]
