"""One batch of images: looked at once a view, located by every protocol, measured by every metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wsol import gallery, showing
from wsol.boxes.resize import normalise, resize
from wsol.localise import MAP_KNOBS, final_map, locate, locate_frame, place
from wsol.looking import Looker, Spent, by_shape
from wsol.metrics.base import Case
from wsol.refine import frame_image, refines
from wsol.rows import Row, classification, costs, facts, located_columns, rank_of, softmax
from wsol.views import Layout, View, boxes_on_canvas, mask_on_canvas, merge_crops

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from wsol.datasets.base import Sample
    from wsol.experiment import ChosenMetric, Experiment
    from wsol.gallery import Picture, Shown
    from wsol.models.cost import Memo
    from wsol.protocols.base import Protocol
    from wsol.variants import Variant


@dataclass(frozen=True, slots=True)
class Kept:
    """What a shard's gallery lacks, and what has been made of it."""

    left: gallery.Left
    pictures: list[Picture] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)

    @property
    def image_ids(self) -> list[str]:
        return sorted({image_id for ids in self.left.values() for image_id in ids})


@dataclass(frozen=True, slots=True)
class Glance:
    """One image through one view: its layout, merged raw map by variant id, logits (mean over crops), and the input.

    `shallow` are the ids of variants with shallow layers only; empty where no protocol asks.
    """

    image: Image
    layout: Layout
    shallow: frozenset[str]
    raw: dict[str, NDArray[Any]]
    logits: NDArray[Any]
    spent: dict[str, Spent]
    inputs: Tensor
    memo: Memo


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one batch of images."""

    experiment: Experiment
    looker: Looker
    pool: ThreadPoolExecutor
    samples: Sequence[Sample]
    todo: dict[str, set[str]]
    keep: Kept

    def rows(self) -> list[Row]:
        """One row an image and variant, for all measures that are missing."""
        plain = list(self.pool.map(self.experiment.dataset.image, self.samples))
        rows: dict[tuple[str, str], Row] = {}
        for view in self._views():
            variants = self._variants(view)
            inputs = list(self.pool.map(view.inputs, plain))
            wanted: dict[str, list[int]] = defaultdict(list)  # images by the set of variants they are in the sample of
            for i, sample in enumerate(self.samples):
                wanted["\n".join(v.id for v in variants if self._wants(sample, v))].append(i)
            for ids, positions in wanted.items():
                chosen = [v for v in variants if v.id in ids.split("\n")]
                if not chosen:
                    continue
                samples = [self.samples[i] for i in positions]
                images = [plain[i] for i in positions]
                glances = self._look(view, samples, images, [inputs[i] for i in positions], chosen)
                tasks = [(s, g, v) for v in chosen for s, g in zip(samples, glances, strict=True)]
                protocols = [p for p in self.experiment.protocols if self._view_of(p) == view]
                if view == self.experiment.view:
                    self._keep(images, samples, tasks)
                    tasks = [task for task in tasks if task[2].key in self.todo]
                located = self.pool.map(partial(self._locate, protocols=protocols), *zip(*tasks, strict=True))
                for (sample, glance, variant), columns in zip(tasks, located, strict=True):
                    row = rows.setdefault((variant.key, sample.image_id), facts(sample, variant))
                    row |= columns
                    if view == self.experiment.view:
                        row |= classification(glance.logits, sample) | costs(glance.spent[variant.id])
                        row |= self._measure(sample, glance, variant)
        order = {v.key: n for n, v in enumerate(self.experiment.variants)}
        place = {sample.image_id: n for n, sample in enumerate(self.samples)}  # images of a sample were looked at apart
        return [rows[key] for key in sorted(rows, key=lambda k: (order[k[0]], place[k[1]]))]

    def _view_of(self, protocol: Protocol) -> View:
        own = self.experiment.view
        if protocol.view == "any" or (protocol.view, protocol.merge) == (own.name, own.merge):
            return own
        return View(protocol.view, own.side, merge=protocol.merge)

    def _views(self) -> list[View]:
        """The run's own view first: classification and metrics come from it."""
        measured = {m for measures in self.todo.values() for m in measures}
        views = [self.experiment.view, *(self._view_of(p) for p in self.experiment.protocols if p.name in measured)]
        return list(dict.fromkeys(views))

    def _variants(self, view: View) -> list[Variant]:
        names = {p.name for p in self.experiment.protocols if self._view_of(p) == view}
        if view == self.experiment.view:
            names |= {m.name for m in self.experiment.metrics}
            names |= {p.name for p in self.experiment.protocols}  # every row carries classification and costs
        kept = self.keep.left if view == self.experiment.view else {}
        return [v for v in self.experiment.variants if v.key in kept or self.todo.get(v.key, set()) & names]

    def _wants(self, sample: Sample, variant: Variant) -> bool:
        """Whether this map is missing: in the rows, or in the gallery alone."""
        if variant.key not in self.todo:
            return sample.image_id in self.keep.left[variant.key]
        return self.experiment.in_sample(sample.image_id, variant.sample)

    def _keep(
        self, images: Sequence[Image], samples: Sequence[Sample], tasks: Sequence[tuple[Sample, Glance, Variant]]
    ) -> None:
        """Take what the gallery lacks from this batch."""
        left, of_image = self.keep.left, dict(zip((s.image_id for s in samples), images, strict=True))
        protocol = gallery.box_protocol(self.experiment.protocols, self.experiment.view)
        known = {p.image_id for p in self.keep.pictures}
        first = {s.image_id: (s, g) for s, g, _ in tasks if s.image_id in left.get("", ()) and s.image_id not in known}
        self.keep.pictures.extend(
            self.pool.map(lambda t: showing.picture(t[0], of_image[t[0].image_id], t[1].logits), first.values())
        )
        wanted = [(s, g, v) for s, g, v in tasks if s.image_id in left.get(v.key, ())]
        self.keep.shown.extend(
            self.pool.map(
                lambda t: showing.shown(
                    t[0], t[2].key, t[1].raw[t[2].id], t[1].layout, protocol, always_full=t[2].info.constant_is_full
                ),
                wanted,
            )
        )

    def _look(
        self,
        view: View,
        samples: Sequence[Sample],
        images: Sequence[Image],
        inputs: Sequence[Any],
        variants: Sequence[Variant],
    ) -> list[Glance]:
        """All crops of all images, one batch a size; then merged an image at a time."""
        flat = [(i, crop) for i, crops in enumerate(inputs) for crop in crops]
        per_crop: list[tuple[dict[str, NDArray[Any]], NDArray[Any], dict[str, Spent], Tensor] | None] = [None] * len(
            flat
        )
        size = self.experiment.batch_size  # of network inputs: an image may have ten
        same = by_shape([crop for _, crop in flat]).values()
        for positions in (group[start : start + size] for group in same for start in range(0, len(group), size)):
            tensor = self.looker.tensor([flat[p][1] for p in positions])
            owners = [samples[flat[p][0]] for p in positions]
            maps = self.looker.maps(
                tensor, torch.tensor([s.label for s in owners]), [s.image_id for s in owners], variants
            )
            for n, p in enumerate(positions):
                raw = {v: stack[n] for v, stack in maps.raw.items()}
                per_crop[p] = (raw, maps.logits[n], dict(maps.spent), tensor[n])
        asked = any(p.refine == "grabcut_shallow" for p in self.experiment.protocols if self._view_of(p) == view)
        first = next(c[3] for c in per_crop if c is not None)
        shallow = frozenset(v.id for v in variants if asked and self.looker.is_shallow(v, first))
        glances = []
        for i, (sample, image) in enumerate(zip(samples, images, strict=True)):
            crops = [c for c, (owner, _) in zip(per_crop, flat, strict=True) if owner == i and c is not None]
            layout = view.layout(sample.size_wh)
            raw = {v.id: merge_crops([c[0][v.id] for c in crops], layout, rule=view.merge) for v in variants}
            spent = {v.id: _sum_spent([c[2][v.id] for c in crops]) for v in variants}
            logits = np.mean([c[1] for c in crops], axis=0)
            glances.append(Glance(image, layout, shallow, raw, logits, spent, crops[0][3], {}))
        return glances

    def _locate(self, sample: Sample, glance: Glance, variant: Variant, *, protocols: Sequence[Protocol]) -> Row:
        """The columns of every missing protocol for one image and variant."""
        row: Row = {}
        raw = glance.raw[variant.id]
        finals: dict[
            tuple[object, ...], NDArray[Any]
        ] = {}  # V1 and V2 of the 2020 protocol differ in their boxes alone
        for protocol in protocols:
            if protocol.name not in self.todo[variant.key]:
                continue
            where = place(sample.boxes_xyxy, glance.layout, sample.size_wh, protocol)
            if variant.info.constant_is_full:
                found = locate_frame(where.gt_boxes, where.size_wh, protocol)
            else:
                shallow = variant.id in glance.shallow
                cut = refines(protocol, shallow=shallow)
                key = (where.size_wh, *(getattr(protocol, knob) for knob in MAP_KNOBS))
                if key not in finals:
                    finals[key] = final_map(raw, glance.layout, where.size_wh, protocol)
                found = locate(
                    finals[key],
                    where.gt_boxes,
                    protocol,
                    image_rgb=frame_image(glance.image, glance.layout, where.size_wh, protocol) if cut else None,
                    shallow=shallow,
                )
            row |= located_columns(found, protocol)
            if self._view_of(protocol) != self.experiment.view:
                row[f"{protocol.name}/rank"] = rank_of(glance.logits, sample.label)
        return row

    def _measure(self, sample: Sample, glance: Glance, variant: Variant) -> Row:
        """The columns of every missing metric for one image and variant."""
        chosen = [m for m in self.experiment.metrics if m.name in self.todo[variant.key]]
        chosen = [m for m in chosen if self.experiment.in_sample(sample.image_id, m.sample)]
        if not chosen:
            return {}
        case = self._case(sample, glance, variant, chosen)
        return {f"{m.name}/{column}": value for m in chosen for column, value in m.metric.measure(case).items()}

    def _case(self, sample: Sample, glance: Glance, variant: Variant, chosen: Sequence[ChosenMetric]) -> Case:
        side = (glance.inputs.shape[-1], glance.inputs.shape[-2])
        needs = {need for m in chosen for need in m.metric.info.needs}
        mask = self.experiment.dataset.mask(sample) if needs & {"mask", "truth"} else None

        def remap(image: Tensor) -> NDArray[Any]:
            target = torch.tensor([sample.label])
            maps = self.looker.maps(image[None].to(self.looker.dtype), target, [sample.image_id], [variant])
            return _to_input(maps.raw[variant.id][0], side)

        resized = _to_input(glance.raw[variant.id], side)
        return Case(
            image=glance.inputs,
            map=resized,
            map01=normalise(resized, rule="minmax"),
            target=sample.label,
            probabilities=softmax(glance.logits),
            query=self.looker.query,
            boxes=boxes_on_canvas(sample.boxes_xyxy, glance.layout, side),
            mask=None if mask is None else mask_on_canvas(mask, glance.layout, side),
            remap=remap,
            image_id=sample.image_id,
            seed=self.experiment.seed,
            raw=glance.raw[variant.id],
            memo=glance.memo,
        )


def _sum_spent(parts: Sequence[Spent]) -> Spent:
    total = parts[0].cost
    for part in parts[1:]:
        total = total + part.cost
    return Spent(total, max(part.peak_mb for part in parts))


def _to_input(raw: NDArray[Any], side: tuple[int, int]) -> NDArray[Any]:
    return resize(np.asarray(raw, np.float64), side, rule="bilinear")
