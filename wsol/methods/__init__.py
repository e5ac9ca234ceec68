"""Class activation maps and their relatives. One file a method; `base` has the contract, `fusion` joins layers."""

from wsol.methods.base import Method, MethodInfo, Seen, method, methods

__all__ = ["Method", "MethodInfo", "Seen", "method", "methods"]
