"""Views: boxes and maps follow the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wsol.views import View, boxes_on_canvas, mask_on_canvas, merge_crops

SIZES = [(160, 120), (120, 160), (100, 100), (333, 500)]


def marked(size_wh: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """A black image with a white box."""
    pixels = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["squash", "centre", "resize_short"])
def test_boxes_follow_the_pixels(name: str, size: tuple[int, int]) -> None:
    view = View(name, 224)  # type: ignore[arg-type]
    box = (size[0] // 2 - 20, size[1] // 2 - 10, size[0] // 2 + 15, size[1] // 2 + 25)
    crop = np.asarray(view.inputs(marked(size, box))[0])[:, :, 0] > 127
    ys, xs = np.nonzero(crop)
    seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    layout = view.layout(size)
    told = boxes_on_canvas(np.array([box], float), layout)[0]
    assert crop.shape == layout.canvas_wh[::-1]
    np.testing.assert_allclose(seen, told, atol=2)


def test_centre_crop_agrees_with_torchvision() -> None:
    from torchvision.transforms import functional

    pixels = np.random.default_rng(0).integers(0, 256, (375, 500, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    theirs = functional.center_crop(functional.resize(image, 256), 224)
    assert np.array_equal(np.asarray(View("centre", 224).inputs(image)[0]), np.asarray(theirs))


def test_boxes_outside_the_crop_are_cut_at_its_edge() -> None:
    layout = View("centre", 224).layout((500, 250))
    assert boxes_on_canvas(np.array([[0.0, 0, 500, 250]]), layout).tolist() == [[0, 0, 224, 224]]


@pytest.mark.parametrize("size", SIZES)
def test_ten_crops_of_one_picture_merge_to_that_picture(size: tuple[int, int]) -> None:
    view = View("tencrop", 224)
    ramp = np.linspace(0, 255, size[0]).astype(np.uint8)
    image = Image.fromarray(np.repeat(np.tile(ramp, (size[1], 1))[:, :, None], 3, axis=2))
    crops = [np.asarray(c, float)[:, :, 0] for c in view.inputs(image)]
    layout = view.layout(size)
    assert len(crops) == 10
    merged = merge_crops(crops, layout)
    coverage = merge_crops([np.ones_like(c) for c in crops], layout)
    canvas = np.asarray(image.resize(layout.canvas_wh, Image.Resampling.BILINEAR), float)[:, :, 0]
    np.testing.assert_allclose(merged / coverage, canvas, atol=1e-9)
    assert coverage.min() == 2
    assert coverage.max() == 10


def test_masks_keep_their_values() -> None:
    mask = np.zeros((120, 160), np.uint8)
    mask[30:60, 40:100] = 1
    mask[0:10] = 255
    out = mask_on_canvas(mask, View("squash", 224).layout((160, 120)))
    assert out.shape == (224, 224)
    assert set(np.unique(out)) == {0, 1, 255}
    assert out[80, 100] == 1


def test_multiscale_inputs_have_their_own_sizes() -> None:
    view = View("multiscale", 64, scales=(1.0, 1.5, 2.0))
    assert [c.size for c in view.inputs(marked((90, 70), (5, 5, 20, 20)))] == [(64, 64), (96, 96), (128, 128)]
