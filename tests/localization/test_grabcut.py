"""Graph cuts on images whose object one can see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wsol.errors import WsolError
from wsol.localization.grabcut import color_cut_mask, grabcut_mask

OBJECT = (slice(20, 60), slice(30, 80))
PART = (slice(30, 45), slice(40, 55))


def red_on_green() -> NDArray[np.uint8]:
    """A red rectangle on a green ground, both noisy, as RGB (80, 100, 3)."""
    rng = np.random.default_rng(1)
    image = rng.normal((40, 150, 40), 12, (80, 100, 3))
    image[OBJECT] = rng.normal((180, 40, 40), 12, (40, 50, 3))
    return image.clip(0, 255).astype(np.uint8)


def part_map() -> NDArray[np.float64]:
    """A map that shines on a part of the object, and fades away from it."""
    y, x = np.mgrid[:80, :100]
    return np.exp(-((y - 37) ** 2 + (x - 47) ** 2) / (2 * 15.0**2))


def overlap(mask: NDArray[np.bool_]) -> float:
    truth = np.zeros((80, 100), bool)
    truth[OBJECT] = True
    return float((mask & truth).sum() / (mask | truth).sum())


def test_a_colour_cut_grows_from_a_salient_part_to_the_object() -> None:
    mask = color_cut_mask(red_on_green(), part_map())
    assert overlap(part_map() >= np.quantile(part_map(), 0.95)) < 0.3
    assert overlap(mask) > 0.98


def test_a_colour_cut_keeps_one_piece_only() -> None:
    image = red_on_green()
    image[70:76, 5:12] = (180, 40, 40)
    mask = color_cut_mask(image, part_map())
    assert not mask[70:76, 5:12].any()
    assert overlap(mask) > 0.98


def test_grabcut_keeps_certain_foreground_and_adds_pixels_like_it() -> None:
    levels = np.zeros((80, 100), np.uint8)
    levels[PART] = 200
    mask = grabcut_mask(red_on_green()[..., ::-1], levels)
    assert mask[PART].all()
    assert overlap(mask) > 0.98


def test_the_same_seed_cuts_the_same_mask_whatever_was_drawn_before() -> None:
    image, levels = red_on_green(), (255 * part_map()).astype(np.uint8)
    first = grabcut_mask(image, levels), color_cut_mask(image, part_map())
    color_cut_mask(image, part_map(), seed=7)
    again = grabcut_mask(image, levels), color_cut_mask(image, part_map())
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("level", [38, 39])
def test_a_map_on_one_side_of_the_threshold_is_its_own_mask(level: int) -> None:
    mask = grabcut_mask(red_on_green(), np.full((80, 100), level, np.uint8))
    assert mask.all() == mask.any() == (level > 0.15 * 255)


def test_a_flat_map_has_no_object_and_a_flat_image_is_no_error() -> None:
    assert not color_cut_mask(red_on_green(), np.full((80, 100), 0.5)).any()
    assert color_cut_mask(np.full((80, 100, 3), 90, np.uint8), part_map()).shape == (80, 100)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: grabcut_mask(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)), "uint8 image"),
        (lambda: grabcut_mask(np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4), np.uint8)), "resize the map"),
        (lambda: color_cut_mask(red_on_green(), part_map(), fg_quantile=0.2), "bg < fg"),
        (lambda: color_cut_mask(red_on_green(), part_map(), components=6), "1 to 5"),
        (lambda: color_cut_mask(red_on_green(), np.full((80, 100), np.nan)), "NaN"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(call: Any, words: str) -> None:
    with pytest.raises(WsolError, match=words):
        call()
