"""A protocol is a named, frozen record of everything between a raw map and a hit.

Presets that carry a paper's name agree with that paper's code to the last bit. Each preset is one file beside this one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wsol.errors import ConfigError
from wsol.options import build
from wsol.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The knobs. Handbook of knobs: `wsol show protocol NAME` prints them with the source of each.

    Attributes
    ----------
    view : how images become network input, or ``any`` when the protocol leaves it to the run.
    space : where boxes are compared: on a square of `side` pixels over the view's canvas (``square``), or in ``original`` pixels.
    resize : map to that size: ``cubic`` and ``bilinear`` with half-pixel centres, ``bilinear_corners`` with aligned corners.
    resize_uint8 : resize the quantised map (fixed point, OpenCV) rather than the float one.
    normalise : ``minmax`` (flat maps become zeros), ``max`` (negative values to zero, divide by the maximum), ``percentile``, ``none``.
    order : normalise before or after the resize.
    quantise : ``floor_uint8`` is floor(255 map); ``none`` keeps floats.
    tau : ``sweep`` over all thresholds, or one fixed share of the map's maximum.
    tau_step : step of the swept grid for quantised maps; float maps are swept at every distinct value.
    compare : foreground is ``gt`` (map > tau) or ``ge`` (map >= tau).
    connectivity : of foreground pixels, 8 or 4.
    component : whose box counts; ``all_with_holes`` takes every contour as OpenCV's tree has them.
    box_end : ``exclusive_as_inclusive`` keeps x + w as the inclusive end: boxes are one pixel too big on two sides.
    clip : cut boxes at the last pixel.
    empty : the box when nothing is above the threshold; ``miss`` has none.
    iou : ``plus1`` counts inclusive pixels, ``plus1_open`` too but zero for boxes that only touch, ``continuous`` has no +1.
    hit : IoU ``ge`` delta or ``gt`` delta.
    gt_boxes : ``any`` box of the class, or only the ``first``.
    gt_rounding : ``trunc`` cuts scaled ground-truth coordinates to integers.
    refine : a graph cut between map and box: ``grabcut`` (OpenCV, one iteration), ``colour_cut`` (Simonyan et al., 2014), only
        on shallow layers with ``grabcut_shallow``.
    deltas : IoU thresholds reported; `headline` is the main number: accuracy at delta 0.5, or the mean over deltas.
    """

    name: str
    paper: str = ""
    view: Literal["any", "squash", "centre", "resize_short", "tencrop", "multiscale"] = "any"
    space: Literal["square", "original"] = "original"
    side: int = 224
    resize: Literal["cubic", "bilinear", "bilinear_corners", "nearest"] = "bilinear"
    resize_uint8: bool = False
    normalise: Literal["minmax", "max", "percentile", "none"] = "minmax"
    order: Literal["resize_first", "normalise_first"] = "resize_first"
    quantise: Literal["floor_uint8", "none"] = "none"
    tau: float | Literal["sweep"] = "sweep"
    tau_step: float = 0.001
    compare: Literal["gt", "ge"] = "ge"
    connectivity: Literal[4, 8] = 8
    component: Literal["largest_polygon", "largest_pixels", "largest_rect", "all", "all_with_holes"] = "largest_pixels"
    box_end: Literal["inclusive", "exclusive_as_inclusive", "half_open"] = "half_open"
    clip: bool = False
    empty: Literal["zero_box", "unit_box", "full_box", "miss"] = "miss"
    iou: Literal["plus1", "plus1_open", "continuous"] = "continuous"
    hit: Literal["ge", "gt"] = "ge"
    gt_boxes: Literal["any", "first"] = "any"
    gt_rounding: Literal["trunc", "none"] = "none"
    refine: Literal["none", "grabcut", "grabcut_shallow", "colour_cut"] = "none"
    deltas: tuple[float, ...] = (0.3, 0.5, 0.7)  # MaxBoxAccV2, Choe et al. 2020, sec. 4
    headline: Literal["at_50", "mean_over_deltas"] = "at_50"
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)  # knob -> where it is stated

    @property
    def knobs(self) -> dict[str, Any]:
        """Every knob and its value."""
        skip = {"name", "paper", "sources"}
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in skip}

    def derive(self, changes: Mapping[str, Any]) -> Protocol:
        """This protocol with other knobs, under a name that says so: ``choe2020_v2[normalise=max]``."""
        differing = {k: v for k, v in changes.items() if k not in self.knobs or self.knobs[k] != v}
        if not differing:
            return self
        label = ",".join(f"{k}={v}" for k, v in sorted(differing.items()))
        values = {**self.knobs, "paper": self.paper, **differing, "name": f"{self.name}[{label}]"}
        made = build(Protocol, values, where=f"protocol {self.name}")
        return dataclasses.replace(made, sources=self.sources)

    def __post_init__(self) -> None:
        if self.tau != "sweep" and not 0 <= self.tau < 1:
            raise ConfigError(f"protocol {self.name}: tau={self.tau} is not in [0, 1)")
        if not 0 < self.tau_step <= 0.5:
            raise ConfigError(f"protocol {self.name}: tau_step={self.tau_step} is not in (0, 0.5]")
        if self.compare == "ge" and self.quantise != "none":
            raise ConfigError(f"protocol {self.name}: compare=ge needs quantise=none; quantised maps are cut with gt")


protocols: Registry[Protocol] = Registry("protocol", "wsol.protocols")


def protocol(record: Protocol) -> Protocol:
    """Register a record under its own name."""
    return protocols.add(record.name, record)
