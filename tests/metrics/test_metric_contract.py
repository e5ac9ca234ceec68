"""What every metric in the registry keeps to."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch

from tests.metrics.conftest import MakeCase
from wsol.metrics import Score, metrics
from wsol.options import build, defaults

KEYS = sorted(metrics)
MAPS = {
    "smooth": None,
    "constant": np.full((20, 24), 0.3),
    "one peak": np.eye(20, 24),
    "negative": -np.eye(20, 24) - 2,
}


def _columns(key: str, make_case: MakeCase, saliency: np.ndarray | None) -> dict[str, list]:
    metric = metrics[key]()
    rows = []
    for number in range(3):
        given = {} if saliency is None else {"map": saliency}
        rows.append(metric.measure(make_case(number, **given)))
    assert all(row.keys() == rows[0].keys() for row in rows)
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_the_registry_has_them_all() -> None:
    assert set(KEYS) >= {
        "rise2018_dataset",
        "rise2018_single",
        "rise_fixed",
        "drop",
        "adcc",
        "road",
        "occlusion",
        "pxap",
        "pixels",
        "pointing",
        "energy_pointing",
        "classification",
        "error_types",
    }


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("key", KEYS)
def test_columns_are_plain_and_finite_and_survive_json(key: str, kind: str, make_case: MakeCase) -> None:
    columns = _columns(key, make_case, MAPS[kind])
    text = json.dumps(columns, allow_nan=False)
    again = json.loads(text)
    for score in metrics[key]().scores:
        assert score.value(again) == pytest.approx(score.value(columns), rel=0, abs=0, nan_ok=True)
        assert not np.isinf(score.value(columns))


@pytest.mark.parametrize("key", KEYS)
def test_scores_under_counts_equal_scores_of_repeated_images(key: str, make_case: MakeCase) -> None:
    columns = _columns(key, make_case, None)
    counts = np.array([[2.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 3.0, 0.0]])
    for score in metrics[key]().scores:
        found = score.of(columns, counts)
        assert found.shape == (3,)
        for row, value in zip(counts, found, strict=True):
            repeated = np.repeat(np.arange(3), row.astype(int))
            alone = score.value({name: [column[i] for i in repeated] for name, column in columns.items()})
            assert value == pytest.approx(alone, nan_ok=True)


@pytest.mark.parametrize("key", KEYS)
def test_names_are_unique_and_columns_exist(key: str, make_case: MakeCase) -> None:
    scores: tuple[Score, ...] = metrics[key]().scores
    assert len({score.name for score in scores}) == len(scores) > 0
    columns = _columns(key, make_case, None)
    for score in scores:
        if score.column is not None:
            assert score.column in columns
            assert score.value(columns) == pytest.approx(
                np.nanmean([np.nan if v is None else v for v in columns[score.column]])
            )
        if score.proportion:
            assert set(columns[score.column]) <= {0, 1}


@pytest.mark.parametrize("key", KEYS)
def test_a_metric_is_a_frozen_record_of_options_with_a_description(key: str) -> None:
    cls = metrics[key]
    assert cls.info.key == key
    assert cls.info.needs
    assert cls.info.paper
    assert cls.info.about
    assert cls.__doc__
    metric = build(cls, defaults(cls), where=f"metrics.{key}")
    assert metric == cls()
    with pytest.raises(FrozenInstanceError):
        metric.surprise = 1


@pytest.mark.parametrize("key", KEYS)
def test_measuring_twice_gives_the_same_row_and_leaves_the_case_alone(key: str, make_case: MakeCase) -> None:
    case = make_case(1)
    image, saliency = case.image.clone(), case.map.copy()
    first = metrics[key]().measure(case)
    assert metrics[key]().measure(case) == first
    assert metrics[key]().measure(make_case(1)) == first
    assert torch.equal(case.image, image)
    np.testing.assert_array_equal(case.map, saliency)


@pytest.mark.parametrize("key", KEYS)
def test_metrics_ask_the_model_only_if_they_say_so(key: str, make_case: MakeCase) -> None:
    case = make_case(1)
    metrics[key]().measure(case)
    assert (case.query.cost.forwards > 0) == ("model" in metrics[key].info.needs)


def test_listing_and_scoring_touch_no_torch() -> None:
    program = """
import sys, types
class Untouched(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise SystemExit(f"torch.{name} was touched")
sys.modules["torch"] = Untouched("torch")
from wsol.metrics import metrics
names = list(metrics)
columns = {"foreground": [[0, 1]], "background": [[1, 0]], "pxap_image": [1.0]}
print(len(names), [score.value(columns) for score in metrics["pxap"]().scores])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) == len(KEYS)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 1)])
@pytest.mark.parametrize("key", KEYS)
def test_the_smallest_inputs_have_finite_columns(
    key: str, shape: tuple[int, int], flat: bool, make_case: MakeCase
) -> None:
    image = torch.as_tensor(np.random.default_rng(0).normal(size=(3, *shape)))
    saliency = np.zeros(shape) if flat else np.arange(shape[0] * shape[1], dtype=float).reshape(shape)
    mask, boxes = np.ones(shape, np.uint8), np.array([[0.0, 0, shape[1], shape[0]]])
    columns = metrics[key]().measure(make_case(map=saliency, image=image, mask=mask, boxes=boxes))
    json.dumps(columns, allow_nan=False)
