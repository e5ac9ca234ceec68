"""Score-CAM that stops early: a box that is called certain is the box of every weighting left, and so exact's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from wsol.datasets.base import datasets
from wsol.errors import WsolError
from wsol.localization.localize import boxes_along
from wsol.localization.records import ImageMap
from wsol.methods._base import methods
from wsol.methods._common.box_bounds import Cut, box_is_certain, cut_of, extremes, one_box
from wsol.methods._common.early_stop import EVERY
from wsol.methods._common.predicted_scores import LENGTH, LENGTHS, NOISES, predicted, representatives
from wsol.methods._features import LayerFeatures
from wsol.models.stages import resolve_layer
from wsol.models.zoo import load_classifier
from wsol.protocols._base import named
from wsol.testing import layer_features
from wsol.views import view_named

LAYOUT = view_named("squash", 224).layout((224, 224))
NO_TRUTH = np.zeros((0, 4))
PROTOCOLS = (
    "choe2020_v1",
    "choe2020_v1[component=largest_pixels,connectivity=4]",
    "choe2020_v1[component=largest_rect,resize=bilinear,quantise=none,compare=ge]",
)


def box(raw: NDArray[Any], protocol: str, tau: float) -> list[int]:
    item = ImageMap(raw=raw, layout=LAYOUT, boxes_xyxy=NO_TRUTH)
    return boxes_along(item, named(protocol), [tau])[0].ravel().tolist()


def drawn(seed: int, count: int = 40, side: int = 7) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Channels with one bump each, few of them strong, the others weak; and probabilities."""
    rng = np.random.default_rng(seed)
    strength = np.where(np.arange(count) < 12, 1.0, 10.0 ** rng.uniform(-5, -2, count))
    y, x = np.mgrid[:side, :side]
    centers, width = rng.uniform(1, side - 2, (2, count, 1, 1)), rng.uniform(0.7, 1.5, (count, 1, 1))
    bumps = np.exp(-((y - centers[0]) ** 2 + (x - centers[1]) ** 2) / width**2)
    channels = np.maximum(bumps - 0.1, 0) * strength[:, None, None]
    return channels, rng.random(count)


def test_some_pixels_alone_are_those_of_the_resized_map() -> None:
    cut, maps = cut_of("choe2020_v1", 0.2, (5, 7)), np.random.default_rng(0).random((3, 5, 7))
    y, x = pixels = np.array([[0, 200, 31], [17, 0, 223]])
    np.testing.assert_allclose(cut.at(maps, pixels.T), cut.resized(maps)[:, y, x], atol=1e-12)


@pytest.mark.parametrize(
    ("picture", "sides"),
    [
        ("...../..#../.###./..#../.....", [(1, 2), (3, 2), (2, 1), (2, 3)]),
        ("#..../...../...../...../....#", [(0, 0), (4, 4), (0, 0), (4, 4)]),
        ("...../...../...../...../.....", []),
    ],
)
def test_a_pixel_on_each_side_of_a_mask(picture: str, sides: list[tuple[int, int]]) -> None:
    assert [tuple(pixel) for pixel in extremes(*masks(picture)).tolist()] == sides


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("tau", [0.2, 0.5])
def test_a_certain_box_is_the_box_of_every_weighting(protocol: str, tau: float) -> None:
    cut, certain, left_open = cut_of(protocol, tau, (7, 7)), 0, 0
    for seed in range(12):
        channels, probabilities = drawn(seed)
        rng = np.random.default_rng(seed)
        for known in (10, 14, 24):
            unknown = np.arange(len(channels)) >= known
            if not box_is_certain(channels, np.exp(probabilities), unknown, 1, np.e, cut):
                left_open += 1
                continue
            certain += 1
            boxes = []
            for n in range(12):
                free = rng.integers(0, 2, len(channels)) if n < 8 else rng.random(len(channels))
                weights = np.exp(np.where(unknown, free, probabilities))
                boxes.append(box(np.tensordot(weights, channels, 1), protocol, tau))
            assert boxes == boxes[:1] * len(boxes)
    assert certain >= 5
    assert left_open >= 12  # with strong channels unknown, nothing can be shown


def test_the_bounds_are_those_of_extreme_weights() -> None:
    """Weights at the ends of the interval move the box of an image that is not called certain."""
    channels, probabilities = drawn(3)
    unknown = np.arange(len(channels)) >= 6
    assert not box_is_certain(channels, np.exp(probabilities), unknown, 1, np.e, cut_of("choe2020_v1", 0.2, (7, 7)))
    ends = [np.exp(np.where(unknown, np.arange(len(channels)) % 2 == odd, probabilities)) for odd in (0, 1)]
    first, second = (box(np.tensordot(w, channels, 1), "choe2020_v1", 0.2) for w in ends)
    assert first != second


def features(network: str, count: int) -> list[LayerFeatures]:
    classifier, data = load_classifier(network), datasets["shapes"](limit=count)
    view = view_named("squash", classifier.input_size)
    made = []
    for sample in data.samples():
        pixels = classifier.normalized(view.inputs(data.image(sample))[0])
        images = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        last = resolve_layer(classifier, "last")
        made += layer_features(classifier.module.eval(), images, [sample.label], [last], gradients=False, chunk=64)
    return made


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("options", [{}, {"channel_softmax": False}])
def test_a_certified_stop_keeps_the_box_of_every_image(options: dict[str, Any]) -> None:
    saved = 0
    for layer in features("shapes_vgg", 8):
        exact = methods["scorecam"](**options)(layer)[0].numpy()
        before = layer.query.cost.forwards
        stopped = methods["scorecam"](**options, stop="certified", tau=0.5)(layer)[0].numpy()
        spent = layer.query.cost.forwards - before
        live = int((layer.activations.amax((2, 3)) > layer.activations.amin((2, 3))).sum())
        saved += live - (spent - (not options.get("channel_softmax", True)))  # the baseline's own forward
        assert box(stopped, "choe2020_v1", 0.5) == box(exact, "choe2020_v1", 0.5)
    assert saved >= (EVERY if not options else 0)


def test_an_approximate_stop_tries_a_share_and_all_of_them_are_exact() -> None:
    (layer,) = features("shapes_gap", 1)
    exact = methods["scorecam"]()(layer)
    before = layer.query.cost.forwards
    methods["scorecam"](stop="approximate", share=0.25)(layer)
    assert layer.query.cost.forwards - before == 24  # of 96 channels
    whole = methods["scorecam"](stop="approximate", share=1.0)(layer)
    torch.testing.assert_close(whole, exact, rtol=1e-5, atol=0)


def kernel(a: NDArray[np.float64], b: NDArray[np.float64], length: float, scale: float) -> NDArray[np.float64]:
    """Pair by pair."""
    pairs = [[np.exp(-((one - other) ** 2).sum() / (2 * length**2 * scale)) for other in b] for one in a]
    return np.array(pairs).reshape(len(a), len(b))


def mean_distance(cells: NDArray[np.float64]) -> float:
    return float(np.mean([[((a - b) ** 2).sum() for b in cells] for a in cells]))


def test_the_masks_to_try_are_those_least_known_from_the_ones_before() -> None:
    """Against the variance of a Gaussian process given the masks so far, solved anew for each."""
    rng = np.random.default_rng(0)
    cells, importance = rng.random((12, 5)), rng.random(12)
    k = kernel(cells, cells, LENGTH, mean_distance(cells))
    chosen: list[int] = []
    for _ in range(5):
        known = k[np.ix_(chosen, chosen)]
        left = np.diag(k) - np.diag(k[:, chosen] @ np.linalg.solve(known, k[chosen])) if chosen else np.diag(k)
        gain = left * importance**2
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
    found = representatives(torch.from_numpy(cells), torch.from_numpy(importance), 5)
    assert found.tolist() == chosen


def test_predicted_scores_are_those_of_the_process_that_predicts_the_known_ones_best() -> None:
    """Against fits that leave one mask out, each solved anew."""
    rng = np.random.default_rng(1)
    cells, others = rng.random((9, 4)), rng.random((3, 4))
    values = np.sin(3 * cells).sum(1) + 0.05 * rng.random(9)
    scale, mean = mean_distance(np.concatenate([cells, others])), values.mean()

    def fit(x: NDArray[Any], y: NDArray[Any], at: NDArray[Any], length: float, noise: float) -> NDArray[Any]:
        gram = kernel(x, x, length, scale) + noise * np.eye(len(x))
        return np.asarray(mean + kernel(at, x, length, scale) @ np.linalg.solve(gram, y - mean))

    def error(length: float, noise: float) -> float:
        rest = [np.arange(9) != n for n in range(9)]
        return sum(float(fit(cells[r], values[r], cells[~r], length, noise)[0] - values[~r][0]) ** 2 for r in rest)

    best = min(((length, noise) for length in LENGTHS for noise in NOISES), key=lambda one: error(*one))
    found = predicted(*map(torch.from_numpy, (cells, values, others)))
    np.testing.assert_allclose(found.numpy(), fit(cells, values, others, *best), atol=1e-9)


@pytest.mark.parametrize("count", [1, 2])
def test_few_or_equal_masks_are_predicted_by_their_mean(count: int) -> None:
    cells = torch.full((count, 4), 0.5, dtype=torch.float64)
    values = torch.tensor([0.25, 0.75][:count], dtype=torch.float64)
    assert representatives(cells, torch.ones(count, dtype=torch.float64), count).tolist() == list(range(count))
    torch.testing.assert_close(predicted(cells, values, cells[:1]), values.mean()[None])


def masks(*pictures: str) -> list[NDArray[np.bool_]]:
    return [np.array([[c == "#" for c in line] for line in picture.split("/")]) for picture in pictures]


CUT = Cut(np.eye(5), np.eye(5), 0.5, "largest_pixels", 8)


@pytest.mark.parametrize(
    ("inside", "possible", "certain"),
    [
        ("###../###../###../...../.....", "###../###../###../...../.....", True),
        ("###../#.#../###../...../.....", "###../###../###../...../.....", True),  # a hole moves no box
        ("###../###../###../...../.....", "###../####./###../...../.....", False),  # one column more is possible
        ("###../###../###../...../.....", "###../###../###../...../....#", True),  # too small to be chosen
        ("#..../...../...../...../.....", "#..../...../...../...../...##", False),  # large enough to be chosen
        ("...../...../...../...../.....", "...../...../...../...../.....", True),
        ("...../...../...../...../.....", "#..../...../...../...../.....", False),
    ],
)
def test_one_box_by_hand(inside: str, possible: str, certain: bool) -> None:
    assert one_box(*masks(inside, possible), CUT) is certain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "exact"}, r"can't be proved for protocol exact, whose space is original.*choe2020_v1"),
        ({"protocol": "choe2020_v2"}, "whose component is all"),
        ({"protocol": "choe2020_v7"}, "there is no protocol"),
        ({"score": "logit"}, "needs score=prob"),
    ],
)
def test_what_can_not_be_certified_is_refused(options: dict[str, Any], message: str) -> None:
    (layer,) = features("shapes_gap", 1)
    with pytest.raises(WsolError, match=message):
        methods["scorecam"](stop="certified", **options)(layer)
