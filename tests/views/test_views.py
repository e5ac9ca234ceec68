"""Views: boxes and maps follow the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.reference.metrics import nearest
from wsol.errors import ConfigError
from wsol.localization.final_map import final_map
from wsol.maps.crops import merge_crops
from wsol.protocols._base import protocols
from wsol.views import boxes_on_canvas, mask_on_canvas, view_named, views

SIZES = [(160, 120), (120, 160), (100, 100), (333, 500)]


def marked(size_wh: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """A black image with a white box."""
    pixels = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["squash", "centre", "squash_centre", "resize_short"])
def test_boxes_follow_the_pixels(name: str, size: tuple[int, int]) -> None:
    view = view_named(name, 224)
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
    assert np.array_equal(np.asarray(view_named("centre", 224).inputs(image)[0]), np.asarray(theirs))


def test_squash_and_crop_agrees_with_torchvision() -> None:
    from torchvision.transforms import functional

    pixels = np.random.default_rng(0).integers(0, 256, (375, 500, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    theirs = functional.center_crop(functional.resize(image, [256, 256]), 224)
    assert np.array_equal(np.asarray(view_named("squash_centre", 224).inputs(image)[0]), np.asarray(theirs))


@given(st.sampled_from(sorted(views)), st.integers(40, 600), st.integers(40, 600), st.data())
def test_the_canvas_shows_its_region_and_nothing_else(name: str, width: int, height: int, data: st.DataObject) -> None:
    layout = view_named(name, 224).layout((width, height))
    x0, y0, x1, y1 = layout.region_xyxy
    assert 0 <= x0 < x1 <= width + 1e-9
    assert 0 <= y0 < y1 <= height + 1e-9
    np.testing.assert_allclose(
        boxes_on_canvas(np.array([layout.region_xyxy]), layout), [(0, 0, *layout.canvas_wh)], atol=1e-9
    )
    point = np.array([data.draw(st.floats(x0, x1)), data.draw(st.floats(y0, y1))] * 2)
    on_canvas = boxes_on_canvas(point, layout)[0]
    scale = np.array([(x1 - x0) / layout.canvas_wh[0], (y1 - y0) / layout.canvas_wh[1]] * 2)
    there_and_back = on_canvas * scale + np.array([x0, y0] * 2)
    np.testing.assert_allclose(there_and_back, point, atol=1e-9)
    larger = boxes_on_canvas(point, layout, (layout.canvas_wh[0] * 2, layout.canvas_wh[1] * 3))[0]
    np.testing.assert_allclose(larger, on_canvas * [2, 3, 2, 3], atol=1e-9)


@given(st.integers(0, 500), st.integers(1, 500))
def test_dividing_first_moves_coordinates_by_rounding_only(c: int, width: int) -> None:
    layout = view_named("squash", 224).layout((width, 100))
    box = np.array([[min(c, width), 0, width, 50]], float)
    first, last = boxes_on_canvas(box, layout), boxes_on_canvas(box, layout, scale="divide_first")
    np.testing.assert_allclose(first, last, rtol=1e-15)
    assert last[0, 0] == min(c, width) / width * 224
    assert first[0, 0] == min(c, width) * 224 / width


@pytest.mark.parametrize("name", ["squash", "centre", "squash_centre", "resize_short", "tencrop"])
def test_a_map_goes_back_to_where_its_pixels_came_from(name: str) -> None:
    """The image is its own map: brought to the canvas and back, it is the same picture within the region."""
    size = (300, 200)
    y, x = np.mgrid[: size[1], : size[0]]
    picture = (127 + 60 * np.sin(x / 25) + 60 * np.cos(y / 19)).astype(np.uint8)
    view = view_named(name, 224)
    layout = view.layout(size)
    crops = [np.asarray(c, float)[:, :, 0] for c in view.inputs(Image.fromarray(np.repeat(picture[..., None], 3, 2)))]
    canvas = merge_crops(crops, layout) / merge_crops([np.ones_like(c) for c in crops], layout)
    rule = protocols["exact"].derive({"normalise": "none"})
    back = final_map(canvas / 255, layout, size, rule) * 255
    x0, y0, x1, y1 = (round(v) for v in layout.region_xyxy)
    assert np.abs(back[y0:y1, x0:x1] - picture[y0:y1, x0:x1]).max() < 6
    back[y0:y1, x0:x1] = 0
    assert not back.any()


def test_boxes_outside_the_crop_are_cut_at_its_edge() -> None:
    layout = view_named("centre", 224).layout((500, 250))
    assert boxes_on_canvas(np.array([[0.0, 0, 500, 250]]), layout).tolist() == [[0, 0, 224, 224]]


@pytest.mark.parametrize("size", SIZES)
def test_ten_crops_of_one_picture_merge_to_that_picture(size: tuple[int, int]) -> None:
    view = view_named("tencrop", 224)
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


def test_crops_of_opposite_sign_cancel_or_not() -> None:
    layout = view_named("tencrop", 224).layout((100, 100))
    signs = [1.0, -1.0] * 5
    maps = [np.full((7, 7), sign) for sign in signs]
    assert merge_crops(maps, layout)[128, 128] == 0
    assert merge_crops(maps, layout, rule="sum_abs")[128, 128] == 10
    whole = view_named("squash", 224).layout((100, 100))
    assert (merge_crops([np.full((7, 7), -1.0)], whole, rule="sum_abs") == 1).all()


@pytest.mark.parametrize("name", ["squash", "centre", "squash_centre", "resize_short"])
def test_masks_follow_the_boxes(name: str) -> None:
    mask = np.zeros((250, 300), np.uint8)
    mask[90:170, 100:220] = 1
    layout = view_named(name, 224).layout((300, 250))
    ys, xs = np.nonzero(mask_on_canvas(mask, layout))
    told = boxes_on_canvas(np.array([[100.0, 90, 220, 170]]), layout)[0]
    np.testing.assert_allclose([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], told, atol=1.5)


def test_masks_keep_their_values() -> None:
    mask = np.zeros((120, 160), np.uint8)
    mask[30:60, 40:100] = 1
    mask[0:10] = 255
    out = mask_on_canvas(mask, view_named("squash", 224).layout((160, 120)))
    assert out.shape == (224, 224)
    assert set(np.unique(out)) == {0, 1, 255}
    assert out[80, 100] == 1


def test_multiscale_inputs_have_their_own_sizes() -> None:
    view = view_named("multiscale", 64, scales=(1.0, 1.5, 2.0))
    assert [c.size for c in view.inputs(marked((90, 70), (5, 5, 20, 20)))] == [(64, 64), (96, 96), (128, 128)]


def test_a_side_below_eight_pixels_is_refused() -> None:
    view_named("squash", 8)
    with pytest.raises(ConfigError, match=r"view\.side=7 is out of range; give 8 or more and at most 4096"):
        view_named("squash", 7)


def test_a_mask_takes_the_pixel_that_a_targets_corner_falls_in() -> None:
    mask = np.random.default_rng(0).choice(np.array([0, 1, 255], np.uint8), (31, 17))
    layout = view_named("squash", 24).layout((17, 31))
    np.testing.assert_array_equal(mask_on_canvas(mask, layout, (24, 20)), nearest(mask, (24, 20)))
