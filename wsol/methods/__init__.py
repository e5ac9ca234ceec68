"""Class activation maps and their relatives. One file per method; `_base` has the contract, `_fusion` joins layers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsol.methods._base import Method, MethodInfo, method, methods
    from wsol.methods._features import LayerFeatures

__all__ = ["LayerFeatures", "Method", "MethodInfo", "method", "methods"]


def __getattr__(name: str) -> Any:
    """Import the contract on first use: importing the package alone needs no torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("wsol.methods._base"), name)
