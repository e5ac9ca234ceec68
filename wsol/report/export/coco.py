"""Predicted boxes as COCO results, and the ground truth they are scored against with pycocotools."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError, DataError, unknown
from wsol.localization.frame import in_stored_pixels
from wsol.report.numbers.names import slug
from wsol.report.numbers.rows import curves_of, flat, is_swept, numbers, offsets, rows_of, tau_of
from wsol.views import view_named

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.runs.folder import RunFolder
    from wsol.runs.schema import ProtocolInfo

    Ids = Mapping[str, tuple[int | str, int | str]]  # by sample id, those of the image and of the category


def coco_files(
    folder: RunFolder,
    variants: Collection[str],
    protocol: str,
    place: Path,
    *,
    tau: float | None = None,
    ids: Ids | None = None,
) -> dict[Path, Any]:
    """What goes into which file: results of each variant, and the ground truth of exactly the images they are of.

    Images are counted over the whole run, so that an image has one id in all files. Variants on the same images share
    their ground truth, ``place.gt.json``; where they differ, each has its own beside its results.

    Parameters
    ----------
    place : of the results of a single variant; those of several have the variant in their names.
    tau : threshold, by default the protocol's own, or the best one for the variant's images at IoU 0.5.
    ids : those of the data set's own file, which then is the ground truth.
    """
    tables = folder.tables(variants)
    files: dict[Path, Any] = {}
    truths: dict[Path, Collection[str]] = {}
    known = ids or _ids(folder)
    for key in variants:
        file = place if len(variants) == 1 else place.with_name(f"{place.stem}-{slug(key)}{place.suffix}")
        files[file] = coco_detections(folder, key, protocol, tau=tau, ids=known)
        truths[file.with_suffix(f".gt{file.suffix}")] = frozenset(tables[key]["image_id"].to_pylist())
    if ids is not None:
        return files
    if len(set(truths.values())) == 1:
        truths = {place.with_suffix(f".gt{place.suffix}"): next(iter(truths.values()))}
    return files | {file: coco_truth(folder, images) for file, images in truths.items()}


def coco_detections(
    folder: RunFolder, variant: str, protocol: str, *, tau: float | None = None, ids: Ids | None = None
) -> list[dict[str, Any]]:
    """Detections of one variant as COCO results.

    One detection per image at most: the box of the ground-truth class, in stored pixels, scored by that class's
    probability. Parameters as in `coco_files`.

    Raises
    ------
    DataError : images of the run are not among `ids`.
    """
    about = folder.about()
    info, table = about.protocols[protocol], rows_of(folder.tables([variant])[variant], protocol)
    if tau is None:
        position = curves_of(table, info).best(0.5, ge=info.knobs["hit"] == "ge")[1]
        tau = tau_of(position, info) if is_swept(info) else 0.0
    boxes = boxes_at(table, info, tau)
    view = view_named(info.own_view or about.run.view, about.run.side or int(info.knobs["side"]))
    known = ids or _ids(folder)
    names = table["image_id"].to_pylist()
    missing = [name for name in names if name not in known]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(names)} images of {folder.name} are not in that file, first {missing[0]!r}"
        )
    scores = numbers(table, "probability") if "probability" in table.column_names else np.ones(len(table))
    sizes = zip(table["width"].to_pylist(), table["height"].to_pylist(), strict=True)
    stored = [
        in_stored_pixels(box[None], view.layout(size), space=info.knobs["space"], side=info.knobs["side"])[0]
        for box, size in zip(boxes, sizes, strict=True)
    ]
    return [
        {"image_id": known[name][0], "category_id": known[name][1], "bbox": _xywh(box), "score": float(score)}
        for name, box, score in zip(names, stored, scores, strict=True)
        if box.any()
    ]


def coco_truth(folder: RunFolder, images: Collection[str] | None = None) -> dict[str, Any]:
    """Ground truth of a run's images, or of some of them, as a COCO file.

    Images are counted from 1 over the whole run; categories are labels.
    """
    class_names, ids, table = folder.manifest.get("class_names", []), _ids(folder), _most_images(folder)
    nodes: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for row in table.select(["image_id", "label", "width", "height", "gt_boxes"]).to_pylist():
        if images is not None and row["image_id"] not in images:
            continue
        n, label = ids[row["image_id"]]
        nodes.append({"id": n, "file_name": row["image_id"], "width": row["width"], "height": row["height"]})
        for box in np.asarray(row["gt_boxes"], np.float64).reshape(-1, 4):
            bbox = _xywh(box)
            node = {"image_id": n, "category_id": label, "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0}
            annotations.append({"id": len(annotations) + 1, **node})
    labels = sorted({a["category_id"] for a in annotations})
    categories = [{"id": c, "name": class_names[c] if c < len(class_names) else str(c)} for c in labels]
    return {"images": nodes, "annotations": annotations, "categories": categories}


def boxes_at(table: pa.Table, protocol: ProtocolInfo, tau: float) -> NDArray[np.int64]:
    """(n, 4) predicted boxes at a threshold, half-open in the protocol's frame; all zeros where there is none.

    Raises
    ------
    DataError : the protocol has several boxes per image, or the rows lack the columns of boxes.
    """
    name, knobs = protocol.name, protocol.knobs
    if protocol.several_boxes:
        raise DataError(f"{name} counts several boxes per image; take a protocol with one, such as choe2020_v1")
    if f"{name}/boxes" not in table.column_names or table[f"{name}/boxes"].null_count:
        raise DataError(f"these rows don't hold the boxes of {name}; run it again with another paths.runs=DIR")
    breaks, starts = flat(table, f"{name}/box_breaks"), offsets(table, f"{name}/box_breaks")
    # quantized thresholds are a grid written as floats; those of float maps are exact, and may be neighbors
    slack = knobs["tau_step"] / 2 if knobs["quantise"] != "none" else 0.0
    here = np.add.reduceat(breaks <= tau + slack, starts[:-1], dtype=np.int64)
    return flat(table, f"{name}/boxes").reshape(-1, 4)[starts[:-1] + here - 1].astype(np.int64)


def single_box_protocol(folder: RunFolder, asked: str = "") -> str:
    """The protocol to take boxes from: the one asked for, or the first of the run that has one box per image."""
    protocols = folder.about().protocols
    if asked:
        if asked not in protocols:
            raise unknown("protocol", asked, protocols)
        return asked
    single = [name for name, protocol in protocols.items() if not protocol.several_boxes]
    if not single:
        raise ConfigError(
            f"run {folder.name} has no protocol with one box per image; run it with protocol=[choe2020_v1]"
        )
    return single[0]


def _most_images(folder: RunFolder) -> pa.Table:
    """The rows of the variant with the most images: some are evaluated on a sample only."""
    return max(folder.tables().values(), key=len)


def _ids(folder: RunFolder) -> dict[str, tuple[int, int]]:
    table = _most_images(folder)
    pairs = zip(table["image_id"].to_pylist(), table["label"].to_pylist(), strict=True)
    return {name: (n, int(label)) for n, (name, label) in enumerate(pairs, start=1)}


def _xywh(box: NDArray[np.float64]) -> list[float]:
    x0, y0, x1, y1 = (float(v) for v in box)
    return [x0, y0, x1 - x0, y1 - y0]
