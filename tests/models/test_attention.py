"""What is seen of attention: against softmax by hand, against finite differences, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.methods.nets import TinyVGG
from tests.methods.vits import CLASSES, DEPTH, HEADS, NETS, READS, make_images, make_vit, seeded
from tests.reference.methods_attention import gradients, run, weights_of
from wsol.errors import LayerError
from wsol.models.attention import capture_attention

TARGETS = torch.tensor([0, 3, 4])


@pytest.fixture(params=NETS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def close(got: Tensor, expected: Tensor, tolerance: float) -> bool:
    return bool((got - expected).abs().max() <= tolerance * expected.abs().max())


def test_attention_and_its_gradients_are_those_computed_by_hand(name: str) -> None:
    net, images = make_vit(name), make_images()
    with capture_attention(net) as forward:
        result = forward(images, TARGETS)
    weights = weights_of(net, READS[name], HEADS)
    for i, target in enumerate(TARGETS.tolist()):
        found = run(weights, images[i].numpy())
        assert close(result.logits[i], found.logits, 1e-12)
        for layer, (a, g) in enumerate(zip(found.attention, gradients(found, found.logits[target]), strict=True)):
            assert close(result.probabilities[layer][i], a, 1e-12)
            assert close(result.gradients[layer][i], torch.from_numpy(g), 1e-9)
            assert np.abs(g).max() > 1e-3


def test_the_hand_written_gradient_is_the_slope_of_the_score() -> None:
    weights = weights_of(make_vit("timm"), "cls", HEADS)
    image = make_images(1)[0].numpy()
    found = run(weights, image)
    slopes = gradients(found, found.logits[2])
    draw = np.random.default_rng(0)
    step = [1e-5 * draw.standard_normal(g.shape) for g in slopes]
    ahead, behind = (run(weights, image, [sign * s for s in step]).logits[2].detach() for sign in (1, -1))
    expected = sum(float((g * s).sum()) for g, s in zip(slopes, step, strict=True))
    assert float(ahead - behind) / 2 == pytest.approx(expected, rel=1e-7)


def test_every_row_of_attention_sums_to_one(name: str) -> None:
    with capture_attention(make_vit(name), gradients=False) as forward:
        result = forward(make_images())
    assert len(result.names) == len(result.probabilities) == DEPTH
    assert result.gradients == ()
    for a in result.probabilities:
        assert a.shape[:2] == (3, HEADS)
        assert a.shape[2] == a.shape[3]
        assert bool((a >= 0).all())
        assert close(a.sum(-1), torch.ones_like(a[..., 0]), 1e-12)
        assert float(a.std()) > 0.03  # far from uniform, or these tests see nothing


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
@pytest.mark.parametrize("slopes", [False, True])
def test_looking_changes_no_logits(name: str, dtype: torch.dtype, tolerance: float, slopes: bool) -> None:
    net, images = make_vit(name, dtype=dtype), make_images(dtype=dtype)
    with torch.no_grad():
        plain = net(images)
    with capture_attention(net, gradients=slopes) as forward:
        result = forward(images, TARGETS)
    assert close(result.logits, plain, tolerance)
    with torch.no_grad():
        assert torch.equal(net(images), plain)  # and afterwards the same kernels run as before


def test_one_image_is_seen_as_in_a_batch(name: str) -> None:
    net, images = make_vit(name), make_images()
    with capture_attention(net) as forward:
        batch = forward(images, TARGETS)
        for i in range(3):
            alone = forward(images[i : i + 1], TARGETS[i : i + 1])
            for one, many in zip(
                alone.probabilities + alone.gradients, batch.probabilities + batch.gradients, strict=True
            ):
                assert close(one[0], many[i], 1e-12)


class StopHereError(Exception):
    pass


@pytest.mark.parametrize("fails", [False, True])
def test_the_network_comes_back_as_it_was(name: str, fails: bool) -> None:
    net, images = make_vit(name).train(), make_images()
    next(net.parameters()).requires_grad_(False)
    norm = next(module for module in net.modules() if isinstance(module, nn.LayerNorm))
    norm.eval()

    def state() -> tuple[object, ...]:
        modules = list(net.named_modules())
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for _, m in modules]
        modes = [(n, m.training, getattr(m, "fused_attn", None), "forward" in vars(m)) for n, m in modules]
        frozen = [p.requires_grad for p in net.parameters()]
        return modes, hooks, frozen, torch.backends.mha.get_fastpath_enabled(), torch.is_grad_enabled()

    before = state()
    assert torch.backends.mha.get_fastpath_enabled()
    if name in ("timm", "distilled", "registers", "pooled"):
        assert any(getattr(m, "fused_attn", False) for m in net.modules())  # there is something to put back

    def stop(*_: object) -> None:
        raise StopHereError

    if fails:
        handle = norm.register_forward_hook(stop)
        with pytest.raises(StopHereError), capture_attention(net) as forward:
            forward(images, TARGETS)
        handle.remove()
    else:
        with capture_attention(net) as forward:
            first = forward(images, TARGETS)
            assert all(
                torch.equal(a, b) for a, b in zip(first.gradients, forward(images, TARGETS).gradients, strict=True)
            )
    assert state() == before
    assert all(p.grad is None for p in net.parameters())
    assert not images.requires_grad


class Curious(nn.Module):
    """A network that uses the weights its attention returns."""

    def __init__(self, averaged: bool) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 8, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.averaged = averaged
        self.head = nn.Linear(9, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        out, weights = self.attention(tokens, tokens, tokens, average_attn_weights=self.averaged)
        assert weights.ndim == (3 if self.averaged else 4)
        again, none = self.attention(out, out, out, None, False)
        assert none is None
        looked = weights[:, 0] if self.averaged else weights[:, :, 0].square().sum(1)
        return self.head(looked) + again.mean((1, 2))[:, None]


@pytest.mark.parametrize("averaged", [True, False])
def test_who_asks_for_weights_gets_those_asked_for(averaged: bool) -> None:
    net, images = seeded(Curious(averaged)), make_images()
    with capture_attention(net) as forward:
        result = forward(images, TARGETS)
    assert close(result.logits, net(images).detach(), 1e-12)
    assert result.names == ("attention", "attention")  # it ran twice, and both are seen
    assert not torch.equal(*result.probabilities)


def test_other_attention_is_refused_with_what_to_use_instead() -> None:
    import timm
    import torchvision

    with pytest.raises(LayerError, match=r"^TinyVGG has no attention that can be seen .*; use .* such as gradcam"):
        capture_attention(TinyVGG()).__enter__()
    swin = torchvision.models.SwinTransformer([4, 4], 8, [1, 1], [1, 1], [4, 4], num_classes=CLASSES)
    with pytest.raises(LayerError, match=r"^SwinTransformer has no attention that can be seen"):
        capture_attention(swin).__enter__()
    windowed = {"embed_dim": 8, "depths": (1, 1), "num_heads": (1, 1), "img_size": 56, "num_classes": CLASSES}
    channels = {"img_size": 32, "patch_size": 16, "embed_dim": 8, "depth": 1, "num_heads": 2, "num_classes": CLASSES}
    for architecture, options, side, where in [
        ("swin_tiny_patch4_window7_224", windowed, 56, "layers.0.blocks.0.attn"),
        ("xcit_nano_12_p16_224", channels, 32, "blocks.0.attn"),
    ]:
        net = timm.create_model(architecture, **options).eval()
        with (
            capture_attention(net, gradients=False) as forward,
            pytest.raises(
                LayerError, match=f"the attention of '{where}' is not from every token of an image .* gradcam"
            ),
        ):
            forward(torch.zeros(2, 3, side, side))


class AcrossChannels(nn.Module):
    """Square attention all the same, but between channels (XCiT)."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 8, 8)
        self.channels = nn.Module()
        self.channels.attn_drop = nn.Dropout()
        self.channels.forward = lambda x: self.channels.attn_drop((x @ x.mT).softmax(-1))[:, 0] @ x  # type: ignore[assignment]
        self.head = nn.Linear(9, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.channels(self.patch(x).flatten(2)[:, None]).mean(1))


def test_attention_between_channels_is_refused() -> None:
    net = seeded(AcrossChannels())
    with (
        capture_attention(net) as forward,
        pytest.raises(LayerError, match="the attention of 'channels' is not from every"),
    ):
        forward(make_images(), TARGETS)


def test_as_many_targets_as_images_are_needed() -> None:
    with capture_attention(make_vit("semantic")) as forward:
        with pytest.raises(ValueError, match="3 images need as many targets, not 2"):
            forward(make_images(), TARGETS[:2])
        with pytest.raises(ValueError, match="not None"):
            forward(make_images())


def test_without_gradients_no_graph_is_built() -> None:
    net = make_vit("timm")
    graphs: list[bool] = []
    net.head.register_forward_hook(lambda *given: graphs.append(given[2].requires_grad))
    for slopes in (False, True):
        with capture_attention(net, gradients=slopes) as forward:
            result = forward(make_images(1), TARGETS[:1])
        assert not any(t.requires_grad for t in (result.logits, *result.probabilities, *result.gradients))
    assert graphs == [False, True]


def test_bfloat16_autocast_gives_float32() -> None:
    for name in ("torchvision", "timm"):
        net = make_vit(name, dtype=torch.float32)
        with torch.autocast("cpu", torch.bfloat16), capture_attention(net) as forward:
            result = forward(make_images(dtype=torch.float32), TARGETS)
        tensors = (result.logits, *result.probabilities, *result.gradients)
        assert {t.dtype for t in tensors} == {torch.float32}
        assert all(bool(t.isfinite().all()) for t in tensors)
        assert all(bool(g.any()) for g in result.gradients)
