"""From logits to where an image's label stands among the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOP = 5  # classes kept per row, for Top-5 Loc
LAST = 2**31 - 1  # rank of a label that no logits rank: never a hit


def rank_of(logits: NDArray[Any], label: int) -> int:
    """How many classes score higher than the label: 0 is Top-1; of equal ones the lower index counts as higher.

    `LAST` where a logit is NaN or infinite: such logits order nothing, and no comparison with NaN is true.
    """
    if not np.isfinite(logits).all():
        return LAST
    return int((logits > logits[label]).sum() + (logits[:label] == logits[label]).sum())


def probabilities_of(logits: NDArray[Any]) -> NDArray[np.float64]:
    """(C,) logits to probabilities, in float64, as `wsol.models.scores.class_probabilities` has them."""
    if len(logits) == 1:
        return 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))  # the sigmoid, without overflow
    with np.errstate(invalid="ignore"):  # logits that are not finite have no probabilities: NaN
        shifted = np.exp(logits.astype(np.float64) - logits.max())
        return np.asarray(shifted / shifted.sum())


def classification(logits: NDArray[Any], label: int) -> dict[str, Any]:
    """Where the label ranks among (C,) logits, the highest classes, and the label's probability."""
    return {
        "rank": rank_of(logits, label),
        "top": np.argsort(-logits, kind="stable")[:TOP].tolist(),
        "probability": float(probabilities_of(logits)[label]),
    }
