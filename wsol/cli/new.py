"""`wsol new`: a commented starting file for your method, metric or protocol."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from wsol.cli.options import Command
from wsol.errors import ConfigError, OutputError, unknown
from wsol.runs.write import write_text

METHOD = '''"""{title}."""

import torch

from wsol.methods import LayerFeatures, method
from wsol.options import option


# The decorator makes a frozen dataclass of options and registers it under its key.
#   needs   what you use: "activations", "gradients", "head" (the linear head behind the layer), "image", "model"
#           (more forward passes). Without "gradients" no backward pass is run for you.
#   layers  the layers when the user names none: "last", "stage3+stage4", "all", or "input" for the image.
#   cost    for `wsol list methods`: F forwards, B backwards, P forwards from the layer on, K channels.
#   costly  True where that is dozens of passes per image.
@method("{key}", paper="me, {title}, 2026", year=2026, needs=("activations", "gradients"), cost="1F + 1B")
class {title}:
    """{title}: each channel weighted by its mean absolute gradient.

    M = ReLU(sum_k mean|g_k|^power A_k)

    Identities: what it equals, and where.
    Traps: what to know before using it.
    """

    # Every field is an option: methods.{key}.power=2, or a list for several rows.
    power: float = option(1.0, help="exponent of the weights")

    def __call__(self, layer: LayerFeatures) -> torch.Tensor:
        # (B, K, H, W): layer.activations, layer.gradients, of one layer for B images
        # (B, C) and (B,): layer.logits, layer.targets;  (B, 3, h, w): layer.images
        # More forward passes: layer.query.logits(images), layer.query.logits_from(layer, activations, image).
        # Random numbers: layer.generators(), one per image, so that rows don't depend on batch or machine.
        # Return a raw map (B, H, W): no resize, no normalization; thresholds and boxes come later.
        weights = layer.gradients.abs().mean((2, 3), keepdim=True) ** self.power
        return (weights * layer.activations).sum(1).relu()
'''

METRIC = '''"""{title}."""

from wsol.metrics import MetricInput, Columns, mean, metric
from wsol.metrics._common.truth import boxes_to_mask
from wsol.options import Share, option


# The decorator makes a frozen dataclass of options and registers it under its key.
#   needs   what you use: "boxes", "mask", "truth" (the mask, or the boxes where there is none), "model" (more
#           forward passes: item.query), "method" (the map of another image: item.remap), "probabilities".
@metric(
    "{key}",
    paper="me, {title}, 2026",
    year=2026,
    needs=("boxes",),
    about="Share of the bright part in the boxes.",
)
class {title}:
    """{title}: how much of what the map shows is on the object.

    mean over images of |M >= level inside the boxes| / |M >= level|, M scaled to [0, 1]
    """

    # Every field is an option: metrics.{key}.level=0.3. `Share` is a float from 0 to 1.
    level: Share = option(0.5, help="level from which a pixel is bright")

    # How the columns of all images become the table's numbers; `Score(of=...)` for anything but a mean.
    scores = (mean("share", name="{key}", label="{title}", percent=True),)

    def measure(self, item: MetricInput) -> Columns:
        # (h, w): item.map, and item.map01 scaled to [0, 1], in the frame of the network input, like item.boxes (g, 4)
        # and item.mask. Random numbers: item.rng(). Return plain columns of this image; None is undefined and left out.
        shown = item.map01 >= self.level
        inside = boxes_to_mask(item.boxes, shown.shape) == 1
        return {{"share": float((shown & inside).sum() / shown.sum()) if shown.any() else None}}
'''

PROTOCOL = '''"""{title}."""

from wsol.protocols import Protocol, protocol

# Knobs that are not given are as in `exact`; all knobs, their values and meaning: wsol show protocol exact
protocol(
    Protocol(
        name="{key}",
        paper="me, {title}, 2026",
        tau=0.2,  # a fixed share of the map's maximum; "sweep" tries all thresholds
        component="largest_polygon",  # whose box counts; "all" takes the box of every component
        deltas=(0.5,),  # IoU at which a box is a hit
        sources={{"tau": "section 4.1"}},  # where the paper says so, for `wsol show protocol {key}`
    )
)
'''

KINDS = {  # kind: (the file, words of `wsol run` that try it)
    "method": (METHOD, "method=[{key},gradcam,layercam]"),
    "metric": (METRIC, "metric=[{key}] method=[gradcam,layercam]"),
    "protocol": (PROTOCOL, "protocol=[{key},choe2020_v2] method=[gradcam,layercam]"),
}


def main(words: Sequence[str]) -> int:
    """Write the file and print how to run it."""
    parser = Command("new", "Write a commented starting file.")
    parser.add_argument("kind", help=", ".join(KINDS))
    parser.add_argument("name", help="the key users will type, for example mycam")
    parser.add_argument("-o", "--out", type=Path, help="where (default: NAME.py)")
    chosen = parser.read(words)
    from wsol.methods._base import methods
    from wsol.metrics._base import metrics
    from wsol.protocols._base import protocols

    if chosen.kind not in KINDS:
        raise unknown("kind of file", chosen.kind, KINDS)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", chosen.name) or keyword.iskeyword(chosen.name):
        raise ConfigError(f"{chosen.name!r} is not a valid key; use lowercase letters, digits and _, such as my_cam")
    taken: dict[str, Mapping[str, object]] = {"method": methods, "metric": metrics, "protocol": protocols}
    if chosen.name in taken[chosen.kind]:
        raise ConfigError(f"there is a {chosen.kind} {chosen.name!r} already; choose another name")
    place = chosen.out or Path(f"{chosen.name}.py")
    if os.path.lexists(place):
        raise OutputError(f"{place} exists already; choose another name, or -o FILE")
    title = "".join(part.capitalize() for part in chosen.name.split("_"))
    text, tried = KINDS[chosen.kind]
    write_text(place, text.format(key=chosen.name, title=title), otherwise="choose another one with -o FILE")
    print(place)
    if chosen.kind == "method":
        print(f"Check it: wsol doctor --with {place} method=[{chosen.name}]")
    print(f"Try it:   wsol run --with {place} {tried.format(key=chosen.name)}")
    return 0
