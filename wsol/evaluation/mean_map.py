"""A control from the maps that a run kept: for each image the mean map of all its other images.

It knows nothing of the image, but everything that the maps of a data set have in common: where objects are, and how
large. A method that is not better than its own mean map finds no object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from wsol.errors import DataError
from wsol.evaluation.records import CLASSIFICATION
from wsol.evaluation.rescore import KeptVariant, Rescoring, rescoring
from wsol.grammar import spell
from wsol.maps.mean import SumOfMaps, common_grid, sum_of
from wsol.maps.source import FAILED, Loaded, MapSource, RawMaps
from wsol.protocols._base import named
from wsol.runs.schema import About, VariantInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.base import Sample
    from wsol.evaluation.kept import KeptMaps
    from wsol.methods._base import MethodInfo
    from wsol.methods._variants import Variant
    from wsol.runs.folder import RunFolder
    from wsol.views import View

KEY = "meanmap"
PAPER = "control: the mean map of all other images (our choice)"
TOGETHER = 64  # images whose maps are read at a time
CLASSES = ("rank", "top", "probability", "rank_depth")  # columns of a row that the map does not move
ALONE = "no other image has a map"


@dataclass(frozen=True)
class MeanVariant(KeptVariant):
    """Stands for the mean maps of a variant whose maps are kept.

    Attributes
    ----------
    base : that variant. told : what its rows say of it.
    """

    base: KeptVariant = field(default_factory=lambda: KeptVariant(""))
    told: VariantInfo = field(default_factory=lambda: VariantInfo(key="", id="", method="", name=""))

    @property
    def info(self) -> MethodInfo:
        return replace(super().info, name="MeanMap", paper=PAPER, role="control")

    @property
    def stated(self) -> VariantInfo:
        """What rows say of it; its layers are the base's, so that it has the same ceiling."""
        of = self.told
        return VariantInfo(
            key=self.key,
            id=_name(of.id, of.layers),
            method=KEY,
            name="Mean map",
            layers=of.layers,
            modules=of.modules,
            options={"of": of.id},
            role="control",
            paper=PAPER,
            cost="0F",
            stochastic=of.stochastic,
        )


@dataclass(frozen=True, kw_only=True)
class MeanMapping(Rescoring):
    """An experiment whose maps are the mean maps of a run; its rows are the run's own."""

    @property
    def family(self) -> dict[str, Any]:
        return dict(self.run.manifest["family"])

    @property
    def folder_name(self) -> str:
        return self.run.name

    @property
    def bases(self) -> dict[str, str]:
        """By key, the key of the method whose mean map it is."""
        return {v.key: cast("MeanVariant", v).base.key for v in self.variants}

    def source(self) -> MapSource:
        kept, samples = cast("KeptMaps", super().source()), tuple(self.samples.values())
        return MeanMaps(kept, samples, self._classes, one_stage=not self.told.run.classifier)

    @cached_property
    def _classes(self) -> Mapping[str, Mapping[str, Any]]:
        """By image id, what the run's rows say of its class: the same for all variants."""
        base = cast("MeanVariant", self.variants[0]).base.key
        rows = self.run.tables([base], columns=lambda name: name in ("variant", "image_id", *CLASSES))[base]
        names = [name for name in CLASSES if name in rows.column_names]
        return {row["image_id"]: {name: row[name] for name in names} for row in rows.to_pylist()}

    def about(self) -> About:
        names = [protocol.name for protocol in self.protocols]
        return About(
            run=self.told.run,
            variants={v.key: cast("MeanVariant", v).stated for v in self.variants},
            protocols={name: self.told.protocols[name] for name in names},
            metrics={},
            quantities=(*(q for name in names for q in self.told.quantities_of(name)), *CLASSIFICATION),
        )


class MeanMaps(MapSource):
    """For each image the mean of the kept maps of all others.

    Parameters
    ----------
    kept : the maps. samples : all images of the run. classes : by image id, the columns of its class.
    one_stage : the network behind the maps says the class, under each view on its own.
    """

    def __init__(
        self,
        kept: KeptMaps,
        samples: Sequence[Sample],
        classes: Mapping[str, Mapping[str, Any]],
        *,
        one_stage: bool = True,
    ) -> None:
        self.kept, self.samples, self.classes, self.one_stage = kept, samples, classes, one_stage
        self._sums: dict[tuple[View, str], SumOfMaps | None] = {}

    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        return self.kept.load(sample, views, needs)

    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        bases = {v.key: cast("Variant", cast("MeanVariant", v).base) for v in variants}
        own = self.kept.maps(loaded, view, list(bases.values()))
        means: dict[tuple[str, int], list[NDArray[Any]]] = {}
        alone: dict[tuple[str, str], str] = {}
        for key, base in bases.items():
            whole = self._sum(view, base)
            for image, one in enumerate(loaded):
                mean = None if whole is None else whole.without(_crops(own, base, image))
                means[key, image] = [FAILED] if mean is None else list(mean)
                if mean is None:
                    alone[key, one.sample.image_id] = ALONE
        return replace(
            own,
            crops=lambda variant, image: means[variant.key, image],
            failures=alone,
            shallow=frozenset(key for key, base in bases.items() if base.key in own.shallow),
            columns=[self.classes[one.sample.image_id] for one in loaded],
            logits=own.logits if self.one_stage else None,
            costs={},
        )

    def _sum(self, view: View, base: Variant) -> SumOfMaps | None:
        if (view, base.key) not in self._sums:
            shapes = [(len(c[0]), len(c[0].T)) for c in self._each(view, base) if all(np.isfinite(m).all() for m in c)]
            self._sums[view, base.key] = sum_of(self._each(view, base), common_grid(shapes)) if shapes else None
        return self._sums[view, base.key]

    def _each(self, view: View, base: Variant) -> Iterator[Sequence[NDArray[Any]]]:
        """Of each image, the maps of its crops."""
        for start in range(0, len(self.samples), TOGETHER):
            some = [Loaded(sample=sample) for sample in self.samples[start : start + TOGETHER]]
            maps = self.kept.maps(some, view, [base])
            for image in range(len(some)):
                yield _crops(maps, base, image)


def mean_mapping(run: RunFolder, *, threads: int) -> MeanMapping:
    """The experiment of the mean maps of a run's methods, under those of its protocols that its kept maps suffice for.

    Raises
    ------
    DataError : the run keeps no maps, is not complete, has a single image or no method with maps of all images.
    """
    told = run.about()
    if not told.protocols:
        raise DataError(f"run {run.name} has no protocol to score mean maps by")
    kept = rescoring(run, [named(name) for name in told.protocols], threads=threads)
    bases = [v for v in cast("Sequence[KeptVariant]", kept.variants) if told.variants[v.key].role == "method"]
    if not bases:
        raise DataError(f"run {run.name} keeps maps of controls alone; their mean map is the control itself")
    if len(kept.samples) < 2:
        raise DataError(f"run {run.name} has one image, and so no other one to take a mean map of")
    variants = [
        MeanVariant(_name(v.key, told.variants[v.key].layers), base=v, told=told.variants[v.key]) for v in bases
    ]
    known = {f.name: getattr(kept, f.name) for f in fields(kept)}
    return MeanMapping(**{**known, "variants": cast("tuple[Variant, ...]", tuple(variants))})


def _name(base: str, layers: Sequence[str]) -> str:
    """``meanmap@stage5[of=layercam[gamma=2]]`` of ``layercam@stage5[gamma=2]``."""
    return spell(KEY, layers, {"of": base.replace(f"@{'+'.join(layers)}", "", 1)})


def _crops(maps: RawMaps, variant: Variant, image: int) -> Sequence[NDArray[Any]]:
    """The maps of an image's crops; NaN where the method failed."""
    crops = maps.crops(variant, image)
    if (variant.key, maps.loaded[image].sample.image_id) in maps.failures:
        return [FAILED] * len(crops)
    return crops
