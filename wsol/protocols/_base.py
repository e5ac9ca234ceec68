"""A protocol is a named, frozen record of everything between a raw map and a hit.

Presets that carry a paper's name agree with that paper's code to the last bit; where they can't, `sources` says so.
Each preset is one file beside this one; yours can be anywhere (`--with my_protocol.py`).

    protocol(Protocol(name="mine2026", tau=0.3, component="largest_rect", sources={"tau": "my paper, sec. 3"}))
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wsol.errors import ConfigError, unknown
from wsol.grammar import parse, spell
from wsol.localization.component_rules import rule_of
from wsol.options import build
from wsol.registry import Registry
from wsol.views import views

CHANGED = "changed from the preset"  # the source of a derived protocol's own knobs
NO_CUT = {"refine": "no graph cut", "refine_seed": "not used: no graph cut"}  # sources, for presets without one


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The knobs. `wsol show protocol NAME` prints them with the source of each.

    Attributes
    ----------
    view : how images become network input, or ``any`` when the protocol leaves it to the run.
    merge : maps of several crops are added on the canvas as they are (``sum``), or their absolute values (``sum_abs``).
    space : where boxes are compared: on a square of `side` pixels over the view's canvas (``square``), or in
        ``original`` pixels.
    side : of that square.
    resize : map to that size: ``cubic`` and ``bilinear`` with half-pixel centres, ``bilinear_corners`` with aligned
        corners, ``nearest``.
    resize_uint8 : resize the quantised map (fixed point, OpenCV) rather than the float one.
    normalise : ``minmax`` (flat maps become zeros), ``max`` (negative values to zero, divide by the maximum),
        ``percentile``, ``none``.
    order : normalise before or after the resize.
    quantise : ``floor_uint8`` is floor(255 map); ``none`` keeps floats.
    tau : ``sweep`` over all thresholds, or one fixed share of the map's maximum.
    tau_step : step of the swept grid for quantised maps; float maps are swept at every distinct value.
    compare : foreground is ``gt`` (map > tau) or ``ge`` (map >= tau).
    connectivity : of foreground pixels, 8 or 4.
    component : whose box counts, a name of `wsol.localization.component_rules`: ``largest_polygon``,
        ``largest_pixels``, ``largest_rect``, ``all``, ``all_with_holes`` (every contour as OpenCV's tree has them),
        ``cam2016_tool`` (the box generator published with CAM, see `wsol.protocols.cam2016`), or one of your own.
    candidates : how many of the tool's boxes count, 1 or 2.
    box_end : ``exclusive_as_inclusive`` keeps x + w as the inclusive end: boxes are one pixel too big on two sides.
    clip : cut boxes at the last pixel.
    empty : the box when nothing is above the threshold; ``miss`` has none.
    iou : ``plus1`` counts inclusive pixels, ``plus1_open`` too but zero for boxes that only touch, ``plus1_signed``
        lets two negative sides of the overlap make a positive area, ``continuous`` has no +1.
    hit : IoU ``ge`` delta or ``gt`` delta.
    topk_hit : the same for Top-1 and Top-5 Loc, where a code differs there.
    gt_boxes : ``any`` box of the class, or only the ``first``.
    gt_origin : what the annotation calls the first pixel; 1 is subtracted from ground-truth coordinates.
    gt_scale : c * side / W (``multiply_first``) or c / W * side (``divide_first``): truncation tells them apart.
    gt_rounding : ``trunc`` cuts scaled ground-truth coordinates to integers, ``trunc_inside`` also at the last pixel.
    refine : a graph cut between map and box: ``grabcut`` (OpenCV, one iteration; ``grabcut_shallow`` only on shallow
        layers), or ``colour_cut`` (Simonyan et al., 2013), which looks at quantiles of the map and not at tau.
    refine_seed : OpenCV's random state before each cut.
    average : accuracy over all ``images``, or the mean over ``classes`` of their accuracies.
    deltas : IoU thresholds reported; `headline` is the main number: accuracy at delta 0.5, or the mean over deltas.
    """

    name: str
    paper: str = ""
    view: str = "any"
    merge: Literal["sum", "sum_abs"] = "sum"
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
    component: str = "largest_pixels"
    candidates: Literal[1, 2] = 1
    box_end: Literal["inclusive", "exclusive_as_inclusive", "half_open"] = "half_open"
    clip: bool = False
    empty: Literal["zero_box", "unit_box", "full_box", "miss"] = "miss"
    iou: Literal["plus1", "plus1_open", "plus1_signed", "continuous"] = "continuous"
    hit: Literal["ge", "gt"] = "ge"
    topk_hit: Literal["same", "ge", "gt"] = "same"
    gt_boxes: Literal["any", "first"] = "any"
    gt_origin: Literal[0, 1] = 0
    gt_scale: Literal["multiply_first", "divide_first"] = "multiply_first"
    gt_rounding: Literal["trunc", "trunc_inside", "none"] = "none"
    refine: Literal["none", "grabcut", "grabcut_shallow", "colour_cut"] = "none"
    refine_seed: int = 12345
    average: Literal["images", "classes"] = "images"
    deltas: tuple[float, ...] = (0.3, 0.5, 0.7)  # MaxBoxAccV2, Choe et al. 2020, sec. 4
    headline: Literal["at_50", "mean_over_deltas"] = "at_50"
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)  # knob -> where it is stated
    preset: str = field(default="", compare=False)  # what it is derived from, and by which knobs
    changes: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def knobs(self) -> dict[str, Any]:
        """Every knob and its value."""
        skip = {"name", "paper", "sources", "preset", "changes"}
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in skip}

    @property
    def several_boxes(self) -> bool:
        """Whether more than one box counts per image."""
        return rule_of(self.component).several or self.candidates > 1

    def derive(self, changes: Mapping[str, Any]) -> Protocol:
        """This protocol with other knobs, under a name that says so: ``choe2020_v2[normalise=max]``.

        Lists stand for tuples. What is equal to the preset's value is no change, and leaves the name alone.

        Raises
        ------
        ConfigError : an unknown knob (nearest one given), or values that don't go together.
        """
        known = self.knobs
        for knob in changes:
            if knob not in known:
                names = [f"protocols.{self.name}.{k}" for k in known]
                raise unknown("option", f"protocols.{self.name}.{knob}", names, error=ConfigError)
        values = {**known, **{k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}}
        made = build(Protocol, {**values, "name": self.name, "paper": self.paper}, where=f"protocols.{self.name}")
        # named by the values as they were understood, so that tau=0 and tau=0.0 are one protocol
        preset = self.preset or self.name
        base = protocols[preset] if self.preset else self
        differing = {k: v for k, v in made.knobs.items() if v != base.knobs[k]}
        if not differing:
            return base
        sources = {**base.sources, **dict.fromkeys(differing, CHANGED)}
        name = spell(preset, options=differing)
        return dataclasses.replace(made, name=name, sources=sources, preset=preset, changes=differing)

    def __post_init__(self) -> None:
        rule_of(self.component)
        if self.view != "any" and self.view not in views:
            raise unknown("view", self.view, ["any", *views], error=ConfigError)
        for problem, wrong in {
            f"tau={self.tau} is not in [0, 1)": self.tau != "sweep" and not 0 <= self.tau < 1,
            f"tau_step={self.tau_step} is not in (0, 0.5]": not 0 < self.tau_step <= 0.5,
            f"side={self.side} is no size": self.side < 1,
            f"deltas={self.deltas} are not all in (0, 1]": not self.deltas or not all(0 < d <= 1 for d in self.deltas),
            "compare=ge needs quantise=none; quantised maps are cut with gt": self.compare == "ge"
            and self.quantise != "none",
            "resize_uint8 needs quantise=floor_uint8": self.resize_uint8 and self.quantise == "none",
            f"connectivity=4 can't be had with component={self.component}; use largest_pixels or all": (
                self.connectivity == 4 and self.component not in ("largest_pixels", "all")
            ),
            "component=cam2016_tool has grey levels of its own; it needs quantise=floor_uint8 and a tau that is not "
            "swept": self.component == "cam2016_tool" and (self.quantise == "none" or self.tau == "sweep"),
            "candidates=2 needs component=cam2016_tool": self.candidates == 2 and self.component != "cam2016_tool",
            f"refine={self.refine} starts from one threshold; give a fixed one, for example tau=0.15": (
                self.refine.startswith("grabcut") and self.tau == "sweep"
            ),
        }.items():
            if wrong:
                raise ConfigError(f"protocol {self.name}: {problem}")


protocols: Registry[Protocol] = Registry("protocol", "wsol.protocols")


def protocol(record: Protocol) -> Protocol:
    """Register a record under its own name. Raises ConfigError where another one has it."""
    return alias(record.name, record)


def alias(name: str, record: Protocol) -> Protocol:
    """Let another name stand for a record. Rows and tables keep the record's own."""
    if not re.fullmatch(r"\w+", name):
        raise ConfigError(f"{name!r} can't name a protocol; use letters, digits and _")
    try:
        return protocols.add(name, record)
    except ConfigError as error:  # the registry's own message quotes both records whole
        raise ConfigError(f"there is a protocol {name!r} already, with other knobs; rename one") from error


def named(name: str) -> Protocol:
    """The protocol of a name; ``choe2020_v2[normalise=max,tau=0.2]`` is derived from its preset.

    Raises
    ------
    UnknownName, ConfigError : no such preset or knob (nearest one given), or a value that doesn't fit.
    """
    choice = parse(name)
    if choice.layers:
        raise ConfigError(f"{name}: only methods take layers; write {choice.name}[knob=value]")
    return protocols[choice.name].derive(choice.options)
