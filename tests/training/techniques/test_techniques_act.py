"""That each technique does what it is for: how much is erased, mixed, dropped, guided, and where."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tests.reference.training import TWINS
from tests.training.small import first_and_last_loss
from wsol.errors import ConfigError
from wsol.models.networks._adl import AttentionDropout, adl_layers
from wsol.models.zoo import load_classifier
from wsol.training.technique import TrainingBatch, techniques
from wsol.training.techniques.acol import ACoL
from wsol.training.techniques.adl import ADL
from wsol.training.techniques.cutmix import CutMix
from wsol.training.techniques.has import HaS
from wsol.training.techniques.spg import SPG, guide, guided


def network(head: str | None = None) -> nn.Module:
    options = {} if head is None else {"head": head}
    return load_classifier("shapes_vgg_gap", weights="random", **options).module.train()


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int = 4, side: int = 64) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 3, side, side, generator=drawn(1)), torch.arange(count)


def within(successes: int, draws: int, probability: float) -> bool:
    """Whether a count is within four deviations of the binomial distribution."""
    return abs(successes - draws * probability) <= 4 * math.sqrt(draws * probability * (1 - probability))


@pytest.mark.parametrize("rate", [0.0, 0.26, 0.5, 1.0])
def test_has_hides_squares_at_the_drop_rate(rate: float) -> None:
    generator, has = drawn(), HaS(grid_size=8, drop_rate=rate)
    images, labels = torch.ones(8, 3, 64, 64), torch.zeros(8, dtype=torch.long)
    hidden = draws = 0
    for _ in range(20):
        made = has.batch(images, labels, generator)
        squares = made.images.unfold(2, 8, 8).unfold(3, 8, 8)
        assert bool((squares == squares[..., :1, :1]).all()), "a square is hidden as a whole or not at all"
        assert bool((made.images == made.images[:, :1]).all()), "in all channels"
        hidden += int((squares[:, 0, :, :, 0, 0] == 0).sum())
        draws += 8 * 64
    assert within(hidden, draws, rate)


def test_has_cuts_squares_off_at_the_edge_and_leaves_the_rest_as_it_was() -> None:
    images, labels = batch(side=50)
    made = HaS(grid_size=32, drop_rate=0.5).batch(images, labels, drawn(2))
    visible = made.images != 0
    assert 0.2 < float(visible.double().mean()) < 0.8
    assert torch.equal(made.images[visible], images[visible])
    for rows in (slice(0, 32), slice(32, 50)):
        for columns in (slice(0, 32), slice(32, 50)):
            part = visible[:, :, rows, columns].flatten(1)
            assert bool((part.all(1) | ~part.any(1)).all())


@pytest.mark.parametrize("beta", [0.2, 1.0, 3.0])
def test_cutmix_has_the_share_of_pixels_that_stayed(beta: float) -> None:
    count, side = 5, 33
    images = torch.arange(count, dtype=torch.float32)[:, None, None, None].expand(count, 3, side, side)
    labels = 10 * torch.arange(count)
    generator, shares = drawn(), []
    for _ in range(30):
        made = CutMix(beta=beta).batch(images, labels, generator)
        assert made.other is not None
        for n, (own, other) in enumerate(zip(made.labels.tolist(), made.other.tolist(), strict=True)):
            stayed, moved = (int((made.images[n, 0] == label / 10).sum()) for label in (own, other))
            assert own == 10 * n
            if own != other:
                assert stayed + moved == side * side
                assert stayed / side**2 == pytest.approx(made.share, abs=1e-12)
        shares.append(made.share)
    assert len(set(shares)) > 5
    assert all(0 <= share <= 1 for share in shares)


def test_cutmix_mixes_batches_with_its_probability() -> None:
    images, labels = batch(side=16)
    generator = drawn()
    mixed = sum(CutMix(probability=0.3).batch(images, labels, generator).other is not None for _ in range(400))
    assert within(mixed, 400, 0.3)


def test_cutmix_s_loss_is_between_those_of_both_labels() -> None:
    net, (images, labels) = network(), batch()
    cutmix, other = CutMix(), labels.flip(0)
    first, second = (cutmix.loss(net, TrainingBatch(images, some)).item() for some in (labels, other))
    made = TrainingBatch(images, labels, other=other, share=0.25)
    assert cutmix.loss(net, made).item() == pytest.approx(0.25 * first + 0.75 * second, rel=1e-5)


def through_layers(drop_rate: float, threshold: float) -> list[tuple[Tensor, Tensor]]:
    """What each ADL layer was given and gave back in one step."""
    net, adl = network("adl"), ADL(drop_rate=drop_rate, threshold=threshold)
    adl.configure(net)
    seen: list[tuple[Tensor, Tensor]] = []
    for layer in adl_layers(net):
        layer.register_forward_hook(lambda module, args, output: seen.append((args[0].detach(), output.detach())))
    adl.loss(net, adl.batch(*batch(), drawn()))
    assert len(seen) == 3
    return seen


@pytest.mark.parametrize("threshold", [0.8, 0.95])
def test_adl_hides_the_cells_from_the_threshold_on(threshold: float) -> None:
    for given, made in through_layers(1.0, threshold):
        for image, result in zip(given, made, strict=True):
            attention = image.mean(0)
            hidden = attention >= threshold * attention.max()
            assert 0 < int(hidden.sum()) < hidden.numel()
            assert not result[:, hidden].any()
            assert torch.equal(result[:, ~hidden], image[:, ~hidden])


def test_adl_weighs_cells_by_the_sigmoid_of_their_mean_otherwise() -> None:
    for given, made in through_layers(0.0, 0.8):
        torch.testing.assert_close(made, given / (1 + (-given.mean(1, keepdim=True)).exp()))


def test_adl_drops_at_its_rate_each_layer_on_its_own() -> None:
    net, adl = network("adl"), ADL(drop_rate=0.3)
    adl.configure(net)
    generator, layers, patterns = drawn(), adl_layers(net), []
    images, labels = batch(1, 16)
    for _ in range(100):
        adl.loss(net, adl.batch(images, labels, generator))
        patterns.append(tuple(layer.drops for layer in layers))
    assert within(sum(map(sum, patterns)), 300, 0.3)
    assert len(set(patterns)) > 4


def test_adl_is_the_identity_in_eval_mode_and_before_it_is_configured() -> None:
    features = torch.rand(2, 3, 4, 4)
    layer = AttentionDropout()
    assert layer(features) is features
    layer.threshold, layer.drops = 0.5, True
    assert not torch.equal(layer(features), features)
    assert layer.eval()(features) is features


@pytest.mark.parametrize("threshold", [0.3, 0.9])
def test_acol_s_second_branch_sees_the_erased_region(threshold: float) -> None:
    net = network("acol")
    seen: dict[str, Tensor] = {}
    for name in ("classifier_A", "classifier_B"):
        net.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: seen.update({name: args[0].detach(), f"{name} maps": output})
        )
    images, labels = batch()
    ACoL(threshold=threshold).loss(net, TrainingBatch(images, labels))
    for n, label in enumerate(labels):
        shown = seen["classifier_A maps"][n, label].detach()
        strong = shown - shown.min() >= threshold * (shown.max() - shown.min())
        features, erased = seen["classifier_A"][n], seen["classifier_B"][n]
        assert 0 < int(strong.sum()) < strong.numel()
        assert features[:, strong].any()
        assert not erased[:, strong].any()
        assert torch.equal(erased[:, ~strong], features[:, ~strong])


def test_spg_s_guides_follow_both_thresholds() -> None:
    scores = torch.rand(3, 1, 40, 40, generator=drawn())
    guides = guide(scores, 0.7, 0.2)
    assert torch.equal(guides == 1, scores > 0.7)
    assert torch.equal(guides == 0, scores < 0.2)
    assert torch.equal(guides == -1, (scores >= 0.2) & (scores <= 0.7))


def test_spg_takes_the_strongest_pixels_where_fewer_than_thirty_are_above_the_threshold() -> None:
    scores = torch.full((2, 1, 20, 20), 0.3)
    scores.flatten(1)[0, :29] = 0.9
    scores.flatten(1)[1, :30] = 0.9
    scores[:, :, 10] = 0.65  # above 0.7 of the maximum, and below the threshold
    guides = guide(scores, 0.8, 0.1)
    assert (guides == 1).sum((1, 2, 3)).tolist() == [49, 30]


def test_a_flat_map_guides_nothing() -> None:
    guides = guide(torch.full((1, 1, 8, 8), float("nan")), 0.7, 0.2)
    assert bool((guides == -1).all())
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    loss = guided(logits, guides)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_spg_s_unknown_pixels_have_no_gradient() -> None:
    guides = guide(torch.rand(2, 1, 20, 20, generator=drawn()), 0.7, 0.2)
    logits = torch.zeros(2, 1, 20, 20, requires_grad=True)
    guided(logits, guides).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, guides != -1)
    assert float(logits.grad[guides == 1].max()) < 0 < float(logits.grad[guides == 0].min())


@pytest.mark.parametrize("key", ["acol", "spg", "adl"])
def test_a_network_without_the_head_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"technique {key} needs .*, and VGGGAP has .*; give .* model.head={key}"):
        techniques[key]().configure(network())


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"technique.has.drop_rate=1.5 is out of range"):
        HaS(drop_rate=1.5)
    with pytest.raises(ConfigError, match=r"technique.spg.l2=0.6 is above h2=0.5; give a lower one"):
        SPG(l2=0.6)


@pytest.mark.parametrize("key", TWINS)
def test_steps_lower_the_loss(key: str) -> None:
    net, technique = network(techniques[key].info.head), techniques[key]()
    technique.configure(net)
    images, labels = batch()
    first, last = first_and_last_loss(net, technique, lambda: technique.batch(images, labels, drawn(3)))
    assert last < first


def test_a_technique_without_a_head_trains_a_network_with_one() -> None:
    for head in ("acol", "spg", "adl"):
        net, cam = network(head), techniques["cam"]()
        cam.configure(net)
        cam.loss(net, cam.batch(*batch(), drawn())).backward()
        assert net.features[0].weight.grad.abs().max() > 0


@pytest.mark.parametrize("key", TWINS)
def test_half_precision_gives_nearly_the_same_loss(key: str) -> None:
    technique, (images, labels) = techniques[key](), batch()
    losses = []
    for half in (False, True):
        torch.manual_seed(0)
        net = network(techniques[key].info.head)
        technique.configure(net)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            losses.append(technique.loss(net, technique.batch(images, labels, drawn(3))))
    assert losses[1].dtype == torch.float32
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=0.02)
