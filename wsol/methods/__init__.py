"""Class activation maps and their relatives. One file per method; `base` has the contract, `fusion` joins layers."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsol.methods._base import LayerFeatures, Method, MethodInfo, method, methods

__all__ = ["LayerFeatures", "Method", "MethodInfo", "method", "methods"]


def __getattr__(name: str) -> Any:
    """Import the contract on first use: importing the package alone needs no torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wsol.methods import _base as base

    return getattr(base, name)
