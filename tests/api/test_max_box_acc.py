"""The running metric: classes by logits or by predictions, and several ranks whose images are put together."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import wsol
from wsol.errors import ConfigError

N, CLASSES = 24, 7


@pytest.fixture(scope="module")
def images() -> dict[str, Any]:
    """Maps, boxes, sizes, labels and logits of images of which some are hits, and some are classified right."""
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 20, (N, 2))
    boxes = np.concatenate([corners, corners + rng.integers(15, 40, (N, 2))], 1).astype(float)
    labels = rng.integers(0, CLASSES, N)
    logits = rng.normal(size=(N, CLASSES))
    logits[np.arange(N), labels] += 1.5
    return {"maps": rng.random((N, 7, 7)), "boxes": boxes[:, None], "labels": labels, "logits": logits}


def measured(images: dict[str, Any], part: slice = slice(None), **classes: Any) -> wsol.MaxBoxAcc:
    metric = wsol.MaxBoxAcc("choe2020_v1")
    boxes = list(images["boxes"][part])
    given = {name: values[part] for name, values in classes.items()}
    metric.update(images["maps"][part], boxes, [(64, 64)] * len(boxes), labels=images["labels"][part], **given)
    return metric


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor, lambda values: values.tolist()])
def test_predicted_classes_give_the_top_1_that_their_logits_give(kind: Any, images: dict[str, Any]) -> None:
    expected = measured(images, logits=images["logits"]).compute()
    assert 0 < expected["top1_loc"] < expected["top5_loc"] < expected["gt_known_loc"]
    best_first = np.argsort(-images["logits"], 1)
    found = measured(images, predictions=kind(best_first[:, 0])).compute()
    assert found["top1_loc"] == expected["top1_loc"]
    assert "top5_loc" not in found  # nobody said what the others are
    assert {**found, "top5_loc": expected["top5_loc"]} == expected
    assert measured(images, predictions=kind(best_first[:, :5])).compute() == expected


def test_images_of_several_ranks_are_those_of_one(images: dict[str, Any]) -> None:
    whole = measured(images, predictions=images["logits"].argmax(1))
    ranks = [measured(images, part, predictions=images["logits"].argmax(1)) for part in (slice(0, 9), slice(9, N))]
    first, second = (pickle.loads(pickle.dumps(one)) for one in ranks)  # as torch.distributed gathers objects
    first.merge(second)
    assert len(first) == N
    assert first.compute() == whole.compute()
    first.reset()
    with pytest.raises(ConfigError, match="there are no images yet"):
        first.compute()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"predictions": [1.5, 2]}, r"predictions of type float64 and shape \(2,\); expected class indices, \(2,\) or"),
        ({"predictions": np.zeros((2, 3))}, r"predictions of type float64 .* logits are given as logits="),
        ({"predictions": [0, -1]}, "expected class indices"),
        ({"predictions": [0]}, r"of type int64 and shape \(1,\)"),
        ({"predictions": [[0, 0], [1, 2]]}, "predictions name a class twice for one image"),
        ({"predictions": [0, 1], "logits": np.zeros((2, 3))}, "logits and predictions are two ways to say the same"),
        ({"predictions": [0, 1], "labels": None}, "predictions need labels: give both, or neither"),
    ],
)
def test_predictions_that_do_not_fit_are_one_sentence(
    options: dict[str, Any], sentence: str, images: dict[str, Any]
) -> None:
    given = {"labels": [0, 1], **options}
    with pytest.raises(ConfigError, match=sentence):
        wsol.MaxBoxAcc().update(images["maps"][:2], images["boxes"][:2], [(64, 64)] * 2, **given)


def test_classes_are_known_of_all_images_in_one_way_or_of_none(images: dict[str, Any]) -> None:
    by_predictions = measured(images, predictions=images["logits"].argmax(1))
    boxes, sizes = images["boxes"][:2], [(64, 64)] * 2
    with pytest.raises(ConfigError, match="predictions were given for some batches and not for others"):
        by_predictions.update(images["maps"][:2], boxes, sizes, labels=[0, 1])
    with pytest.raises(ConfigError, match="logits were given for some batches and not for others"):
        by_predictions.update(images["maps"][:2], boxes, sizes, labels=[0, 1], logits=images["logits"][:2])
    with pytest.raises(ConfigError, match="predictions were given on one side and not on the other"):
        by_predictions.merge(measured(images, logits=images["logits"]))
