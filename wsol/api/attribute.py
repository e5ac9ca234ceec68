"""Raw maps of any network, in one call: the same extractor, methods and layers that the command line uses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from math import prod
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from wsol.api.arguments import check_numbers
from wsol.api.inputs import as_color, as_deviation, as_images, check_device, configured, inputs_of
from wsol.api.maps import Maps
from wsol.errors import ConfigError, unknown
from wsol.maps.extractor import MapExtractor
from wsol.methods._variants import variant_of
from wsol.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, black_pixel
from wsol.models.forward import INPUT
from wsol.models.gray import color_input
from wsol.models.network import AnyNetwork, Network, check_hooks, evaluating, noise, running
from wsol.models.outputs import Reading, as_matrix, reading
from wsol.models.stages import resolve_layer, stages
from wsol.models.zoo import load_classifier

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor, nn

    from wsol.methods._base import Method

    Score = Callable[[Any, Tensor], Tensor]
    Target = int | str | Sequence[int] | Sequence[str] | Tensor | Score
    Layers = str | nn.Module | Sequence[str | nn.Module]

log = logging.getLogger(__name__)

PREDICTED = "predicted"


@torch.inference_mode(False)  # a caller's would leave no gradient in the network, and no stage
def attribute(
    model: nn.Module | Classifier | str,
    images: Tensor | NDArray[Any] | Image | Sequence[Image],
    method: str | type[Method] | Method = "layercam",
    *,
    layers: Layers | None = None,
    target: Target | None = PREDICTED,
    output: Reading = "logits",
    class_names: Sequence[str] = (),
    image_ids: Sequence[str] | None = None,
    seed: int = 0,
    chunk: int = 64,
    view: str = "squash",
    input_size: int | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    check: bool = False,
    **options: Any,
) -> Maps:
    """Raw maps of a batch of images: ``wsol.attribute(model, images, "layercam", layers="layer4", target=labels)``.

    The network keeps its device, type, mode, hooks, memory format and parameters. It runs in eval mode meanwhile.

    Parameters
    ----------
    model : any network, one loaded by `wsol.load_classifier`, or a name that `wsol list models` shows.
    images : (B, C, *space) as the network takes them, tensor or array; or PIL images, which are resized and normalized,
        and of which a network of one-channel images receives the luma.
    method : a key (``wsol list methods``), a class registered with `@wsol.method`, an instance of one, or a variant as
        tables print it, ``layercam@stage3-5[gamma=2]``.
    layers : a dotted name, a module, ``stage4``, ``last``, or several, whose maps are fused; None is the method's own.
    target : what is explained: the ``predicted`` class (also None), a class index or name, one per image, or a function
        of the output and the images that gives (B,) scores: for outputs that are not (B, classes).
    output : what the network puts out: ``logits``, ``prob`` (it ends in a softmax, or in a sigmoid of one output),
        ``sigmoid`` (in one per class), or a function of the output and the images that gives (B, classes) logits.
    class_names : by index, where targets are names.
    image_ids : what random numbers of stochastic methods are drawn from, beside `seed`; 0, 1, ... by default.
    view, input_size, mean, std : for PIL images, how they become input; by default what the network is known to want,
        or 224 pixels and ImageNet's mean and deviation. For tensors, `mean` and `std` only say what black is.
    check : also run the network on five images to see whether a named layer is a grid in the input's order; a stage or
        ``last`` always is. Without, a named layer is judged by the one pass that its map is made of.
    options : the method's own (``gamma=2``); ``wsol show method NAME`` lists them.

    Raises
    ------
    UnknownName, ConfigError : no such method or option (nearest one given), or a target that does not fit.
    LayerError, ModelError : no such layer, or an output that is not (B, classes) without a function as target.
    """
    check_numbers(seed=seed, chunk=chunk, input_size=input_size)
    known = load_classifier(model) if isinstance(model, str) else model if isinstance(model, Classifier) else None
    module = unwrapped(known or model)
    names = tuple(class_names) or (known.class_names if known else ())
    images = as_images(images)
    pictures = not isinstance(images, torch.Tensor)
    usual = (IMAGENET_MEAN, IMAGENET_STD) if pictures else (None, None)
    center = as_color(mean) or (known.mean if known else configured(module, "mean", usual[0]))
    spread = as_deviation(std) or (known.std if known else configured(module, "std", usual[1]))
    inputs, sizes, used = inputs_of(module, images, known, view=view, input_size=input_size, mean=center, std=spread)
    given = given_classes(target, len(inputs), names)
    black = black_pixel(center, spread) if center and spread else None
    network = known or AnyNetwork(module, noise(module, tuple(inputs[:1].shape)), black)
    shaped = nullcontext() if output == "logits" else reading(module, output)
    with color_input(module), shaped:
        variant = variant_of(
            method,
            {**options, **({} if layers is None else {"layers": layer_names(module, layers)})},
            **_layer_lookup(network, layers, check=check),
        )
        if "truth" in variant.info.needs:
            raise ConfigError(
                f"{variant.id} is drawn from annotations, which attribute does not have; it is for tables: wsol run "
                f"method=[gradcam,{variant.info.key}]"
            )
        with scored_by(module, target, given):
            classes = predicted(module, inputs) if given is None else torch.tensor(given, device=inputs.device)
            extractor = MapExtractor(network, seed=seed, chunk=chunk)
            ids = _ids(image_ids, len(inputs))
            batch = extractor.maps(inputs, classes, ids, [variant], keep_going=False)
    raw = batch.raw(variant.id).copy()
    if damaged := int((~np.isfinite(raw)).reshape(len(raw), -1).any(1).sum()):
        log.warning(
            "%s: %d of %d maps hold NaN or infinite values; look at these images", variant.id, damaged, len(raw)
        )
    if not raw.any() and not variant.info.constant_is_full:
        log.warning("%s: all %d maps are zero everywhere; choose another layer or target", variant.id, len(raw))
    return Maps(
        raw=raw,
        method=variant.id,
        targets=classes.cpu().numpy(),
        view=used,
        sizes_wh=sizes,
        full=variant.info.constant_is_full,
    )


def unwrapped(model: nn.Module | Classifier | str) -> nn.Module:
    """The network itself: behind a `Classifier`, `DataParallel`, or `torch.compile`, whose hooks never run."""
    module = model.module if isinstance(model, Classifier) else model
    if not isinstance(module, torch.nn.Module):
        raise ConfigError(
            f"model is a {type(module).__name__}; expected a torch.nn.Module, a loaded network, or a name that "
            "wsol list models shows"
        )
    while True:
        if isinstance(module, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(original := getattr(module, "_orig_mod", None), torch.nn.Module):
            module = original
        else:
            check_hooks(module)
            check_device(module)
            return module


def layer_names(module: nn.Module, layers: Layers) -> tuple[str, ...]:
    """Layers as names; modules by where they stand in the network. Raises ConfigError for a module of another one."""
    several = list(layers) if isinstance(layers, Sequence) and not isinstance(layers, str) else [layers]
    places = {id(part): name for name, part in module.named_modules()}
    names: list[str] = []
    for layer in several:
        if isinstance(layer, str):
            names += layer.split("+")
        elif id(layer) in places:
            names.append(places[id(layer)])
        elif not isinstance(layer, torch.nn.Module):
            raise ConfigError(f"layers={layer!r}: expected a name such as 'layer4', 'stage4' or 'last', or a module")
        else:
            raise ConfigError(f"layers: a {type(layer).__name__} is not a module of this {type(module).__name__}")
    return tuple(names)


@contextmanager
def scored_by(module: nn.Module, target: Target | None, classes: Sequence[int] | None) -> Iterator[None]:
    """Where `target` is a function of output and images, the network gives its (B, 1) scores inside the block.

    A network with one output per image in a vector (regression) gives it as a column, too.
    """

    def output(part: nn.Module, args: tuple[Any, ...], given: Any) -> Any:
        if callable(target):
            scores = target(given, args[0])
            given = as_matrix(scores, module, by="target", option="target", wanted="one score per image, (B,)")
        else:
            given = as_matrix(given, module, option="target")
        wrong = next((one for one in classes or () if not 0 <= one < given.shape[1]), None)
        if wrong is not None:
            raise ConfigError(f"target {wrong} is out of range; expected 0 to {given.shape[1] - 1}")
        return given

    handle = module.register_forward_hook(output)
    try:
        yield
    finally:
        handle.remove()


def given_classes(target: Target | None, count: int, names: Sequence[str]) -> list[int] | None:
    """Class indices of `count` images; None where the network's own prediction is meant.

    Raises ConfigError where there are not as many as images, or a name is not known.
    """
    if callable(target):
        return [0] * count
    if target is None or (isinstance(target, str) and target == PREDICTED):
        return None
    several = list(target) if np.iterable(target) and not isinstance(target, str) else [target] * count
    if len(several) != count:
        raise ConfigError(f"target has {len(several)} classes for {count} images; give one, or one per image")
    return [_index(one, names) for one in several]


def predicted(module: nn.Module, inputs: Tensor) -> Tensor:
    """(B,) the classes with the highest outputs."""
    with torch.no_grad(), evaluating(module), running(module, inputs):
        return cast("Tensor", module(inputs).argmax(1))


def _ids(given: Sequence[str] | None, count: int) -> list[str]:
    """Ids of `count` images: as given, or 0, 1, ... Raises ConfigError where there are not as many."""
    ids = [str(place) for place in range(count)] if given is None else [str(one) for one in given]
    if len(ids) != count:
        raise ConfigError(f"image_ids has {len(ids)} entries for {count} images; give one per image")
    return ids


def _index(target: Any, names: Sequence[str]) -> int:
    if not isinstance(target, str):
        plain = target.item() if hasattr(target, "item") and prod(np.shape(target)) == 1 else target
        if not isinstance(plain, int | float) or isinstance(plain, bool) or plain != plain // 1:
            what = f"of shape {tuple(target.shape)}" if hasattr(target, "shape") else repr(target)
            raise ConfigError(
                f"a target {what} is not a class; expected an index, a name, one of these per image, or a function of "
                "(output, images)"
            )
        return int(plain)
    if not names:
        raise ConfigError(f"target={target!r}: the names of the classes are not known; give class_names=, or an index")
    if target not in names:
        raise unknown("class", target, list(names), error=ConfigError)
    return list(names).index(target)


def _layer_lookup(network: Network, layers: Layers | None, *, check: bool) -> dict[str, Any]:
    """How names of layers are understood; a network is traced only where a stage is named."""
    parts = dict(network.module.named_modules())
    if layers is not None and not check and all(n in parts or n == INPUT for n in layer_names(network.module, layers)):
        return {"resolve": lambda name: name, "stages": ()}
    return {"resolve": lambda name: resolve_layer(network, name), "stages": list(stages(network))}
