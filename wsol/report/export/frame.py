"""Rows as one pandas table, and as COCO detections that pycocotools can score."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError, DataError, unknown
from wsol.report.numbers.rows import curves_of, flat, is_swept, numbers, offsets, rows_of, tau_of
from wsol.runs.folder import open_run
from wsol.views import view_named

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.runs.folder import RunFolder
    from wsol.runs.schema import ProtocolInfo, RunInfo


def frame(
    run: str | Path | Sequence[str | Path] = "latest", *, runs: str | Path = "results/runs", lists: bool = False
) -> pd.DataFrame:
    """One row per image and variant, see `wsol.Result.rows`; several runs make one frame."""
    import pandas as pd

    names = [run] if isinstance(run, str | Path) else list(run)
    parts = [part for name in names for part in _frames(open_run(name, Path(runs)), lists=lists)]
    if not parts:
        raise DataError(f"run {', '.join(map(str, names))} has no rows yet; start it with: wsol run")
    return pd.concat(parts, ignore_index=True)


def _frames(folder: RunFolder, *, lists: bool) -> list[pd.DataFrame]:
    import pandas as pd

    if not folder.footers():
        return []
    about, frames = folder.about(), []
    for key, table in folder.tables().items():
        known = about.variants[key]
        rows = table.to_pandas()
        if "top" in rows:
            rows.insert(3, "predicted", [None if t is None else int(t[0]) for t in rows["top"]])
        for name, protocol in about.protocols.items():
            if f"{name}/iou" in table.column_names:
                rows = rows.join(_at_best(table, protocol), on="image_id")
        if not lists:
            rows = rows[[c for c in rows if not _is_list(table, c)]]
        fixed = {"run": folder.name, "variant": known.id, "method": known.method, "layers": "+".join(known.layers)}
        fixed |= {f"option.{option}": value for option, value in known.options.items()}
        front = pd.DataFrame({name: [value] * len(rows) for name, value in fixed.items()})
        frames.append(pd.concat([front, rows.drop(columns="variant")], axis=1))
    return frames


def _at_best(table: pa.Table, protocol: ProtocolInfo) -> pd.DataFrame:
    import pandas as pd

    name = protocol.name
    rows = rows_of(table, name)
    curves, ge = curves_of(rows, protocol), protocol.knobs["hit"] == "ge"
    position = curves.best(0.5, ge=ge)[1]
    iou = curves.at(position)
    hit = iou >= 0.5 if ge else iou > 0.5
    columns = {f"{name}/tau": tau_of(position, protocol), f"{name}/iou_at_tau": iou, f"{name}/hit": hit}
    return pd.DataFrame(columns, index=pd.Index(rows["image_id"].to_pylist(), name="image_id"))


def _is_list(table: pa.Table, column: str) -> bool:
    import pyarrow as pa

    return column in table.column_names and bool(pa.types.is_list(table.schema.field(column).type))


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
    # quantised thresholds are a grid written as floats; those of float maps are exact, and may be neighbours
    slack = knobs["tau_step"] / 2 if knobs["quantise"] != "none" else 0.0
    here = np.add.reduceat(breaks <= tau + slack, starts[:-1], dtype=np.int64)
    boxes = flat(table, f"{name}/boxes").reshape(-1, 4)[starts[:-1] + here - 1]
    return boxes.astype(np.int64)


def stored_pixels(
    boxes: NDArray[np.int64], table: pa.Table, protocol: ProtocolInfo, run: RunInfo
) -> NDArray[np.float64]:
    """Boxes of a protocol's frame in pixels of the stored images."""
    knobs = protocol.knobs
    if knobs["space"] == "original":
        return boxes.astype(np.float64)
    view = view_named(protocol.own_view or run.view, run.side or int(knobs["side"]))
    out = np.zeros((len(boxes), 4))
    for n, size in enumerate(zip(table["width"].to_pylist(), table["height"].to_pylist(), strict=True)):
        x0, y0, x1, y1 = view.layout(size).region_xyxy
        scale = np.array([x1 - x0, y1 - y0] * 2) / knobs["side"]
        out[n] = (boxes[n] * scale + (x0, y0, x0, y0)) if boxes[n].any() else 0.0
    return out


def coco_detections(
    folder: RunFolder,
    variant: str,
    protocol: str,
    *,
    tau: float | None = None,
    ids: Mapping[str, tuple[int, int]] | None = None,
) -> list[dict[str, Any]]:
    """Detections of one variant as COCO results.

    One detection per image at most: the box of the ground-truth class, in stored pixels, scored by that class's
    probability.

    Parameters
    ----------
    tau : threshold, by default the protocol's own, or the best one for the images of the run at IoU 0.5.
    ids : by sample id the image's and the category's id; by default those of `coco_truth`.

    Raises
    ------
    DataError : images of the run are not among `ids`.
    """
    about, tables = folder.about(), folder.tables()
    info, table = about.protocols[protocol], rows_of(tables[variant], protocol)
    if tau is None:
        position = curves_of(table, info).best(0.5, ge=info.knobs["hit"] == "ge")[1]
        tau = tau_of(position, info) if is_swept(info) else 0.0
    boxes = stored_pixels(boxes_at(table, info, tau), table, info, about.run)
    if ids is None:
        whole = _images(tables)
        pairs = zip(whole["image_id"].to_pylist(), whole["label"].to_pylist(), strict=True)
        ids = {name: (n, int(label)) for n, (name, label) in enumerate(pairs, start=1)}
    names = table["image_id"].to_pylist()
    missing = [name for name in names if name not in ids]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(names)} images of {folder.name} are not in that file, first {missing[0]!r}"
        )
    scores = numbers(table, "probability") if "probability" in table.column_names else np.ones(len(table))
    return [
        {"image_id": ids[name][0], "category_id": ids[name][1], "bbox": _xywh(box), "score": float(score)}
        for name, box, score in zip(names, boxes, scores, strict=True)
        if box.any()
    ]


def coco_truth(folder: RunFolder) -> dict[str, Any]:
    """Ground truth of a run's images as a COCO file: images are counted from 1, categories are labels."""
    class_names = folder.manifest.get("class_names", [])
    table = _images(folder.tables())
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    columns = (table[c].to_pylist() for c in ("image_id", "label", "width", "height", "gt_boxes"))
    for n, (name, label, width, height, boxes) in enumerate(zip(*columns, strict=True), start=1):
        images.append({"id": n, "file_name": name, "width": width, "height": height})
        for box in np.asarray(boxes, np.float64).reshape(-1, 4):
            bbox = _xywh(box)
            node = {"image_id": n, "category_id": int(label), "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0}
            annotations.append({"id": len(annotations) + 1, **node})
    labels = sorted({a["category_id"] for a in annotations})
    categories = [{"id": c, "name": class_names[c] if c < len(class_names) else str(c)} for c in labels]
    return {"images": images, "annotations": annotations, "categories": categories}


def _images(tables: Mapping[str, pa.Table]) -> pa.Table:
    """The rows of the variant with the most images: some are evaluated on a sample only."""
    return max(tables.values(), key=len)


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


def slug(name: str) -> str:
    """A variant's id as part of a file name."""
    return re.sub(r"[^\w.+@-]+", "_", name).strip("_")


def _xywh(box: NDArray[np.float64]) -> list[float]:
    x0, y0, x1, y1 = (float(v) for v in box)
    return [x0, y0, x1 - x0, y1 - y0]
