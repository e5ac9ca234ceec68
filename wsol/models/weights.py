"""Weights from a file, strictly: every parameter of the network, nothing else, the right number of classes."""

from __future__ import annotations

import errno
import logging
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import torch

from wsol.errors import ModelError, unknown

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger(__name__)

SUFFIXES = (".pth", ".pt", ".bin", ".safetensors", ".ckpt", ".tar")  # .pth.tar is what ImageNet scripts write
WRAPPERS = (  # what training scripts call the weights; the first that is there is taken
    *("state_dict", "model", "model_state_dict", "net", "network", "model_state", "params", "weights", "module"),
    *("state_dict_ema", "model_ema", "ema", "params_ema"),
)
PREFIXES = ("module.",)  # left by DataParallel
WRAPPED = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")  # at any depth
COUNTERS = ("num_batches_tracked", "total_ops", "total_params", "n_averaged")  # play no part in eval mode
ENTRY = "@"  # checkpoint.pth@model_ema: which entry of a checkpoint
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)")  # names in torchvision's DenseNet files of 2017


def load_file(
    build: Callable[[int | None], nn.Module], path: str, *, num_classes: int | None, name: str
) -> tuple[nn.Module, str]:
    """The network `build(number of classes or None)` with the weights in `path`, and the file's name as their source.

    Where no number is given, the network is built with the file's.
    """
    state = read_state(path)
    module = build(num_classes)
    state = without_prefix(state, module.state_dict(), path=path)
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
    """Parameter name to tensor, from a file of weights; wrappers and prefixes are taken off.

    ``FILE@ENTRY`` takes one entry of a checkpoint that has several, or the weights under one prefix. Pickled objects
    other than tensors are refused (`weights_only`): opening a file must not run its code.
    """
    file, entry = _file_and_entry(path)
    if not file.is_file():
        if file.exists():
            raise ModelError(f"{path} is {'a folder' if file.is_dir() else 'a pipe or device'}, not a file of weights")
        if file.is_symlink():
            raise ModelError(f"{path} is a link to {file.readlink()}, which is not there")
        beside = file.parent.glob("*") if file.parent.is_dir() else ()
        near = [str(p) for p in beside if p.suffix.lower() in SUFFIXES and p.is_file()]
        raise unknown("weights file", path, near, error=ModelError)
    if file.suffix.lower() not in SUFFIXES:
        raise ModelError(f"{path} doesn't end in one of {', '.join(SUFFIXES)}: weights are read from those")
    try:
        if file.suffix.lower() == ".safetensors":
            import safetensors.torch

            content: Any = safetensors.torch.load_file(file)
        elif _is_scripted(file):
            raise ModelError(
                f"{path} is a network that was scripted or traced, not a file of weights; save the state dict of the "
                "network it was made from, torch.save(model.state_dict(), ...)"
            )
        else:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is not a plain state dict (it is damaged, or holds Python objects that opening would run); "
            "save it again with torch.save(model.state_dict(), ...)"
        ) from error
    except Exception as error:  # zip, pickle, safetensors and the disk each have their own
        raise ModelError(f"{path} can't be read as weights: {_why(error)}") from error
    if entry and isinstance(content, Mapping) and entry not in content:
        state = _plain(_unwrap(content, path, ""), path)
        if under := _under(f"{entry}.", state):
            return under
    return _plain(_unwrap(content, path, entry), path)


def _is_scripted(file: Path) -> bool:
    """Whether an archive is one of torch.jit.save, which holds code beside the tensors."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(PurePosixPath(name).name == "constants.pkl" for name in archive.namelist())


def _file_and_entry(path: str) -> tuple[Path, str]:
    file = Path(path).expanduser()
    before, mark, entry = file.name.rpartition(ENTRY)
    if mark and before and not file.exists():
        return file.with_name(before), entry
    return file, ""


def without_prefix(state: dict[str, Tensor], own: Mapping[str, Tensor], *, path: str) -> dict[str, Tensor]:
    """`state` without a prefix under which all parameters of the network are, and without what is not under it.

    Lightning writes ``model.conv.weight``, and beside it the weights of losses. What is taken off is logged; where
    there are several such prefixes (MoCo's ``encoder_q.`` and ``encoder_k.``), with how the other one is taken.
    """
    needed = [key for key in own if not key.endswith(COUNTERS)]
    if not needed or any(key in state for key in needed):
        return state
    first = needed[0]
    ends = sorted((key.removesuffix(first) for key in state if key.endswith(f".{first}")), key=len)
    prefixes = [prefix for prefix in ends if all(prefix + key in state for key in needed)]
    if not prefixes:
        return state
    prefix, *more = prefixes
    others = [key for key in state if not key.startswith(prefix)]
    if more:
        log.warning(
            "%s holds weights under the prefixes %s: %r is taken; model.weights=%s%s%s takes the other",
            *(path, ", ".join(map(repr, prefixes)), prefix, path, ENTRY, more[0].rstrip(".")),
        )
    else:
        beside = f"; {len(others)} entries beside it are left out, first {others[0]!r}" if others else ""
        log.info("%s: the weights are those under the prefix %r%s", path, prefix, beside)
    return _under(prefix, state)


def _under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


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
    state = {_renamed(own).get(key, key): value for key, value in state.items()}
    # Files older than BatchNorm's counter of batches lack it, others have counters of more.
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
    for key in (k for k in own if k in state):
        tensor = state[key]
        if own[key].is_floating_point() and not tensor.is_floating_point() and not tensor.is_complex():
            raise ModelError(
                f"the weights in {path} don't fit {name}: {key!r} is of whole numbers ({tensor.dtype}), as quantized "
                "weights are; save the weights before they were quantized"
            )
        if tensor.is_meta or tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_complex():
            kind = "meta" if tensor.is_meta else f"{tensor.layout} {tensor.dtype}".replace("torch.", "")
            raise ModelError(
                f"the weights in {path} don't fit {name}: {key!r} is a {kind} tensor; save dense real numbers"
            )
    module.load_state_dict(state, strict=False)  # strict but for the counters: checked above
    check_finite(module, path)


def _renamed(own: Mapping[str, Tensor]) -> dict[str, str]:
    """Plain names to those of a network of which a part is compiled or wrapped."""
    return {WRAPPED.sub("", key): key for key in own if WRAPPED.search(key)}


def check_finite(module: nn.Module, whose: str) -> None:
    """Raises ModelError where a weight is not a number."""
    for key, value in module.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ModelError(
                f"{whose}: {key!r} has values that are not finite; the weights are damaged or have no classifier"
            )


def _unwrap(content: Any, path: str, entry: str) -> Any:
    """What is in the wrappers of a training script; of several, the one called `entry`, or the first of `WRAPPERS`."""
    if not isinstance(content, Mapping):
        return content
    if entry:
        if entry not in content:
            raise unknown("entry", entry, map(str, content), see=f"torch.load({path!r})", error=ModelError)
        return _unwrap(content[entry], path, "")
    inner = {str(key): value for key, value in content.items() if _holds_tensors(value)}
    known = [key for key in WRAPPERS if key in inner] or (list(inner) if len(inner) == 1 else [])
    if not known:
        if inner:
            raise ModelError(
                f"{path} holds several sets of weights, {', '.join(inner)}; say which: {path}{ENTRY}{next(iter(inner))}"
            )
        return next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    others = [key for key in inner if key != known[0]]
    if others:
        log.warning(
            "%s holds %s: %s is taken; model.weights=%s%s%s takes the other",
            *(path, ", ".join(inner), known[0], path, ENTRY, others[0]),
        )
    return _unwrap(inner[known[0]], path, "")


def _holds_tensors(value: Any) -> bool:
    """Whether a value is a state dict, or a wrapper of one."""
    if not isinstance(value, Mapping) or not value:
        return False
    return all(isinstance(v, torch.Tensor) for v in value.values()) or any(
        _holds_tensors(value.get(key)) for key in WRAPPERS
    )


def _plain(content: Any, path: str) -> dict[str, Tensor]:
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
    for key, value in state.items():
        kinds = {
            "sparse": value.layout != torch.strided,
            "meta": value.is_meta,
            "complex": value.is_complex(),
            "quantized": value.is_quantized,
        }
        kind = next((kind for kind, is_it in kinds.items() if is_it), None)
        if kind:
            raise ModelError(f"{path}: {key!r} is a {kind} tensor; weights are dense tensors of real numbers")
    state = {WRAPPED.sub("", k): v for k, v in state.items()}
    for prefix in PREFIXES:
        if all(k.startswith(prefix) for k in state if not k.endswith(COUNTERS)):
            state = {k.removeprefix(prefix): v for k, v in state.items()}
    return {OLD_DENSENET.sub(r"\1\2", k): v for k, v in state.items()}


def _why(error: Exception) -> str:
    if isinstance(error, EOFError) or getattr(error, "errno", None) == errno.EINVAL:  # read beyond the end
        return "it is empty or cut short"
    if isinstance(error, RuntimeError | OSError | ValueError) and str(error):
        return str(error).splitlines()[0]
    return "it is empty, damaged, or of another format than its name says"
