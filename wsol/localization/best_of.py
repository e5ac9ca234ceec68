"""The best that any of several maps of one image reaches at any threshold: what a ceiling scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wsol.localization.component_rules import component_rules
from wsol.localization.localize import constant, localize
from wsol.localization.one_by_one import empty_table
from wsol.localization.records import ImageMap, Localizations

if TYPE_CHECKING:
    from wsol.protocols._base import Protocol


def localize_best(groups: Sequence[Sequence[ImageMap]], protocols: Sequence[Protocol]) -> dict[str, Localizations]:
    """By protocol name, for each group of maps of one image the highest IoU over its maps and over all thresholds.

    It stands at every threshold, so that a table finds it wherever it takes its own from. A protocol with a fixed
    threshold is swept here, without its graph cut; one whose component rule has grey levels of its own stays as it is.
    """
    maps = [item for group in groups for item in group]
    starts = np.cumsum([0] + [len(group) for group in groups])[:-1]
    best = {}
    for protocol in protocols:
        rule = swept(protocol)
        found = localize(maps, [rule])[rule.name]
        tops = np.maximum.reduceat(found.iou.values, found.iou.offsets[:-1])
        table = empty_table(len(groups), 1, protocol)
        for n, (start, group) in enumerate(zip(starts, groups, strict=True)):
            winner = start + int(np.argmax(tops[start : start + len(group)]))
            steps = slice(*found.iou.offsets[winner : winner + 2])
            at = found.iou.breaks[steps][int(np.argmax(found.iou.values[steps]))]
            table.iou[n] = tops[winner]
            for steps_of, column in ((found.count, table.count), (found.boxes, table.boxes)):
                if steps_of is not None and column is not None:
                    column[n] = steps_of.take([winner]).at([at])[0, 0]
        best[protocol.name] = constant(table, protocol)
    return best


def swept(protocol: Protocol) -> Protocol:
    """The protocol with all thresholds in place of its own, and without a graph cut."""
    if component_rules[protocol.component].own_levels:
        return protocol
    return protocol.derive({"tau": "sweep", "refine": "none"})
