"""Which output of the network a label of the annotations is: known by name or id, by a file, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.evaluation.small import made
from wsol.errors import DataError
from wsol.models.registered import model, models

IMAGES = 3


class Net(nn.Module):
    def __init__(self, num_classes: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.fc = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(4, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(self.conv(x).relu().mean((2, 3)))
        return logits


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(models, "_members", dict(models))
    model("net", input_size=32)(lambda *, num_classes=4: Net(num_classes))

    def make(classes: int, *labels: str) -> list[str]:
        torch.save(Net(classes).state_dict(), tmp_path / "net.pth")
        lines = ["image_id,label,x0,y0,x1,y1"]
        for n, label in enumerate(labels):
            Image.fromarray(np.full((32, 32, 3), 40 * n, np.uint8)).save(tmp_path / f"{n}.png")
            lines.append(f"{n}.png,{label},1,2,13,14")
        (tmp_path / "boxes.csv").write_text("\n".join(lines))
        data = ["dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path}/boxes.csv"]
        return [*data, "model=net", f"model.weights={tmp_path}/net.pth", "method=[gradcam]", "protocol=[exact]"]

    return make


def labels(words: list[str]) -> list[int]:
    return [sample.label for sample in made(*words).dataset.samples()]


def test_fewer_names_than_classes_are_refused_without_the_networks_names(words, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    given = words(4, "zebra", "cat", "dog")
    with pytest.raises(DataError, match=r"model\.classes=FILE"):
        made(*given)
    (tmp_path / "names.txt").write_text("bird\ncat\ndog\nzebra\n")
    assert labels([*given, f"model.classes={tmp_path}/names.txt"]) == [3, 1, 2]
    (tmp_path / "names.txt").write_text("cat\ndog\nzebra\nbird\n")  # numbered so already, and known to be
    assert labels([*given, f"model.classes={tmp_path}/names.txt"]) == [2, 0, 1]


def test_wordnet_ids_are_known_to_a_network_of_a_thousand_classes(words) -> None:  # type: ignore[no-untyped-def]
    assert labels(words(1000, "n15075141", "n01440764")) == [999, 0]
    with pytest.raises(DataError, match=r"model\.classes=FILE"):
        made(*words(1000, "n15075141", "n99999999"))


def test_as_many_names_as_classes_are_in_the_order_of_their_names(words) -> None:  # type: ignore[no-untyped-def]
    assert labels(words(3, "zebra", "cat", "dog")) == [2, 0, 1]


def test_one_output_with_labels_0_and_1_tells_two_classes_apart(words) -> None:  # type: ignore[no-untyped-def]
    experiment = made(*words(1, "0", "1", "1"))
    assert experiment.classifier is not None
    assert experiment.classifier.num_classes == 2
    with pytest.raises(DataError, match="label 2"):
        made(*words(1, "0", "2"))
