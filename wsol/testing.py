"""What every method must keep, whatever it computes: one function per rule, which returns what is broken, or None.

Our tests try every registered method on small networks; `wsol doctor method=my_cam --with my_cam.py` tries yours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, cast

import torch

from wsol.methods._base import JointMethod, Method, MethodInfo
from wsol.methods._features import LayerFeatures
from wsol.models.cost import Memo
from wsol.models.forward import INPUT, capture
from wsol.models.heads import head_behind
from wsol.models.query import ModelQuery
from wsol.options import options_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol.models.heads import Head
    from wsol.models.tokens import Grid

ROUNDING = 1e-9  # of the map's largest value: in float64, sums of another batch may be added up in another order


@dataclass(frozen=True)
class Trial:
    """A method on a network: what a rule may run.

    Attributes
    ----------
    images, targets : (B, 3, h, w) in float64, and B classes; B > 1.
    layers : dotted module names, shallow to deep.
    grids : by layer, how tokens become a grid (transformers).
    """

    method: Method
    module: nn.Module
    images: Tensor
    targets: tuple[int, ...]
    layers: tuple[str, ...]
    grids: dict[str, Grid] = field(default_factory=dict)

    @property
    def info(self) -> MethodInfo:
        return self.method.info

    def raw(self, images: Tensor | None = None, *, of: slice = slice(None), seed: int = 0, chunk: int = 64) -> Tensor:
        """The raw maps of a fresh pass over the images `of` the batch, or over `images` in their place."""
        given = self.images if images is None else images
        all_features = layer_features(
            self.module,
            given[of].clone(),  # a method that changes its images is found by its own rule, and by that alone
            self.targets[of],
            self.layers,
            gradients="gradients" in self.info.needs,
            seed=seed,
            chunk=chunk,
            image_ids=[f"image{i}" for i in range(len(given))][of],
            grids=self.grids,
        )
        return applied(self.method, all_features)


def applied(method: Method, all_features: Sequence[LayerFeatures]) -> Tensor:
    """The raw map of a method that takes one layer or all of them."""
    if method.info.joint:
        return cast(JointMethod, method).joint(all_features)
    return method(all_features[0])


def layer_features(
    module: nn.Module,
    images: Tensor,
    targets: Sequence[int],
    layers: Sequence[str],
    *,
    gradients: bool = True,
    seed: int = 0,
    chunk: int = 64,
    image_ids: Sequence[str] | None = None,
    grids: dict[str, Grid] | None = None,
    black: Sequence[float] | None = None,
) -> list[LayerFeatures]:
    """One pass over several layers, as the evaluation makes it: one `LayerFeatures` per layer, with one shared memo."""
    classes = torch.tensor(targets, device=images.device)
    captured = [layer for layer in layers if layer != INPUT or gradients]
    with capture(module, captured, gradients=gradients, grids={} if grids is None else grids) as forward:
        result = forward(images, classes)
    query = ModelQuery(module, grids=grids, chunk=chunk, black=black)
    memo: Memo = {}

    @cache
    def head_of(layer: str) -> Head | None:
        return None if layer == INPUT else head_behind(module, layer, images, grids=grids)

    return [
        LayerFeatures(
            name=layer,
            activations=result.activations.get(layer, images),
            _gradients=result.gradients.get(layer),
            logits=result.logits,
            targets=classes,
            images=images,
            image_ids=tuple(image_ids or (f"image{i}" for i in range(len(images)))),
            seed=seed,
            _head=partial(head_of, layer),
            query=query,
            memo=memo,
        )
        for layer in layers
    ]


def broken_map(raw: Tensor, count: int) -> str | None:
    """What is wrong with raw maps of `count` images."""
    if not isinstance(raw, torch.Tensor) or raw.ndim != 3 or len(raw) != count:
        shape = tuple(raw.shape) if isinstance(raw, torch.Tensor) else type(raw).__name__
        return f"{count} images gave {shape}; return a tensor of shape (images, height, width)"
    if raw.dtype not in (torch.float32, torch.float64):
        return f"the map is {raw.dtype}; return float32 or float64"
    if raw.requires_grad:
        return "the map carries a gradient; detach it, or compute it under torch.no_grad()"
    if not bool(raw.isfinite().all()):
        return f"{int((~raw.isfinite()).sum())} of {raw.numel()} values are NaN or infinite; check for division by zero"
    return None


def gives_a_map(trial: Trial) -> str | None:
    """One finite map (height, width) per image, without a gradient."""
    return broken_map(trial.raw(), len(trial.images))


def constant_images_give_a_map(trial: Trial) -> str | None:
    """Images of one color give finite maps too."""
    values = torch.linspace(-2.5, 1, len(trial.images), dtype=trial.images.dtype, device=trial.images.device)
    return broken_map(trial.raw(values[:, None, None, None].expand_as(trial.images).clone()), len(trial.images))


def one_image_is_as_in_a_batch(trial: Trial) -> str | None:
    """The map of an image does not depend on the other images of its batch."""
    batch = trial.raw()
    for i in range(len(trial.images)):
        if not _near(trial.raw(of=slice(i, i + 1))[0], batch[i]):
            return f"image {i} alone gives another map than in a batch of {len(trial.images)}"
    return None


def chunks_change_nothing(trial: Trial) -> str | None:
    """The map does not depend on how many forward passes run at a time."""
    return None if _near(trial.raw(chunk=2), trial.raw()) else "two forward passes at a time give another map than 64"


def twice_is_the_same(trial: Trial) -> str | None:
    """The same pass gives the same bits, whatever was drawn from torch's global generator before."""
    first = trial.raw()
    torch.rand(7)
    if torch.equal(trial.raw(), first):
        return None
    return "the same pass twice gives two maps; draw random numbers from layer.generators()"


def randomness_is_declared(trial: Trial) -> str | None:
    """A method whose map depends on the run's seed declares stochastic=True."""
    if trial.info.stochastic or torch.equal(trial.raw(seed=1), trial.raw()):
        return None
    return "another seed gives another map; declare stochastic=True"


def inputs_are_not_modified(trial: Trial) -> str | None:
    """Activations, gradients, logits, classes and images are not changed, and the map is not a view of them."""
    gradients = "gradients" in trial.info.needs
    all_features = layer_features(
        trial.module, trial.images.clone(), trial.targets, trial.layers, gradients=gradients, grids=trial.grids
    )
    before = [
        tuple(
            t.clone() if isinstance(t, torch.Tensor) else None
            for t in (s.activations, s._gradients, s.logits, s.targets, s.images)
        )
        for s in all_features
    ]
    applied(trial.method, all_features).add_(1)
    for features, kept in zip(all_features, before, strict=True):
        for name, was in zip(("activations", "gradients", "logits", "targets", "images"), kept, strict=True):
            if was is not None and not torch.equal(getattr(features, name), was):
                return f"layer.{name} is changed, or the map is a view of it; copy first"
    return None


def model_is_not_modified(trial: Trial) -> str | None:
    """Mode, `requires_grad`, weights and hooks are as before, and train mode does not change the map."""
    module, expected = trial.module, trial.raw()
    parameters = dict(module.named_parameters())
    before = {name: (part.training, hooks(part)) for name, part in module.named_modules()}
    wanted = {name: parameter.requires_grad for name, parameter in parameters.items()}
    values = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        module.train()
        for parameter in list(parameters.values())[:2]:
            parameter.requires_grad_(False)
        if not torch.equal(trial.raw(), expected):
            return "a network in train mode gives another map; query it through layer.query"
        if not all(part.training for part in module.modules()):
            return "the network is not left in train mode"
        if any(p.requires_grad for p in list(parameters.values())[:2]) or any(
            parameter.grad is not None for parameter in parameters.values()
        ):
            return "requires_grad or .grad of parameters is changed"
    finally:
        for name, part in module.named_modules():
            part.training = before[name][0]
        for name, parameter in parameters.items():
            parameter.requires_grad_(wanted[name])
    if any(not torch.equal(value, values[name]) for name, value in module.state_dict().items()):
        return "weights or batch-norm statistics are changed"
    if any(hooks(part) != before[name][1] for name, part in module.named_modules()):
        return "a hook is left on the network"
    return None


def is_described(trial: Trial) -> str | None:
    """A first line `Name: what it does`, a formula, and help for every option."""
    info = trial.info
    if not info.summary:
        return "the docstring's first line is not `Name: what it does`"
    if "=" not in info.formula:
        return "the docstring has no formula, such as M = ReLU(sum_k w_k A_k), in its second paragraph"
    silent = [option.name for option in options_of(type(trial.method)) if not option.help]
    return f"option {silent[0]} has no help; write {silent[0]} = option(DEFAULT, help=...)" if silent else None


def hooks(module: nn.Module) -> int:
    """Hooks on this module itself."""
    return len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)


Rule = Callable[[Trial], str | None]
RULES: tuple[Rule, ...] = (
    gives_a_map,
    twice_is_the_same,
    constant_images_give_a_map,
    one_image_is_as_in_a_batch,
    chunks_change_nothing,
    randomness_is_declared,
    inputs_are_not_modified,
    model_is_not_modified,
    is_described,
)


def _near(raw: Tensor, expected: Tensor) -> bool:
    return bool((raw - expected).abs().max() <= ROUNDING * expected.abs().max())
