"""Every image once per epoch in an order of the seed's; devices share a batch; augmentation is of epoch and image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from wsol.datasets.formats.shapes import Shapes
from wsol.datasets.sample import Sample
from wsol.training.images import PLAIN, Order, TrainingImages, held_out
from wsol.training.recipe import Recipe

PLAINEST = {"epochs": 2, "batch": 4, "lr": 1.0, "resize": 24, "crop": 16}


def recipe(**values: object) -> Recipe:
    return Recipe(**{**PLAINEST, **values})  # type: ignore[arg-type]


def images(chosen: Recipe, *, seed: int = 0) -> TrainingImages:
    data = Shapes(split="train", n=6)
    return TrainingImages(data, data.samples(), chosen, side=chosen.crop, seed=seed)


def test_each_epoch_takes_every_image_once_in_another_order() -> None:
    order = Order(count=10, batch=4, epochs=3, seed=0)
    steps = list(order.batches(0))
    assert [len(batch) for batch in steps] == [4, 4, 2] * 3
    epochs = [[i for batch in steps[3 * e : 3 * e + 3] for _, i in batch] for e in range(3)]
    assert all(sorted(epoch) == [*range(10)] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert {e for batch in steps[3:6] for e, _ in batch} == {1}


@pytest.mark.parametrize("first", [1, 3, 5, 9])
def test_an_order_begins_at_any_step(first: int) -> None:
    order = Order(count=10, batch=4, epochs=3, seed=0)
    assert list(order.batches(first)) == list(order.batches(0))[first:]


@pytest.mark.parametrize("ranks", [2, 3])
def test_devices_share_each_batch_alike(ranks: int) -> None:
    order = Order(count=10, batch=4, epochs=2, seed=0)
    shares = [list(order.batches(0, rank=rank, ranks=ranks)) for rank in range(ranks)]
    for step, whole in enumerate(order.batches(0)):
        parts = [share[step] for share in shares]
        assert len({len(part) for part in parts}) == 1, "a device without a batch would hang"
        assert {place for part in parts for place in part} == {*whole}


def test_augmentation_is_of_seed_epoch_and_image_alone() -> None:
    chosen = recipe()
    first, again, other = images(chosen), images(chosen), images(chosen, seed=1)
    torch.manual_seed(1)
    expected = [first[0, i][0] for i in range(6)]
    torch.manual_seed(2)
    assert all(torch.equal(again[0, i][0], expected[i]) for i in reversed(range(6)))
    assert any(not torch.equal(other[0, i][0], expected[i]) for i in range(6))
    assert any(not torch.equal(again[1, i][0], expected[i]) for i in range(6))


def test_an_image_is_squashed_by_pillow_then_cut_and_mirrored() -> None:
    """The transforms of clovaai/wsolevaluation on images of Pillow give the same pixels."""
    chosen = recipe(flip=1.0)
    one = images(chosen)
    sample = one.samples[2]
    squashed = one.data.image(sample).resize((24, 24), Image.Resampling.BILINEAR)
    found = one[0, 2][0].permute(1, 2, 0).numpy()
    mirrored = np.asarray(squashed)[:, ::-1]
    windows = [mirrored[y : y + 16, x : x + 16] for y in range(9) for x in range(9)]
    assert any(np.array_equal(window, found) for window in windows)
    assert one[0, 2][1] == sample.label


def test_images_to_check_on_are_not_augmented() -> None:
    one = images(recipe(flip=1.0, padding=4))
    plain = v2.functional.pil_to_tensor(one.data.image(one.samples[0]).resize((16, 16), Image.Resampling.BILINEAR))
    assert torch.equal(one[PLAIN, 0][0], plain)
    assert torch.equal(one[PLAIN, 0][0], one[PLAIN, 0][0])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_of_each_class_a_share_is_held_out(share: float) -> None:
    samples = [Sample(f"{label}/{n}", label, np.zeros((0, 4)), (8, 8)) for label in range(3) for n in range(4)]
    kept, checked = held_out(samples, share, seed=0)
    assert sorted(s.image_id for s in [*kept, *checked]) == sorted(s.image_id for s in samples)
    expected = {0.1: 1, 0.5: 2, 0.9: 3}[share]
    assert [sum(s.label == label for s in checked) for label in range(3)] == [expected] * 3
    assert held_out(samples, share, seed=0) == (kept, checked)
    assert {s.image_id for s in held_out(samples, share, seed=1)[1]} != {s.image_id for s in checked}
