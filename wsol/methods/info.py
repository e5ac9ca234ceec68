"""What is known of a method without running it; light, so that rows can be described without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["method", "control"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodInfo:
    """What is known of a method without running it.

    Attributes
    ----------
    needs : what it uses. Without ``gradients`` no backward is run for it.
    layers : the layers it takes when none are chosen: ``last``, ``input``, ``stage3+stage4``, ...
    cost : forwards (F), backwards (B), partial forwards (P) for one image, K channels, n cells.
    stochastic : draws random numbers, from (run seed, image id).
    constant_is_full : a flat map means the whole image; for all other methods it means nothing was found.
    role : ``control`` where the map is fixed or random by design: a floor, not a competitor.
    """

    key: str
    name: str
    paper: str
    year: int
    needs: frozenset[str]
    layers: str
    cost: str
    stochastic: bool = False
    constant_is_full: bool = False
    role: Role = "method"
