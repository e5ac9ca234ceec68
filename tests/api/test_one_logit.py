"""A head of one logit: its probability is the sigmoid, so that no method and no metric sees a constant 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import wsol
from wsol.datasets.ranks import probabilities_of
from wsol.models.scores import class_probabilities, target_logprob

SIDE = 32


class Binary(torch.nn.Module):
    """One positive logit; or, as `classes=2`, the same answer from two, the first of which is always 0."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 6, 3, padding=1)
        )
        self.head = torch.nn.Linear(6, 1)
        self.classes = classes

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.head(self.body(images).relu().mean((2, 3))).abs()
        return logit if self.classes == 1 else torch.cat([torch.zeros_like(logit), logit], 1)


@pytest.mark.parametrize("logit", [-800.0, -3.0, 0.0, 0.5, 800.0])
def test_the_probability_of_one_logit_is_its_sigmoid(logit: float) -> None:
    exact = 1 / (1 + torch.tensor(-logit, dtype=torch.float64).exp())
    given = torch.tensor([[logit]], dtype=torch.float64)
    assert class_probabilities(given)[0, 0] == pytest.approx(float(exact))
    assert probabilities_of(given[0].numpy())[0] == pytest.approx(float(exact))
    two = torch.tensor([[0.0, logit]], dtype=torch.float64)
    label = torch.tensor([0])
    assert float(target_logprob(given, label)) == pytest.approx(float(target_logprob(two, label + 1)))


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("scorecam", {}),
        ("sscam", {"samples": 2}),
        ("reciprocam", {"score": "prob"}),
        ("rise", {"samples": 50}),
        ("gradcam", {"score": "prob"}),
        ("layercam", {"score": "logprob"}),
        ("shapleycam", {}),
        ("ablationcam", {}),
    ],
)
def test_a_method_gives_one_logit_the_map_of_the_two_it_stands_for(method: str, options: dict[str, Any]) -> None:
    images = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    layers = {} if method == "rise" else {"layers": "body.2"}
    one, two = (
        np.asarray(wsol.attribute(Binary(classes).double(), images, method, target=classes - 1, **options, **layers))
        for classes in (1, 2)
    )
    assert np.abs(two).max() > 0
    np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-7 * np.abs(two).max())


@pytest.mark.full
def test_metrics_give_one_logit_the_numbers_of_the_two_it_stands_for() -> None:
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)) for _ in range(3)]
    metrics = ["rise_fixed", "drop", "road", "adcc", "occlusion"]
    tables = []
    for classes in (1, 2):
        data = [(picture, classes - 1, [[4, 4, 20, 20]]) for picture in pictures]
        result = wsol.evaluate(Binary(classes), data, "gradcam", metrics=metrics, layers="body.2", input_size=SIDE)
        tables.append(result.rows())
    names = [
        name
        for name in tables[0].columns
        if name.split("/")[0] in metrics and np.issubdtype(tables[0][name].dtype, np.floating)
    ]
    assert len(names) >= len(metrics)
    for name in ["probability", *names]:
        np.testing.assert_allclose(tables[0][name], tables[1][name], rtol=1e-5, atol=1e-7, err_msg=name)
    assert tables[0]["probability"].nunique() == 3
