"""Naive twins of methods by registry key, each with the cases in which it is compared standing on it.

``@compare("vgg", "features.3", score="logit")`` above a twin called ``mycam`` compares it with the method ``mycam`` on
the small VGG, at a layer before a ReLU, with that option; both take the same options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Twin = Callable[..., Any]
T = TypeVar("T", bound=Twin)


@dataclass(frozen=True)
class TwinCase:
    """A method under its key, with options, on a network of the tests and one of its layers (empty: the last)."""

    key: str
    options: dict[str, Any]
    net: str
    layer: str

    def __str__(self) -> str:
        return "-".join([self.key, self.net, self.layer, *(f"{k}={v}" for k, v in self.options.items())])


TWINS: dict[str, Twin] = {}
CASES: list[TwinCase] = []
FLOAT64_ONLY: set[str] = set()


def compare(nets: str = "vgg gap", layer: str = "", **options: Any) -> Callable[[T], T]:
    """Compare the twin with the method of its name on each of these networks."""

    def add(twin: T) -> T:
        TWINS[twin.__name__] = twin
        CASES.extend(TwinCase(twin.__name__, options, net, layer) for net in nets.split())
        return twin

    return add


def signed(twin: T) -> T:
    """Compare it also before a ReLU, where activations are signed."""
    return compare("vgg", "features.3")(compare("gap", "branch")(twin))


def float64_only(twin: T) -> T:
    """Not in float32, where a winner, a quantile, a threshold or the sign of Adam's first step may be another one."""
    FLOAT64_ONLY.add(twin.__name__)
    return twin
