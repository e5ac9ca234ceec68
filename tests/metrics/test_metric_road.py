"""ROAD: the imputation against a dense solve, and the curves against the slow twin."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from tests.metrics.conftest import MakeCase
from tests.reference import metrics as slow
from wsol.errors import ConfigError
from wsol.metrics._common.curves import pixel_ranks
from wsol.metrics._common.imputation import impute_linear
from wsol.metrics.road import Road, removals


def _holes(shape: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(5)
    height, width = shape
    holes = [rng.random(shape) < share for share in (0.1, 0.5, 0.9)]
    block = np.zeros(shape, bool)
    block[1 : height - 2, 2 : width - 1] = True
    corner = np.zeros(shape, bool)
    corner[: height - 3, : width - 3] = True
    only_one_left = np.ones(shape, bool)
    only_one_left[height // 2, width // 3] = False
    return np.stack([*holes, block, corner, only_one_left])


@pytest.mark.parametrize("shape", [(16, 16), (17, 23), (3, 11), (30, 21)])
def test_imputation_solves_the_dense_equations(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).normal(size=(3, *shape))
    holes = _holes(shape)
    found = impute_linear(torch.as_tensor(image), torch.as_tensor(holes), tolerance=1e-13)
    for hole, filled in zip(holes, found.numpy(), strict=True):
        np.testing.assert_allclose(filled, slow.impute(image, hole), atol=1e-9)


def test_the_default_tolerance_is_far_below_the_noise() -> None:
    image = np.random.default_rng(1).normal(size=(3, 40, 40)).astype(np.float32)
    holes = _holes((40, 40))
    found = impute_linear(torch.as_tensor(image), torch.as_tensor(holes)).numpy()
    assert found.dtype == np.float32
    for hole, filled in zip(holes, found, strict=True):
        np.testing.assert_allclose(filled, slow.impute(image.astype(np.float64), hole), atol=1e-3)


def test_one_missing_pixel_is_the_weighted_mean_of_its_neighbours() -> None:
    image = torch.arange(9.0).view(1, 3, 3).expand(3, 3, 3).double()
    hole = torch.zeros(1, 3, 3, dtype=torch.bool)
    hole[0, 0, 0] = True  # neighbours 1 and 3 directly, 4 diagonally
    found = impute_linear(image, hole)[0, 0, 0, 0]
    assert float(found) == pytest.approx((1 / 6 * 1 + 1 / 6 * 3 + 1 / 12 * 4) / (1 / 6 + 1 / 6 + 1 / 12))


def test_kept_pixels_stay_as_they_are_to_the_last_bit() -> None:
    image = torch.randn(3, 12, 13, generator=torch.Generator().manual_seed(0))
    hole = torch.as_tensor(_holes((12, 13)))
    found = impute_linear(image, hole)
    for mask, filled in zip(hole, found, strict=True):
        assert torch.equal(filled[:, ~mask], image[:, ~mask])


def test_a_flat_image_is_imputed_with_its_own_colour() -> None:
    image = torch.full((3, 12, 12), 0.7, dtype=torch.float64)
    found = impute_linear(image, torch.as_tensor(_holes((12, 12))))
    np.testing.assert_allclose(found.numpy(), 0.7, atol=1e-14)


def test_imputed_pixels_stay_between_the_kept_ones() -> None:
    image = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = impute_linear(image, torch.as_tensor(_holes((20, 20))), tolerance=1e-10)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1


def test_half_precision_images_are_imputed_too() -> None:
    image = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = impute_linear(image, torch.as_tensor(_holes((12, 12))))
    assert found.dtype == torch.bfloat16
    assert bool(found.isfinite().all())


def test_removing_everything_is_refused() -> None:
    with pytest.raises(ConfigError, match="all pixels"):
        impute_linear(torch.zeros(3, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool))


def test_removals_are_nested_and_keep_at_least_one_pixel() -> None:
    order = np.random.default_rng(0).permutation(12)
    masks = removals(pixel_ranks(torch.as_tensor(order), (3, 4)), (10, 50, 99)).numpy()
    assert masks.sum((1, 2)).tolist() == [1, 6, 11]
    assert masks[1][masks[0]].all()
    assert not masks[0].ravel()[order[1:]].any()


@pytest.mark.parametrize("number", range(2))
def test_curves_equal_the_slow_twin(number: int, make_case: MakeCase, probabilities: slow.Model) -> None:
    case = make_case(number)
    image = case.image.numpy()
    noise = case.rng("road").normal(0, 0.05, image.shape)
    columns = Road(percentiles=(20, 70), noise=0.05).measure(case)
    for name, saliency in (("morf", case.map), ("lerf", -case.map)):
        scores, right = [], []
        for percent in (20, 70):
            pixels = slow.order(saliency, "raster")
            removed = np.zeros(saliency.size, bool)
            removed[pixels[: round(saliency.size * percent / 100)]] = True
            removed = removed.reshape(saliency.shape)
            found = probabilities(slow.impute(image, removed) + noise * removed)
            scores.append(found[case.target])
            right.append(int(np.argmax(found)) == case.target)
        np.testing.assert_allclose(columns[f"{name}_curve"], scores, atol=1e-4)  # the solver's tolerance
        assert columns[name] == pytest.approx(np.mean(scores), abs=1e-4)
        assert columns[f"{name}_right"] == np.mean(right)
    assert columns["road"] == pytest.approx((columns["lerf"] - columns["morf"]) / 2)


def test_the_noise_depends_on_image_and_seed_and_not_on_the_map(make_case: MakeCase) -> None:
    one, same = Road().measure(make_case(0)), Road().measure(make_case(0))
    assert one == same
    assert one != Road().measure(make_case(0, seed=1))
    flipped = Road(noise=0.3).measure(make_case(0, map=-make_case(0).map))
    plain = Road(noise=0.3).measure(make_case(0))
    np.testing.assert_allclose(flipped["morf_curve"], plain["lerf_curve"], atol=1e-12)


@pytest.mark.parametrize(
    ("percentiles", "message"),
    [
        ((0.0, 50.0), "road.percentiles=0 is out of range; give above 0 and below 100"),
        ((100.0,), "road.percentiles=100 is out of range; give above 0 and below 100"),
        ((), "road.percentiles is empty; give at least one, for example [10,50,90]"),
    ],
)
def test_percentiles_that_remove_nothing_or_everything_are_refused(
    percentiles: tuple[float, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Road(percentiles=percentiles)
