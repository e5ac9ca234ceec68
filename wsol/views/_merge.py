"""The rules by which raw maps of several crops become one on the canvas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MergeRule:
    """How maps of crops are added up.

    Attributes
    ----------
    each : applied to the map of every crop, (h, w) to (h, w).
    into : from the canvas, zeros at first, and a crop's map to their sum, maximum or the like; a NumPy ufunc.
    """

    each: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray
    into: Callable[..., NDArray[Any]] = np.add


merge_rules: Rules[MergeRule] = Rules("rule for merging crops", MergeRule)
merge_rules.put("sum", MergeRule())  # Jiang et al., 2021; no division by coverage
merge_rules.put("sum_abs", MergeRule(each=np.abs))  # Zhou et al., 2016
