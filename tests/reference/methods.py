"""The naive twins of all methods; importing their modules registers them with their cases."""

from tests.reference import (
    methods_attention,
    methods_branches,
    methods_frames,
    methods_masked,
    methods_network,
    methods_occlusion,
    methods_one_pass,
)
from tests.reference.twins import CASES, FLOAT64_ONLY, TWINS, TwinCase

__all__ = [
    "CASES",
    "FLOAT64_ONLY",
    "TWINS",
    "TwinCase",
    "methods_attention",
    "methods_branches",
    "methods_frames",
    "methods_masked",
    "methods_network",
    "methods_occlusion",
    "methods_one_pass",
]
