"""Made-up rows of a run, written by the suite's own writer: of any number of images, with nothing evaluated.

    python benchmarks/speed/made_up_rows.py DIR --images 909 --variants 24 [--breaks 110]

Each image's IoU rises to a peak and falls over the 255 levels, with the steps and the noise of real curves; variants
share images and differ a little. `DIR/run` is the run folder, and `DIR/rows.npz` the same curves for other writers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol.evaluation.records import CLASSIFICATION, protocol_info, protocol_quantities
from wsol.localization.on_grid import packed_hits
from wsol.protocols._base import named
from wsol.runs.folder import RunFolder
from wsol.runs.schema import About, RunInfo, VariantInfo
from wsol.runs.shards import shards
from wsol.views import view_named

LEVELS = 255
PROTOCOLS = ("choe2020_v1", "choe2020_v2")
SHARD = 200  # images, as `wsol run` has it


@dataclass(frozen=True)
class Rows:
    """Curves of the images of one shard, variant by variant.

    Attributes
    ----------
    breaks : (rows, m) levels, ascending from 0; iou : (rows, m) from each on, by protocol; ranks : (images,).
    """

    image_ids: tuple[str, ...]
    breaks: NDArray[np.int64]
    iou: dict[str, NDArray[np.float64]]
    ranks: NDArray[np.int64]


def variant_names(count: int) -> list[str]:
    """``layercam@stage00`` and so on."""
    return [f"layercam@stage{n:02d}" for n in range(count)]


def made_up(images: int, variants: int, breaks: int, seed: int = 0) -> Iterator[Rows]:
    """Rows shard by shard; the same for equal arguments."""
    for shard in shards([f"val/{n:08d}" for n in range(images)], SHARD):
        rng = np.random.default_rng([seed, shard.index])
        n = len(shard.image_ids)
        place, width, peak = rng.normal(70, 40, n), np.exp(rng.normal(4.2, 0.5, n)), rng.beta(4, 2, n)
        shift = np.random.default_rng(seed).normal(0, 12, variants)[:, None]
        at = (place + shift + rng.normal(0, 10, (variants, n))).reshape(-1, 1)
        high = np.clip(peak + rng.normal(0, 0.08, (variants, n)), 0.05, 1).reshape(-1, 1)
        levels = np.sort(rng.random((variants * n, LEVELS - 1)).argpartition(breaks - 2, axis=1)[:, : breaks - 1], 1)
        levels = np.concatenate([np.zeros((variants * n, 1), np.int64), levels + 1], 1)
        curve = high * np.exp(-(((levels - at) / np.tile(width, variants)[:, None]) ** 2))
        iou = {
            name: np.clip(curve + more + rng.normal(0, 0.02, curve.shape), 0, 1)
            for name, more in zip(PROTOCOLS, (0, 0.03), strict=True)
        }
        yield Rows(shard.image_ids, levels, iou, rng.integers(0, 3, n))


def write(folder: Path, images: int, variants: int, breaks: int, seed: int = 0) -> RunFolder:
    """The run folder, one file per shard."""
    run, names = RunFolder(folder), variant_names(variants)
    protocols = [named(name) for name in PROTOCOLS]
    infos = {name: VariantInfo(key=name, id=name, method="layercam", name="LayerCAM") for name in names}
    infos = {
        key: VariantInfo(key=key, id=key, method="layercam", name="LayerCAM", layers=(key.partition("@")[2],))
        for key in infos
    }
    about = About(
        run=RunInfo(dataset="made_up", split="val", network="none", weights="none", view="squash", side=224),
        variants=infos,
        protocols={p.name: protocol_info(p, view_named("squash", 224)) for p in protocols},
        metrics={},
        quantities=(*(q for p in protocols for q in protocol_quantities(p)), *CLASSIFICATION),
    )
    work = frozenset((name, protocol) for name in names for protocol in PROTOCOLS)
    rng = np.random.default_rng([seed, 7])
    for shard, rows in zip(
        shards([f"val/{n:08d}" for n in range(images)], SHARD), made_up(images, variants, breaks, seed), strict=True
    ):
        run.write(shard, _table(rows, names, about, rng), work, about)
    run.write_manifest(
        {"identity": {"dataset": "made_up"}, "images": images, "class_names": [f"c{n}" for n in range(9)]}
    )
    return run


def _table(rows: Rows, names: list[str], about: About, rng: np.random.Generator) -> pa.Table:
    count, n, m = len(rows.breaks), len(rows.image_ids), rows.breaks.shape[1]
    digests = rng.bytes(8 * count).hex()
    columns: dict[str, pa.Array] = {
        "image_id": pa.array(list(rows.image_ids) * len(names)),
        "variant": pa.array(np.repeat(names, n)),
        "label": pa.array(np.tile(np.arange(n) % 9, len(names))),
        "width": pa.array(np.full(count, 500)),
        "height": pa.array(np.full(count, 375)),
        "gt_boxes": _lists(np.tile([[10.0, 10.0, 200.0, 200.0]], (count, 1))),
        "map_digest": pa.array([digests[16 * k : 16 * k + 16] for k in range(count)]),
        "status": pa.array(["ok"] * count),
        "error": pa.array([None] * count, pa.string()),
        "failed": pa.array([[]] * count, pa.list_(pa.string())),
        "rank": pa.array(np.tile(rows.ranks, len(names))),
        "ms": pa.array(rng.gamma(2, 5, count)),
    }
    columns |= {name: pa.array(np.ones(count)) for name in ("forwards", "backwards", "partial_forwards", "peak_mb")}
    reached = np.zeros((count, LEVELS), np.int64)
    np.put_along_axis(reached, rows.breaks, 1, axis=1)
    starts = np.cumsum(reached, axis=1) - 1  # which step each level stands on
    for name in PROTOCOLS:
        info = about.protocols[name]
        grid = np.asarray(info.grid)
        bits = packed_hits(rows.iou[name], starts, np.asarray(info.hit_deltas), info.knobs["hit"] == "ge")
        columns |= {f"{name}/breaks": _lists(grid[rows.breaks]), f"{name}/iou": _lists(rows.iou[name])}
        columns[f"{name}/hits"] = pa.array([row.tobytes() for row in bits], pa.binary(bits.shape[1]))
        if info.several_boxes:
            few = np.linspace(0, m - 1, 15).astype(int)
            columns[f"{name}/count_breaks"] = _lists(grid[rows.breaks[:, few]])
            columns[f"{name}/count"] = _lists(rng.integers(1, 9, (count, len(few)), dtype=np.int32))
    return pa.table(columns)


def _lists(values: NDArray[np.generic]) -> pa.Array:
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(values).reshape(-1))


def save(file: Path, images: int, variants: int, breaks: int, seed: int = 0) -> None:
    """All rows in one file for another writer, (variants, images, ...)."""
    parts = list(made_up(images, variants, breaks, seed))

    def joined(values: list[NDArray[np.generic]]) -> NDArray[np.generic]:
        return np.concatenate([v.reshape(variants, -1, v.shape[-1]) for v in values], axis=1)

    arrays = {f"iou_{name}": joined([part.iou[name] for part in parts]) for name in PROTOCOLS}
    np.savez(
        file,
        image_ids=np.concatenate([part.image_ids for part in parts]),
        breaks=joined([part.breaks for part in parts]),
        ranks=np.concatenate([part.ranks for part in parts]),
        **arrays,  # type: ignore[arg-type]
    )


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("place", type=Path)
    parser.add_argument("--images", type=int, default=909)
    parser.add_argument("--variants", type=int, default=24)
    parser.add_argument("--breaks", type=int, default=110, help="steps of each curve; 110 to 120 are usual")
    parser.add_argument("--no-arrays", action="store_true", help="the run folder alone")
    chosen = parser.parse_args()
    size = chosen.images, chosen.variants, chosen.breaks
    write(chosen.place / "run", *size)
    if not chosen.no_arrays:
        save(chosen.place / "rows.npz", *size)


if __name__ == "__main__":
    main()
