"""Class activation maps and their relatives. One file a method; `base` has the contract, `fusion` joins layers."""

from wsol.methods.base import LayerFeatures, Method, MethodInfo, method, methods

__all__ = ["LayerFeatures", "Method", "MethodInfo", "method", "methods"]
