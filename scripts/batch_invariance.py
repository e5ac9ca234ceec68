"""How far maps, boxes and hits move with the batch and chunk size, for every method: results/batch_invariance.md.

    python scripts/batch_invariance.py [METHOD ...] [--images 50] [--costly 4] [-o results/batch_invariance.md]

A network's libraries sum in another order for another batch size, so the last bits of all that it gives differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wsol.errors import HeadError
from wsol.evaluation.build import load_dataset, load_model
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap
from wsol.maps.extractor import MapExtractor
from wsol.methods._base import methods
from wsol.methods._variants import variant_of
from wsol.models.stages import resolve_layer, stages
from wsol.options import defaults
from wsol.protocols._base import named
from wsol.views import view_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.base import Dataset, Sample
    from wsol.methods._variants import Variant
    from wsol.models.classifier import Classifier
    from wsol.views import View

ASKED = (16, 16)  # network inputs per batch, and further passes at a time: the defaults on the CPU
OTHERS = ((5, 64), (1, 7))
PROTOCOLS = ("choe2020_v1", "choe2020_v2")
WITHOUT = frozenset({"truth", "branches"})  # methods that need more than a drawn image and a plain network


@dataclass(frozen=True, slots=True)
class Moved:
    """What another batch and chunk size did to the maps of n images.

    Attributes
    ----------
    map : the largest difference of a cell, as a share of its map's range.
    boxes, hits : the share of images of which a box or a hit differs at any threshold of `PROTOCOLS`.
    passes : whether a count of passes per image differs.
    """

    map: float
    boxes: float
    hits: float
    passes: bool


@dataclass(frozen=True, slots=True)
class Maps:
    """Raw maps (n, h, w) of n images, and how many passes of each kind they took altogether."""

    raw: NDArray[Any]
    passes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Images:
    """Images of a dataset as a network's inputs."""

    classifier: Classifier
    samples: Sequence[Sample]
    inputs: Sequence[NDArray[np.float32]]
    view: View

    @classmethod
    def of(cls, data: Dataset, classifier: Classifier) -> Images:
        samples, view = data.samples(), view_named("squash", classifier.input_size)
        inputs = [classifier.normalized(view.inputs(data.image(sample))[0]) for sample in samples]
        return cls(classifier, samples, inputs, view)

    def maps(self, variant: Variant, *, batch: int, chunk: int) -> Maps:
        """Raises RuntimeError where a method fails."""
        extractor = MapExtractor(self.classifier, chunk=chunk)
        raw, passes = [], np.zeros(3)
        for start in range(0, len(self.samples), batch):
            some = self.samples[start : start + batch]
            inputs = extractor.tensor(self.inputs[start : start + batch])
            labels, ids = torch.tensor([one.label for one in some]), [one.image_id for one in some]
            found = extractor.maps(inputs, labels, ids, [variant], keep_going=False)
            cost = found.costs[variant.id]
            raw.append(found.raw(variant.id))
            passes += np.multiply((cost.forwards, cost.backwards, cost.partial_forwards), len(some))
        return Maps(np.concatenate(raw), tuple(np.round(passes, 6)))

    def moved(self, first: Maps, other: Maps) -> Moved:
        """What differs between the maps of two batch and chunk sizes."""
        low, high = first.raw.min((1, 2)), first.raw.max((1, 2))
        apart = np.abs(first.raw - other.raw).max((1, 2))
        shares = np.divide(apart, high - low, out=apart.copy(), where=high > low)
        boxes, hits = np.zeros(len(low), bool), np.zeros(len(low), bool)
        found = [localize(self._image_maps(maps.raw), [named(p) for p in PROTOCOLS]) for maps in (first, other)]
        for name in PROTOCOLS:
            one, two = (of[name] for of in found)
            for n in range(len(low)):
                place = np.array([n])
                a, b = one.take(place), two.take(place)
                hits[n] |= a.hits is not None and b.hits is not None and bool((a.hits != b.hits).any())
                steps = [(getattr(a, kind), getattr(b, kind)) for kind in ("boxes", "count")]
                boxes[n] |= any(x is not None and not np.array_equal(x.values, y.values) for x, y in steps)
        return Moved(float(shares.max()), float(boxes.mean()), float(hits.mean()), first.passes != other.passes)

    def _image_maps(self, raw: NDArray[Any]) -> list[ImageMap]:
        return [
            ImageMap(raw=one, layout=self.view.layout(sample.size_wh), boxes_xyxy=sample.boxes_xyxy)
            for one, sample in zip(raw, self.samples, strict=True)
        ]


def variant(key: str, classifier: Classifier) -> Variant:
    """A method at its default layers, with the options under which it takes few passes."""
    quick = {name: value for name, value in methods[key].info.quick.items() if name in defaults(methods[key])}
    names = list(stages(classifier))
    return variant_of(key, quick, resolve=lambda layer: resolve_layer(classifier, layer), stages=names)


def network_of(key: str) -> str:
    """The embedded network on which a method is tried."""
    return "shapes_vit" if "attention" in methods[key].info.needs else "shapes_gap"


def compared(key: str, images: Images) -> Iterator[Moved]:
    """A method at each of `OTHERS`, beside `ASKED`."""
    chosen = variant(key, images.classifier)
    first = images.maps(chosen, batch=ASKED[0], chunk=ASKED[1])
    for batch, chunk in OTHERS:
        yield images.moved(first, images.maps(chosen, batch=batch, chunk=chunk))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("methods", nargs="*", help="these alone")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--costly", type=int, default=4, help="images of methods that take many passes")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/batch_invariance.md"))
    chosen = parser.parse_args()
    known: dict[tuple[str, int], Images] = {}
    lines = []
    for key, cls in methods.items():
        if cls.info.needs & WITHOUT or not cls.info.needs or (chosen.methods and key not in chosen.methods):
            continue
        count = chosen.costly if cls.info.costly else chosen.images
        of = network_of(key), count
        if of not in known:
            known[of] = Images.of(load_dataset({"name": "shapes", "n": count}), load_model({"name": of[0]}))
        try:
            moved = list(compared(key, known[of]))
        except HeadError as error:
            print(f"{key} is left out: {error}", flush=True)
            continue
        boxes, hits = (100 * max(getattr(one, name) for one in moved) for name in ("boxes", "hits"))
        passes = "yes" if any(one.passes for one in moved) else "no"
        lines.append(f"| {key} | {count} | {max(one.map for one in moved):.1e} | {boxes:.1f} | {hits:.1f} | {passes} |")
        print(lines[-1], flush=True)
    chosen.output.write_text("\n".join([HEAD, *lines, ""]))


HEAD = f"""# Maps across batch and chunk sizes

Every method on drawn images, with {ASKED[0]} network inputs per batch and {ASKED[1]} further passes at a time, beside
{" and ".join(f"{batch} and {chunk}" for batch, chunk in OTHERS)}: the largest difference of a raw map as a share of its
range, and the per cent of images of which a box or a hit of {" or ".join(PROTOCOLS)} differs at any threshold. Embedded
networks, float32, CPU. Made by `python scripts/batch_invariance.py`.

| method | images | map | boxes % | hits % | other passes |
|---|---|---|---|---|---|"""


if __name__ == "__main__":
    main()
