"""What the formulas say must be equal: the handbook's identities, exact up to rounding in float64."""

from __future__ import annotations

import itertools
from dataclasses import replace
from math import factorial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.methods.nets import LAYERS, TinyGAP, TinyVGG, make_images, make_net, one_layer
from wsol.errors import ConfigError, HeadError
from wsol.methods._base import methods
from wsol.methods._common.bias_gradients import bias_gradients
from wsol.methods._common.deeplift import multipliers
from wsol.methods._common.gradcam_pp import paper
from wsol.methods._common.masks import channel_scores, live_channels, target_scores
from wsol.methods._common.stretch import minmax
from wsol.methods._features import LayerFeatures
from wsol.methods._fusion import Fusion, fuse_layers
from wsol.models.forward import INPUT

TARGETS = (0, 3, 4)


@pytest.fixture
def gap() -> LayerFeatures:
    return one_layer(make_net(TinyGAP), make_images(), TARGETS, "block")


@pytest.fixture
def vgg() -> LayerFeatures:
    return one_layer(make_net(TinyVGG), make_images(), TARGETS, "features.7")


def run(key: str, features: LayerFeatures, **options: object) -> Tensor:
    return methods[key](**options)(features)  # type: ignore[operator]


def close(got: Tensor, expected: Tensor, tolerance: float = 1e-10) -> None:
    assert expected.abs().max() > 0, "nothing to compare"
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=0, atol=tolerance * float(expected.abs().max()))


def cells(features: LayerFeatures) -> int:
    return features.activations.shape[-2:].numel()


def test_cam_is_n_times_gradcam_before_the_relu_on_a_gap_head(gap: LayerFeatures) -> None:
    close(run("cam", gap), cells(gap) * run("gradcam", gap, relu=False))


@pytest.mark.parametrize("key", ["gradcam", "layercam"])
def test_the_probabilitys_map_is_p_times_that_of_its_logarithm(vgg: LayerFeatures, key: str) -> None:
    p = target_scores(vgg.logits, vgg.targets, "prob")[:, None, None]
    close(run(key, vgg, score="prob"), p * run(key, vgg, score="logprob"))
    assert vgg.query.cost.forwards == 2 * len(p)  # one look for each score


def test_the_gradient_of_a_log_probability_carries_the_other_classes(gap: LayerFeatures) -> None:
    """d log p_c = d y_c - sum_j p_j d y_j; on a GAP head d y_c is W[c] / n."""
    assert gap.head is not None
    weight, p = gap.head.weight, gap.logits.softmax(1)
    slopes = (weight[gap.targets] - p @ weight) / cells(gap)
    close(run("gradcam", gap, score="logprob", relu=False), (slopes[:, :, None, None] * gap.activations).sum(1))


def test_hirescam_xgradcam_and_gradcam_are_one_map_on_a_gap_head(gap: LayerFeatures) -> None:
    close(run("hirescam", gap), run("gradcam", gap, relu=False))
    close(run("xgradcam", gap, relu=False), run("gradcam", gap, relu=False))


def test_hirescam_is_not_gradcam_behind_a_fully_connected_head(vgg: LayerFeatures) -> None:
    assert (run("hirescam", vgg) - run("gradcam", vgg, relu=False)).abs().max() > 0.1


def test_layercam_is_elementwise_gradcam_where_activations_are_not_negative(vgg: LayerFeatures) -> None:
    assert vgg.activations.amin() >= 0
    assert torch.equal(run("layercam", vgg), run("elementwise", vgg))


def test_layercam_is_not_elementwise_gradcam_on_signed_activations() -> None:
    signed = one_layer(make_net(TinyGAP), make_images(), TARGETS, "branch")
    assert (run("layercam", signed) - run("elementwise", signed)).abs().max() > 1e-3


def test_layercam_is_cam_with_positive_weights_on_a_gap_head(gap: LayerFeatures) -> None:
    assert gap.head is not None
    weights = gap.head.weight[gap.targets].relu()
    close(run("layercam", gap), (weights[:, :, None, None] * gap.activations).sum(1) / cells(gap))


def test_cam_and_hirescam_add_up_to_the_score_without_the_bias(gap: LayerFeatures) -> None:
    assert gap.head is not None
    score = gap.scores - gap.head.bias[gap.targets]
    close(run("cam", gap).sum((1, 2)) / cells(gap), score)
    close(run("hirescam", gap).sum((1, 2)), score)


def test_gradcam_pp_has_a_closed_form_on_a_gap_head(gap: LayerFeatures) -> None:
    g = gap.gradients[:, :, 0, 0]
    total = gap.activations.sum((2, 3))
    closed = cells(gap) * g.relu() / (2 + g * total)
    close(paper(gap.activations.sum((2, 3)), gap.gradients.relu()), torch.where(g > 0, closed, 0))


def test_gradcam_pp_is_equation_19_without_an_epsilon(vgg: LayerFeatures) -> None:
    a, g = vgg.activations, vgg.gradients
    square = 2 * g**2 + a.sum((2, 3), keepdim=True) * g**3
    alpha = torch.where(g != 0, g**2 / torch.where(g != 0, square, 1), 0)
    close(paper(a.sum((2, 3)), g.relu()), (alpha * g.relu()).sum((2, 3)), 1e-12)


def test_gradcam_pp_does_not_lose_small_gradients(vgg: LayerFeatures) -> None:
    small = replace(vgg, _gradients=vgg.gradients.float() * 1e-15, activations=vgg.activations.float())
    limit = (small.gradients / 2).relu().sum((2, 3))  # 2 + S g is 2 when g is nothing
    weights = paper(small.activations.sum((2, 3)), small.gradients.relu())
    assert limit.amax() > 0
    np.testing.assert_allclose(weights.numpy(), limit.numpy(), rtol=1e-5)


def test_reciprocam_is_cam_after_minmax_on_a_gap_head(gap: LayerFeatures) -> None:
    close(minmax(run("reciprocam", gap)), minmax(run("cam", gap)))


@pytest.mark.parametrize("score", ["logit", "prob"])
@pytest.mark.parametrize("kernel", ["cell", "gauss3"])
def test_reciprocams_closed_form_equals_its_partial_forwards(gap: LayerFeatures, score: str, kernel: str) -> None:
    before = gap.query.cost
    closed = run("reciprocam", gap, score=score, kernel=kernel)
    assert gap.query.cost == before, "the closed form takes no forward"
    close(closed, run("reciprocam", replace(gap, _head=lambda: None), score=score, kernel=kernel))
    assert (gap.query.cost - before).partial_forwards == 3 * cells(gap)


def test_ablationcams_closed_form_equals_its_partial_forwards(gap: LayerFeatures) -> None:
    assert gap.head is not None
    before = gap.query.cost
    closed = run("ablationcam", gap)
    assert gap.query.cost == before, "the closed form takes no forward"
    close(closed, run("ablationcam", replace(gap, _head=lambda: None, memo={})))
    assert (gap.query.cost - before).partial_forwards == int(gap.activations.flatten(2).any(2).sum())
    weights = gap.head.weight[gap.targets] * gap.activations.mean((2, 3)) / gap.scores[:, None]
    close(closed, (weights[:, :, None, None] * gap.activations).sum(1).relu())


def test_scorecam_with_channel_softmax_ignores_the_baseline(vgg: LayerFeatures) -> None:
    live = live_channels(vgg.activations)
    expected = methods["scorecam"](baseline="none").weights(vgg)
    for baseline in ("zero", "blur"):
        raised = methods["scorecam"](baseline=baseline, channel_softmax=False).weights(vgg)
        assert (raised - channel_scores(vgg, order="norm_after_up").probabilities).abs().max() > 1e-4
        close(raised.masked_fill(~live, -torch.inf).softmax(1), expected)
        assert torch.equal(methods["scorecam"](baseline=baseline).weights(vgg), expected)


def test_sscam_without_noise_and_iscam_with_one_step_are_scorecam(vgg: LayerFeatures) -> None:
    close(run("sscam", vgg, std=0.0, samples=2), run("scorecam", vgg))
    close(run("iscam", vgg, samples=1), run("scorecam", vgg))


def test_scorecam_with_all_channels_as_top_n_is_scorecam(vgg: LayerFeatures) -> None:
    assert torch.equal(run("scorecam", vgg, top_n=99), run("scorecam", vgg))
    assert not torch.equal(run("scorecam", vgg, top_n=2), run("scorecam", vgg))


def test_shapleycam_is_gradcam_where_the_hessian_is_zero(vgg: LayerFeatures, gap: LayerFeatures) -> None:
    for features in (vgg, gap):
        close(run("shapleycam", features, score="logit"), run("gradcam", features))
        assert (run("shapleycam", features) - run("gradcam", features)).abs().max() > 1e-3


def test_liftcam_is_the_exact_shapley_value_on_a_gap_head(gap: LayerFeatures) -> None:
    """All 2^6 coalitions of channels, through the network."""
    count = gap.activations.shape[1]
    coalitions = torch.tensor(list(itertools.product((0.0, 1.0), repeat=count)), dtype=torch.float64)
    for image, target in enumerate(TARGETS):
        kept = coalitions[:, :, None, None] * gap.activations[image]
        value = gap.query.logits_from("block", kept, gap.images[image])[:, target]
        index = {tuple(row): float(v) for row, v in zip(coalitions.tolist(), value, strict=True)}
        shapley = torch.zeros(count, dtype=torch.float64)
        for row, with_none in index.items():
            for k in range(count):
                if not row[k]:
                    size = int(sum(row))
                    share = factorial(size) * factorial(count - size - 1) / factorial(count)
                    joined = (*row[:k], 1.0, *row[k + 1 :])
                    shapley[k] += share * (index[joined] - with_none)
        close(methods["liftcam"]().weights(gap)[image], shapley)


def test_liftcams_closed_form_equals_its_multipliers(gap: LayerFeatures) -> None:
    lift = methods["liftcam"]()
    close(lift.weights(gap), lift.weights(replace(gap, _head=lambda: None, memo={})))


@pytest.mark.parametrize("score", ["prob", "logit"])
def test_shapcams_weights_add_up_to_the_score_without_the_layer(vgg: LayerFeatures, score: str) -> None:
    nothing = [
        vgg.query.logits_from("features.7", torch.zeros_like(vgg.activations[i : i + 1]), vgg.images[i])[0]
        for i in range(len(TARGETS))
    ]
    change = target_scores(vgg.logits, vgg.targets, score) - target_scores(torch.stack(nothing), vgg.targets, score)
    close(methods["shapcam"](samples=1, score=score).weights(vgg).sum(1), change)


def test_shapcam_is_liftcam_on_a_gap_head_with_the_logit(gap: LayerFeatures) -> None:
    closed = methods["shapcam"](score="logit").weights(gap)
    assert torch.equal(closed, methods["liftcam"]().weights(gap))
    close(methods["shapcam"](score="logit", samples=2).weights(replace(gap, _head=lambda: None)), closed)


@pytest.mark.parametrize("layer", LAYERS[TinyVGG])
def test_liftcams_weights_add_up_to_the_score_without_the_layer(layer: str) -> None:
    features = one_layer(make_net(TinyVGG), make_images(), TARGETS, layer)
    nothing = torch.stack(
        [
            features.query.logits_from(layer, torch.zeros_like(features.activations[i : i + 1]), features.images[i])[
                0, target
            ]
            for i, target in enumerate(TARGETS)
        ]
    )
    close(methods["liftcam"]().weights(features).sum(1), features.scores - nothing)


def test_deeplift_adds_up_from_the_image_through_smooth_activations() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.SiLU(inplace=True), nn.MaxPool2d(3, 2), nn.Conv2d(4, 4, 3), nn.GELU(), nn.Hardswish(),
        nn.ReLU6(inplace=True), nn.Flatten(), nn.Linear(4 * 12 * 12, 5), nn.Tanh(), nn.Linear(5, 5),
    ).double()  # fmt: skip
    images = make_images()
    features = replace(one_layer(net, images, TARGETS, "0"), name=INPUT, activations=images)
    with torch.no_grad():
        change = net(images) - net(torch.zeros_like(images))
    close((images * multipliers(features)).sum((1, 2, 3)), change.gather(1, features.targets[:, None])[:, 0])


@pytest.mark.parametrize("base", ["gradcam", "layercam", "gradcam_pp", "hirescam"])
def test_finercam_with_alpha_0_is_the_base_method(vgg: LayerFeatures, base: str) -> None:
    close(run("finercam", vgg, base=base, alpha=0.0), run(base, vgg))
    assert (run("finercam", vgg, base=base) - run(base, vgg)).abs().max() > 1e-3


def test_finercam_refuses_a_base_that_takes_more_than_one_pass(vgg: LayerFeatures) -> None:
    with pytest.raises(ConfigError, match=r"finercam cannot run base=scorecam.*choose one of .*gradcam"):
        run("finercam", vgg, base="scorecam")


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("cls", [TinyVGG, TinyGAP])
def test_integrated_gradients_add_up_to_the_change_of_the_score(cls: type[nn.Module]) -> None:
    net, images = make_net(cls), make_images()
    features = one_layer(net, images, TARGETS, INPUT)
    with torch.no_grad():
        change = (net(images) - net(torch.zeros_like(images))).gather(1, features.targets[:, None])[:, 0]
    total = methods["integratedgradients"](steps=400).attribution(features).sum((1, 2, 3))
    close(total, change, 2e-3)  # the gradient jumps at every kink on the way


@pytest.mark.parametrize("cls", [TinyVGG, TinyGAP])
def test_fullgrad_is_complete_on_relu_networks(cls: type[nn.Module]) -> None:
    features = one_layer(make_net(cls), make_images(), TARGETS, INPUT)
    result, biases = bias_gradients(features)
    total = (features.images * result.gradients[INPUT]).sum((1, 2, 3))
    for name, bias in biases.items():
        total = total + (bias[:, None, None] * result.gradients[name]).sum((1, 2, 3))
    close(total, features.scores)


def test_input_gradients_without_noise_are_the_vanilla_gradient() -> None:
    features = one_layer(make_net(TinyVGG), make_images(), TARGETS, INPUT)
    close(run("smoothgrad", features, noise=0.0, samples=2), run("vanillagrad", features))
    close(run("smoothgrad", features, noise=0.0, samples=2, statistic="squared"), run("vanillagrad", features).square())
    assert run("smoothgrad", features, noise=0.0, samples=2, statistic="var").abs().max() < 1e-20
    close(run("inputxgrad", features, abs=False), run("hirescam", features))


def test_smoothgradcam_pp_without_noise_is_gradcam_pp(vgg: LayerFeatures) -> None:
    close(run("smoothgradcam_pp", vgg, noise=0.0, samples=2, numerator="d2"), run("gradcam_pp", vgg))


def test_cameras_at_one_size_is_hirescams_positive_part(vgg: LayerFeatures) -> None:
    close(run("cameras", vgg, scales=1), run("hirescam", vgg, relu=True))


def test_clustermerge_with_a_cluster_for_each_channel_is_raw_scorecam_on_minmax_maps(vgg: LayerFeatures) -> None:
    scores = channel_scores(vgg, order="norm_after_up").probabilities
    expected = (scores[:, :, None, None] * minmax(vgg.activations)).sum(1)
    close(run("clustermerge", vgg, k=vgg.activations.shape[1]), expected)


def test_clustermerge_with_one_cluster_is_lafam_after_minmax(vgg: LayerFeatures) -> None:
    close(minmax(run("clustermerge", vgg, k=1)), minmax(run("lafam", vgg)))


@pytest.mark.parametrize("k", [2, 3, 5])
def test_clustermerge_does_not_depend_on_the_order_of_channels(vgg: LayerFeatures, k: int) -> None:
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    shuffled = replace(vgg, activations=vgg.activations[:, order], memo={})
    assert torch.equal(run("clustermerge", shuffled, k=k), run("clustermerge", vgg, k=k))


@pytest.mark.parametrize("gamma", [0.5, 2.0, 8.0])
def test_gamma_changes_no_region_of_a_single_layer_at_any_threshold(vgg: LayerFeatures, gamma: float) -> None:
    raw = run("layercam", vgg)
    scaled = fuse_layers(
        [raw], Fusion(gamma=gamma, scale="all"), names=["last"], last_side=raw.shape[-1], input_size=(32, 32)
    )
    for before, after in zip(raw, scaled, strict=True):
        assert before.amin() == 0
        regions = {tuple((before >= t).flatten().tolist()) for t in before.unique()}
        assert {tuple((after >= t).flatten().tolist()) for t in after.unique()} == regions


def test_cam_says_what_to_use_where_there_is_no_linear_head(vgg: LayerFeatures) -> None:
    with pytest.raises(
        HeadError, match=r"the method needs one linear layer after average pooling.*'features\.7'.*use gradcam"
    ):
        run("cam", vgg)


def test_layercam_finds_the_pool_behind_the_layer(vgg: LayerFeatures) -> None:
    found = run("layercam", vgg, grad_source="next_upsampled")
    assert torch.equal(found, run("layercam", vgg, grad_source="next_upsampled", pool="features.8"))
    assert (found - run("layercam", vgg)).abs().max() > 1e-3


def test_layercam_says_so_where_no_pool_follows(gap: LayerFeatures) -> None:
    with pytest.raises(ConfigError, match="none follows layer 'block'; name a layer with pool=NAME"):
        run("layercam", gap, grad_source="next_upsampled")


def test_rise_uses_the_same_masks_for_all_images_of_a_run() -> None:
    net, images = make_net(TinyVGG), make_images(1)
    twice = torch.cat([images, images])
    features = one_layer(net, twice, (1, 1), INPUT, gradients=False, image_ids=("one", "other"))
    first, second = run("rise", features, samples=8)
    close(first, second)
    other = one_layer(net, twice, (1, 1), INPUT, gradients=False, seed=1)
    assert (run("rise", other, samples=8)[0] - first).abs().max() > 1e-3
