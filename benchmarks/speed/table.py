"""How long a table takes, beside commit 98a594b on the same hits: the whole process, and its statistics alone.

    git worktree add --detach /tmp/98a594b 98a594b
    python benchmarks/speed/table.py --old /tmp/98a594b [--repeats 5] [--large] [--demo RUN]

Both sides first print the same intervals. Times are CPU seconds of a process and its threads, taken in turn; medians
and the ratio of medians. OMP_NUM_THREADS decides over threads of linear algebra on both sides.
`--large` adds 50,000 images x 20 variants x 2 protocols (half a gigabyte of made-up rows),
`--demo` a run folder of `wsol run experiment=demo`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
NUMBERS = ("maxboxacc", "maxboxacc_v2", "gt_known_loc", "top1_loc")
LARGE = ("--images", "50000", "--variants", "20", "--breaks", "20", "--no-arrays")


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", type=Path, help="a worktree of commit 98a594b")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", default="909")
    parser.add_argument("--variants", default="24")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--demo", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        size = ["--images", chosen.images, "--variants", chosen.variants]
        _python(ROOT, HERE / "made_up_rows.py", here, *size)
        if chosen.old:
            _beside(here, chosen.old, chosen.repeats, f"{chosen.images} x {chosen.variants}")
        print("\n| table | CPU s | wall s | memory MB | target |\n|---|--:|--:|--:|---|")
        _alone(f"{chosen.images} x {chosen.variants} x 2", here / "run", chosen.repeats, "")
        if chosen.demo:
            _alone("demo", chosen.demo.resolve(), chosen.repeats, "1 s")
        if chosen.large:
            _python(ROOT, HERE / "made_up_rows.py", here / "large", *LARGE)
            _alone("50,000 x 20 x 2", here / "large" / "run", max(1, chosen.repeats // 2), "5 s, 1 GB, no torch")


def _beside(here: Path, old: Path, repeats: int, size: str) -> None:
    """Both sides in turn."""
    script = HERE / "table_98a594b.py"
    _python(old, script, "write", here / "rows.npz", here / "old")
    ours, theirs = (_table(tree, here / folder, "--format", "json") for tree, folder in ((ROOT, "run"), (old, "old")))
    _check(json.loads(ours["out"]), json.loads(theirs["out"]))
    times: dict[str, list[tuple[float, float]]] = {"whole process": [], "statistics alone": []}
    for _ in range(repeats):
        whole = [_table(tree, here / folder)["cpu"] for tree, folder in ((old, "old"), (ROOT, "run"))]
        times["whole process"].append((whole[0], whole[1]))
        alone = [json.loads(_python(old, script, "statistics", here / "rows.npz"))]
        alone.append(json.loads(_python(ROOT, __file__, "--statistics", here / "rows.npz")))
        for name in alone[0]["ends"]:
            np.testing.assert_allclose(alone[0]["ends"][name], alone[1]["ends"][name], atol=1e-12)
        times["statistics alone"].append((alone[0]["seconds"], alone[1]["seconds"]))
    print(f"| {size} | 98a594b, CPU s | now, CPU s | ratio | target |\n|---|--:|--:|--:|--:|")
    for (what, pairs), target in zip(times.items(), (10, 15), strict=True):
        before, now = (median(pair[side] for pair in pairs) for side in (0, 1))
        print(f"| {what} | {before:.2f} | {now:.2f} | {before / now:.1f} | {target} |")


def _alone(name: str, run: Path, repeats: int, target: str) -> None:
    taken = [_table(ROOT, run) for _ in range(repeats)]
    cpu, wall, memory = (median(one[key] for one in taken) for key in ("cpu", "wall", "mb"))
    print(f"| {name} | {cpu:.2f} | {wall:.2f} | {memory:.0f} | {target} |")


def _table(tree: Path, run: Path, *words: str) -> dict[str, Any]:
    """`wsol table` of one side, with its CPU and wall seconds and its peak memory."""
    command = [sys.executable, "-m", "wsol", "table", str(run), *words]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, env=_environment(tree), stdout=subprocess.PIPE, cwd=run.parent, text=True)
    out, _ = process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} of {tree} ended with {process.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"out": out, "cpu": cpu, "wall": time.perf_counter() - start, "mb": after.ru_maxrss / 1024}


def _python(tree: Path, *words: object) -> str:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, env=_environment(tree), check=True, stdout=subprocess.PIPE, text=True).stdout


def _environment(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree)}


def _check(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """The same values and ends on both sides."""
    sides = [
        {(one["variant"], one["protocol"], one["metric"]): [one[k] for k in ("value", "low", "high")] for one in side}
        for side in (ours, theirs)
    ]
    shared = [key for key in sides[0] if key in sides[1] and key[2] in NUMBERS]
    assert len(shared) >= 4, f"too few numbers to compare: {shared}"
    for key in shared:
        np.testing.assert_allclose(sides[0][key], sides[1][key], rtol=0, atol=1e-9, err_msg=str(key))


def statistics(rows: Path) -> None:
    """Print CPU seconds of all intervals and ranks of our side, from bits of hits in memory."""
    from wsol.stats.best import Search, draw_best_of
    from wsol.stats.draws import average
    from wsol.stats.hits import Hits
    from wsol.stats.resamples import Resamples
    from wsol.stats.ties import standings

    data = dict(np.load(rows))
    variants, n, _ = data["breaks"].shape
    deltas, right = (0.3, 0.5, 0.7), data["ranks"] < 1
    packed: dict[str, list[Any]] = {}
    for name in ("choe2020_v1", "choe2020_v2"):
        packed[name] = []
        for v in range(variants):
            reached = np.zeros((n, 255), np.int64)
            np.put_along_axis(reached, data["breaks"][v], 1, axis=1)
            iou = np.take_along_axis(data[f"iou_{name}"][v], np.cumsum(reached, axis=1) - 1, axis=1)
            packed[name].append(np.packbits(np.concatenate([iou >= d for d in deltas], axis=1), axis=1))
    start = time.process_time()
    plan = Resamples(n, 1000, 0)
    keys = [(name, v, d) for name in packed for v in range(variants) for d in deltas]
    found = draw_best_of(
        Search(
            hits=Hits.from_packed(packed[name][v], 255 * deltas.index(d), 255),
            resamples=plan,
            masks={"top1_loc": right} if d == 0.5 else {},
        )
        for name, v, d in keys
    )
    best, ends = dict(zip(keys, found, strict=True)), {}
    for name in packed:
        columns = [{f"{v}": best[name, v, 0.5][kind] for v in range(variants)} for kind in ("maxboxacc", "top1_loc")]
        if name.endswith("v2"):
            columns.append({f"{v}": average([best[name, v, d]["maxboxacc"] for d in deltas]) for v in range(variants)})
        for column in columns:
            standings(column)
        ends[name] = [[e.low, e.high] for e in (draws.estimate() for column in columns for draws in column.values())]
    print(json.dumps({"seconds": time.process_time() - start, "ends": ends}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--statistics"]:
        statistics(Path(sys.argv[2]))
    else:
        main()
