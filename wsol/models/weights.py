"""Weights from a file, strictly: every parameter of the network, nothing else, the right number of classes."""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from wsol.errors import ModelError, unknown

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger(__name__)

SUFFIXES = (".pth", ".pt", ".bin", ".safetensors", ".ckpt", ".tar")
WRAPPERS = (  # what training scripts call it
    "state_dict", "model", "model_state_dict", "net", "network", "net_state_dict", "weights", "params",
    "state_dict_ema", "model_ema", "ema",
)  # fmt: skip
COUNTERS = ("num_batches_tracked", "n_averaged", "total_ops", "total_params")  # of no use in eval mode
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)")  # names in torchvision's DenseNet files of 2017


def load_file(
    build: Callable[[int | None], nn.Module], path: str, *, num_classes: int | None, name: str
) -> tuple[nn.Module, str]:
    """The network `build(number of classes or None)` with the weights in `path`, and the file's name as their source.

    Where no number is given, the network is built with the file's.
    """
    state = read_state(path)
    module = build(num_classes)
    state = _without_prefix(state, module.state_dict(), path)
    counts = class_counts(module.state_dict(), state)
    if counts is not None:
        own, theirs = counts
        if num_classes is not None:
            check_count(f"the weights in {path}", theirs, num_classes)
        module = build(theirs)
        if class_counts(module.state_dict(), state) is not None:
            raise ModelError(f"the weights in {path} have {theirs} classes, but {name} can only be built with {own}")
    fill(module, state, path=path, name=name)
    return module, Path(path).name


def read_state(path: str) -> dict[str, Tensor]:
    """Parameter name to tensor, from a .pth, .pt, .ckpt, .pth.tar or .safetensors file; wrappers are taken off.

    ``file.pth#model_ema`` is the entry of that name; without it, the first usual one.

    Pickled objects other than tensors are refused (`weights_only`): opening a file must not run its code.
    """
    file = Path(path).expanduser()
    wanted = ""
    if not file.is_file() and "#" in file.name:
        file, wanted = file.with_name(file.name.rpartition("#")[0]), file.name.rpartition("#")[2]
    if not file.is_file():
        beside = file.parent.glob("*") if file.parent.is_dir() else ()
        near = [str(p) for p in beside if p.suffix in SUFFIXES]
        raise unknown("weights file", path, near, error=ModelError)
    if file.suffix not in SUFFIXES:
        raise ModelError(f"{path} doesn't end in one of {', '.join(SUFFIXES)}: weights are read from those")
    try:
        if file.suffix == ".safetensors":
            import safetensors.torch

            content: Any = safetensors.torch.load_file(file)
        else:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is not a plain state dict (it is damaged, or holds Python objects that opening would run); "
            "save it again with torch.save(model.state_dict(), ...)"
        ) from error
    except Exception as error:  # zip, pickle, safetensors and the disk each have their own
        raise ModelError(f"{path} can't be read as weights: {_first_line(error)}") from error
    return _unwrap(content, path, wanted)


def class_counts(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> tuple[int, int] | None:
    """(network's, file's) number of classes if that is all in which the shapes of the two differ, else None.

    Nothing follows a head, so its first dimension can change alone; any other width would change the next layer, too.
    """
    differing = [
        (tuple(own[k].shape), tuple(theirs[k].shape)) for k in own if k in theirs and own[k].shape != theirs[k].shape
    ]
    pairs = {(a[:1], b[:1]) for a, b in differing}
    if len(pairs) != 1 or any(a[1:] != b[1:] or not a or not b for a, b in differing):
        return None
    (a, b) = pairs.pop()
    return a[0], b[0]


def check_count(whose: str, count: int, wanted: int | None) -> None:
    """Raises ModelError where `wanted` classes were asked for and there are `count`."""
    if wanted is not None and wanted != count:
        raise ModelError(
            f"{whose}: {count} classes, not {wanted}; leave model.num_classes out, or give weights with {wanted}"
        )


def fill(module: nn.Module, state: Mapping[str, Tensor], *, path: str, name: str) -> None:
    """Put all of `state` into `module`. Raises ModelError with the first key that doesn't fit, and how many don't."""
    own = module.state_dict()
    # Files older than BatchNorm's counter of batches lack it; it plays no part in eval mode.
    missing = [k for k in own if k not in state and not k.endswith(COUNTERS)]
    unexpected = [k for k in state if k not in own and not k.endswith(COUNTERS)]
    if missing or unexpected:
        parts = [
            f"{len(keys)} {what} (first {keys[0]!r})"
            for keys, what in ((missing, "missing"), (unexpected, "unexpected"))
            if keys
        ]
        raise ModelError(
            f"the weights in {path} don't fit {name}: {' and '.join(parts)} of {len(own)}; are they of another network?"
        )
    differing = [k for k in own if k in state and own[k].shape != state[k].shape]
    if differing:
        key = differing[0]
        shapes = f"{tuple(state[key].shape)} in the file, {tuple(own[key].shape)} in the network"
        raise ModelError(
            f"the weights in {path} don't fit {name}: {len(differing)} differ in shape (first {key!r}: {shapes})"
        )
    module.load_state_dict(
        {k: v for k, v in state.items() if k in own}, strict=False
    )  # strict but for the counters: checked above
    check_finite(module, path)


def check_finite(module: nn.Module, whose: str) -> None:
    """Raises ModelError where a weight is not a number."""
    for key, value in module.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ModelError(
                f"{whose}: {key!r} has values that are not finite; the weights are damaged or have no classifier"
            )


def _without_prefix(state: Mapping[str, Tensor], own: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """The state with what stands in front of all its names taken off, where they then are the network's."""
    needed = [key for key in own if not key.endswith(COUNTERS)]
    named = [key for key in state if not key.endswith(COUNTERS)]
    if not needed or not named or all(key in state for key in needed):
        return dict(state)
    for prefix in sorted({key.removesuffix(needed[0]) for key in named if key.endswith("." + needed[0])}, key=len):
        if all(prefix + key in state for key in needed) and all(key.startswith(prefix) for key in named):
            log.info("the names of the weights in %s without the %r in front of them all", path, prefix)
            return {key.removeprefix(prefix): value for key, value in state.items()}
    return dict(state)


def _unwrap(content: Any, path: str, wanted: str = "") -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        inner = [key for key, value in content.items() if isinstance(key, str) and isinstance(value, Mapping)]
        usual = [key for key in WRAPPERS if key in inner]
        if wanted and wanted not in inner:
            raise unknown(f"entry of {path}", wanted, inner, error=ModelError)
        if chosen := wanted or next(iter(usual), ""):
            if len(usual) > 1 and not wanted:
                others = ", ".join(f"{path}#{key}" for key in usual[1:])
                log.warning("%s holds several networks: %r is taken; for another give %s", path, chosen, others)
            content = content[chosen]
    if not isinstance(content, Mapping) or not content:
        raise ModelError(
            f"{path} holds no state dict: it is {'empty' if isinstance(content, Mapping) else type(content).__name__}"
        )
    state = {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}
    if len(state) != len(content):
        other = next(k for k, v in content.items() if not isinstance(v, torch.Tensor))
        raise ModelError(
            f"{path} is not a state dict: its entry {other!r} is not a tensor; save model.state_dict() alone"
        )
    return {OLD_DENSENET.sub(r"\1\2", k): v for k, v in state.items()}


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
