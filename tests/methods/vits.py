"""Small transformers for the tests of attention, and what one layer of them gives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tests.models.conftest import wrap
from wsol.methods._base import methods
from wsol.methods._features import LayerFeatures
from wsol.models.forward import INPUT
from wsol.models.tokens import Grid, Grids
from wsol.testing import layer_features

CLASSES = 5
SIDE = 24
PATCH = 8  # 3 x 3 patches
WIDTH = 12
HEADS = 2
DEPTH = 3
TARGETS = (0, 3, 4)
KEYS = [key for key, cls in methods.items() if "attention" in cls.info.needs]  # of attention
READS = {  # by network, what its head reads
    "torchvision": "cls",
    "timm": "cls",
    "distilled": "distilled",
    "registers": "cls",
    "pooled": "pooled",
    "semantic": "semantic",
}


class OwnAttention(nn.Module):
    """Attention as a user may write it: it can be captured, for its probabilities go through `attn_drop`."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.attn_drop = nn.Dropout(0.5)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, count, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        weights = self.attn_drop((q @ k.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5).softmax(-1))
        return self.proj((weights @ v).transpose(1, 2).flatten(2))


class OwnBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = OwnAttention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SemanticViT(nn.Module):
    """A network that carries a semantic map, as TS-CAM's: patch tokens, a convolution to class maps, their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.cls = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.place = nn.Parameter(torch.zeros(1, 1 + (SIDE // PATCH) ** 2, WIDTH))
        self.blocks = nn.Sequential(*(OwnBlock() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Conv2d(WIDTH, CLASSES, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(x), -1, -1), tokens], 1) + self.place
        patches = self.norm(self.blocks(tokens))[:, 1:].transpose(1, 2)
        side = SIDE // PATCH
        return self.head(patches.reshape(len(x), WIDTH, side, side)).mean((2, 3))


def torchvision_vit(depth: int = DEPTH, heads: int = HEADS) -> nn.Module:
    import torchvision

    return torchvision.models.VisionTransformer(
        SIDE, PATCH, depth, heads, WIDTH, 2 * WIDTH, dropout=0.5, attention_dropout=0.5, num_classes=CLASSES
    )


def timm_vit(**options: object) -> nn.Module:
    """A timm network, 3 x 3 patches: class token and head unless the options say otherwise."""
    import timm

    distilled = options.pop("distilled", False)
    name = "deit_tiny_distilled_patch16_224" if distilled else "vit_tiny_patch16_224"
    small = {"img_size": SIDE, "patch_size": PATCH, "depth": DEPTH, "embed_dim": WIDTH, "num_heads": HEADS}
    made: nn.Module = timm.create_model(name, **small, mlp_ratio=2, num_classes=CLASSES, attn_drop_rate=0.5, **options)
    return made


NETS = {
    "torchvision": torchvision_vit,
    "timm": timm_vit,
    "distilled": lambda: timm_vit(distilled=True),
    "registers": lambda: timm_vit(reg_tokens=2, no_embed_class=True),
    "pooled": lambda: timm_vit(class_token=False, global_pool="avg"),
    "semantic": SemanticViT,
}


def make_vit(name: str, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    """A network of `NETS` with seeded weights, in eval mode."""
    return seeded(NETS[name](), seed=seed, dtype=dtype)


def seeded(net: nn.Module, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    net = net.double().eval()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
            norm = value.ndim == 1 and name.endswith("weight")
            fan_in = value[0].numel() if value.ndim in (2, 4) else 1
            # Weights wide enough for attention that is far from uniform.
            value.copy_(1 + 0.3 * noise if norm else 1.5 * noise / fan_in**0.5 if fan_in > 1 else 0.5 * noise)
    return net.to(dtype)


def make_images(count: int = 3, *, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, SIDE, SIDE, generator=generator, dtype=torch.float64).to(dtype)


def grids_of(module: nn.Module, images: Tensor) -> dict[str, Grid]:
    """How the tokens of each layer become a grid; the network's modes are left as they were."""
    modes = {part: part.training for part in module.modules()}
    known = Grids(wrap(module, input_size=images.shape[-1], num_classes=CLASSES))
    for part, mode in modes.items():
        part.training = mode
    return dict(known)


def one_layer(
    module: nn.Module, images: Tensor, targets: Sequence[int], layer: str = INPUT, *, chunk: int = 64
) -> LayerFeatures:
    """One layer, as the evaluation makes it."""
    known = grids_of(module, images)
    return layer_features(module, images, targets, [layer], gradients=layer != INPUT, chunk=chunk, grids=known)[0]


def near(got: Tensor, expected: Tensor, tolerance: float = 1e-9) -> bool:
    """Whether all values are equal, up to a share of the largest expected one."""
    return bool((got - expected).abs().max() <= tolerance * expected.abs().max())
