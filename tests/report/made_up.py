"""Made-up run folders: rows as an evaluation would write them, without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wsol.evaluation.records import (
    CLASSIFICATION,
    metric_info,
    metric_quantities,
    protocol_info,
    protocol_quantities,
)
from wsol.methods._base import methods
from wsol.methods._variants import config_of
from wsol.metrics.rise2018_dataset import Rise2018Dataset
from wsol.protocols._base import named
from wsol.runs.folder import RunFolder
from wsol.runs.schema import About, RunInfo, VariantInfo
from wsol.runs.shards import Shard
from wsol.views import view_named

TAUS = np.arange(0, 1, 0.05)
CLASSES = ("cross", "ring", "disc", "bars")
UNSEEN = ("star", "hook")  # classes of the data set without images here
IDENTITY = {
    "dataset": "shapes",
    "dataset_fingerprint": "f00d",
    "model": "shapes_gap",
    "weights": "embedded:beef",
    "view": ["squash", 128, []],
    "seed": 0,
    "numerics": ["cpu", "float32", False],
}
RISE = ("rise2018_dataset",)


def make_run(
    place: Path,
    quality: Mapping[str, float | str],
    *,
    n: int = 60,
    protocols: Sequence[str] = ("choe2020_v1",),
    identity: Mapping[str, Any] | None = None,
    split: str = "test",
    stochastic: Sequence[str] = (),
    rise: bool = False,
    seed: int = 0,
    noise: float = 0.05,
    first_image: int = 0,
) -> RunFolder:
    """A run with one variant for each id of `quality`: by how much its IoUs are higher, or the variant it is a twin of.

    Images are the same for equal `n` and `first_image`; `seed` draws what the variants make of them.
    """
    run = RunFolder(place)
    ids = [f"test/{i:05d}" for i in range(first_image, first_image + n)]
    images = np.random.default_rng([7, first_image])
    base, ranks = images.beta(4, 2, n), images.integers(0, 3, n)
    shard = Shard(0, tuple(ids))
    by_variant: dict[str, list[dict[str, Any]]] = {}
    for number, (variant, shift) in enumerate(quality.items()):
        if isinstance(shift, str):
            by_variant[variant] = [{**row, "variant": variant} for row in by_variant[shift]]
            continue
        rng = np.random.default_rng([seed, number])
        by_variant[variant] = [
            _row(
                variant,
                image,
                i,
                float(base[i]) + shift + noise * float(rng.normal()),
                int(ranks[i]),
                rng,
                protocols,
                rise,
            )
            for i, image in enumerate(ids)
        ]
    measures = [*protocols, *(RISE if rise else {})]
    view, taken = view_named("squash", 128), [named(name) for name in protocols]
    chosen = {**IDENTITY, **(identity or {})}
    metrics = dict.fromkeys(RISE, Rise2018Dataset()) if rise else {}
    quantities = [q for p in taken for q in protocol_quantities(p)]
    quantities += [q for name, metric in metrics.items() for q in metric_quantities(name, metric)]
    about = About(
        run=RunInfo(
            dataset=chosen["dataset"],
            split=split,
            network=chosen["model"],
            weights=chosen["weights"],
            view=chosen["view"][0],
            side=chosen["view"][1],
            seed=chosen["seed"],
            trained=not chosen["weights"].startswith("random"),
        ),
        variants={variant: describe(variant, variant in stochastic) for variant in quality},
        protocols={p.name: protocol_info(p, view) for p in taken},
        metrics={name: metric_info(name, metric) for name, metric in metrics.items()},
        quantities=(*quantities, *CLASSIFICATION),
    )
    rows = [row for group in by_variant.values() for row in group]
    run.write(shard, rows, frozenset((v, m) for v in quality for m in measures), about)
    manifest = {"identity": chosen, "images": n, "class_names": (*CLASSES, *UNSEEN)}
    run.write_manifest({**manifest, "versions": {"wsol": "0.1.0", "torch": "2.15.0", "numpy": "2.4.6"}})
    return run


def describe(variant: str, stochastic: bool = False) -> VariantInfo:
    """What a footer says of a variant such as ``layercam@stage4+stage5[gamma=2]``."""
    name, _, options = variant.rstrip("]").partition("[")
    method, _, layers = name.partition("@")
    chosen = dict(pair.split("=") for pair in options.split(",")) if options else {}
    defaults = config_of(method) if method in methods else {}
    years = {"cam": 2016, "gradcam": 2017, "hirescam": 2020}
    role: Literal["method", "control"] = "control" if method in ("centergauss", "fullbox", "randomcam") else "method"
    return VariantInfo(
        key=variant,
        id=variant,
        method=method,
        name=method.title(),
        layers=tuple(layers.split("+")) if layers else (),
        modules=tuple(layers.split("+")) if layers else (),
        options={k: int(v) if v.isdigit() else v for k, v in chosen.items() if k in defaults},
        defaults=defaults,
        role="ceiling" if method == "oraclemap" else role,
        year=years.get(method, 2021),
        cost="1F",
        stochastic=stochastic,
    )


def _row(
    variant: str,
    image: str,
    i: int,
    peak: float,
    rank: int,
    rng: np.random.Generator,
    protocols: Sequence[str],
    rise: bool,
) -> dict[str, Any]:
    side = 20 + 60 * (i % 5) / 4  # five sizes of objects in 100 x 100 images
    boxes = [[10.0, 10.0, 10 + side, 10 + side], [0.0, 0.0, 5.0, 5.0]][: 1 + (i % 4 == 0)]
    row: dict[str, Any] = {
        "image_id": image,
        "variant": variant,
        "label": i % len(CLASSES),
        "width": 100,
        "height": 100,
        "gt_boxes": [c for box in boxes for c in box],
        "rank": rank,
        "top": [(i + rank) % len(CLASSES)],
        "probability": 0.9 - 0.3 * rank,
        "forwards": 1.0,
        "backwards": 1.0,
        "partial_forwards": 0.0,
        "ms": 5.0 + len(variant),
        "peak_mb": 12.0,
    }
    middle = 0.3 + 0.1 * float(rng.normal())
    for name in protocols:
        knobs = named(name).knobs
        shift = -0.1 if "normalise=max" in name else 0.0
        taus = TAUS if knobs["tau"] == "sweep" else [knobs["tau"]]
        iou = [float(np.clip((peak + shift) * np.exp(-(((t - middle) / 0.4) ** 2)), 0, 1)) for t in taus]
        row[f"{name}/breaks"] = [float(t) for t in taus] if knobs["tau"] == "sweep" else [0.0]
        row[f"{name}/iou"] = iou
    if rise:
        row |= {f"rise2018_dataset/{c}": float(rng.uniform()) for c in ("deletion_auc", "insertion_auc")}
        row["rise2018_dataset/insertion_minus_deletion"] = 0.1
    return row
