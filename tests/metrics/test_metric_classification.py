"""Classification numbers, and the scores' arithmetic they share with all metrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.conftest import MakeCase
from tests.reference import metrics as slow
from wsol.errors import ConfigError
from wsol.metrics._scores import mean
from wsol.metrics.classification import Classification
from wsol.stats.reductions import average_precision, weighted_mean

MAP = next(score for score in Classification().scores if score.name == "map")


def _columns(labels: list[int], probabilities: np.ndarray, keep: int) -> dict[str, list]:
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :keep]
    return {
        "label": labels,
        "classes": order.tolist(),
        "probabilities": np.take_along_axis(probabilities, order, axis=1).tolist(),
    }


def _slow_map(labels: list[int], probabilities: np.ndarray, weights: np.ndarray) -> float:
    found = []
    for label in sorted(set(labels)):
        positive = [other == label for other in labels]
        if any(p and w > 0 for p, w in zip(positive, weights, strict=True)):
            found.append(slow.average_precision(probabilities[:, label].tolist(), positive, weights.tolist()))
    return float(np.mean(found))


def test_average_precision_by_hand() -> None:
    # ranks 1 and 3 are positive: (1/1 + 2/3) / 2
    found = average_precision(
        np.array([0.9, 0.2, 0.5]),
        np.array([True, True, False]),
        np.ones((1, 3)),
        total_positive=np.array([2.0]),
        total=np.array([3.0]),
    )
    np.testing.assert_allclose(found, [(1 + 2 / 3) / 2])


def test_images_that_are_not_listed_share_the_last_rank() -> None:
    found = average_precision(
        np.array([0.9]), np.array([True]), np.ones((1, 1)), total_positive=np.array([2.0]), total=np.array([5.0])
    )
    np.testing.assert_allclose(found, [0.5 * 1 + 0.5 * 2 / 5])


@given(seed=st.integers(0, 10_000))
def test_map_equals_the_slow_twin_for_any_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, classes = 9, 4
    labels = rng.integers(0, classes, n).tolist()
    probabilities = rng.integers(1, 6, (n, classes)) / 20  # many ties
    weights = rng.integers(0, 3, (3, n)).astype(float)
    weights[:, 0] = 1
    found = MAP.of(_columns(labels, probabilities, classes), weights)
    np.testing.assert_allclose(found, [_slow_map(labels, probabilities, row) for row in weights])


def test_probabilities_that_are_not_kept_count_as_zero() -> None:
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 8, 30).tolist(), rng.dirichlet(np.ones(8), 30)
    cut = np.where(probabilities >= np.sort(probabilities, axis=1)[:, [-5]], probabilities, 0.0)
    found = MAP.value(_columns(labels, probabilities, 5))
    assert found == pytest.approx(_slow_map(labels, cut, np.ones(30)))
    assert found != pytest.approx(_slow_map(labels, probabilities, np.ones(30)))


def test_top_one_and_top_five_look_at_the_ranking(make_case: MakeCase) -> None:
    probabilities = np.array([0.05, 0.3, 0.2, 0.25, 0.15, 0.05])
    for target, top1, top5 in ((1, 1, 1), (3, 0, 1), (0, 0, 1), (5, 0, 0)):  # the lower index wins the tie
        columns = Classification().measure(make_case(0, target=target, probabilities=probabilities))
        assert (columns["top1"], columns["top5"]) == (top1, top5)
    assert columns["classes"] == [1, 3, 2, 4, 0, 5]


def test_too_few_kept_probabilities_are_refused() -> None:
    with pytest.raises(ConfigError, match="keep=4"):
        Classification(keep=4)


def test_a_mean_leaves_undefined_values_out_under_any_weights() -> None:
    score = mean("hit", label="Hit")
    columns = {"hit": [1, None, 0, 0]}
    assert score.value(columns) == pytest.approx(1 / 3)
    np.testing.assert_allclose(score.of(columns, np.array([[1.0, 9.0, 1.0, 0.0]])), [0.5])
    assert np.isnan(score.of(columns, np.array([[0.0, 9.0, 0.0, 0.0]]))).all()


def test_weights_are_counts_of_images() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(5)
    counts = rng.integers(0, 4, (6, 5)).astype(float)
    expected = [np.repeat(values, row.astype(int)).mean() for row in counts]
    np.testing.assert_allclose(weighted_mean(values, counts), expected)
