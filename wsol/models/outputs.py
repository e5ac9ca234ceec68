"""What a network puts out, read as logits (B, C): probabilities, one logit for two classes, a tuple or a dictionary.

The network itself changes, by a hook on its output, so that every pass, layer name and gradient stays what it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import torch

from wsol.errors import ConfigError, ModelError, unknown
from wsol.models.classifier import Classifier
from wsol.models.forward import wide

if TYPE_CHECKING:
    from torch import Tensor, nn

Kind = Literal["logits", "prob", "sigmoid"]
Reading = Kind | Callable[[Any, "Tensor"], "Tensor"]  # a function takes (output, images)

LABELS = {"logits": "", "prob": "probabilities", "sigmoid": "one sigmoid per class"}  # in the identity of weights
TINY = 1e-30  # probabilities below it are taken as this: the logarithm of zero is no score
SUM = 1e-3  # how far from 1 the sum of rounded probabilities may be
FEW = 12  # outputs; so many logits around zero are all within 0 and 1 in one of 4,096 cases


def are_probabilities(logits: Tensor) -> bool:
    """Whether (B, C) outputs of C > 1 classes are those of a softmax: none below 0, and each row sums to 1."""
    if logits.shape[1] < 2 or not len(logits):
        return False
    return bool((logits >= 0).all() & ((logits.sum(1) - 1).abs() < SUM).all())


def are_sigmoids(logits: Tensor) -> bool:
    """Whether (B, C) outputs of C > 1 classes look like one sigmoid per class: all in [0, 1], with rows of any sum.

    Logits of an untrained network can be all above 0, but are small: some must be above 0.5.
    """
    if logits.shape[1] < 2 or logits.numel() < FEW or are_probabilities(logits):
        return False
    return bool(((logits >= 0) & (logits <= 1)).all() & ((logits > 0.5) & (logits < 1)).any())


def advice(logits: Tensor) -> str:
    """What to do about (B, C) outputs that are not logits; empty where they can be."""
    if are_probabilities(logits):
        return (
            "puts out probabilities (none below 0, each row sums to 1), and logits are expected: gradients carry "
            "p(1 - p), and softmax is taken twice; give model.output=prob (in Python: output='prob'), or a network "
            "without its softmax"
        )
    if are_sigmoids(logits):
        return (
            "puts out numbers from 0 to 1 that do not sum to 1, as one sigmoid per class does, and logits are "
            "expected: if so, give model.output=sigmoid (in Python: output='sigmoid'), or a network without its sigmoid"
        )
    return ""


def read_as(classifier: Classifier, kind: Kind) -> Classifier:
    """A network whose outputs are of a `kind` as one of logits; it keeps a hook.

    ``prob``: log p, or log p / (1 - p) of a single one. ``sigmoid``: log p / (1 - p) for each class, the scores that
    the sigmoids were taken of.
    """
    if kind == "logits":
        return classifier
    classifier.module.register_forward_hook(_as_logits(kind))
    return relabeled(classifier, LABELS[kind])


def two_classes(classifier: Classifier) -> Classifier:
    """A network of one logit z as one of two classes, 0 and 1, with logits -z/2 and z/2: p(1) is the sigmoid of z."""

    def logits(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        return torch.cat([-output / 2, output / 2], 1)

    classifier.module.register_forward_hook(logits)
    return relabeled(replace(classifier, num_classes=2), "one logit as two classes")


@contextmanager
def reading(module: nn.Module, how: Reading = "logits") -> Iterator[None]:
    """A block in which a network gives (B, C) logits; behind it the network has the hooks that it had before.

    Parameters
    ----------
    how : a kind, see `read_as`, or a function of the output and the images that gives (B, C) logits, for networks that
        return tuples, mappings or objects. A vector of one number per image (regression) becomes a column.

    Raises
    ------
    ConfigError : no such kind. ModelError : an output that is not (B, C) and no function of it.
    """
    if not callable(how) and how not in LABELS:
        raise unknown("output", str(how), LABELS, see="or a function of (output, images)", error=ConfigError)

    def matrix(part: nn.Module, args: Any, output: Any) -> Any:
        return as_matrix(
            how(output, args[0]) if callable(how) else output, module, by="output" if callable(how) else ""
        )

    before = list(module._forward_hooks)
    module.register_forward_hook(matrix)
    if not callable(how) and how != "logits":
        module.register_forward_hook(_as_logits(how))
    try:
        yield
    finally:
        for key in [key for key in module._forward_hooks if key not in before]:
            del module._forward_hooks[key]


def as_matrix(output: Any, module: nn.Module, *, by: str = "", option: str = "output", wanted: str = "") -> Tensor:
    """(B, C) outputs; a vector becomes a column. Raises ModelError with the function that would help.

    Parameters
    ----------
    by : the option whose function gave them; empty where the network did.
    option : the one to give a function as. wanted : what that function returns, in words.
    """
    name = type(module).__name__
    if not isinstance(output, torch.Tensor):
        whose = f"the function given as {by}" if by else name
        raise ModelError(
            f"{whose} returns a {type(output).__name__}; give a function of it as {option}, for example "
            f"{option}=lambda output, images: {_part(output)}{'[:, 3]' if option == 'target' else ''}"
        )
    if output.ndim == 1:
        return output[:, None]
    if output.ndim != 2:
        what = f"{by} returns" if by else f"{name} returns"
        raise ModelError(
            f"{what} {tuple(output.shape)}; expected "
            f"{wanted or ('(B, classes)' if by else f'(B, classes); or give a function as {option}')}"
        )
    return output


def function_label(how: Callable[..., Any]) -> str:
    """A name for a function of the output, of what it computes: its code, and the plain values that it uses.

    Another callable is known as long as it lives, so that a later call never takes its rows for those of another one.
    """
    known = repr(how)
    if inspect.isfunction(how):
        used = inspect.getclosurevars(how)
        values = {**used.globals, **used.nonlocals, "": (how.__defaults__, how.__kwdefaults__)}
        plain = {name: value for name, value in values.items() if isinstance(value, int | float | str | tuple)}
        code = how.__code__
        constants = [const for const in code.co_consts if not inspect.iscode(const)]
        known = repr((code.co_code, code.co_names, constants, sorted(plain.items())))
    return f"output by {getattr(how, '__name__', type(how).__name__)} {sha256(known.encode()).hexdigest()[:8]}"


def relabeled(classifier: Classifier, label: str) -> Classifier:
    """The classifier with a word on how its output is read in the identity of its weights, by which rows are known."""
    digest = sha256(f"{classifier.weights_digest} {label}".encode()).hexdigest()[:12]
    identity = f"{classifier.weights_source}, {label}:{digest}"
    names = classifier.class_names if len(classifier.class_names) == classifier.num_classes else ()
    return replace(classifier, class_names=names, weights_id=identity)


def _as_logits(kind: Kind) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def logits(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        p = wide(output)
        logs = p.clamp_min(TINY).log()
        return logs if kind == "prob" and p.shape[1] > 1 else logs - (1 - p).clamp_min(TINY).log()

    return logits


def _part(output: Any) -> str:
    """How the tensor of an output is reached, for an example."""
    if isinstance(output, Mapping):
        keys = [key for key, value in output.items() if isinstance(value, torch.Tensor)]
        return f"output[{(keys or [*output, 'logits'])[0]!r}]"
    if isinstance(output, tuple | list) and not hasattr(output, "_fields"):
        places = [place for place, value in enumerate(output) if isinstance(value, torch.Tensor)]
        return f"output[{(places or [0])[0]}]"
    names = getattr(output, "_fields", None) or getattr(output, "__dict__", {})
    tensors = [name for name in names if isinstance(getattr(output, name), torch.Tensor)]
    return f"output.{(tensors or ['logits'])[0]}"
