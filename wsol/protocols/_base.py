"""A protocol is a named, frozen record of everything between a raw map and a hit.

Presets that carry a paper's name agree with that paper's code to the last bit; where they can't, `sources` says so.
Each preset is one file beside this one; yours can be anywhere (`--with my_protocol.py`).

    protocol(Protocol(name="mine2026", tau=0.3, component="largest_rect", sources={"tau": "my paper, sec. 3"}))
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Literal, get_type_hints

import wsol.localization.cam2016_tool  # noqa: F401 - registers its component rule
from wsol.errors import ConfigError, unknown
from wsol.grammar import parse, spell
from wsol.localization.boxes import box_end_rules, empty_rules
from wsol.localization.component_rules import component_rules
from wsol.localization.frame import rounding_rules, space_rules, truth_rules
from wsol.localization.iou_rules import iou_rules
from wsol.localization.normalize import normalize_rules, order_rules
from wsol.localization.quantize import quantize_rules
from wsol.localization.refine import refine_rules
from wsol.localization.resize import resize_rules
from wsol.localization.threshold_rules import threshold_rules
from wsol.options import Count, PositiveShare, Range, Step, build, fit, option
from wsol.registry import Registry, Rules
from wsol.views import merge_rules, scale_rules, views

CHANGED = "changed from the preset"  # the source of a derived protocol's own knobs
NO_CUT = {  # sources, for presets without a graph cut and without a percentile
    "refine": "no graph cut",
    "refine_seed": "not used: no graph cut",
    "percentile": "not used: of normalise=ivr only",
}


@dataclass(frozen=True, slots=True)
class HeadlineRule:
    """The main number of a protocol whose threshold is swept.

    Attributes
    ----------
    key, label : of the number, in files and in tables.
    deltas : the IoU thresholds whose accuracies it averages; empty for all of the protocol's.
    """

    key: str
    label: str
    deltas: tuple[float, ...] = ()


headline_rules: Rules[HeadlineRule] = Rules("headline", HeadlineRule)
headline_rules.put("at_50", HeadlineRule("maxboxacc", "MaxBoxAcc", (0.5,)))
headline_rules.put("mean_over_deltas", HeadlineRule("maxboxacc_v2", "MaxBoxAccV2"))


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The knobs. `wsol show protocol NAME` prints them with the source of each.

    Most knobs name a rule of the registry in their annotation, whose module says how to add one; a rule can also be
    registered in the protocol's own file.
    """

    name: str
    paper: str = ""
    view: str = option("any", help="how images become network input, or any where the protocol leaves it to the run")
    merge: Annotated[str, merge_rules] = option(
        "sum", help="how maps of several crops are added on the canvas: as they are, or their absolute values"
    )
    space: Annotated[str, space_rules] = option(
        "original", help="where boxes are compared: on a square over the view's canvas, or in original pixels"
    )
    side: Annotated[int, Range(1, 4096)] = option(224, help="side of that square in pixels")
    resize: Annotated[str, resize_rules] = option(
        "bilinear", help="map to that size: half-pixel centers, but aligned corners for bilinear_corners"
    )
    resize_uint8: bool = option(False, help="resize the quantized map (fixed point, OpenCV) and not the float one")
    normalise: Annotated[str, normalize_rules] = option(
        "minmax",
        help="of the map: by min-max (flat maps become zeros), by the maximum (negative values become zero), "
        "by percentiles (percentile, pas, ivr), or none; also written normalize",
        spelling="normalize",
    )
    percentile: Annotated[float, Range(0, 1)] = option(
        0.45, help="with normalise=ivr, the share of the map that lies below the value that becomes 0"
    )
    order: Annotated[str, order_rules] = option("resize_first", help="normalize before or after the resize")
    quantise: Annotated[str, quantize_rules] = option(
        "none", help="floor_uint8 is floor(255 map), none keeps floats; also written quantize", spelling="quantize"
    )
    tau: float | Literal["sweep"] | Annotated[str, threshold_rules] = option(
        "sweep",
        help="sweep over all thresholds, one fixed share of the map's maximum, or a rule by which each map chooses its "
        "own without boxes: otsu, or its mean",
    )
    tau_step: Step = option(
        0.001, help="step of the swept grid for quantized maps; float maps are swept at every distinct value"
    )
    compare: Literal["gt", "ge"] = option("ge", help="foreground is map > tau (gt) or map >= tau (ge)")
    connectivity: Literal[4, 8] = option(8, help="of foreground pixels")
    component: Annotated[str, component_rules] = option(
        "largest_pixels",
        help="whose box counts; all_with_holes takes every contour of OpenCV's tree, cam2016_tool the box "
        "generator published with CAM",
    )
    candidates: Count = option(1, help="how many of the component rule's boxes count")
    box_end: Annotated[str, box_end_rules] = option(
        "half_open",
        help="exclusive_as_inclusive keeps x + w as the inclusive end: boxes are one pixel too large on two sides",
    )
    clip: bool = option(False, help="cut boxes at the last pixel")
    empty: Annotated[str, empty_rules] = option(
        "miss", help="the box when nothing is above the threshold; miss has none"
    )
    iou: Annotated[str, iou_rules] = option(
        "continuous",
        help="plus1 counts inclusive pixels, plus1_open too but 0 for boxes that only touch, plus1_signed lets "
        "two negative sides of an overlap make a positive area, continuous adds no 1",
    )
    hit: Literal["ge", "gt"] = option("ge", help="IoU >= delta (ge) or > delta (gt)")
    topk_hit: Literal["same", "ge", "gt"] = option(
        "same", help="the same for Top-1 and Top-5 Loc, where a code differs there"
    )
    gt_boxes: Annotated[str, truth_rules] = option("any", help="any box of the class, or only the first")
    gt_origin: Literal[0, 1] = option(
        0, help="what the annotation calls the first pixel; 1 is subtracted from ground-truth coordinates"
    )
    gt_scale: Annotated[str, scale_rules] = option(
        "multiply_first",
        help="c * side / W (multiply_first) or c / W * side (divide_first); truncated, they differ",
    )
    gt_rounding: Annotated[str, rounding_rules] = option(
        "none", help="trunc cuts scaled ground-truth coordinates to integers, trunc_inside also at the last pixel"
    )
    refine: Annotated[str, refine_rules] = option(
        "none",
        help="a graph cut between map and box: one iteration of OpenCV's GrabCut (grabcut_shallow on shallow "
        "layers only), or colour_cut (Simonyan et al., 2013), which uses quantiles of the map and not tau",
    )
    refine_seed: int = option(12345, help="OpenCV's random state before each cut")
    average: Literal["images", "classes"] = option(
        "images", help="accuracy over all images, or the mean over classes of their accuracies"
    )
    deltas: tuple[PositiveShare, ...] = option(
        (0.3, 0.5, 0.7), help="IoU thresholds reported; MaxBoxAccV2's (Choe et al. 2020, sec. 4)"
    )
    headline: Annotated[str, headline_rules] = option(
        "at_50", help="the main number of a swept protocol: accuracy at delta 0.5, or the mean over deltas"
    )
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
        return component_rules[self.component].several or self.candidates > 1

    def derive(self, changes: Mapping[str, Any]) -> Protocol:
        """This protocol with other knobs, under a name that says so: ``choe2020_v2[normalise=max]``.

        Lists stand for tuples. A value that equals the preset's is not a change, and leaves the name alone.

        Raises
        ------
        ConfigError : an unknown knob (nearest one given), or values that don't go together.
        """
        known = self.knobs
        values = dict(known)
        for knob, value in changes.items():
            name = _spellings().get(knob, knob)
            if name not in known:
                names = [f"protocols.{self.name}.{k}" for k in (*known, *_spellings())]
                raise unknown("option", f"protocols.{self.name}.{knob}", names, error=ConfigError)
            values[name] = tuple(value) if isinstance(value, list) else value
        made = build(Protocol, {**values, "name": self.name, "paper": self.paper}, where=f"protocols.{self.name}")
        # named by the values as they were understood, so that tau=0 and tau=0.0 are one protocol
        preset = self.preset or self.name
        base = protocols[preset] if self.preset else self
        differing = {k: v for k, v in made.knobs.items() if v != base.knobs[k]}
        if not differing:
            return base
        if "percentile" in differing and "percentile" not in normalize_rules[made.normalise].knobs:
            raise ConfigError(
                f"protocol {preset}: percentile={made.percentile:g} changes nothing with normalise={made.normalise}; "
                "it is of normalise=ivr"
            )
        sources = {**base.sources, **dict.fromkeys(differing, CHANGED)}
        name = spell(preset, options=differing)
        return dataclasses.replace(made, name=name, sources=sources, preset=preset, changes=differing)

    def __post_init__(self) -> None:
        for knob, value in self.knobs.items():
            hint = _hints()[knob]
            fit(value, hint, where=f"protocols.{self.name}.{knob}")
            for rules in (r for r in getattr(hint, "__metadata__", ()) if isinstance(r, Rules)):
                object.__setattr__(self, knob, rules.canonical(value))
        if self.view != "any" and self.view not in views:
            raise unknown("view", self.view, ["any", *views], error=ConfigError)
        component, refine = component_rules[self.component], refine_rules[self.refine]
        quantized = quantize_rules[self.quantise].levels is not None
        for problem, wrong in {
            f"tau={self.tau} is not in [0, 1)": not isinstance(self.tau, str) and not 0 <= self.tau < 1,
            f"deltas={self.deltas} is empty": not self.deltas,
            "compare=ge needs quantise=none; quantized maps are cut with gt": self.compare == "ge" and quantized,
            "resize_uint8 needs quantise=floor_uint8": self.resize_uint8 and not quantized,
            f"connectivity={self.connectivity} can't be had with component={self.component}; use "
            f"{_names(k for k, r in component_rules.items() if self.connectivity in r.connectivities)}": (
                self.connectivity not in component.connectivities
            ),
            f"component={self.component} has grey levels of its own; it needs quantise=floor_uint8 and a tau that is "
            "not swept": component.own_levels and (not quantized or isinstance(self.tau, str)),
            f"candidates={self.candidates} is more than component={self.component} has; it needs component="
            f"{_names(k for k, r in component_rules.items() if self.candidates <= r.candidates)}": (
                self.candidates > component.candidates
            ),
            f"refine={self.refine} starts from one threshold; give a fixed one, for example tau=0.15": (
                refine.from_threshold and self.tau == "sweep"
            ),
        }.items():
            if wrong:
                raise ConfigError(f"protocol {self.name}: {problem}")


@lru_cache(maxsize=1)
def _hints() -> dict[str, Any]:
    return get_type_hints(Protocol, include_extras=True)


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    """Other spellings of knobs, with the knob's name."""
    fields = dataclasses.fields(Protocol)
    return {f.metadata["spelling"]: f.name for f in fields if "spelling" in f.metadata}


def _names(names: Iterable[str]) -> str:
    return " or ".join(names) or "another rule"


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
