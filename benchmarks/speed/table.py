"""How long a table takes: beside commit 98a594b on the same hits, of 50,000 images, and of the demo.

Rows are made up. Both sides first print the same intervals. Times are CPU seconds of a process and its threads, taken
in turn; medians. The earlier commit is checked out of this repository's history into a folder that is removed again.
The demo's table needs the run that `make demo` leaves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.speed.rows import Plan, Row, faster, missing, within
from wsol.runs.find import find_runs

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
NUMBERS = ("maxboxacc", "maxboxacc_v2", "gt_known_loc", "top1_loc")
EARLIER = "98a594b"
TARGETS = {"whole process": 10, "statistics alone": 15}
LARGE_SECONDS, DEMO_SECONDS = 5, 1  # asked for
DEMO_IMAGES = 500


def rows(plan: Plan) -> Iterator[Row]:
    """The tables one after the other."""
    images, variants = plan.of(909, 100), plan.of(24, 6)
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        _made_up(here, images, variants)
        with _worktree(here / "tree") as old:
            yield from _beside(here, old, plan.of(5, 1), f"{images} images x {variants} variants x 2 protocols")
        images, variants = plan.of(50_000, 2_000), plan.of(20, 4)
        _made_up(here / "large", images, variants, "--breaks", "20", "--no-arrays")
        name = f"{images} images x {variants} variants x 2 protocols"
        yield _alone(name, here / "large" / "run", plan, LARGE_SECONDS)
    demo = _demo()
    if demo is None:
        yield missing("table", "the demo", f"{DEMO_SECONDS} s", 1, "run `make demo` first", goal="at most")
    else:
        yield _alone("the demo", demo, plan, DEMO_SECONDS)


def _demo() -> Path | None:
    """The newest run that `make demo`, or scripts/make_results.py, has left."""
    runs = ROOT / "results" / "runs"
    found = [run for place in (runs, runs / "demo") for run in find_runs("shapes-test-shapes_gap-*", place)]
    whole = [run for run in found if run.manifest.get("images") == DEMO_IMAGES]
    return max(whole, key=lambda run: run.written).path if whole else None


def _made_up(place: Path, images: int, variants: int, *more: str) -> None:
    size = ["--images", str(images), "--variants", str(variants)]
    _python(ROOT, HERE / "made_up_rows.py", place, *size, *more)


@contextmanager
def _worktree(place: Path) -> Iterator[Path | None]:
    """The earlier commit's files; None where the history of this checkout does not hold it."""
    git = ["git", "-C", str(ROOT), "worktree"]
    added = subprocess.run([*git, "add", "--detach", str(place), EARLIER], capture_output=True, check=False)
    try:
        yield place if added.returncode == 0 else None
    finally:
        if added.returncode == 0:
            subprocess.run([*git, "remove", "--force", str(place)], capture_output=True, check=True)


def _beside(here: Path, old: Path | None, repeats: int, size: str) -> Iterator[Row]:
    """Both sides in turn."""
    if old is None:
        for what, target in TARGETS.items():
            yield missing("table", f"{size}, {what}", f"commit {EARLIER}", target, "not in this checkout's history")
        return
    script = HERE / "table_98a594b.py"
    _python(old, script, "write", here / "rows.npz", here / "old")
    ours, theirs = (_table(tree, here / folder, "--format", "json") for tree, folder in ((ROOT, "run"), (old, "old")))
    _check(json.loads(ours["out"]), json.loads(theirs["out"]))
    times: dict[str, list[tuple[float, float]]] = {what: [] for what in TARGETS}
    for _ in range(repeats):
        whole = [_table(tree, here / folder)["cpu"] for tree, folder in ((old, "old"), (ROOT, "run"))]
        times["whole process"].append((whole[0], whole[1]))
        alone = [json.loads(_python(old, script, "statistics", here / "rows.npz"))]
        alone.append(json.loads(_python(ROOT, __file__, "--statistics", here / "rows.npz")))
        for name in alone[0]["ends"]:
            np.testing.assert_allclose(alone[0]["ends"][name], alone[1]["ends"][name], atol=1e-12)
        times["statistics alone"].append((alone[0]["seconds"], alone[1]["seconds"]))
    for what, target in TARGETS.items():
        before, now = (median(pair[side] for pair in times[what]) for side in (0, 1))
        note = "CPU seconds; intervals are equal"
        yield faster("table", f"{size}, {what}", f"commit {EARLIER}", before, now, target, note=note)


def _alone(name: str, run: Path, plan: Plan, asked: float) -> Row:
    taken = [_table(ROOT, run) for _ in range(plan.of(3, 1))]
    cpu, wall, memory = (median(one[key] for one in taken) for key in ("cpu", "wall", "mb"))
    note = f"{cpu:.2f} CPU seconds, {wall:.2f} s by the clock, {memory:.0f} MB"
    spent = wall if plan.clock == "wall" else cpu
    return within("table", name, f"the {asked:g} s asked for", asked, spent, 1.0, note=note)


def _table(tree: Path, run: Path, *words: str) -> dict[str, Any]:
    """`wsol table` of one side, with its CPU and wall seconds and its peak memory."""
    command = [sys.executable, "-m", "wsol", "table", str(run), *words]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=_environment(tree), stdout=subprocess.PIPE, cwd=run.parent, text=True)
    assert process.stdout is not None
    with process.stdout:
        out = process.stdout.read()
    _, status, spent = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} of {tree} ended with {process.returncode}")
    cpu = spent.ru_utime + spent.ru_stime
    return {"out": out, "cpu": cpu, "wall": time.perf_counter() - start, "mb": spent.ru_maxrss / 1024}


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
    import scipy.sparse  # the whole process is billed for loading it; here it is the statistics alone
    import scipy.special  # noqa: F401

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


if __name__ == "__main__":  # a process of its own for `_beside`
    statistics(Path(sys.argv[2]))
