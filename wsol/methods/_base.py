"""The contract of a method, and the decorator that registers one.

A method is a pure function of one layer's output. It returns a *raw map*: layer resolution, no ReLU beyond its formula,
no normalization. Sizes, thresholds and boxes are the protocol's job; fusing layers is `wsol.methods._fusion`'s.

    @method("mycam", paper="Me, 2026", year=2026)
    class MyCAM:
        '''MyCAM: each channel weighted by its mean absolute gradient.

        M = ReLU(sum_k mean|g_k|^power A_k)

        Traps: the gradient's sign is lost.
        '''

        power: float = option(1.0, help="exponent of the weights")  # methods.mycam.power=2

        def __call__(self, layer: LayerFeatures) -> Tensor:
            weights = layer.gradients.abs().pow(self.power).mean((2, 3), keepdim=True)
            return (weights * layer.activations).sum(1).relu()
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, dataclass_transform

from wsol.methods._features import LayerFeatures
from wsol.options import component, defaults
from wsol.registry import Registry

if TYPE_CHECKING:  # nothing here loads torch: names and facts of methods are wanted without it
    import torch

Need = Literal["activations", "gradients", "head", "model", "second_derivatives", "attention", "branches", "image"]
Role = Literal["method", "control"]

ONE_PASS = frozenset({"activations", "gradients"})
SECTIONS = ("Identities", "Traps")


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodInfo:
    """What is known of a method without running it.

    Attributes
    ----------
    title, summary : the docstring's first line, ``Name: what it does``.
    formula : the paragraphs behind it, up to the first section.
    identities, traps : the docstring's sections, which begin with ``Identities: `` and ``Traps: ``; or empty.
    needs : what it uses. Without ``gradients`` no backward is run for it.
    layers : the layers it takes when none are chosen: ``last``, ``input``, ``stage3+stage4``, ...
    cost : forwards (F), backwards (B), partial forwards (P) per image, with K channels and n cells.
    costly : takes dozens to thousands of passes per image, so that demos give it fewer images.
    quick : options under which it takes few passes, for tests and demos.
    joint : it receives all its layers at once and fuses them itself (`Method`).
    stochastic : draws random numbers, from (run seed, image id).
    constant_is_full : a flat map means the whole image; for all other methods it means that there is no box.
    role : ``control`` where the map is fixed or random by design: a floor, not a competitor.
    """

    key: str
    name: str
    title: str = ""
    summary: str = ""
    formula: str = ""
    identities: str = ""
    traps: str = ""
    paper: str
    year: int | None
    needs: frozenset[str]
    layers: str
    cost: str
    costly: bool = False
    quick: Mapping[str, Any] = field(default_factory=dict)
    joint: bool = False
    stochastic: bool = False
    constant_is_full: bool = False
    role: Role = "method"

    @property
    def one_pass(self) -> bool:
        """Whether the shared forward and backward over a layer is all it takes."""
        return bool(self.needs) and self.needs <= ONE_PASS and self.layers != "input"


class Method(Protocol):
    """A frozen dataclass of options with one of two calls.

    `__call__(layer)` maps one layer to a raw map (B, H, W), and `wsol.methods._fusion` joins the layers. One that must
    see all its layers at once defines `joint(layers)` instead, shallow to deep, and returns the final raw map.
    """

    info: ClassVar[MethodInfo]

    def __call__(self, layer: LayerFeatures) -> torch.Tensor: ...


class JointMethod(Protocol):
    """See `Method`."""

    info: ClassVar[MethodInfo]

    def joint(self, layers: Sequence[LayerFeatures]) -> torch.Tensor: ...


methods: Registry[type[Method]] = Registry("method", "wsol.methods")

C = TypeVar("C")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def method(
    key: str,
    *,
    paper: str = "unpublished",
    year: int | None = None,
    needs: Sequence[Need] = ("activations", "gradients"),
    layers: str = "last",
    cost: str = "1F + 1B",
    costly: bool = False,
    quick: Mapping[str, Any] | None = None,
    stochastic: bool = False,
    constant_is_full: bool = False,
    role: Role = "method",
) -> Callable[[type[C]], type[C]]:
    """Register a class as a method. Its fields become options, its docstring is what `wsol show method` prints.

    Parameters
    ----------
    key : the paper's name in lower case; what users type. All others: see `MethodInfo`.
    """

    def register(cls: type[C]) -> type[C]:
        stated = _stated(cls)  # a dataclass without a docstring gets one made of its fields
        made = component(cls, key)
        _accept_shared_options(made)
        made.info = MethodInfo(  # type: ignore[attr-defined]
            key=key,
            name=cls.__name__,
            **stated,
            paper=paper,
            year=year,
            needs=frozenset(needs),
            layers=layers,
            cost=cost,
            costly=costly,
            quick=quick or {},
            joint=hasattr(cls, "joint"),
            stochastic=stochastic,
            constant_is_full=constant_is_full,
            role=role,
        )
        methods.add(key, made)  # type: ignore[arg-type]
        return made

    return register


def _stated(cls: type[Any]) -> dict[str, str]:
    """The docstring in parts: ``Title: summary``, a formula, and the sections of `SECTIONS`, lines joined in these."""
    first, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
    title, _, summary = " ".join(first.split()).partition(": ")
    sections: dict[str, list[str]] = {"formula": [], **{name.lower(): [] for name in SECTIONS}}
    current = "formula"
    for line in rest.splitlines():
        header, stated, text = line.partition(": ")
        if stated and header in SECTIONS:
            current, line = header.lower(), text
        sections[current].append(line)
    formula = "\n".join(sections.pop("formula")).strip()
    flowing = {name: " ".join(" ".join(lines).split()) for name, lines in sections.items()}
    return {"title": title or cls.__name__, "summary": summary, "formula": formula, **flowing}


def shared_options(method: Method) -> dict[str, Any]:
    """The layers and fusion options that an instance was made with: ``LayerCAM(gamma=2, layers="stage3+stage5")``."""
    return dict(getattr(method, "_shared", {}))


def _accept_shared_options(cls: type[Any]) -> None:
    """Let instances be made with what every method takes beside its own options: layers and the fusion's options."""
    of_method = defaults(cls).keys()
    init = cls.__init__

    @wraps(init)
    def with_shared(self: Any, **options: Any) -> None:
        shared = {}
        if options.keys() - of_method:
            from wsol.methods._fusion import Fusion

            known = {"layers", *defaults(Fusion)}
            shared = {k: options.pop(k) for k in options.keys() & known - of_method}
        init(self, **options)
        object.__setattr__(self, "_shared", shared)

    cls.__init__ = with_shared
