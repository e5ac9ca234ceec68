"""Accuracies of rows averaged another way than their protocol does: over images, or over classes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsol.runs.schema import About, Average, ProtocolInfo


def averaged(about: About, average: Average | None) -> About:
    """The same protocols with their knob `average` set; they say so where it differs from their own.

    Parameters
    ----------
    average : ``images`` for the share of images, ``classes`` for the mean over classes of their shares; None for what
        each protocol does by itself.
    """
    if average is None:
        return about
    protocols = {name: _with(info, average) for name, info in about.protocols.items()}
    quantities = tuple(
        replace(q, average=average) if q.measure in protocols and q.reduction == "hits" else q for q in about.quantities
    )
    return replace(about, protocols=protocols, quantities=quantities)


def _with(info: ProtocolInfo, average: Average) -> ProtocolInfo:
    if info.knobs["average"] == average:
        return info
    return replace(info, knobs={**info.knobs, "average": average}, changes={**info.changes, "average": average})
