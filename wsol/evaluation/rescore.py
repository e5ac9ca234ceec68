"""Protocols over the maps that a run kept: no network and no images, from the run folder alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from wsol.datasets.base import Dataset, Sample
from wsol.errors import DataError
from wsol.evaluation.experiment import Experiment, view_under
from wsol.evaluation.kept import KeptMaps, keys_of, view_key
from wsol.evaluation.records import CLASSIFICATION, protocol_info, protocol_quantities
from wsol.localization.refine import refines
from wsol.maps.stored import StoredVariant
from wsol.runs import kept
from wsol.runs.schema import About, VariantInfo
from wsol.views import view_from

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL.Image import Image

    from wsol.maps.source import MapSource
    from wsol.methods._base import MethodInfo
    from wsol.methods._fusion import Fusion
    from wsol.methods._variants import Variant
    from wsol.protocols._base import Protocol
    from wsol.runs.folder import RunFolder

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class RowsDataset(Dataset):
    """The samples that a run's rows tell of; their pixels are elsewhere."""

    key: ClassVar[str] = "rows"

    known: tuple[Sample, ...] = ()

    def read(self) -> Sequence[Sample]:
        return self.known

    def image(self, sample: Sample) -> Image:
        raise DataError(f"the pixels of {sample.image_id} are not in the run folder; run this with wsol run")


@dataclass(frozen=True)
class KeptVariant(StoredVariant):
    """What stands for a variant whose maps are kept, or those of its layers, of which its own are fused."""

    full: bool = False
    parts: tuple[KeptVariant, ...] = ()
    options_of_fusion: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fusion(self) -> Fusion:
        from wsol.methods._fusion import Fusion

        return Fusion(**self.options_of_fusion)

    @classmethod
    def of(cls, info: VariantInfo) -> KeptVariant:
        parts = tuple(cls(key) for key in info.parts)
        return cls(info.key, layers=info.layers, parts=parts, options_of_fusion=info.fusion)

    @property
    def info(self) -> MethodInfo:
        return replace(StoredVariant(self.label).info, constant_is_full=self.full)


@dataclass(frozen=True, kw_only=True)
class Rescoring(Experiment):
    """An experiment whose maps are those that another run kept.

    Attributes
    ----------
    run : its folder. told : what its footers say. digests : by image id, as its rows have them.
    """

    run: RunFolder
    told: About
    digests: Mapping[str, str]

    @property
    def family(self) -> dict[str, Any]:
        """The rows of the run that kept the maps, under another roof."""
        return {"rescored": self.run.name, **self.run.manifest["family"]}

    @property
    def folder_name(self) -> str:
        return f"rescore-{self.run.name}"

    @property
    def weights_name(self) -> str:
        return self.told.run.weights

    @property
    def sample_digests(self) -> Mapping[str, str]:
        return self.digests

    def source(self) -> MapSource:
        return KeptMaps(self.run.path, self.dataset, self.shard_of, rounded=True, pixels=False)

    def about(self) -> About:
        protocols = self.protocols
        return About(
            run=self.told.run,
            variants={v.key: self.told.variants[v.key] for v in self.variants},
            protocols={p.name: protocol_info(p, self.view) for p in protocols},
            metrics={},
            quantities=(*(q for p in protocols for q in protocol_quantities(p)), *CLASSIFICATION),
        )


def rescoring(run: RunFolder, chosen: Sequence[Protocol], *, threads: int) -> Rescoring:
    """The experiment of those of some protocols that need nothing but the maps that a run kept.

    Raises
    ------
    DataError : the run keeps no maps, is not complete, or none of the protocols can do with its maps.
    """
    manifest, told = run.manifest, run.about()
    whole = (table for key in told.variants for table in run.tables([key]).values())
    rows = max(_until(whole, manifest.get("images")), key=len)
    facts = {name: rows[name].to_pylist() for name in ("image_id", "label", "width", "height", "gt_boxes")}
    samples = tuple(
        Sample(image_id, label, np.asarray(boxes, np.float64).reshape(-1, 4), (width, height))
        for image_id, label, width, height, boxes in zip(*facts.values(), strict=True)
    )
    if len(samples) != manifest.get("images"):
        raise DataError(f"run {run.name} has rows of {len(samples)} of {manifest.get('images')} images; complete it")
    name, side, options = manifest["family"]["view"]
    experiment = Rescoring(
        dataset=RowsDataset(known=samples),
        classifier=None,
        variants=(),
        protocols=tuple(chosen),
        metrics=(),
        view=view_from({"name": name, **dict(options)}, side=side),
        shard_size=manifest["identity"]["shard_size"],
        threads=threads,
        gallery=0,
        run=run,
        told=told,
        digests=dict(zip(facts["image_id"], rows["sample_digest"].to_pylist(), strict=True)),
    )
    return _narrowed(experiment, run, told)


def _until(tables: Iterator[pa.Table], images: int | None) -> Iterator[pa.Table]:
    """The rows of one variant after the other, as far as the first with all images."""
    for table in tables:
        yield table
        if len(table) == images:
            return


def _narrowed(experiment: Rescoring, run: RunFolder, told: About) -> Rescoring:
    """The variants with maps of every image under the run's view, and the protocols that these suffice for."""
    entries = {key: entry for shard in experiment.shards for key, entry in kept.read(run.path, shard.index).items()}
    known = {key: cast("Variant", KeptVariant.of(info)) for key, info in told.variants.items()}
    if not entries and kept.has_any(run.path):
        raise DataError(
            f"the maps that run {run.name} keeps are damaged or of another version of wsol; run the same command again "
            "with maps=keep"
        )
    if not entries:
        raise DataError(f"run {run.name} keeps no maps; run the same command again with maps=keep")
    ids = list(experiment.samples)

    def complete(view: str, variant: str) -> bool:
        return all((view, key, image_id) in entries for key in keys_of(known[variant]) for image_id in ids)

    own = view_key(experiment.view)
    keys = [key for key in told.variants if complete(own, key)]
    abouts = {key: [entries[own, of, ids[0]].about for of in keys_of(known[key])] for key in keys}
    shallow = any(all(about["shallow"] for about in parts) for parts in abouts.values())
    protocols = []
    for protocol in experiment.protocols:
        view = view_key(view_under(protocol, experiment.view))
        if refines(protocol, shallow=shallow):
            log.info("%s is left out: it refines maps by a graph cut, which needs the images", protocol.name)
        elif not all(complete(view, key) for key in keys):
            log.info("%s is left out: the run has no maps under its view, %s", protocol.name, protocol.view)
        else:
            protocols.append(protocol)
    if not keys or not protocols:
        raise DataError(f"none of these protocols can be applied to the maps that run {run.name} keeps")
    variants = tuple(replace(cast("Any", known[key]), full=abouts[key][0]["full"]) for key in keys)
    return replace(experiment, variants=variants, protocols=tuple(protocols))
