"""Metrics by the batch: the numbers of one case at a time, in full chunks; and the columns of failed maps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from wsol.metrics import Columns, MetricInput, Score, mean, metric, metrics
from wsol.metrics._base import BatchMetric, failed_columns, measure, reduction_of
from wsol.models.query import ModelQuery
from wsol.stats import reductions

TOGETHER = sorted(key for key in metrics if issubclass(metrics[key], BatchMetric))
Make = Callable[..., MetricInput]


@pytest.fixture
def cases(make_case: Make, net: torch.nn.Module) -> Callable[..., list[MetricInput]]:
    """Four images of two sizes under three maps each, two of which are equal, in mixed order."""

    def make(*, pad: bool | None = None, chunk: int = 7) -> list[MetricInput]:
        query = ModelQuery(net, chunk=chunk, pad=pad)
        found = []
        for number in range(4):
            first = make_case(number, query=query)
            if number == 3:
                image = torch.as_tensor(np.random.default_rng(9).normal(size=(3, 16, 20)))
                with torch.no_grad():
                    probabilities = net(image[None]).softmax(1)[0].numpy()
                small = {"map": first.map[:16, :20], "map01": first.map01[:16, :20], "probabilities": probabilities}
                first = replace(first, image=image, **small)
            ties = np.round(first.map01 * 4)
            found += [first, replace(first, map=ties, map01=ties / 4), replace(first, map=first.map.copy())]
        order = np.random.default_rng(2).permutation(len(found))
        return [found[i] for i in order]

    return make


def same(found: Columns, expected: Columns) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-12, err_msg=name)


def test_every_metric_that_queries_the_model_measures_batches() -> None:
    assert set(TOGETHER) == {key for key in metrics if "model" in metrics[key].info.needs}


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("key", TOGETHER)
def test_a_batch_measures_as_one_case_at_a_time(key: str, pad: bool, cases: Callable[..., list[MetricInput]]) -> None:
    together = measure(metrics[key](), cases(pad=pad))
    for case, found in zip(cases(), together, strict=True):
        same(found, metrics[key]().measure(replace(case, memo={})))


@pytest.mark.parametrize("key", TOGETHER)
def test_batches_fill_chunks_and_equal_maps_of_an_image_are_measured_once(
    key: str, net: torch.nn.Module, make_case: Make
) -> None:
    sizes: list[int] = []
    handle = net.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    query = ModelQuery(net, chunk=7)
    some = [replace(make_case(number), query=query) for number in range(5)]
    some += [replace(case, map=-case.map, map01=1 - case.map01) for case in some]
    sizes.clear()  # making a case runs the network, too
    measure(metrics[key](), some)
    once = list(sizes)
    measure(metrics[key](), [replace(case, map=case.map.copy()) for case in some])
    handle.remove()
    assert sizes == once, "what the memo holds is not run again"
    assert sum(size != 7 for size in once) <= (2 if key.startswith("rise") else 1)  # the blurred images are a stream
    assert sum(once) == query.cost.forwards


@pytest.mark.parametrize("key", TOGETHER)
def test_with_padding_only_known_sizes_run(key: str, net: torch.nn.Module, make_case: Make) -> None:
    sizes: list[int] = []
    query = ModelQuery(net, chunk=7, pad=True)
    query.logits(make_case(0).image.expand(7, -1, -1, -1))
    some = [replace(make_case(number), query=query) for number in range(3)]
    handle = net.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    measure(metrics[key](), some)
    handle.remove()
    assert set(sizes) == {7}


def test_a_plugin_measures_one_case_at_a_time_and_names_its_own_number(make_case: Make) -> None:
    def widest(columns: object, weights: np.ndarray) -> np.ndarray:
        return np.full(len(weights), max(columns["peak"]))  # type: ignore[index]

    class Peak:
        """Peak: the map's maximum."""

        scores = (mean("peak", label="Peak", bounds=(0, 9)), Score(name="widest", label="Widest", of=widest))

        def measure(self, case: MetricInput) -> Columns:
            return {"peak": float(case.map.max())}

    made = metric("peak_of_test", paper="Me", year=2026, needs=("model",), about="The maximum.")(Peak)
    try:
        some = [make_case(number) for number in range(3)]
        found = measure(made(), some)
        assert found == [{"peak": float(case.map.max())} for case in some]
        columns = {"peak": [row["peak"] for row in found]}
        assert reduction_of(made(), made().scores[1]) == "peak_of_test.widest"
        assert reductions.reduce("peak_of_test.widest", columns, np.ones((2, 3))).tolist() == [max(columns["peak"])] * 2
        assert failed_columns(made(), some[0]) == {"peak": 0}
    finally:
        del metrics._members["peak_of_test"]


@pytest.mark.parametrize("key", sorted(metrics))
def test_a_named_reduction_gives_what_the_score_gives(key: str, make_case: Make) -> None:
    rows = [metrics[key]().measure(make_case(number)) for number in range(3)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])
    for score in metrics[key]().scores:
        named = {name: columns[name] for name in score.columns or columns}
        found = reductions.reduce(reduction_of(metrics[key](), score), named, weights)
        np.testing.assert_array_equal(found, score.of(columns, weights))
        if score.bounds is not None:
            assert score.bounds[0] <= found.min() <= found.max() <= score.bounds[1]


@pytest.mark.parametrize("key", sorted({*metrics} - {"classification", "error_types", "pxap"}))
def test_a_failed_map_is_as_bad_as_any_and_stays_among_the_images(key: str, make_case: Make) -> None:
    case = make_case(0)
    nothing = np.full(case.map.shape, np.nan)
    failed = failed_columns(metrics[key](), replace(case, map=nothing, map01=nothing, raw=nothing[::2, ::2]))
    maps = [case.map, -case.map, np.zeros_like(case.map), np.eye(*case.map.shape)]
    for saliency in maps:
        columns = metrics[key]().measure(make_case(0, map=saliency))
        for score in metrics[key]().scores:
            if score.bounds is None or score.higher_is_better is None:
                continue
            worst, found = (score.value({n: [c.get(n)] for n in score.columns}) for c in (failed, columns))
            assert (worst <= found) if score.higher_is_better else (worst >= found), score.name


def test_failed_maps_by_hand(make_case: Make) -> None:
    case = make_case(0)
    assert failed_columns(metrics["drop"](), case) == {"drop": 1.0, "increase": 0.0, "gain": 0.0}
    assert failed_columns(metrics["rise_fixed"](), case)["insertion_minus_deletion"] == -1
    assert failed_columns(metrics["occlusion"](), case)["area"] is None  # neither end is worse
    assert failed_columns(metrics["pixels"](), case)["kl"] is None
    pooled = failed_columns(metrics["pxap"](), case)
    assert pooled["foreground"][0] == (case.mask == 1).sum() == sum(pooled["foreground"])
    assert pooled["background"][-1] == (case.mask == 0).sum() == sum(pooled["background"])
    assert failed_columns(metrics["classification"](), case) == metrics["classification"]().measure(case)
    assert failed_columns(metrics["error_types"](), replace(case, target=case.predicted))["error"] == "wrong"


WITHOUT_FORWARDS = [key for key in metrics if not metrics[key].info.needs & {"model", "method"}]


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("name", ["_base", "_common.truth", *WITHOUT_FORWARDS])
def test_metrics_without_forwards_load_no_torch(name: str) -> None:
    program = f"import wsol.metrics.{name}, sys; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_reductions_are_known_without_any_metric() -> None:
    program = (
        "import sys; from wsol.stats.reductions import is_known; assert is_known('pxap') and is_known('mean'); "
        "assert not [m for m in sys.modules if m.startswith(('wsol.metrics', 'torch'))]"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
