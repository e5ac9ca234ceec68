"""Methods of transformers against their naive twins, the identities of their formulas, and any CAM on tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.methods.vits import (
    HEADS,
    NETS,
    READS,
    SIDE,
    TARGETS,
    SemanticViT,
    make_images,
    make_vit,
    near,
    one_layer,
    seeded,
    timm_vit,
    torchvision_vit,
)
from tests.reference.methods import CASES, TWINS, TwinCase
from tests.reference.methods_attention import run, weights_of
from wsol.errors import ConfigError, HeadError, LayerError
from wsol.methods._base import methods
from wsol.methods._common import attention as attending
from wsol.models.attention import capture_attention

ON_VITS = [chosen for chosen in CASES if chosen.net in NETS]


@pytest.mark.default_cases(14)
@pytest.mark.parametrize("chosen", ON_VITS, ids=str)
def test_a_method_is_its_naive_twin(chosen: TwinCase) -> None:
    module, images = make_vit(chosen.net), make_images()
    weights = weights_of(module, READS[chosen.net], HEADS)
    method = methods[chosen.key](**chosen.options)
    raw = method(one_layer(module, images, TARGETS))
    rough = method(one_layer(make_vit(chosen.net, dtype=torch.float32), images.float(), TARGETS))
    assert raw.shape == (3, 3, 3)
    assert bool(raw.any())
    for i, target in enumerate(TARGETS):
        expected = torch.from_numpy(TWINS[chosen.key](weights, images[i].numpy(), target, **chosen.options))
        assert near(raw[i], expected)
        assert near(rough[i].double(), expected, 1e-4)


# identities


@pytest.mark.parametrize("make", [torchvision_vit, timm_vit], ids=["torchvision", "timm"])
def test_rollout_of_one_layer_with_one_head_is_its_attention(make: Any) -> None:
    options = {"depth": 1, "num_heads": 1} if make is timm_vit else {"depth": 1, "heads": 1}
    features = one_layer(seeded(_small(make, options)), make_images(), TARGETS)
    attention, rollout = methods["lastattention"]()(features), methods["rollout"]()(features)
    assert near(2 * rollout, attention)  # the skip connection takes the other half, and none of it to the patches
    assert near(rollout / rollout.sum((1, 2), keepdim=True), attention / attention.sum((1, 2), keepdim=True))


def _small(make: Any, options: dict[str, int]) -> nn.Module:
    if make is torchvision_vit:
        return torchvision_vit(**options)
    import timm

    made: nn.Module = timm.create_model(
        "vit_tiny_patch16_224", img_size=SIDE, patch_size=8, embed_dim=12, num_classes=5, **options
    )
    return made


def test_rollout_is_the_papers_half_and_half() -> None:
    module, images = make_vit("timm"), make_images()
    with capture_attention(module, gradients=False) as forward:
        layers = forward(images).probabilities
    joined = torch.eye(10, dtype=torch.float64).expand(3, 10, 10)
    for a in layers:
        joined = (0.5 * a.mean(1) + 0.5 * torch.eye(10)) @ joined
    assert near(methods["rollout"]()(one_layer(module, images, TARGETS)).flatten(1), joined[:, 0, 1:])


def test_a_rollout_that_discards_nothing_to_speak_of_is_the_rollout() -> None:
    features = one_layer(make_vit("timm"), make_images(), TARGETS)
    assert torch.equal(
        methods["rollout"](discard=0.009)(features), methods["rollout"]()(features)
    )  # less than one of 100


def test_uniform_attention_is_kept_whole_whatever_is_discarded() -> None:
    module = make_vit("timm")
    with torch.no_grad():
        for block in module.blocks:
            block.attn.qkv.weight[:24] = 0  # queries and keys
            block.attn.qkv.bias[:24] = 0
    features = one_layer(module, make_images(), TARGETS)
    assert near(methods["rollout"](discard=0.5)(features), methods["rollout"]()(features))


def test_generic_attention_of_one_layer_is_positive_gradient_times_attention() -> None:
    module, images = seeded(torchvision_vit(depth=1)), make_images()
    with capture_attention(module) as forward:
        features = forward(images, torch.tensor(TARGETS))
    expected = (features.gradients[0] * features.probabilities[0]).relu().mean(1)[:, 0, 1:]
    assert near(methods["genericattention"]()(one_layer(module, images, TARGETS)).flatten(1), expected)


@pytest.mark.parametrize("name", ["torchvision", "distilled", "pooled", "semantic"])
def test_the_last_layers_part_of_legrad_is_the_gradient_of_the_score_itself(name: str) -> None:
    module, images = make_vit(name), make_images()
    with capture_attention(module) as forward:
        last = forward(images, torch.tensor(TARGETS)).gradients[-1]
    expected = last.relu().mean((1, 2))[:, -9:]
    raw = methods["legrad"](pool="head", start=-1)(one_layer(module, images, TARGETS))
    assert near(raw.flatten(1), expected)


def test_with_equal_attention_tscam_is_the_semantic_map() -> None:
    module = make_vit("semantic")
    with torch.no_grad():
        for block in module.blocks:
            block.attn.qkv.weight[:24] = 0
            block.attn.qkv.bias[:24] = 0
    features = one_layer(module, make_images(), TARGETS)
    kept: list[Tensor] = []
    handle = module.head.register_forward_hook(lambda *given: kept.append(given[2].detach()))
    module(features.images)
    handle.remove()
    expected = kept[0][torch.arange(3), torch.tensor(TARGETS)]
    assert near(methods["tscam"]()(features), expected / 10)  # of ten tokens
    assert near(expected.mean((1, 2)), features.scores)


def test_the_head_is_seen_to_read_class_tokens_or_patches() -> None:
    read = {name: attending.tokens_of(one_layer(make_vit(name), make_images(1), [0])) for name in NETS}
    assert {name: (tokens.prefix, tokens.side) for name, tokens in read.items()} == {
        "torchvision": (1, 3),
        "timm": (1, 3),
        "distilled": (2, 3),
        "registers": (3, 3),
        "pooled": (0, 3),
        "semantic": (1, 3),
    }
    first = {name: np.flatnonzero(tokens.readers.numpy()).tolist() for name, tokens in read.items()}
    assert first["torchvision"] == first["timm"] == first["registers"] == [0]
    assert first["distilled"] == [0, 1]
    assert first["pooled"] == list(range(9))
    assert first["semantic"] == list(range(1, 10))
    assert all(float(tokens.readers.sum()) == pytest.approx(1) for tokens in read.values())


def test_a_head_of_zeros_hides_nothing_from_the_methods_without_gradients() -> None:
    module = make_vit("torchvision", dtype=torch.float32)  # torchvision's untrained one has such a head
    nn.init.zeros_(module.heads.head.weight)
    nn.init.zeros_(module.heads.head.bias)
    features = one_layer(module, make_images(dtype=torch.float32), TARGETS)
    assert bool((methods["rollout"]()(features) > 0).all())
    assert not methods["genericattention"]()(features).any()


# what is refused


def test_tscam_refuses_a_network_without_a_semantic_map() -> None:
    with pytest.raises(HeadError, match="this network has none; use genericattention"):
        methods["tscam"]()(one_layer(make_vit("timm"), make_images(), TARGETS))
    with pytest.raises(HeadError, match="needs a class token"):
        methods["tscam"]()(one_layer(make_vit("pooled"), make_images(), TARGETS))


def test_a_convolution_to_classes_that_does_not_give_the_logits_is_no_semantic_map() -> None:
    module = make_vit("semantic")
    handle = module.register_forward_hook(lambda *given: given[2] * 1.001)
    with pytest.raises(HeadError, match="whose mean is the logits"):
        methods["tscam"]()(one_layer(module, make_images(), TARGETS))
    handle.remove()


def test_options_out_of_range_are_refused() -> None:
    for discard in (-0.1, 1.0):
        with pytest.raises(
            ConfigError, match=rf"rollout\.discard={discard:g} is out of range; give 0 or more and below 1"
        ):
            methods["rollout"](discard=discard)
    features = one_layer(make_vit("semantic"), make_images(1), [0])
    for start in (3, -4):
        with pytest.raises(ConfigError, match=f"start={start} is not one of the 3 layers"):
            methods["legrad"](start=start)(features)


def test_legrad_refuses_blocks_that_are_not_in_one_list() -> None:
    class Two(SemanticViT):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(nn.Sequential(self.blocks[0], self.blocks[1]), nn.Sequential(self.blocks[2]))

    module = seeded(Two())
    with pytest.raises(LayerError, match=r"legrad: .* use rollout"):
        methods["legrad"]()(one_layer(module, make_images(1), [0]))
    assert methods["rollout"]()(one_layer(module, make_images(1), [0])).shape == (1, 3, 3)


def test_legrad_puts_its_blocks_back_when_the_head_fails() -> None:
    module = make_vit("semantic")
    features = one_layer(module, make_images(1), [0])
    expected = methods["legrad"]()(features)
    calls: list[int] = []

    def stop(*_: object) -> None:
        calls.append(1)
        if len(calls) == 3:  # the first is the network's own, with all blocks run
            raise ZeroDivisionError

    handle = module.head.register_forward_hook(stop)
    with pytest.raises(ZeroDivisionError):
        methods["legrad"]()(features)
    handle.remove()
    assert not any("forward" in vars(part) or part._forward_hooks for part in module.modules())
    assert torch.equal(methods["legrad"]()(features), expected)


def test_tokens_that_are_no_square_are_refused() -> None:
    module = timm_vit(class_token=False, global_pool="avg").double()
    features = one_layer(module, make_images(1), [0])
    features.query.grids = {}
    with pytest.raises(LayerError, match=r"the 9 tokens of 'blocks\.2\.attn' are no square grid of patches; use"):
        methods["rollout"]()(features)


# any CAM on tokens


@pytest.mark.parametrize(
    ("name", "layer"), [("torchvision", "encoder.layers.encoder_layer_1"), ("distilled", "blocks.1")]
)
def test_a_cam_on_tokens_is_its_formula_on_the_patches(name: str, layer: str) -> None:
    module, images = make_vit(name), make_images()
    features = one_layer(module, images, TARGETS, layer)
    weights = weights_of(module, READS[name], HEADS)
    for i, target in enumerate(TARGETS):
        tokens, slopes = _tokens_and_slopes(weights, images[i], target)
        patches, g = tokens[weights.prefix :], slopes[weights.prefix :]
        gradcam = (patches @ g.mean(0)).reshape(3, 3)
        layercam = (g.relu() * patches).sum(1).relu().reshape(3, 3)
        assert near(methods["gradcam"](relu=False)(features)[i], gradcam)
        assert near(methods["layercam"]()(features)[i], layercam)


def test_before_the_last_attention_gradient_times_residual_stream_is_nothing() -> None:
    # A layer norm does not care for the size of what it gets, so the gradient is at right angles to it: a reason to
    # look at the norm behind it, as `last` does.
    module, images = make_vit("timm"), make_images()
    stream, normed = (one_layer(module, images, TARGETS, layer) for layer in ("blocks.1", "blocks.2.norm1"))
    raw = methods["hirescam"]()(stream)
    assert raw.abs().max() < 1e-4 * (stream.gradients * stream.activations).abs().sum(1).max()
    assert methods["hirescam"]()(normed).abs().max() > 0.1 * (normed.gradients * normed.activations).abs().sum(1).max()


def _tokens_and_slopes(weights: Any, image: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Tokens behind the second of three blocks and the gradient of the logit, by hand."""
    from tests.reference.methods_attention import attend, mlp, read

    tokens = run(weights, image.numpy()).tokens[1].detach().requires_grad_()
    block = weights.blocks[2]
    zero = torch.zeros(HEADS, len(tokens), len(tokens), dtype=torch.float64)
    after = tokens + attend(tokens, block, HEADS, zero)[0]
    after = torch.stack([t + mlp(t, block) for t in after])
    (slopes,) = torch.autograd.grad(read(weights, after)[target], tokens)
    return tokens.detach(), slopes


@pytest.mark.parametrize("name", ["torchvision", "distilled"])
def test_recipro_cam_keeps_one_window_of_patches_and_the_class_token(name: str) -> None:
    module, images = make_vit(name), make_images(1)
    layer = "encoder.layers.encoder_layer_1" if name == "torchvision" else "blocks.1"
    raw = methods["reciprocam"](kernel="gauss3")(one_layer(module, images, [2], layer))
    prefix = 2 if name == "distilled" else 1
    window = {0: 1 / 4, 1: 1 / 8, 2: 1 / 16}
    for row in range(3):
        for column in range(3):

            def masked(part: nn.Module, args: Any, output: Tensor, at: tuple[int, int] = (row, column)) -> Tensor:
                kept = torch.zeros_like(output)
                kept[:, :prefix] = output[:, :prefix]
                for i in range(3):
                    for j in range(3):
                        away = abs(i - at[0]) + abs(j - at[1])
                        if max(abs(i - at[0]), abs(j - at[1])) <= 1:
                            kept[:, prefix + 3 * i + j] = window[away] * output[:, prefix + 3 * i + j]
                return kept

            handle = module.get_submodule(layer).register_forward_hook(masked)
            with torch.no_grad():
                expected = module(images)[0, 2]
            handle.remove()
            assert float(raw[0, row, column]) == pytest.approx(float(expected), rel=1e-9)
