"""Deletion and insertion: hand-computed, against the slow twin, and against eclique/RISE's own numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.metrics.conftest import MakeCase
from tests.reference import metrics as slow
from wsol.errors import ConfigError
from wsol.metrics._base import MetricInput
from wsol.metrics._common.blur import blurred, folded_kernel, gaussian_kernel
from wsol.metrics._common.curves import Paths, Ties, area, path_probabilities, pixel_order, pixel_ranks, step_counts
from wsol.metrics._common.rise import DeletionInsertion
from wsol.metrics.rise2018_dataset import Rise2018Dataset
from wsol.metrics.rise2018_single import Rise2018Single
from wsol.metrics.rise_fixed import RiseFixed
from wsol.models.query import ModelQuery


def test_pixels_of_equal_saliency_go_in_raster_order_or_backwards() -> None:
    saliency = torch.tensor([[0.0, 2.0, -0.0], [1.0, 2.0, 0.0]])
    assert pixel_order(saliency, ties="raster").tolist() == [1, 4, 3, 0, 2, 5]
    assert pixel_order(saliency, ties="reversed").tolist() == [4, 1, 3, 5, 2, 0]


def test_steps_are_those_of_the_paper_at_224_pixels() -> None:
    dataset, single = step_counts(224 * 224, 28), step_counts(224 * 224, 224)
    assert (len(dataset), dataset[1], dataset[-1]) == (29, 1792, 50176)
    assert (len(single), single[1], single[-1]) == (225, 224, 50176)


def test_the_last_step_may_be_shorter() -> None:
    assert step_counts(10, 4).tolist() == [0, 3, 6, 9, 10]


def test_area_is_the_trapezoid_on_even_points_or_on_the_true_fractions() -> None:
    scores = np.array([1.0, 0.5, 0.5, 0.0])
    assert area(scores) == pytest.approx((0.5 + 0.5 + 0.5) / 3)
    assert area(scores, at=np.array([0.0, 0.4, 0.8, 1.0])) == pytest.approx(0.4 * 0.75 + 0.4 * 0.5 + 0.2 * 0.25)


def test_folded_kernel_is_a_reflected_gaussian_of_an_impulse() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    impulse = np.zeros((11, 11))
    impulse[5, 5] = 1
    np.testing.assert_array_equal(folded_kernel(), ndimage.gaussian_filter(impulse, 5).astype(np.float32))


def test_folded_kernel_is_nearly_a_box_and_the_gaussian_is_not() -> None:
    folded, true = folded_kernel(), gaussian_kernel()
    assert folded[5, 5] / folded[0, 0] == pytest.approx(1.14, abs=0.005)
    assert true[5, 5] / true[0, 0] == pytest.approx(np.exp(1), rel=1e-5)
    assert folded.sum() == pytest.approx(1, abs=1e-6)
    assert true.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_blur_equals_the_slow_twin(border: str) -> None:
    image = np.random.default_rng(0).normal(size=(2, 13, 12))
    fast = blurred(torch.as_tensor(image), gaussian_kernel(), border=border).numpy()
    np.testing.assert_allclose(fast, slow.blur(image, gaussian_kernel(), border), atol=1e-12)


@pytest.mark.parametrize("metric", [Rise2018Dataset(steps=9), Rise2018Single(steps=31), RiseFixed(steps=9)])
@pytest.mark.parametrize("number", [0, 1])
def test_curves_equal_the_slow_twin(
    metric: DeletionInsertion, number: int, make_case: MakeCase, probabilities: slow.Model
) -> None:
    case = make_case(number)
    coarse = np.round(case.map * 2)  # many ties
    case = make_case(number, map=coarse)
    image, pixels = case.image.numpy(), slow.order(coarse, metric.ties)
    step = -(-len(pixels) // metric.steps)
    of_class = int(np.argmax(probabilities(image)))
    kernel = gaussian_kernel() if metric.blur == "gaussian" else folded_kernel()
    deletion = slow.curve(probabilities, image, np.zeros_like(image), pixels, step, of_class)
    insertion = slow.curve(probabilities, slow.blur(image, kernel, "zero"), image, pixels, step, of_class)
    at = [min(i * step, len(pixels)) / len(pixels) for i in range(len(deletion))]
    if metric.spacing == "even":
        at = [i / (len(deletion) - 1) for i in range(len(deletion))]
    columns = metric.measure(case)
    np.testing.assert_allclose(columns["deletion"], deletion, atol=1e-12)
    np.testing.assert_allclose(columns["insertion"], insertion, atol=1e-12)
    assert columns["deletion_auc"] == pytest.approx(slow.trapezoids(deletion, at), abs=1e-12)
    assert columns["insertion_auc"] == pytest.approx(slow.trapezoids(insertion, at), abs=1e-12)
    assert columns["insertion_minus_deletion"] == columns["insertion_auc"] - columns["deletion_auc"]


def test_the_class_is_the_predicted_one_unless_the_target_is_asked_for(make_case: MakeCase) -> None:
    case = make_case(0)
    other = make_case(0, target=(case.predicted + 1) % 6)
    assert Rise2018Dataset().measure(case) == Rise2018Dataset().measure(other)
    assert Rise2018Dataset(of_class="target").measure(other)["deletion"][0] == other.probability


def test_chunk_size_changes_nothing(make_case: MakeCase, net: torch.nn.Module) -> None:
    small, large = (make_case(0, query=ModelQuery(net, chunk=chunk)) for chunk in (3, 500))
    one, many = Rise2018Dataset().measure(small), Rise2018Dataset().measure(large)
    np.testing.assert_allclose(one["insertion"], many["insertion"], atol=1e-13)


def test_substrates_are_asked_once_an_image(make_case: MakeCase) -> None:
    case = make_case(0)  # 480 pixels: steps of 18, so 27 of them and 26 points between the ends
    Rise2018Dataset().measure(case)
    assert case.query.cost.forwards == 26 * 2 + 2
    Rise2018Dataset().measure(make_case(0, map=-case.map, memo=case.memo, query=case.query))
    assert case.query.cost.forwards == 26 * 2 * 2 + 2


def test_sharing_substrates_changes_no_number(make_case: MakeCase) -> None:
    case = make_case(0)
    alone = RiseFixed().measure(case)
    Rise2018Dataset().measure(make_case(0, memo=case.memo))
    assert RiseFixed().measure(make_case(0, memo=case.memo)) == alone


def test_curves_can_be_left_out_of_the_rows(make_case: MakeCase) -> None:
    assert set(Rise2018Dataset(keep_curves=False).measure(make_case(0))) == {
        "deletion_auc",
        "insertion_auc",
        "insertion_minus_deletion",
    }


def test_a_curve_needs_two_steps() -> None:
    with pytest.raises(ConfigError, match="steps=1"):
        Rise2018Dataset(steps=1)


class _RiseNet(torch.nn.Module):
    """The classifier of the golden file, in float64 on float32 pixels."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 7, stride=4, padding=3),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 16, 3, stride=2, padding=1),
            torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(16, 10),
        ).double()
        weights = {
            k.removeprefix("weights."): torch.as_tensor(v) for k, v in arrays.items() if k.startswith("weights.")
        }
        self.layers.load_state_dict(weights)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images.double())


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "golden" / "rise.npz") as arrays:
        return dict(arrays)


def order_of(case: MetricInput, ties: Ties) -> np.ndarray:
    return pixel_order(torch.as_tensor(case.map), ties=ties).numpy()


def curves_by(case: MetricInput, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deletion and insertion in a given order of pixels."""
    ranks = pixel_ranks(torch.as_tensor(order.astype(np.int64))[None], case.map.shape)
    return Rise2018Dataset().curves([case], lambda group: ranks)[0]


def between(
    query: ModelQuery,
    starts: torch.Tensor,
    ends: torch.Tensor,
    order: np.ndarray,
    counts: Sequence[int] | np.ndarray,
    of_class: int,
) -> np.ndarray:
    """(P, T) probabilities along P paths in one order."""
    path = torch.arange(len(starts))
    paths = Paths(
        images=torch.cat([starts, ends]),
        start=path,
        end=path + len(starts),
        ranks=pixel_ranks(torch.as_tensor(order.astype(np.int64))[None], starts.shape[-2:]),
        rank=torch.zeros_like(path),
        classes=torch.full_like(path, of_class),
    )
    return path_probabilities(query, paths, counts).numpy()


def _golden_case(golden: dict[str, np.ndarray], number: int, make_case: MakeCase) -> MetricInput:
    net = _RiseNet(golden).eval()
    image = torch.as_tensor(golden["images"][golden["image_of_map"][number]])
    with torch.no_grad():
        found = net(image[None]).softmax(1)[0].numpy()
    return make_case(image=image, map=golden["saliency_maps"][number], probabilities=found, query=ModelQuery(net))


@pytest.mark.parametrize("number", [0, 6])
def test_curves_agree_with_the_official_code(number: int, golden: dict[str, np.ndarray], make_case: MakeCase) -> None:
    case = _golden_case(golden, number, make_case)
    order = order_of(case, "reversed")
    if number >= 6:  # the official order inside ties depends on the numpy build, so it is given
        order = golden["pixel_order_of_tied_maps"][number - 6]
    deletion, insertion, _ = curves_by(case, order)
    assert case.predicted == golden["target_class"][golden["image_of_map"][number]]
    np.testing.assert_allclose(deletion, golden["scores_del_step1792_f64"][number], atol=1e-12)
    # insertion starts from a blur that the official code computes in float32
    np.testing.assert_allclose(insertion, golden["scores_ins_step1792_f64"][number], atol=1e-6)
    assert area(deletion) == pytest.approx(golden["auc_del_step1792_f64"][number], abs=1e-12)
    assert area(insertion) == pytest.approx(golden["auc_ins_step1792_f64"][number], abs=1e-6)


def test_single_image_setting_agrees_with_the_official_code(golden: dict[str, np.ndarray], make_case: MakeCase) -> None:
    case = _golden_case(golden, 6, make_case)
    counts = step_counts(224 * 224, Rise2018Single().steps)
    assert len(counts) == golden["scores_del_step224_f64"].shape[1]
    starts = torch.stack([case.image, blurred(case.image, folded_kernel())])
    ends = torch.stack([torch.zeros_like(case.image), case.image])
    some = slice(None, None, 16)  # all 225 points take seconds
    order = golden["pixel_order_of_tied_maps"][0]
    found = between(case.query, starts, ends, order, counts[some], case.predicted)
    np.testing.assert_allclose(found[0], golden["scores_del_step224_f64"][6, some], atol=1e-12)
    np.testing.assert_allclose(found[1], golden["scores_ins_step224_f64"][6, some], atol=1e-6)


@pytest.mark.parametrize("setting", ["del_step224_f64", "ins_step224_f64", "del_step1792_f64"])
def test_areas_agree_with_the_official_code(setting: str, golden: dict[str, np.ndarray]) -> None:
    found = [area(scores) for scores in golden[f"scores_{setting}"]]
    np.testing.assert_allclose(found, golden[f"auc_{setting}"], atol=1e-14)


@pytest.mark.parametrize(("ties", "rule"), [("reversed", "flipped_stable_ascending"), ("raster", "stable_descending")])
def test_tie_rules_agree_with_the_golden_ones(
    ties: str, rule: str, golden: dict[str, np.ndarray], make_case: MakeCase
) -> None:
    case = _golden_case(golden, 7, make_case)
    deletion, insertion, _ = curves_by(case, order_of(case, ties))
    np.testing.assert_allclose(deletion, golden[f"own_scores_del_step1792_tied_maps_{rule}"][1], atol=1e-12)
    np.testing.assert_allclose(insertion, golden[f"own_scores_ins_step1792_tied_maps_{rule}"][1], atol=1e-6)


def test_maps_without_ties_measure_as_the_official_code(
    golden: dict[str, np.ndarray], shared: Path, make_case: MakeCase
) -> None:
    published = json.loads((shared / "golden" / "rise.json").read_text())["auc"]
    columns = Rise2018Dataset().measure(_golden_case(golden, 5, make_case))
    assert columns["deletion_auc"] == pytest.approx(published["del_step1792_f64"][5], abs=1e-6)
    assert columns["insertion_auc"] == pytest.approx(published["ins_step1792_f64"][5], abs=1e-6)


def test_kernel_and_blur_agree_with_the_official_code(golden: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(folded_kernel(), golden["kernel_11x11"])
    blur = blurred(torch.as_tensor(golden["images"][0]), folded_kernel())[0].numpy()
    np.testing.assert_allclose(blur, golden["blurred_image0_channel0"], atol=2e-6)


def test_a_path_has_its_start_and_end(net: torch.nn.Module, make_case: MakeCase) -> None:
    image = make_case(0).image
    order = np.arange(image[0].numel())
    ends = between(ModelQuery(net), image[None], torch.zeros_like(image)[None], order, [0, len(order)], 4)
    with torch.no_grad():
        expected = net(torch.stack([image, torch.zeros_like(image)])).softmax(1)[:, 4].numpy()
    np.testing.assert_allclose(ends[0], expected, atol=1e-14)


@pytest.mark.parametrize("kind", [Rise2018Dataset, Rise2018Single, RiseFixed])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 2)])
def test_the_smallest_images_have_both_curves(
    make_case: MakeCase, kind: type[DeletionInsertion], shape: tuple[int, int]
) -> None:
    image = torch.as_tensor(np.random.default_rng(0).normal(size=(3, *shape)))
    case = make_case(map=np.arange(shape[0] * shape[1], dtype=float).reshape(shape), image=image)
    columns = kind().measure(case)
    assert len(columns["deletion"]) == len(columns["insertion"]) == 1 + shape[0] * shape[1]
    assert 0 <= columns["deletion_auc"] <= 1
    assert columns["deletion"][0] == columns["insertion"][-1] == pytest.approx(case.probabilities.max())


@pytest.mark.parametrize("shape", [(6, 9), (17, 12)])
def test_a_reflected_border_is_that_of_torch_where_the_image_is_large_enough(shape: tuple[int, int]) -> None:
    image = torch.as_tensor(np.random.default_rng(1).normal(size=(3, *shape)))
    kernel = gaussian_kernel()
    padded = torch.nn.functional.pad(image[:, None], (5, 5, 5, 5), mode="reflect")
    expected = torch.nn.functional.conv2d(padded, torch.as_tensor(kernel, dtype=torch.float64)[None, None])[:, 0]
    assert torch.equal(blurred(image, kernel, border="reflect"), expected)
