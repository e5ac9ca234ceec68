"""The rows of `made_up_rows.py` in the format of commit 98a594b, and its statistics alone; run with that commit's wsol.

PYTHONPATH=WORKTREE_OF_98a594b python benchmarks/speed/table_98a594b.py write rows.npz DIR
PYTHONPATH=WORKTREE_OF_98a594b python benchmarks/speed/table_98a594b.py statistics rows.npz
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PROTOCOLS = ("choe2020_v1", "choe2020_v2")
DELTAS = {"choe2020_v1": (0.3, 0.5, 0.7), "choe2020_v2": (0.3, 0.5, 0.7)}


def write(rows: Path, place: Path) -> None:
    """Write the run folder with that commit's own writer."""
    from wsol.protocols.base import named
    from wsol.report.rows import thresholds
    from wsol.store import RunFolder, Shard

    data = dict(np.load(rows))  # an archive reads its arrays again whenever they are asked for
    names = [f"layercam@stage{n:02d}" for n in range(len(data["breaks"]))]
    grids = {name: thresholds(named(name).knobs) for name in PROTOCOLS}
    table = []
    rng = np.random.default_rng(0)
    few = np.linspace(0, data["breaks"].shape[2] - 1, 15).astype(int)
    for v, variant in enumerate(names):
        for i, image in enumerate(data["image_ids"].tolist()):
            row = {"image_id": image, "variant": variant, "label": i % 9, "width": 500, "height": 375}
            row |= {"gt_boxes": [10.0, 10.0, 200.0, 200.0], "rank": int(data["ranks"][i]), "ms": float(rng.gamma(2, 5))}
            row |= dict.fromkeys(("forwards", "backwards", "partial_forwards", "peak_mb"), 1.0)
            for name in PROTOCOLS:
                grid = grids[name]
                assert grid is not None
                row[f"{name}/breaks"] = grid[data["breaks"][v, i]].tolist()
                row[f"{name}/iou"] = data[f"iou_{name}"][v, i].tolist()
            row["choe2020_v2/count_breaks"] = grids["choe2020_v2"][data["breaks"][v, i, few]].tolist()
            row["choe2020_v2/count"] = rng.integers(1, 9, len(few)).tolist()
            table.append(row)
    about = {
        "variants": {
            key: {
                "id": key,
                "method": "layercam",
                "name": "LayerCAM",
                "layers": key.partition("@")[2],
                "modules": [],
                "options": {},
                "paper": "Jiang et al., 2021",
                "cost": "1F+1B",
                "stochastic": False,
            }
            for key in names
        },
        "protocols": {name: named(name).knobs for name in PROTOCOLS},
        "metrics": {},
    }
    run = RunFolder(place)
    images = tuple(data["image_ids"].tolist())
    run.write(Shard(0, images), table, frozenset((v, p) for v in names for p in PROTOCOLS), about)
    run.write_manifest({"identity": {"dataset": "made_up"}, "images": len(images), "class_names": ["c"] * 9})


def statistics(rows: Path) -> None:
    """Print the seconds of all intervals and ranks, from curves in memory."""
    from wsol.stats.bootstrap import average, draw_best
    from wsol.stats.curves import Curves
    from wsol.stats.resamples import Resamples
    from wsol.stats.ties import standings

    data = dict(np.load(rows))  # an archive reads its arrays again whenever they are asked for
    variants, n, m = data["breaks"].shape
    breaks: NDArray[np.float64] = data["breaks"].astype(np.float64)
    offsets, right = np.arange(n + 1) * m, data["ranks"] < 1
    curves = {
        name: [Curves(breaks[v].ravel(), data[f"iou_{name}"][v].ravel(), offsets, 255) for v in range(variants)]
        for name in PROTOCOLS
    }
    import scipy.special  # noqa: F401  as on our side, before the clock starts

    clock, spent = time.perf_counter(), time.process_time()
    plan = Resamples(n, 1000, 0)
    ends = {}
    for name in PROTOCOLS:
        of = {}
        for v in range(variants):
            masks = {0.5: {"top1_loc": right}}
            of[v] = {d: draw_best(curves[name][v], d, plan, masks=masks.get(d)) for d in DELTAS[name]}
        half = {f"{v}": of[v][0.5]["maxboxacc"] for v in of}
        columns = [half, {f"{v}": of[v][0.5]["top1_loc"] for v in of}]
        if name.endswith("v2"):
            columns.append({f"{v}": average([of[v][d]["maxboxacc"] for d in DELTAS[name]]) for v in of})
        for column in columns:
            standings(column)
        ends[name] = [[e.low, e.high] for e in (draws.estimate() for column in columns for draws in column.values())]
    wall, cpu = time.perf_counter() - clock, time.process_time() - spent
    print(json.dumps({"wall": wall, "cpu": cpu, "ends": ends}))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        statistics(Path(sys.argv[2]))
