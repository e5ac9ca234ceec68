"""A network whose logits are NaN or infinite has classified nothing, whatever a comparison with NaN says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.evaluation.small import made, ran
from wsol.datasets.ranks import LAST, classification, rank_of
from wsol.evaluation.rows import NO_LOGITS
from wsol.models.registered import model, models
from wsol.report.numbers.summary import summarize


class Net(nn.Module):
    """Of its three classes the first wins; of a white image the logits are no numbers."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(4, num_classes)
        self.bad = 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.conv(x).relu().mean((2, 3))
        logits: torch.Tensor = self.fc(pooled) * 0.01 + torch.tensor([1.0, 0.0, 0.0])
        white = (x.amin((1, 2, 3)) > 1)[:, None]
        return torch.where(white & torch.tensor([True, False, False]), self.bad, logits)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_label_ranks_first_among_what_is_no_number(value: float) -> None:
    assert [rank_of(np.array(one), 0) for one in ([value] * 3, [value, 1.0, 0.0], [1.0, value, 0.0])] == [LAST] * 3
    assert classification(np.array([value, 1.0]), 1)["rank"] == LAST


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_image_without_logits_is_a_miss_of_the_class_and_named(
    bad: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_members", dict(models))
    net = Net()
    net.bad = bad
    model("net", input_size=32)(lambda *, num_classes=3: net)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    lines = ["image_id,label,x0,y0,x1,y1"]
    for n, grey in enumerate((40, 255, 90)):
        pixels = np.full((32, 32, 3), grey, np.uint8)
        pixels[8:20, 8:20] = min(255, grey + 60)
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
        lines.append(f"{n}.png,0,8,8,20,20")
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    words = [
        "dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path}/boxes.csv", "model=net",
        f"model.weights={tmp_path}/net.pth", "method=[gradcam,lafam,centergauss]", "protocol=[exact]", "metric=[drop]",
    ]  # fmt: skip
    experiment = made(*words)
    folder = ran(experiment, tmp_path / "runs")
    for key, table in folder.tables().items():
        assert table["status"].to_pylist() == ["ok", "failed", "ok"], key
        assert table["error"].to_pylist()[1] == NO_LOGITS
        assert table["rank"].to_pylist() == [0, LAST, 0]
        assert table["failed"].to_pylist() == [[], ["drop"], []]
        assert table["drop/drop"].to_pylist()[1] == 1
    assert {key.partition("@")[0] for key in folder.failed(experiment.work)} == {"gradcam", "lafam", "centergauss"}
    alone = made(*[word.replace("[drop]", "[]") for word in words])
    assert set(ran(alone, tmp_path / "alone").failed(alone.work)) == set(folder.tables())
    found = {(c.variant, c.metric): c for c in summarize(folder, n_resamples=10).cells}
    assert {c.n for c in found.values()} == {3}
    assert {round(found[key, "top1_cls"].value, 1) for key in folder.tables()} == {66.7}
    assert found["centergauss", "maxboxacc"].value == pytest.approx(100)
