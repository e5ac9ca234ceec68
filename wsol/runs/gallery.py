"""What a run keeps of its first images, so that a report can show them without the data, the network or torch.

Beside the rows, one Parquet file per shard: a small JPEG of each image, and for each variant its map and the boxes it
gives along a few thresholds. A file says in its footer which protocol's boxes it holds; which (variant, image) pairs it
holds can be read off its rows, so a variant added later adds only its own maps.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wsol.runs.footer import KEY
from wsol.runs.row_files import UNREADABLE, read_rows, report
from wsol.runs.shards import content_hash
from wsol.runs.write import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols._base import Protocol
    from wsol.runs.folder import RunFolder
    from wsol.runs.shards import Shard

TAUS = tuple(step / 40 for step in range(40))  # fine enough to see a box grow, small enough for thousands of images
NAME = "gallery"  # of the folder
VERSION = 2  # of its files; others are made again


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image as the report shows it.

    Attributes
    ----------
    jpeg : at most 256 pixels on its longest side.
    size_wh : of the stored image, in whose pixels all boxes are.
    label, predicted : class indices; `probability` of the label; `rank` 0 where the label is predicted.
    gt_boxes : (g, 4) ground truth.
    """

    image_id: str
    jpeg: bytes
    size_wh: tuple[int, int]
    label: int
    predicted: int
    probability: float
    rank: int
    gt_boxes: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One variant's map of one image.

    Attributes
    ----------
    map : (h, w) uint8 after min-max, covering the whole image, at most 56 on its longest side.
    boxes : (m, 4) int32 half-open in stored pixels, those of each of TAUS one after the other.
    counts : (t,) int32, how many boxes there are at each of TAUS; 0 where nothing is above tau.
    iou : (t,) float32 with the best ground-truth box, by the protocol's own conventions.
    """

    image_id: str
    variant: str
    map: NDArray[np.uint8]
    boxes: NDArray[np.int32]
    counts: NDArray[np.int32]
    iou: NDArray[np.float32]

    def at(self, step: int) -> NDArray[np.int32]:
        """(k, 4) boxes at one of TAUS."""
        start = int(self.counts[:step].sum())
        return self.boxes[start : start + int(self.counts[step])]


@dataclass(frozen=True, slots=True)
class Gallery:
    """Everything kept under one protocol. `shown` is by (variant key, image id); not every pair need be there."""

    protocol: Mapping[str, Any]
    taus: tuple[float, ...]
    pictures: Mapping[str, Picture]
    shown: Mapping[tuple[str, str], Shown]


def write(
    folder: RunFolder, shard: Shard, protocol: Protocol, pictures: Sequence[Picture], shown: Sequence[Shown]
) -> Path:
    """Write what one shard adds, as one file that readers see whole or not at all."""
    rows = [_picture_row(p) for p in pictures] + [_shown_row(s) for s in shown]
    named = {"protocol": {"name": protocol.name, **protocol.knobs}}
    work = sorted([(s.variant, s.image_id) for s in shown] + [("", p.image_id) for p in pictures])
    footer = {"version": VERSION, "rows": len(rows), "taus": TAUS, **named}
    table = pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({KEY: json.dumps(footer).encode()}))
    place = folder.path / NAME / f"shard-{shard.index:05d}-{content_hash({'work': work, **named})}.parquet"
    write_whole(place, lambda beside: pq.write_table(table, beside, compression="zstd", write_page_checksum=True))
    return place


def kept(folder: RunFolder, shard: Shard, protocol: str) -> set[tuple[str, str]]:
    """The (variant key, image id) pairs of a shard that are there under a protocol; "" stands for the image's own."""
    pairs: set[tuple[str, str]] = set()
    for file, footer in _files(folder.path, shard.index):
        if footer["protocol"]["name"] == protocol and (rows := read_rows(file)) is not None:
            pairs |= set(zip(rows["variant"].to_pylist(), rows["image_id"].to_pylist(), strict=True))
    return pairs


def read(folder: RunFolder) -> Gallery | None:
    """What the run kept, under the protocol that most maps were kept under; None where it kept nothing."""
    by_protocol: dict[str, list[tuple[Path, dict[str, Any]]]] = defaultdict(list)
    for file, footer in _files(folder.path):
        by_protocol[footer["protocol"]["name"]].append((file, footer))
    if not by_protocol:
        return None
    chosen = max(by_protocol.values(), key=lambda files: sum(footer["rows"] for _, footer in files))
    pictures: dict[str, Picture] = {}
    shown: dict[tuple[str, str], Shown] = {}
    for file, _ in chosen:
        rows = read_rows(file)
        for row in [] if rows is None else rows.to_pylist():
            if row["variant"]:
                shown[row["variant"], row["image_id"]] = _shown(row)
            else:
                pictures[row["image_id"]] = _picture(row)
    return Gallery(chosen[0][1]["protocol"], tuple(chosen[0][1]["taus"]), dict(sorted(pictures.items())), shown)


SCHEMA = pa.schema(
    {
        "image_id": pa.string(),
        "variant": pa.string(),  # empty: the row is the image's own
        "jpeg": pa.binary(),
        "width": pa.int32(),
        "height": pa.int32(),
        "label": pa.int32(),
        "predicted": pa.int32(),
        "probability": pa.float32(),
        "rank": pa.int32(),
        "gt_boxes": pa.list_(pa.float64()),
        "map": pa.binary(),
        "map_width": pa.int16(),
        "boxes": pa.list_(pa.int32()),
        "counts": pa.list_(pa.int32()),
        "iou": pa.list_(pa.float32()),
    }
)


def _picture_row(picture: Picture) -> dict[str, Any]:
    return {
        "image_id": picture.image_id,
        "variant": "",
        "jpeg": picture.jpeg,
        "width": picture.size_wh[0],
        "height": picture.size_wh[1],
        "label": picture.label,
        "predicted": picture.predicted,
        "probability": picture.probability,
        "rank": picture.rank,
        "gt_boxes": np.asarray(picture.gt_boxes).ravel().tolist(),
    }


def _picture(row: Mapping[str, Any]) -> Picture:
    return Picture(
        image_id=row["image_id"],
        jpeg=row["jpeg"],
        size_wh=(row["width"], row["height"]),
        label=row["label"],
        predicted=row["predicted"],
        probability=row["probability"],
        rank=row["rank"],
        gt_boxes=np.array(row["gt_boxes"], np.float64).reshape(-1, 4),
    )


def _shown_row(shown: Shown) -> dict[str, Any]:
    return {
        "image_id": shown.image_id,
        "variant": shown.variant,
        "map": shown.map.tobytes(),
        "map_width": shown.map.shape[1],
        "boxes": shown.boxes.ravel().tolist(),
        "counts": shown.counts.tolist(),
        "iou": shown.iou.tolist(),
    }


def _shown(row: Mapping[str, Any]) -> Shown:
    return Shown(
        image_id=row["image_id"],
        variant=row["variant"],
        map=np.frombuffer(row["map"], np.uint8).reshape(-1, row["map_width"]),
        boxes=np.array(row["boxes"], np.int32).reshape(-1, 4),
        counts=np.array(row["counts"], np.int32),
        iou=np.array(row["iou"], np.float32),
    )


def _files(run: Path, index: int | None = None) -> list[tuple[Path, dict[str, Any]]]:
    pattern = "shard-*.parquet" if index is None else f"shard-{index:05d}-*.parquet"
    files = []
    for file in sorted((run / NAME).glob(pattern)):
        try:
            schema = pq.read_metadata(file)
            footer = json.loads((schema.metadata or {}).get(KEY, b"{}"))
            if footer.get("version") != VERSION:  # an older one's, or somebody else's
                continue
            fine = footer["rows"] == schema.num_rows and schema.schema.to_arrow_schema().equals(SCHEMA)
            fine = fine and isinstance(footer["protocol"]["name"], str) and bool(footer["taus"])
        except UNREADABLE as error:
            report(file, error)
            continue
        if fine:
            files.append((file, footer))
        else:
            report(file, "its columns or its rows are not those of a gallery")
    return files
