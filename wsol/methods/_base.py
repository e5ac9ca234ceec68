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
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, cast, dataclass_transform

from wsol.errors import HeadError
from wsol.models.cost import Cost, Memo
from wsol.options import component, defaults
from wsol.registry import Registry
from wsol.seeding import torch_generator

if TYPE_CHECKING:  # nothing here loads torch: names and facts of methods are wanted without it
    import torch

    from wsol.models.heads import Head
    from wsol.models.query import ModelQuery

Need = Literal["activations", "gradients", "head", "model", "second_derivatives", "attention", "image"]
Differentiated = Literal["logit", "prob", "logprob"]
Role = Literal["method", "control"]
V = TypeVar("V")

PART_BYTES = 128 * 2**20  # replaced activations held at a time: one copy of 64 channels of 224 x 224 has 13 MB
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
    year: int
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


@dataclass(frozen=True, slots=True)
class LayerFeatures:
    """One layer in one forward and backward pass over a batch of B images: what a method receives.

    Attributes
    ----------
    name : dotted module name, or ``"input"``.
    activations : (B, K, H, W).
    gradients : (B, K, H, W) gradient of the target logit by the activations, an error where the method does
        not declare the need.
    logits, targets : (B, C) and (B,).
    images : (B, 3, h, w), the normalized network input.
    image_ids, seed : what random numbers are drawn from.
    query : the model, for methods that need more passes than the shared one.
    memo : results that several variants share; see `once`.
    used : the keys of those that another variant had computed.
    """

    name: str
    activations: torch.Tensor
    _gradients: torch.Tensor | None
    logits: torch.Tensor
    targets: torch.Tensor
    images: torch.Tensor
    image_ids: tuple[str, ...]
    seed: int
    _head: Callable[[], Head | None]
    query: ModelQuery
    memo: Memo = field(default_factory=dict)
    used: set[object] = field(default_factory=set)

    @property
    def gradients(self) -> torch.Tensor:
        """(B, K, H, W), d target logit / d activations. The method must declare the need ``gradients``."""
        if self._gradients is None:
            raise LookupError("this method uses gradients but does not declare needs=('activations', 'gradients')")
        return self._gradients

    @property
    def head(self) -> Head | None:
        """The linear head behind this layer, or None where there is none (CAM's condition); found when it is needed."""
        return self._head()

    def gradients_of(self, score: Differentiated) -> torch.Tensor:
        """(B, K, H, W), d score / d activations; for another score than the logit, from one more pass."""
        if score == "logit":
            return self.gradients
        from wsol.models.forward import target_logprob, target_probability

        of = {"prob": target_probability, "logprob": target_logprob}[score]
        result = self.once(
            ("gradients", score), lambda: self.query.forward_backward(self.images, self.targets, [self.name], score=of)
        )
        return result.gradients[self.name]

    def parts(self, items: torch.Tensor) -> Sequence[torch.Tensor]:
        """(n,) items in parts, so that a copy of one image's activations for each item of a part fits in memory."""
        import torch

        copy = self.activations[0].numel() * self.activations.element_size()
        return torch.split(items, max(1, min(self.query.chunk, PART_BYTES // copy))) if len(items) else ()

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the network input."""
        return self.images.shape[-2], self.images.shape[-1]

    @property
    def scores(self) -> torch.Tensor:
        """(B,) target logits."""
        return self.logits.gather(1, self.targets[:, None])[:, 0]

    @property
    def class_weights(self) -> torch.Tensor:
        """(B, K) weights of the target class in the linear head. Raises HeadError where none is behind the layer."""
        head = self.head
        if head is None:
            raise HeadError(
                f"the method needs one linear layer after average pooling, and layer {self.name!r} is not followed by "
                "that; use gradcam, which gives the same map as cam where there is such a head"
            )
        return head.weight.to(self.activations)[self.targets]

    def generators(self, salt: str = "") -> list[torch.Generator]:
        """One CPU random generator per image, seeded by (run seed, image id, salt), so free of batch and device."""
        return [torch_generator(self.seed, image_id, salt) for image_id in self.image_ids]

    def run_generator(self, salt: str = "") -> torch.Generator:
        """A CPU random generator for what all images of a run share (RISE's masks), seeded by (run seed, salt)."""
        return torch_generator(self.seed, "", salt)

    def once(self, key: object, make: Callable[[], V]) -> V:
        """`make()`, computed once for all variants of this pass that use the same `key` (layer included).

        Its cost is charged to each of them, as if it ran alone: cost columns compare methods, not our schedule.
        """
        whole = (self.name, key)
        if whole in self.memo:
            value, cost = self.memo[whole]
            self.query.cost += cost
            self.used.add(whole)
            return cast(V, value)
        before, clock = self.query.cost, self._now()
        made = make()
        spent = self.query.cost - before
        self.memo[whole] = (
            made,
            Cost(spent.forwards, spent.backwards, spent.partial_forwards, self._now() - clock),
        )
        return made

    def has(self, key: object) -> bool:
        """Whether another variant has already computed what `once` would."""
        return (self.name, key) in self.memo

    def part(self, key: object, forwards: int) -> Any:
        """What another variant computed, of which this one needs what `forwards` of its forwards gave."""
        whole = (self.name, key)
        value, cost = self.memo[whole]
        self.used.add(whole)
        share = forwards / cost.forwards if cost.forwards else 0.0
        self.query.cost += Cost(forwards=forwards, seconds=share * cost.seconds)
        return value

    def _now(self) -> float:
        if self.query.timed and self.images.is_cuda:
            import torch

            torch.cuda.synchronize(self.images.device)  # else only the launches are timed
        return time.perf_counter()


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
    paper: str,
    year: int,
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
