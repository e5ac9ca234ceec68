"""Import a heavy module when it is first used, not when it is named.

Listing methods or completing a command line imports every method file, and each of them says `import torch`. With
`lazily("torch")` that costs nothing until somebody touches torch.
"""

from __future__ import annotations

import importlib.util
import sys


def lazily(*names: str) -> None:
    """Put lazy stand-ins for these modules in place; modules that are loaded already stay."""
    for name in names:
        if name in sys.modules:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            continue
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
