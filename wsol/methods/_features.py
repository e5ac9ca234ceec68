"""What a method receives: one layer in one forward and backward pass over a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from wsol.errors import ConfigError, HeadError, WsolError
from wsol.models.cost import Cost, Memo
from wsol.seeding import torch_generator

if TYPE_CHECKING:  # nothing here loads torch: names and facts of methods are wanted without it
    import torch

    from wsol.models.heads import Head
    from wsol.models.query import ModelQuery

Differentiated = Literal["logit", "prob", "logprob"]
V = TypeVar("V")

PART_BYTES = 128 * 2**20  # replaced activations held at a time: one copy of 64 channels of 224 x 224 has 13 MB


@dataclass(frozen=True, slots=True)
class LayerFeatures:
    """One layer in one forward and backward pass over a batch of B images: what a method receives.

    All methods of a run receive the same tensors. One that writes into them gives no maps, and its rows say so.

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
    _gradients: torch.Tensor | WsolError | None
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
        if isinstance(self._gradients, WsolError):
            raise self._gradients
        if self._gradients is None:
            raise LookupError("this method uses gradients but does not declare needs=('activations', 'gradients')")
        return self._gradients

    @property
    def head(self) -> Head | None:
        """The linear head behind this layer, or None where there is none (CAM's condition); found when it is needed."""
        return self._head()

    @property
    def products(self) -> torch.Tensor:
        """(B, K, H, W) gradients times activations, computed once for all methods of a run that start from it."""
        return self.once("products", lambda: self.gradients * self.activations)

    @property
    def positive_gradients(self) -> torch.Tensor:
        """(B, K, H, W) gradients, 0 where they are negative; computed once, as `products`."""
        return self.once("positive gradients", lambda: self.gradients.relu())

    @property
    def totals(self) -> torch.Tensor:
        """(B, K) S_k, the sum of each channel's activations; computed once, as `products`."""
        return self.once("totals", lambda: self.activations.sum((2, 3)))

    def gradients_of(self, score: Differentiated) -> torch.Tensor:
        """(B, K, H, W), d score / d activations; for another score than the logit, from one more pass."""
        if score == "logit":
            return self.gradients
        from wsol.models.scores import target_logprob, target_probability

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
    def black(self) -> torch.Tensor:
        """(1, C, 1, 1) a black pixel as the network receives it. Raises ConfigError where that is not known."""
        black = self.query.black
        if black is None or len(black) != self.images.shape[1]:
            raise ConfigError(
                f"what is black in these images of {self.images.shape[1]} channels is not known; give the mean and std "
                "of their normalization, or choose hidden=mean"
            )
        return self.images.new_tensor(black)[None, :, None, None]

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

    def of_image(self, place: int) -> LayerFeatures:
        """What a method receives of one image of the batch alone; nothing is shared with other variants."""
        part, gradients = slice(place, place + 1), self._gradients
        return replace(
            self,
            activations=self.activations[part],
            _gradients=gradients if gradients is None or isinstance(gradients, WsolError) else gradients[part],
            logits=self.logits[part],
            targets=self.targets[part],
            images=self.images[part],
            image_ids=self.image_ids[part],
            memo={},
            used=set(),
        )

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
            Cost(spent.forwards, spent.backwards, spent.partial_forwards, spent.seconds + self._now() - clock),
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
