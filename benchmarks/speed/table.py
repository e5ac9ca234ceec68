"""How long a table takes: beside commit 98a594b on the same hits, of 50,000 images, and of the demo.

Rows are made up. Both sides first print the same intervals; then they take turns, one process at a time; medians. Each
is measured twice: by the clock, with the threads that BLAS starts by default, as people run it; and in processor
seconds with one BLAS thread each, for those of several also count threads that only wait. Modules are compiled before.
The earlier commit is checked out of this repository's history into a folder that is removed again. The demo's table
needs the run that `make demo` leaves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
TARGETS = {"whole process": 10, "statistics alone": 15}  # by the clock
LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # of BLAS threads; none is set by default
BUSY = 0.1  # of the cores' time: what others may take before the note says so
LARGE_SECONDS, DEMO_SECONDS = 5, 1  # asked for
DEMO_IMAGES = 500


def rows(plan: Plan) -> Iterator[Row]:
    """The tables one after the other."""
    images, variants = plan.of(909, 100), plan.of(24, 6)
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        os.environ["PYTHONPYCACHEPREFIX"] = str(
            here / "compiled"
        )  # of both sides, and of this process's children alone
        _made_up(here, images, variants)
        with _worktree(here / "tree") as old:
            yield from _beside(here, old, plan.of(3, 1), f"{images} images x {variants} variants x 2 protocols")
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
    runs = ((old, here / "old"), (ROOT, here / "run"))
    theirs, ours = (_table(tree, run, "--format", "json") for tree, run in runs)
    _check(json.loads(ours["out"]), json.loads(theirs["out"]))
    taken: dict[tuple[str, bool], list[_Taken]] = {}
    for _ in range(repeats):
        for one in (False, True):
            sides = [_table(tree, run, one=one) for tree, run in runs]
            taken.setdefault(("whole process", one), []).append(_Taken.of(sides))
            sides = [
                json.loads(_python(old, script, "statistics", here / "rows.npz", one=one)),
                json.loads(_python(ROOT, __file__, "--statistics", here / "rows.npz", one=one)),
            ]
            for name in sides[0]["ends"]:
                np.testing.assert_allclose(sides[0]["ends"][name], sides[1]["ends"][name], atol=1e-12)
            taken.setdefault(("statistics alone", one), []).append(_Taken.of(sides))
    for what, target in TARGETS.items():
        yield from _rows(f"{size}, {what}", target, taken[what, False], taken[what, True])


def _rows(work: str, target: float, default: list[_Taken], single: list[_Taken]) -> Iterator[Row]:
    """By the clock, as people run it, and in processor seconds with one BLAS thread; each theirs, then ours."""
    against = f"commit {EARLIER}"
    wall, spent, alone_wall, alone = (
        [median(getattr(one, name)[side] for one in many) for side in (0, 1)]
        for many, name in ((default, "wall"), (default, "cpu"), (single, "wall"), (single, "cpu"))
    )
    note = (
        f"by the clock, default threads on {cores()} cores, in which they spend {spent[0]:.3g} and {spent[1]:.3g} "
        f"processor seconds; intervals are equal{_others([one.others for one in default])}"
    )
    yield faster("table", work, against, wall[0], wall[1], target, note=note)
    note = (
        f"processor seconds with one BLAS thread each; by the clock {alone_wall[0]:.3g} and {alone_wall[1]:.3g} s. "
        f"By default theirs spends {spent[0] / alone[0]:.2g} times as many on the same work: BLAS threads that wait"
    )
    ratio = alone[0] / alone[1]
    yield Row(topic="table", work=work, against=against, theirs=alone[0], ours=alone[1], ratio=ratio, note=note)


def _alone(name: str, run: Path, plan: Plan, asked: float) -> Row:
    taken = [_table(ROOT, run) for _ in range(plan.of(3, 1))]
    cpu, wall, others = (median(one[key] for one in taken) for key in ("cpu", "wall", "others"))
    note = f"{cpu:.2f} CPU seconds, {wall:.2f} s by the clock, {_peak(run):.0f} MB{_others([others])}"
    spent = wall if plan.clock == "wall" else cpu
    return within("table", name, f"the {asked:g} s asked for", asked, spent, 1.0, note=note)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What both sides took, theirs first: seconds of the clock and of processors; and others' share of the cores."""

    wall: tuple[float, float]
    cpu: tuple[float, float]
    others: float

    @classmethod
    def of(cls, sides: Sequence[Mapping[str, Any]]) -> _Taken:
        """From what `_table` gives or `statistics` prints."""
        theirs, ours = sides
        return cls(
            (theirs["wall"], ours["wall"]),
            (theirs["cpu"], ours["cpu"]),
            max(side.get("others", 0.0) for side in sides),
        )


def cores() -> int:
    """How many cores this process and its children may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy_seconds() -> float | None:
    """Processor seconds of everything on this machine since it started; None where there is no /proc/stat."""
    try:
        fields = list(map(int, Path("/proc/stat").read_text("ascii").split()[1:9]))
    except (OSError, ValueError):
        return None
    return (sum(fields) - sum(fields[3:5])) / os.sysconf("SC_CLK_TCK")  # without idle and iowait


def _others(shares: Sequence[float]) -> str:
    """What a note says of the share of the cores that other processes took meanwhile."""
    share = median(shares)
    return f"; not idle: other processes took {share:.0%} of the cores" if share > BUSY else ""


def _table(tree: Path, run: Path, *words: str, one: bool = False) -> dict[str, Any]:
    """`wsol table` of one side, with its processor and wall seconds, and others' share of the cores.

    With `one` its BLAS has a single thread.
    """
    command = [sys.executable, "-m", "wsol", "table", str(run), *words]
    before, start = busy_seconds(), time.perf_counter()
    process = subprocess.Popen(command, env=_environment(tree, one), stdout=subprocess.PIPE, cwd=run.parent, text=True)
    assert process.stdout is not None
    with process.stdout:
        out = process.stdout.read()
    _, status, spent = os.wait4(process.pid, 0)
    wall, after = time.perf_counter() - start, busy_seconds()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} of {tree} ended with {process.returncode}")
    cpu = spent.ru_utime + spent.ru_stime
    others = 0.0 if before is None or after is None else (after - before - cpu) / wall / (os.cpu_count() or 1)
    return {"out": out, "cpu": cpu, "wall": wall, "others": others}


def _peak(run: Path) -> float:
    """MB of `wsol table` at most; started by a small process, whose memory a new one has for a moment."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    return float(_python(ROOT, "-c", code, sys.executable, "-m", "wsol", "table", run)) / 1024


def _python(tree: Path, *words: object, one: bool = False) -> str:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, env=_environment(tree, one), check=True, stdout=subprocess.PIPE, text=True).stdout


def _environment(tree: Path, one: bool = False) -> dict[str, str]:
    """As people have it: threads by default, and modules that were compiled before; with `one` a single BLAS thread."""
    kept = {key: text for key, text in os.environ.items() if key not in (*LIMITS, "PYTHONDONTWRITEBYTECODE")}
    return {**kept, "PYTHONPATH": str(tree), **(dict.fromkeys(LIMITS, "1") if one else {})}


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
    """Print the seconds of all intervals and ranks of our side, from bits of hits in memory."""
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

    clock, spent = time.perf_counter(), time.process_time()
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
    wall, cpu = time.perf_counter() - clock, time.process_time() - spent
    print(json.dumps({"wall": wall, "cpu": cpu, "ends": ends}))


if __name__ == "__main__":  # a process of its own for `_beside`
    statistics(Path(sys.argv[2]))
